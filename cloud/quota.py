"""The storage quota: a warning at 80 %, and at 95 % the oldest buckets become hourly min, mean and max.

So a database of a fixed size never fills: it forgets detail, the oldest first, before anything fails. A
bucket becomes its hours in one transaction, which also raises the floor of its stream: readings of that
bucket that come again are acknowledged and counted, not stored.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
from pymongo import DeleteOne, UpdateOne, WriteConcern
from pymongo.client_session import ClientSession
from pymongo.database import Database

from cloud import packing
from cloud.contract import is_abnormal
from cloud.database import SEALED, Document
from cloud.packing import SIZE, Packed
from cloud.sealing import WHOLE, Damaged, packed_of, raise_floor, set_aside

log = logging.getLogger("storage")

WARN, REDUCE, ENOUGH = 0.80, 0.95, 0.90  # of the quota; a reduction goes on until ENOUGH
AT_ONCE = 20  # buckets a transaction
ROUNDS = 50  # transactions before others get their turn
HOUR = 3600


def level(used: float, quota: float) -> str:
    """ "fine", "warning" or "reducing"."""
    if used >= REDUCE * quota:
        return "reducing"
    return "warning" if used >= WARN * quota else "fine"


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

    def look(self) -> int:
        """Measure, tell, reduce if it must be; returns how many buckets became hours."""
        self.used = self._measure()
        now = level(self.used, self.quota)
        if now != self._level:
            self._level = now
            share = self.used / self.quota
            if now == "warning":
                log.warning(
                    "storage is %.0f %% full: measure less often, lower RETENTION_DAYS or buy more; "
                    "at 95 %% the oldest readings become hourly values",
                    100 * share,
                )
            elif now == "reducing":
                log.error("storage is %.0f %% full: the oldest readings become hourly values", 100 * share)
            else:
                log.info("storage is %.0f %% full", 100 * share)
        reduced = self._reduce() if now == "reducing" else 0
        self.database["status"].update_one(
            {"_id": "storage"},
            {
                "$set": {
                    "used": self.used,
                    "quota": self.quota,
                    "level": now,
                    "at": datetime.fromtimestamp(self._clock(), UTC),
                }
            },
            upsert=True,
        )
        return reduced

    def _measure(self) -> int:
        stats = self.database.command("dbStats")
        return int(stats["dataSize"] + stats["indexSize"])

    def _reduce(self) -> int:
        reduced = 0
        for _ in range(ROUNDS):
            # An index keeps its size on disk and uses the room again: only data can be made less at once.
            if self.used < ENOUGH * self.quota:
                break
            query = {"p": {"$exists": True}, "r": {"$exists": False}, **WHOLE}
            count = min(AT_ONCE, self._needed())
            oldest = list(self.database["buckets"].find(query, hint=SEALED).sort("z", 1).limit(count))
            if not oldest:
                log.error("nothing is left that could be made smaller; see what else fills the database")
                break
            whole = [bucket for bucket in oldest if self._is_whole(bucket)]
            if not whole:
                continue
            with self.database.client.start_session() as session:
                session.with_transaction(
                    lambda s, buckets=whole: self._replace(s, buckets),  # type: ignore[misc]
                    write_concern=WriteConcern(w="majority", j=True),
                )
            reduced += len(whole)
            self.used = self._measure()
        return reduced

    def _is_whole(self, bucket: Document) -> bool:
        try:
            packed_of(bucket)
        except Damaged as problem:
            set_aside(self.database, bucket, str(problem))
            return False
        return True

    def _needed(self) -> int:
        """How many buckets of usual size there are too many."""
        usual = self.database.command("collStats", "buckets").get("avgObjSize", 0)
        return 1 + int((self.used - ENOUGH * self.quota) // max(usual, 1))

    def _replace(self, session: ClientSession, buckets: list[Document]) -> None:
        floors: dict[str, int] = {}
        changes: list[UpdateOne] = []
        for bucket in buckets:
            stream, _, number = bucket["_id"].rpartition("/")
            floors[stream] = max(floors.get(stream, 0), (int(number) + 1) * SIZE)
            changes += hours(bucket["d"], packed_of(bucket))
        # Only the versions that were read: one that a late reading opens meanwhile waits for another round.
        gone = [DeleteOne({"_id": bucket["_id"], "v": bucket["v"]}) for bucket in buckets]
        result = self.database["buckets"].bulk_write(gone, session=session)
        if result.deleted_count != len(buckets):
            session.abort_transaction()
            return
        if changes:
            self.database["hourly"].bulk_write(changes, session=session)
        raised = [raise_floor(stream, floor) for stream, floor in floors.items()]
        self.database["streams"].bulk_write(raised, session=session)


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
