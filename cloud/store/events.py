"""Events: each abnormal reading, each return to normal, and two boards under one name."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pymongo import UpdateOne

from cloud.contract import messages
from cloud.store import packing
from cloud.store.database import Board, device_id, stream_id
from cloud.store.entries import Bucket
from cloud.store.packing import SIZE
from device import codes

REPORT_EVERY = 600  # s; one event in this time tells `watch` of a flood, or of two boards under one name


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
    elif position == 0 or abnormal(position - 1):  # nobody looks up what stood before a bucket
        events.append(_event("normal", bucket, position, there[position], at))
    return events


def is_abnormal(packed: bytes, mask: int) -> bool:
    return messages.is_abnormal(packing.edge_flags(packed), mask)


def _event(kind: str, bucket: Bucket, position: int, packed: bytes, at: datetime) -> UpdateOne:
    seq = bucket.number * SIZE + position
    mask = {} if bucket.mask == codes.ABNORMAL else {"mask": bucket.mask}
    what = {"stream": bucket.stream, "seq": seq, **packing.plain(packed), **mask}
    key = f"{stream_id(bucket.site, bucket.device, bucket.stream)}/{seq}"
    return event(kind, key, (bucket.site, bucket.device), at, **what)


def event(kind: str, key: str, board: Board, at: datetime, **what: Any) -> UpdateOne:
    """Tells `watch` something about a board; a second event with this `key` changes nothing."""
    document = {"kind": kind, "at": at, "taken": False, "site": board[0], "device": board[1], **what}
    return UpdateOne({"_id": key}, {"$setOnInsert": document}, upsert=True)


def report(kind: str, board: Board, now: float, **what: Any) -> UpdateOne:
    """The event of a "flood" or of a "claim" (two boards use this name). `now`: Unix seconds."""
    key = f"{device_id(*board)}/{kind}/{int(now // REPORT_EVERY)}"
    return event(kind, key, board, datetime.fromtimestamp(now, UTC), **what)
