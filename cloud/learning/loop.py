"""A board gets its next model by itself: trained, taught by answers, tried beside the running one, sent.

Training takes half a minute of a core, so it runs as a process of its own, one board at a time. What a model
does beside the running one costs a second, so that is looked at here.
"""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from pymongo.database import Database
from pymongo.errors import PyMongoError

from cloud.contract.keys import device_key
from cloud.learning.answers import mails
from cloud.learning.book import MEANT, REFUSED, Book
from cloud.learning.comparison import WARM
from cloud.learning.known import Known
from cloud.process.alone import Alone
from cloud.read.reader import Reader
from cloud.store.database import Board, Document, board_of, name_of
from cloud.training import bundle
from cloud.training.forest.twin import CloudModel, ModelRefused
from cloud.training.history import DAY, HistoryError, history
from cloud.training.thresholds import calibrate
from cloud.updates.change import want_model
from device import codes

log = logging.getLogger("learning")

LOOK = 5.0  # s between two looks for answers
EVERY = 600.0  # s between two looks for histories that have moved on, and at models in shadow
AGAIN = DAY  # s until a history that was refused is tried again
LONGEST = 900.0  # s that a training may take
SHADOW = DAY  # s beside the running model
OLD = 7 * DAY  # s after which any model is trained anew
UNKNOWN_PERIOD = 10.0
NOT_A_MODELS = codes.LIMIT | codes.SENSOR_ERROR  # flags that the board sets without a model
LESSON = 28.0  # days before the first lesson whose mails are counted


