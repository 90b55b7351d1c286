"""The update documents of the store: the first write of a position wins, open and sealed."""

from collections.abc import Mapping

from bson.binary import Binary
from pymongo import UpdateOne

from cloud.store import packing
from cloud.store.database import Document, device_id, stream_id
from cloud.store.entries import Bucket, JudgedReading
from cloud.store.packing import SIZE

NAMED_SEQS = 10_000  # of each stream, the newest quarantined ones and conflicts: an audit names them
FIELDS = [f"r.{position}" for position in range(SIZE)]
_ABSENT: Document = {"$exists": False}
NAMES = {"site": 1, "device": 1}


def addition(key: str, bucket: Bucket, packed: Mapping[int, bytes], now: int) -> Document:
    """The update that adds all of `packed` if the bucket is open (or absent) and has none of them."""
    free: Document = {"_id": key, "k": _ABSENT}
    values: Document = {"w": now}
    for position, reading in packed.items():
        place = FIELDS[position]
        free[place] = _ABSENT
        values[place] = reading
    change: Document = {
        "$set": values,
        "$inc": {"v": 1},
        "$setOnInsert": {"d": device_id(bucket.site, bucket.device)},
    }
    dates = [entry.reading.ts for entry in bucket.readings.values() if entry.reading.ts is not None]
    if dates:
        change |= {"$min": {"a": min(dates)}, "$max": {"z": max(dates)}}
    return {"q": free, "u": change, "upsert": True}


def contested_update(key: str, bucket: Bucket, packed: Mapping[int, bytes], now: int) -> UpdateOne:
    """One atomic update: it adds the positions that are absent and leaves everything else as it is."""
    offered = [
        {
            "k": str(position),
            "v": Binary(packed[position]),
            "ts": entry.reading.ts,
            "there": {"$or": [{"$gt": [f"$r.{position}", None]}, _is_sealed(position)]},
        }
        for position, entry in bucket.readings.items()
    ]
    nothing = {"$eq": ["$new", []]}
    pairs = {"$map": {"input": "$new", "in": {"k": "$$this.k", "v": "$$this.v"}}}
    values = {
        "d": device_id(bucket.site, bucket.device),
        "v": {"$cond": [nothing, "$v", {"$add": [{"$ifNull": ["$v", 0]}, 1]}]},
        "w": {"$cond": [nothing, "$w", now]},
        "a": {"$min": ["$a", {"$min": "$new.ts"}]},
        "z": {"$max": ["$z", {"$max": "$new.ts"}]},
        "r": {"$cond": [nothing, "$r", {"$mergeObjects": ["$r", {"$arrayToObject": pairs}]}]},
    }
    new = {"$filter": {"input": offered, "cond": {"$not": ["$$this.there"]}}}
    return UpdateOne({"_id": key}, [{"$set": {"new": new}}, {"$set": values}, {"$unset": "new"}], upsert=True)


def _is_sealed(position: int) -> Document:
    inside = {"$and": [{"$lte": [{"$first": "$$this"}, position]}, {"$gte": [{"$last": "$$this"}, position]}]}
    return {"$anyElementTrue": {"$map": {"input": {"$ifNull": ["$k", []]}, "in": inside}}}


def newness(entry: JudgedReading, now: float) -> tuple[float, int]:
    return (now if entry.reading.ts is None else entry.reading.ts, entry.reading.seq)


def replace_latest(entry: JudgedReading, period: float | None, now: float) -> Document:
    """Put `entry` into its board's document if nothing newer is there; else the upsert fails on its key."""
    reading = entry.reading
    packed = packing.pack(reading, *entry.verdict)
    other = {"reading.stream": {"$ne": entry.stream}}
    older: list[Document] = [
        {"reading.stream": entry.stream, "reading.seq": {"$lt": reading.seq}},
        {**other, "reading.ts": {"$lte": now if reading.ts is None else reading.ts}},
        {**other, "reading.ts": None},  # undated, or no reading yet
    ]
    values: Document = {
        "site": entry.site,
        "device": entry.device,
        "reading": {"stream": entry.stream, "seq": reading.seq, **packing.plain(packed)},
    }
    if period is not None:
        values["period"] = period
    return {
        "q": {"_id": device_id(entry.site, entry.device), "$or": older},
        "u": {"$set": values, "$max": {"received": now}},
        "upsert": True,
    }


def remember(known_as: str, site: str, device: str, stream: str, seqs: set[int]) -> UpdateOne:
    known = {"$setUnion": [{"$ifNull": [f"${known_as}", []]}, sorted(seqs)]}
    whose = {"d": device_id(site, device), "site": site, "device": device, "stream": stream}
    change = [{"$set": {**whose, known_as: {"$slice": [known, -NAMED_SEQS]}}}]
    return UpdateOne({"_id": stream_id(site, device, stream)}, change, upsert=True)
