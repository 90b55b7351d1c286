"""Looks again and again whether a board has left its siblings, and tells the watch.

One document a board in `siblings` keeps what was learned and how the board stands; the process that holds the
lease goes on from there. The watch hears of it by events with their own keys, so that a second look tells
nothing twice.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial

import msgspec
import numpy as np
from pymongo.database import Database
from pymongo.errors import PyMongoError

from cloud.process.alone import Alone
from cloud.process.failure import brief
from cloud.read.reader import Reader
from cloud.siblings import parting
from cloud.siblings.air import BLOCK, BLOCKS, Air
from cloud.siblings.parting import Apart, Learned, TooLittle
from cloud.store.database import Board, Document, device_id
from cloud.store.events import event

log = logging.getLogger("siblings")

EVERY = 300.0  # s between two looks: each reads two hours of every board, and Atlas M0 counts bytes
NEARBY = 8  # boards, next by name, that a board is compared with: a whole site would need much memory
DAY = 86400.0
HISTORY, LEAST = 7 * DAY, DAY  # s of history that are learned from
AGAIN, SOONER = DAY, 3600.0  # s until it is learned anew, and until a history that was refused is tried again
LONGEST = DAY  # s: a board that has stayed away for so long belongs there now
BACK = 0.5  # share of the farthest distance: a board within it is back
HEARD = 3600.0  # s: a board is looked at when its last sign of life is newer
UNKNOWN_PERIOD = 60.0  # s, assumed until two readings show it
TAIL = BLOCK * (BLOCKS + 1)  # readings of a window
KEPT = 50  # stretches in which it was away


class Parting(msgspec.Struct, frozen=True):
    """A board is away from its siblings. `since`: Unix s, the window in which it left them."""

    since: float
    names: tuple[str, ...]
    level: Apart  # its standing among them before it left
    farthest: float = 0.0  # since then (parting.distance)
    t: float = 0.0  # degC that it is away now, ...
    h: float = 0.0  # ... and %RH


class Standing(msgspec.Struct, frozen=True):
    """What is known of one board: its document in `siblings`."""

    learned: Learned | None = None
    learned_at: float = 0.0  # Unix s of the last try, also of a failed one
    note: str | None = None  # why there is nothing learned
    looked: float = 0.0  # Unix s of the newest reading that was looked at
    score: float = 0.0  # above 1 = away
    away: Parting | None = None
    stretches: tuple[tuple[float, float], ...] = ()  # Unix s from, to: when it was away, oldest first


class Look:
    """`holds_lease`: whether this process is the one that watches; the others stand by."""

    def __init__(
        self,
        database: Database[Document],
        holds_lease: Callable[[], bool],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database, self._holds_lease, self._clock = database, holds_lease, clock
        self._reader = Reader(database)
        self._alone = Alone(log)

    def run(self, stop: threading.Event) -> None:
        """Look every five minutes, until `stop`."""
        while not stop.wait(EVERY):
            try:
                if self._holds_lease():
                    self.look(stop)
            except PyMongoError as problem:
                log.warning("looking at siblings waits for the database (%s)", brief(problem))

    def look(self, stop: threading.Event | None = None) -> None:
        """Look once at every site with three boards or more. Raises PyMongoError."""
        now = self._clock()
        heard = self._database["latest"].find(
            {"received": {"$gt": now - HEARD}}, {"site": 1, "device": 1, "period": 1}
        )
        sites: dict[str, dict[str, float]] = defaultdict(dict)
        for board in heard:
            sites[board["site"]][board["device"]] = board.get("period") or UNKNOWN_PERIOD
        for site, periods in sorted(sites.items()):
            if len(periods) > parting.LEAST and not (stop and stop.is_set()):
                self._alone(f"the siblings at {site}", partial(self._site, site, periods, now, stop))

    def _site(
        self, site: str, periods: Mapping[str, float], now: float, stop: threading.Event | None
    ) -> None:
        owners = {device: device_id(site, device) for device in periods}
        stored = self._database["siblings"].find({"_id": {"$in": list(owners.values())}})
        by_owner = self._alone.of(stored, "what is remembered of", partial(msgspec.convert, type=Standing))
        known = {device: by_owner.get(owner, Standing()) for device, owner in owners.items()}
        due = [name for name, each in known.items() if each.away is None and now >= _again(each)]
        history: dict[str, Air] = {}
        for device in due:
            if stop and stop.is_set():
                return
            wanted = (device, *_nearby(device, sorted(periods)))
            history = {
                name: history.get(name) or self._air(site, name, now - HISTORY, calm=True) for name in wanted
            }
            known[device] = self._learn((site, device), known[device], history, now)
        longest = 2 * TAIL * max(periods.values())
        recent = {device: self._air(site, device, now - max(longest, HEARD)) for device in periods}
        for device, standing in known.items():
            judge = partial(self._judge, (site, device), standing, recent, now)
            if standing.learned is not None:
                self._alone(f"the siblings of {owners[device]}", judge)

    def _air(self, site: str, device: str, start: float, *, calm: bool = False) -> Air:
        readings = self._reader.readings(site, device, start=start)
        rows = ~readings.edge_abnormal if calm else np.ones(len(readings), bool)
        return Air.of(readings.ts[rows], readings.t[rows], readings.h[rows])

    def _learn(self, board: Board, standing: Standing, history: Mapping[str, Air], now: float) -> Standing:
        others, note, learned = dict(history), None, standing.learned
        own = others.pop(board[1])
        if not len(own) or own.ts[-1] - own.ts[0] < LEAST:
            note = "less than a day of readings"
        else:
            try:
                learned = parting.learn(own, others)
            except TooLittle as problem:
                note = str(problem)
        after = msgspec.structs.replace(standing, learned=learned, learned_at=now, note=note)
        self._keep(board, after)
        return after

    def _judge(self, board: Board, standing: Standing, recent: Mapping[str, Air], now: float) -> None:
        """One board's newest window."""
        own, learned = recent[board[1]].last(TAIL), standing.learned
        away = standing.away
        if learned is None or len(own) < TAIL or (own.ts > standing.looked).sum() < BLOCK:
            if away is not None and now - away.since > LONGEST:
                self._keep(board, self._over(board, standing, now))
            return
        both = parting.sides(own, {name: recent[name] for name in learned.pairs if name in recent})
        score = float(parting.scores(learned, both).max())
        begin, end = parting.apart(learned, both)
        standing = msgspec.structs.replace(standing, looked=float(own.ts[-1]), score=round(score, 3))
        if away is None and score > 1:
            away = Parting(float(own.ts[0]), tuple(learned.pairs), begin)
        if away is not None:
            gone = end - away.level
            far = parting.distance(learned, gone)
            away = msgspec.structs.replace(
                away, farthest=max(far, away.farthest), t=gone.t, h=parting.humidity(own, gone)
            )
            standing = msgspec.structs.replace(standing, away=away)
            if now - away.since > LONGEST or (score <= 1 and far <= BACK * away.farthest):
                standing = self._over(board, standing, now)
            else:
                self._tell(board, away, now, far=f"{far:.0f}")
        self._keep(board, standing)

    def _over(self, board: Board, standing: Standing, now: float) -> Standing:
        assert standing.away is not None
        self._tell(board, standing.away, now, far="over")
        stretches = (*standing.stretches, (standing.away.since, now))[-KEPT:]
        return msgspec.structs.replace(standing, away=None, stretches=stretches, learned_at=now)

    def _tell(self, board: Board, away: Parting, now: float, *, far: str) -> None:
        """Tell the watch each time the board is farther away than before, and when it is back."""
        key = f"{device_id(*board)}/siblings/{int(away.since)}/{far}"
        air = {"t": round(100 * away.t), "h": round(100 * away.h)}
        what = {"since": away.since, "names": list(away.names), **air, "over": far == "over"}
        about = event("siblings", key, board, datetime.fromtimestamp(now, UTC), **what)
        self._database["events"].bulk_write([about])

    def _keep(self, board: Board, standing: Standing) -> None:
        owner = device_id(*board)
        self._database["siblings"].replace_one({"_id": owner}, msgspec.to_builtins(standing), upsert=True)


def _nearby(device: str, names: list[str]) -> list[str]:
    """Up to NEARBY others, half of them before it in the order of their names and half after it."""
    place, most = names.index(device), min(NEARBY, len(names) - 1)
    return [names[(place + step) % len(names)] for step in range(-(most // 2), most - most // 2 + 1) if step]


def _again(standing: Standing) -> float:
    return standing.learned_at + (AGAIN if standing.note is None else SOONER)