class Learning:
    """Looks for boards with a history and no model, or an old one, and for answers; trains, tries, rolls out.

    `mode`: "yes", "ask" or "now" (the setting AUTO_MODEL). `holds_lease`: whether this process is the one
    that watches; the others stand by.
    """

    def __init__(
        self,
        database: Database[Document],
        key: bytes,
        mode: str,
        holds_lease: Callable[[], bool],
        *,
        ask: Callable[[Board, Document], str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`key`: the master secret. `ask`: writes the mail that asks about a next model; the alert's id."""
        self._database, self._key, self._mode = database, key, mode
        self._reader, self._book = Reader(database), Book(database)
        self._holds_lease, self._ask = holds_lease, ask
        self._clock = clock
        self._failed: dict[Board, float] = {}
        self._alone = Alone(log)

    def run(self, stop: threading.Event) -> None:
        """Look for answers every few seconds, for histories every ten minutes, until `stop`."""
        histories = time.monotonic() + EVERY
        while not stop.wait(LOOK):
            if not self._holds_lease():
                continue
            try:
                for board in self.answered():
                    self._alone(f"the answers about {name_of(board)}", partial(self.learn, board, stop))
                slow = time.monotonic() >= histories
                if slow:
                    histories = time.monotonic() + EVERY
                    for board in self.due():
                        train = partial(self.learn, board, stop, "--anew")
                        self._alone(f"the training of {name_of(board)}", train)
                self.advance(look=slow)
            except PyMongoError as problem:
                log.warning("looking for boards to train waits for the database (%s)", type(problem).__name__)

    def answered(self) -> list[Board]:
        """Boards with a model about which somebody has called something harmless since the last try."""
        now = self._clock()
        known = set(self._reader.devices())
        return [
            board
            for board, answers in sorted(self._book.harmless_answers().items())
            if board in known
            and answers != self._book.of(board).get("said", 0)
            and now - self._failed.get(board, 0.0) >= AGAIN
            and self._reader.model(*board) is not None
        ]

    def due(self) -> list[Board]:
        """Boards with a day of readings and no model, or whose history has moved on since theirs was made."""
        now = self._clock()
        boards = []
        for board in self._reader.devices():
            tried = max(self._failed.get(board, 0.0), self._book.of(board).get("tried", 0.0))
            look = partial(self._is_due, board, now)
            if now - tried >= AGAIN and self._alone(f"the history of {name_of(board)}", look):
                boards.append(board)
        return boards

    def _is_due(self, board: Board, now: float) -> bool:
        """A history has moved on when it is twice as long as the one the model saw, or after a week."""
        model = self._reader.model(*board)
        if model is not None:
            days = float((model.get("report") or {}).get("days") or 1.0)
            if now - model["created"] < min(max(days * DAY, DAY), OLD):
                return False
        return self._span(*board, now) >= DAY

    def _span(self, site: str, device: str, now: float) -> float:
        """Seconds from the first to the last dated reading of the last two days."""
        dated = self._reader.readings(site, device, start=now - 2 * DAY).ts
        dated = dated[~np.isnan(dated)]
        return float(dated.max() - dated.min()) if len(dated) else 0.0

    def learn(self, board: Board, stop: threading.Event, *options: str) -> bool:
        """Let one board learn with the very command a person would type; False when it did not work."""
        log.info("%s %s", name_of(board), "is trained" if options else "learns from answers")
        child = subprocess.Popen(  # noqa: S603  our own command
            [sys.executable, "-m", "cloud", "learn", name_of(board), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        until = time.monotonic() + LONGEST
        while child.poll() is None and time.monotonic() < until and not stop.wait(0.5):
            pass
        if child.poll() is None:
            child.kill()
        lines = (child.communicate()[0] or "").strip().splitlines()
        last = lines[-1] if lines else "no reason given"
        if child.returncode == 0:
            self._failed.pop(board, None)
            log.info("%s", last)
            return True
        self._failed[board] = self._clock()
        log.warning("%s could not be trained: %s", name_of(board), last)
        return False

    def advance(self, *, look: bool = True) -> None:
        """Take each model that has passed a step on: day in shadow, question, board. Raises PyMongoError."""
        for known in self._book.ready():
            step = partial(self._advance, board_of(known["_id"]), known, look=look)
            self._alone(f"the next model of {known['_id']}", step)

    def _advance(self, board: Board, known: Document, *, look: bool) -> None:
        waits = known["base"] is not None and self._mode != "now" and not known.get("shadow", {}).get("over")
        if waits and not (look and self._shadowed(board, known)):
            return
        if self._mode == "ask" and not self._agreed(board, known):
            return
        self._mean(board, known)

    def _agreed(self, board: Board, known: Document) -> bool:
        """Whether somebody has agreed to the mail about it; write the mail if there is none yet."""
        if "alert" not in known:
            if self._ask is not None:
                self._book.note(board, alert=self._ask(board, known))
            return False
        answer = {"_id": f"{known['alert']}/model"}
        return self._database["acknowledgements"].find_one(answer, {"_id": 1}) is not None

    def _shadowed(self, board: Board, known: Document) -> bool:
        """Whether it has done well for a day beside the running model; note what it did so far."""
        now = self._clock()
        latest = self._database["latest"].find_one({"_id": known["_id"]}) or {}
        if (latest.get("reading") or {}).get("model") not in (known["base"], None):
            self._refuse(board, "the board judges with another model now")
            return False
        since, period = known["at"], latest.get("period") or UNKNOWN_PERIOD
        readings = self._reader.readings(*board, start=since - WARM * period)
        good = ~np.isnan(readings.ts) & ~np.isnan(readings.t)
        try:
            past = history(readings.ts[good], readings.t[good], readings.h[good])
        except HistoryError:  # too few yet
            return False
        model = self._candidate(board)
        if model is None:
            return False
        first = int(np.searchsorted(past.ts, since))
        new = past.part(first, len(past.ts))
        flags = model.replay(past).flags[first:]
        rows = np.searchsorted(readings.ts[good], new.ts)
        own = readings.edge_flags[good][rows] & ~np.uint16(NOT_A_MODELS)
        over = now - since >= SHADOW and new.days >= SHADOW / DAY / 2
        sent = {"mails_before": mails(own, new), "mails": mails(flags, new)}
        self._book.note(board, shadow={"days": round(new.days, 2), **sent, "over": over})
        ran, alarms = (calibrate.alarms((each & codes.ABNORMAL) > 0) for each in (own, flags))
        if over and alarms > max(ran, 1):
            self._refuse(board, f"{alarms} alarms beside {ran} of the running model in a day")
            return False
        return over

    def _candidate(self, board: Board) -> Known | None:
        kept = self._book.of(board, whole=True).get("candidate") or {}
        try:
            bundle.verify(bytes(kept["bundle"]), device_key(self._key, *board))
            return Known.of(bytes(kept["bundle"]), CloudModel.loads(bytes(kept["cloud"]), self._key))
        except (KeyError, ModelRefused, ValueError) as problem:
            self._refuse(board, str(problem))
            return None

    def _refuse(self, board: Board, why: str) -> None:
        log.warning("%s keeps its model: %s", name_of(board), why)
        self._book.note(board, state=REFUSED, why=why)

    def _mean(self, board: Board, known: Document) -> None:
        """Tell the board to fetch the model."""
        if self._candidate(board) is None:
            return
        now = self._clock()
        candidate = self._book.of(board, whole=True)["candidate"]
        named = {"site": board[0], "device": board[1], "created": now}
        which = {"_id": known["model"]}
        self._database["models"].replace_one(which, {**named, **candidate}, upsert=True)
        want_model(self._database, board, known["model"], known["base"])
        lesson = known.get("lesson")
        if known.get("raised"):
            lesson = {**(lesson or self._lesson(board, known, now)), "answers": known["said"]}
        self._book.note(board, state=MEANT, meant=now, **({"lesson": lesson} if lesson else {}))
        text = "model %s is meant for %s: python -m cloud model %s"
        log.info(text, known["model"], name_of(board), board[1])

    def _lesson(self, board: Board, known: Document, now: float) -> Document:
        """The mails that people got about this board in the days before it was taught."""
        days = min(LESSON, known["result"]["days"])
        return {"since": now, "days": days, "mails": self._reader.mails(*board, now - days * DAY, now)}
