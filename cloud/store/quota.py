"""The storage quota: a warning at 80 %, and at 95 % the oldest buckets become hourly min, mean and max.

So a database of a fixed size never fills: it loses detail before anything fails. The board that takes most
room loses its oldest readings first, until another board takes as much. A board keeps its last KEPT_DAYS
while it takes no more than its part (the quota divided by the boards): no other board can cost it those.

One transaction replaces a bucket by its hours and raises the floor of its stream: when readings of that
bucket come again, the backend acknowledges and counts them but does not store them.

A database can still be full (Atlas also counts the cluster's other databases). It then refuses that
transaction but allows deletes. So the keeper first deletes a few of the oldest buckets, and their hours wait
in memory until the database takes them.
"""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import bson
import numpy as np
import pymongo
from pymongo import DeleteOne, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import PyMongoError

from cloud.contract.messages import is_abnormal
from cloud.process.failure import is_full
from cloud.store import packing
from cloud.store.database import SEALED, Document, in_transaction
from cloud.store.packing import Packed
from cloud.store.sealing import WHOLE, Damaged, floors_after, packed_of, raise_floor, set_aside

log = logging.getLogger("storage")

WARN, REDUCE, ENOUGH = 0.80, 0.95, 0.90  # of the quota; a reduction goes on until ENOUGH
KEPT_DAYS = 7
AT_ONCE = 200  # buckets a transaction; a flood's are small
BYTES_AT_ONCE = 100_000
ROUNDS = 100  # transactions before the other chores get their turn
FULL_ROUNDS = 10  # batches that a full database loses before the keeper tries again later
MEASURE_TIMEOUT = 120.0  # s; measuring what each board takes reads all buckets
HOUR, DAY = 3600, 86400


def level(used: float, quota: float) -> str:
    """ "fine", "warning" or "reducing"."""
    if used >= REDUCE * quota:
        return "reducing"
    return "warning" if used >= WARN * quota else "fine"


Changes = tuple[list[UpdateOne], list[UpdateOne]]  # of `hourly`, of `streams`, in place of buckets


