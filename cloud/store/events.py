"""Events: each abnormal reading, each return to normal, and two boards under one name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from pymongo import UpdateOne

from cloud.contract import messages
from cloud.store import packing
from cloud.store.claims import Sign
from cloud.store.database import Document, device_id, stream_id
from cloud.store.entries import Bucket, JudgedReading
from cloud.store.packing import SIZE
from device import codes

REPORT_EVERY = 600  # s; `watch` hears of a flood, or of two boards under one name, once in this time


def event_updates(bucket: Bucket, there: Mapping[int, bytes], position: int, at: datetime) -> list[UpdateOne]:
    """Events that follow from the reading at `position`: its own, and the return to normal right after it.

    `there`: packed readings by position; `at`: when they are written.
    """

    def abnormal(place: int) -> bool | None:
        return is_abnormal(there[place], bucket.mask) if place in there else None

    events = []
    if abnormal(position):
        events.append(_event("abnormal", bucket, position, there[position], at))
        if abnormal(position + 1) is False:
            events.append(_event("normal", bucket, position + 1, there[position + 1], at))
    elif position == 0 or abnormal(
        position - 1
    ):  # what stood before a bucket's first reading is not looked up
        events.append(_event("normal", bucket, position, there[position], at))
    return events


def is_abnormal(packed: bytes, mask: int) -> bool:
    return messages.is_abnormal(packing.edge_flags(packed), mask)


def _event(kind: str, bucket: Bucket, position: int, packed: bytes, at: datetime) -> UpdateOne:
    seq = bucket.number * SIZE + position
    document: Document = {
        "kind": kind,
        "at": at,
        "taken": False,
        "site": bucket.site,
        "device": bucket.device,
        "stream": bucket.stream,
        "seq": seq,
        **packing.plain(packed),
    }
    if bucket.mask != codes.ABNORMAL:
        document["mask"] = bucket.mask
    key = f"{stream_id(bucket.site, bucket.device, bucket.stream)}/{seq}"
    return UpdateOne({"_id": key}, {"$setOnInsert": document}, upsert=True)


def claim_event(entry: JudgedReading, sign: Sign, now: float) -> UpdateOne:
    """The event that two boards use the name of the board in `entry`. `now`: Unix seconds."""
    document = {
        "kind": "claim",
        "at": datetime.fromtimestamp(now, UTC),
        "taken": False,
        "site": entry.site,
        "device": entry.device,
        "stream": entry.stream,
        "seq": entry.reading.seq,
        "why": sign,
    }
    key = f"{device_id(entry.site, entry.device)}/claim/{int(now // REPORT_EVERY)}"
    return UpdateOne({"_id": key}, {"$setOnInsert": document}, upsert=True)
