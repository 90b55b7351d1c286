"""Roll-outs as the database keeps them: begun by a command, taken further by the process that watches.

    _id when it was begun · what "model", "config" or "app" · order the boards
    values {board: what it is to have} · before {board: what it had}
    begun {board: {told, settled, boots}} · pause s · why
    state running, halted, done or back · to_tell: it has halted itself, and no mail says so yet

Settings are sealed changes until their turn comes, then a number.

Two processes may make the same step: the second one changes nothing.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError

from cloud.alerts.courier import Post
from cloud.alerts.policy import Letter
from cloud.contract import keys
from cloud.process.alone import Alone
from cloud.process.failure import brief
from cloud.read.reader import Reader
from cloud.store.database import Document, board_of
from cloud.updates import change, settings
from cloud.updates.rollout import Behaviour, RolloutBoard, Step, decide
from cloud.updates.standing import state_of
from cloud.updates.wanted import Wanted, outcome

log = logging.getLogger("rollout")

EVERY = 10.0  # s between two steps
PAUSE = 1800.0  # s of good behaviour between two waves
RUNNING = "running"


class Rollouts:
    """All methods raise PyMongoError. `clock`: Unix s."""

    def __init__(
        self, database: Database[Document], master: bytes, clock: Callable[[], float] = time.time
    ) -> None:
        self._database, self._master, self._clock = database, master, clock
        self._all = database["rollouts"]
        self._since = clock()  # when this process began to listen
        self._reader, self._wanted = Reader(database), Wanted(database)

    def start(
        self, what: str, values: Mapping[str, Any], before: Mapping[str, Any], pause: float
    ) -> Document | None:
        """A new roll-out; None while another one runs. `values`, in the order of the waves."""
        document = {
            "_id": self._clock(),
            "what": what,
            "order": list(values),
            "values": dict(values),
            "before": dict(before),
            "begun": {},
            "pause": pause,
            "state": RUNNING,
            "why": "",
            "running": True,  # unique: only one runs at a time
        }
        try:
            self._all.insert_one(document)
        except DuplicateKeyError:
            return None
        return document

    def newest(self) -> Document | None:
        return self._all.find_one({}, sort=[("_id", -1)])

    def step(self) -> Step | None:
        """Take the running roll-out a step further. None when none runs."""
        rollout = self._all.find_one({"state": RUNNING})
        if rollout is None:
            return None
        now = self._clock()
        boards = rollout["begun"].items()
        begun = {name: RolloutBoard(each["told"], each["settled"], each["boots"]) for name, each in boards}
        behaviours = {name: self._behaviour(rollout, name, each, now) for name, each in begun.items()}
        step = decide(rollout["order"], begun, behaviours, rollout["pause"], now)
        which = {"_id": rollout["_id"], "state": RUNNING}
        if step.halt:
            if self._end(which, "halted", step.halt, to_tell=True):
                log.warning("the roll-out of %s is halted: %s", rollout["what"], step.halt)
        elif step.done:
            self._end(which, "done", "")
            log.info("the roll-out of %s is done: %d boards", rollout["what"], len(rollout["order"]))
        for name in step.settled:
            mark = {f"begun.{name}.settled": now, f"begun.{name}.boots": behaviours[name].boots}
            self._all.update_one({**which, f"begun.{name}.settled": None}, {"$set": mark})
        for name in step.begin:
            self._tell(rollout, name, which, now)
        return step

    def halt(self, why: str) -> bool:
        """Stop the running one; False when there is none."""
        return self._end({"state": RUNNING}, "halted", why)

    def back(self) -> list[str]:
        """Give the boards of the newest roll-out that have it what they had before; returns their names."""
        rollout = self.newest()
        if rollout is None:
            return []
        self._end({"_id": rollout["_id"]}, "back", rollout["why"])
        boards = [name for name in rollout["order"] if name in rollout["begun"]]
        for name in boards:
            self._want(name, rollout["what"], rollout["before"].get(name))
        return boards

    def tell_halted(self, tell: Callable[[Document], None]) -> None:
        """Call `tell` with each roll-out that has halted itself, again and again until the call returns."""
        for halted in self._all.find({"to_tell": True}):
            tell(halted)
            self._all.update_one({"_id": halted["_id"]}, {"$unset": {"to_tell": ""}})

    def _end(self, which: Mapping[str, Any], state: str, why: str, **more: Any) -> bool:
        change = {"$set": {"state": state, "why": why, **more}, "$unset": {"running": ""}}
        return self._all.update_one(which, change).modified_count == 1

    def _tell(self, rollout: Document, name: str, which: Mapping[str, Any], now: float) -> None:
        """Begin with a board. It is marked first: a crash between the two shows as a board that waits."""
        mark = {f"begun.{name}": {"told": now, "settled": None, "boots": 0}}
        new = self._all.update_one({**which, f"begun.{name}": {"$exists": False}}, {"$set": mark})
        if new.modified_count:
            value = self._want(name, rollout["what"], rollout["values"][name])
            self._all.update_one(which, {"$set": {f"values.{name}": value}})
            log.info("%s is to have %s %s", name, rollout["what"], value)

    def _want(self, name: str, what: str, value: Any) -> Any:
        """Let a board have a model (its id), a release (its number), or settings (a sealed change)."""
        board = board_of(name)
        if value is None:
            return None
        if what == "app":
            self._wanted.want(board, "app", value, change.now(self._database))
            return value
        if what == "model":
            runs = state_of(self._database, board).get("model")
            change.want_model(self._database, board, value, runs)
            return value
        key = keys.device_key(self._master, *board)
        asked = settings.unseal(key, bytes(value))
        return change.want_settings(self._database, board, key, state_of(self._database, board), asked)

    def _behaviour(self, rollout: Document, name: str, begun: RolloutBoard, now: float) -> Behaviour:
        what, value = rollout["what"], rollout["values"][name]
        latest = self._database["latest"].find_one({"_id": name}) or {}
        state = latest.get("state") or {}
        board = board_of(name)
        wanted = self._wanted.of([board]).get(board) or {}
        asked = (wanted.get("want") or {}).get(what) == value
        if isinstance(value, bytes) or (begun.settled is None and not asked):
            value = self._want(name, what, value)  # a crash came between the mark and this
            self._all.update_one({"_id": rollout["_id"]}, {"$set": {f"values.{name}": value}})
            wanted = self._wanted.of([board]).get(board) or {}
        became = outcome(wanted, state, what, value)
        kept = what == "model" or (became is not None and not became.text)
        since = begun.settled if begun.settled is not None else now
        span = max(now - since, 1.0)
        twin_differs = 0
        if what == "model" and begun.settled is not None:
            counts = self._reader.agreement(*board)
            twin_differs = sum(each.twin_differs for each in counts if each.model == value)
        return Behaviour(
            has=state.get(what) == value and kept,
            refused=became.text if became and not became.may_follow else "",
            boots=int(state.get("boot") or 0),
            episodes=self._episodes(name, since, now),
            episodes_before=self._episodes(name, begun.asked_at - span, begun.asked_at),
            twin_differs=twin_differs,
            silent=now - max(self._since, float(latest.get("received") or state.get("at") or now)),
            period=float(latest.get("period") or 10.0),
            sleeps=state.get("state") == "sleeping",
        )

    def _episodes(self, name: str, start: float, end: float) -> int:
        which = {"d": name, "opened": {"$gte": start, "$lt": end}}
        return self._database["episodes"].count_documents(which)


def run(
    rollouts: Rollouts,
    holds_lease: Callable[[], bool],
    tell: Callable[[Document], None],
    stop: threading.Event,
) -> None:
    """Take roll-outs further until `stop`; `tell` hears of one that has halted itself."""
    alone = Alone(log)
    while not stop.wait(EVERY):
        if not holds_lease():
            continue
        try:
            alone("the roll-out", rollouts.step)
            alone("the mail of a roll-out", lambda: rollouts.tell_halted(tell))
        except PyMongoError as problem:
            log.warning("the roll-out waits for the database (%s)", brief(problem))


def mail(post: Post, halted: Document) -> None:
    """Tell people by one mail that a roll-out has halted itself."""
    words = post.words
    subject = words("subject rollout", what=words(f"rollout {halted['what']}"), why=halted["why"])
    letter = Letter("rollout", "severe", (), subject=subject)
    post(f"rollout-{halted['_id']:.0f}", letter, subject, plain=True)