class Keeper:
    """Watches over the quota (bytes of data and indexes, as Atlas M0 counts). Raises PyMongoError."""

    def __init__(
        self, database: Database[Document], quota: int, clock: Callable[[], float] = time.time
    ) -> None:
        self.database = database
        self.quota = quota
        self.used = 0
        self._clock = clock
        self._level = "fine"
        self._owed: list[Changes] = []
        self._bare = False  # nothing was left to reduce, and the log says so

    def look(self) -> int:
        """Measure, log, reduce if necessary; returns how many buckets became hours. Raises PyMongoError."""
        try:
            self._pay()
            return self._look()
        except PyMongoError as problem:
            if not is_full(problem, self.database):
                raise
        return self._make_room()

    def _look(self) -> int:
        self.used = self._measure()
        now = level(self.used, self.quota)
        if now != self._level:
            self._level = now
            share = f"storage is {100 * self.used / self.quota:.0f} % full"
            become = "the oldest readings of the boards that take most become hourly values"
            if now == "warning":
                cure = "measure less often, lower RETENTION_DAYS or buy more"
                log.warning("%s: %s; at 95 %% %s", share, cure, become)
            elif now == "reducing":
                log.error("%s: %s", share, become)
            else:
                log.info("%s", share)
        reduced = self._reduce() if now == "reducing" else 0
        at = datetime.fromtimestamp(self._clock(), UTC)
        values = {"used": self.used, "quota": self.quota, "level": now, "at": at}
        self.database["status"].update_one({"_id": "storage"}, {"$set": values}, upsert=True)
        return reduced

    def _measure(self) -> int:
        stats = self.database.command("dbStats")
        return int(stats["dataSize"] + stats["indexSize"])

    def _reduce(self) -> int:
        reduced = 0
        for _, buckets in zip(range(ROUNDS), self._oldest_first(), strict=False):
            in_transaction(self.database, partial(self._replace, buckets))
            reduced += len(buckets)
            self.used = self._measure()
            # An index keeps its size on disk and uses the room again: only data can be made less at once.
            if self.used < ENOUGH * self.quota:
                break
        return reduced

    def _make_room(self) -> int:
        """Delete the oldest buckets of a full database until it takes their hours."""
        gone = 0
        for _, buckets in zip(range(FULL_ROUNDS), self._oldest_first(), strict=False):
            all_buckets = self.database["buckets"]
            deleted = [b for b in buckets if all_buckets.delete_one(_this_version(b)).deleted_count == 1]
            self._owed.append(_rest(deleted))
            gone += len(deleted)
            try:
                self._pay()
            except PyMongoError as problem:
                if not is_full(problem, self.database):
                    raise
            else:
                break
        return gone

    def _pay(self) -> None:
        """Write the hours of the buckets that were deleted while the database was full."""
        while self._owed:
            in_transaction(self.database, partial(self._write, self._owed[0]))
            del self._owed[0]

    def _oldest_first(self) -> Iterator[list[Document]]:
        """Buckets that may go, some at a time: the oldest of the board that takes most."""
        boards = self._boards()
        part = ENOUGH * self.quota / max(len(boards), 1)
        while boards:
            most = max(boards, key=lambda name: boards[name][0])
            size, count = boards[most]
            oldest = self._oldest(most, size / count, everything=size > part)
            whole = [bucket for bucket in oldest if self._is_whole(bucket)]
            if not whole:
                del boards[most]
                continue
            self._bare = False
            yield whole
            gone = sum(len(bson.encode(bucket)) for bucket in oldest)
            boards[most] = size - gone, max(count - len(oldest), 1)
        if not self._bare:
            log.error("no bucket is left to make smaller: see what else fills the database")
            self._bare = True

    def _is_whole(self, bucket: Document) -> bool:
        try:
            packed_of(bucket)
        except Damaged as problem:
            try:
                set_aside(self.database, bucket, str(problem))
            except PyMongoError as refusal:
                if not is_full(refusal, self.database):
                    raise
            return False
        return True

    def _boards(self) -> dict[str, tuple[float, int]]:
        """By board: bytes that its buckets take, and how many they are."""
        taken = {"_id": "$d", "size": {"$sum": {"$bsonSize": "$$ROOT"}}, "buckets": {"$sum": 1}}
        with pymongo.timeout(MEASURE_TIMEOUT):
            totals = list(self.database["buckets"].aggregate([{"$group": taken}]))
        return {each["_id"]: (each["size"], each["buckets"]) for each in totals}

    def _oldest(self, board: str, usual: float, *, everything: bool) -> list[Document]:
        """A board's oldest sealed buckets, as many as are too many; its last days only if `everything`."""
        query: Document = {"d": board, "p": {"$exists": True}, "r": {"$exists": False}, **WHOLE}
        if not everything:
            query["z"] = {"$lt": int(self._clock() - KEPT_DAYS * DAY)}
        surplus = self.used - ENOUGH * self.quota  # none where others fill the cluster
        wanted = min(surplus, BYTES_AT_ONCE) if surplus > 0 else BYTES_AT_ONCE
        count = min(AT_ONCE, 1 + int(wanted // max(usual, 1)))
        return list(self.database["buckets"].find(query, hint=SEALED).sort("z", 1).limit(count))

    def _replace(self, buckets: list[Document], session: ClientSession) -> None:
        # Only the versions that were read: a bucket that a late reading re-opens waits for another round.
        gone = [DeleteOne(_this_version(bucket)) for bucket in buckets]
        result = self.database["buckets"].bulk_write(gone, session=session)
        if result.deleted_count != len(buckets):
            session.abort_transaction()
            return
        self._write(_rest(buckets), session)

    def _write(self, changes: Changes, session: ClientSession) -> None:
        for name, some in zip(("hourly", "streams"), changes, strict=True):
            if some:
                self.database[name].bulk_write(some, session=session)


def _this_version(bucket: Document) -> Document:
    return {"_id": bucket["_id"], "v": bucket["v"]}


def _rest(buckets: list[Document]) -> Changes:
    """What is written in the place of these buckets: their hours, and the floors of their streams."""
    left = [change for bucket in buckets for change in hours(bucket["d"], packed_of(bucket))]
    floors = floors_after(bucket["_id"] for bucket in buckets)
    return left, [raise_floor(stream, floor) for stream, floor in floors.items()]


def hours(device: str, packed: Packed) -> list[UpdateOne]:
    """The readings of a bucket as additions to the device's hours; undated ones are only counted as gone.

    An hour: n good readings, least, sum and greatest of t and h (hundredths), e abnormal readings.
    """
    record = packed.record
    dated = record[(record["has"] & packing.DATED) > 0]
    changes = []
    for hour in np.unique(dated["ts"] // HOUR).tolist():
        inside = dated[dated["ts"] // HOUR == hour]
        good = inside[(inside["has"] & packing.MEASURED) > 0]
        change: dict[str, Any] = {
            "$set": {"d": device, "h": hour * HOUR},
            "$inc": {"n": len(good), "e": sum(map(is_abnormal, inside["edge_flags"].tolist()))},
        }
        if len(good):
            change |= {"$min": {}, "$max": {}}
            for name in ("t", "h"):
                column = good[name].astype(np.int64)
                change["$inc"][f"{name}_sum"] = int(column.sum())
                change["$min"][f"{name}_min"] = int(column.min())
                change["$max"][f"{name}_max"] = int(column.max())
        changes.append(UpdateOne({"_id": f"{device}/{hour:07d}"}, change, upsert=True))
    return changes
