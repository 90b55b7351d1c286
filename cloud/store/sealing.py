"""Sealing: the sealer packs buckets that receive no more readings, and deletes those past their time.

Both are safe beside any number of ingest workers: a seal replaces only the version that it read.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from struct import error
from types import MappingProxyType

import numpy as np
from bson.binary import Binary
from pymongo import UpdateOne
from pymongo.database import Database
from pymongo.errors import PyMongoError

from cloud.contract.messages import runs_of
from cloud.process.failure import brief, is_full
from cloud.store import packing
from cloud.store.agreement import KnownUnits, Units, counted
from cloud.store.database import OPEN, SEALED, Document
from cloud.store.packing import SIZE, Packed

log = logging.getLogger("sealing")

WHOLE: Document = {"damaged": {"$exists": False}}  # buckets that nobody has found damaged
REST = 600  # s without a new reading after which a bucket is sealed
AT_ONCE = 200  # buckets a round: what is held in memory


def opened_of(document: Document) -> dict[int, bytes]:
    """Packed readings by position of a bucket document, those that are not sealed."""
    return {int(position): bytes(packed) for position, packed in document.get("r", {}).items()}


class Damaged(ValueError):
    """A stored bucket that cannot be read. `str()` names it and says why."""


def packed_of(document: Document) -> Packed:
    """All readings of a bucket document, open, sealed or re-opened; a sealed reading wins over an open one.

    Raises Damaged.
    """
    try:
        opened = opened_of(document)
        if "p" not in document:
            return packing.gather(opened)
        sealed = packing.unseal(document["p"])
        return packing.merge(sealed, packing.gather(opened)) if opened else sealed
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, error) as problem:
        raise Damaged(f"bucket {document['_id']} is damaged: {problem}") from problem


def set_aside(database: Database[Document], bucket: Document, reason: str) -> None:
    """Log a bucket that cannot be read, note it in quarantine once, and leave it as it is."""
    log.error("%s: it stays as it is, the others go on; a backup may have it whole", reason)
    site, device, stream, _ = bucket["_id"].split("/")
    note: Document = {"site": site, "device": device, "stream": stream, "seq": None, "reason": reason}
    note |= {"at": datetime.now(UTC), "content": bytes(bucket.get("p", b""))[:4096]}
    database["quarantine"].replace_one({"_id": bucket["_id"]}, note, upsert=True)
    database["buckets"].update_one({"_id": bucket["_id"]}, {"$set": {"damaged": reason}})


class Sealer:
    """Seals and expires. Raises pymongo.errors.PyMongoError; the next call does what this one did not."""

    def __init__(
        self,
        database: Database[Document],
        clock: Callable[[], float] = time.time,
        earliest: Callable[[], float] | None = None,
    ) -> None:
        """`earliest`: the clock that decides which readings are old (default: `clock`); a delete is final."""
        self.database = database
        self.clock = clock
        self._earliest = earliest or clock
        self._units = KnownUnits(database)
        self._floors: dict[str, int] = {}  # of streams, still to be raised

    def seal(self, rest: float = REST) -> int:
        """Seal what had no new reading for `rest` seconds; returns how many buckets were sealed."""
        buckets = self.database["buckets"]
        sealed = 0
        while True:
            query: Document = {"r": {"$exists": True}, "w": {"$lte": int(self.clock() - rest)}}
            resting = list(buckets.find({**query, **WHOLE}, hint=OPEN).limit(AT_ONCE))
            if not resting:
                return sealed
            ready = [update for bucket in resting if (update := self._sealing(bucket)) is not None]
            if ready:
                sealed += buckets.bulk_write(ready, ordered=False).modified_count

    def _sealing(self, bucket: Document) -> UpdateOne | None:
        try:
            packed = packed_of(bucket)
            change = sealing(packed, self._units.of(packed.record))
            return UpdateOne({"_id": bucket["_id"], "v": bucket["v"]}, change)
        except PyMongoError:
            raise
        except Damaged as problem:
            set_aside(self.database, bucket, str(problem))
        except Exception as problem:  # whatever is in it: the others go on
            log.exception("bucket %s cannot be sealed", bucket["_id"])
            set_aside(self.database, bucket, f"bucket {bucket['_id']} cannot be sealed: {brief(problem)}")
        return None

    def expire(self, days: int) -> int:
        """Delete sealed buckets older than `days`; returns how many. Their streams keep a floor.

        A full database takes no floor until something is deleted. Floors that it still refuses wait in memory
        for the next call. If this process ends first, old readings that a board sends again are stored, and
        expire once more.
        """
        before = int(self._earliest() - days * 86400)
        sealed = {"p": {"$exists": True}, "r": {"$exists": False}}
        old = {**sealed, "w": {"$lt": before}, "z": {"$not": {"$gte": before}}}
        buckets = self.database["buckets"]
        keys: list[str] = [bucket["_id"] for bucket in buckets.find(old, {"_id": 1}, hint=SEALED)]
        self._floors = floors_after(keys, self._floors)
        raised = self._raise_floors()
        self.database["hourly"].delete_many({"h": {"$lt": before}})
        gone = buckets.delete_many({**old, "_id": {"$in": keys}}).deleted_count if keys else 0
        if not raised:
            self._raise_floors()
        return gone

    def _raise_floors(self) -> bool:
        """False while the database is too full for it."""
        if self._floors:
            changes = [raise_floor(stream, floor) for stream, floor in self._floors.items()]
            try:
                self.database["streams"].bulk_write(changes)
            except PyMongoError as problem:
                if not is_full(problem, self.database):
                    raise
                return False
            self._floors.clear()
        return True


def sealing(packed: Packed, units: Units) -> dict[str, Document]:
    """The update that turns a bucket into its sealed form. `units`: of the forests of its models."""
    record = packed.record
    good = record[(record["has"] & packing.MEASURED) > 0]
    values: Document = {
        "p": Binary(packing.seal(packed)),
        "n": len(record),
        "k": [list(run) for run in runs_of(packed.position.tolist())],
        **{name: Binary(counts) for name, counts in counted(record, units).items()},
    }
    if len(good) < len(record):
        values["m"] = len(good)
    if len(good):
        for name in ("t", "h"):
            column = good[name].astype(np.int64)
            values[name] = [int(column.min()), int(column.sum()), int(column.max())]
    unset = {"r": ""} if "m" in values else {"r": "", "m": ""}
    return {"$set": values, "$unset": unset}


def floors_after(keys: Iterable[str], floors: Mapping[str, int] = MappingProxyType({})) -> dict[str, int]:
    """`floors` by stream, at least past the buckets with these keys."""
    raised = dict(floors)
    for key in keys:
        stream, _, number = key.rpartition("/")
        raised[stream] = max(raised.get(stream, 0), (int(number) + 1) * SIZE)
    return raised


def raise_floor(stream: str, floor: int) -> UpdateOne:
    """Readings of `stream` ("site/device/stream") below seq `floor` are not stored any more."""
    site, device, name = stream.split("/")
    whose = {"d": f"{site}/{device}", "site": site, "device": device, "stream": name}
    return UpdateOne({"_id": stream}, {"$max": {"floor": floor}, "$set": whose}, upsert=True)
