"""A long time in few numbers, from the headers of sealed buckets and the hourly values, without the readings.

A year of one board is a few thousand rows of a hundred bytes instead of three million readings.
"""

from dataclasses import fields

import numpy as np

from cloud.read.reader import Reader
from cloud.read.rows import Spans
from cloud.store.agreement import abnormal
from cloud.store.database import OPEN, SEALED, Document, device_id
from cloud.store.sealing import packed_of, sealing

_HEADER = {"a": 1, "z": 1, "n": 1, "m": 1, "g": 1, "t": 1, "h": 1}
_COLUMNS = [column.name for column in fields(Spans)]


def spans(reader: Reader, site: str, device: str, start: float, end: float) -> Spans:
    """Each stretch of [start, end) (Unix s): hours, and buckets but undated ones. Raises PyMongoError."""
    hours = reader.hours(site, device, start=start, end=end)
    buckets = reader.database["buckets"]
    whole = {"d": device_id(site, device), "z": {"$gte": start}, "a": {"$lt": end}}
    opened = {**whole, "r": {"$exists": True}}
    rows = {}
    for bucket in buckets.find(opened, hint=OPEN):
        header = sealing(packed_of(bucket), {})["$set"]  # that it will have
        rows[bucket["_id"]] = _row({**bucket, "m": header["n"], **header})
    sealed = {**whole, "p": {"$exists": True}, "r": {"$exists": False}}
    for bucket in buckets.find(sealed, _HEADER, hint=SEALED):
        rows[bucket["_id"]] = _row(bucket)
    table = np.array(sorted(rows.values()), np.float64).reshape(-1, len(_COLUMNS))
    joined = [np.concatenate([getattr(hours, name), table[:, k]]) for k, name in enumerate(_COLUMNS)]
    order = np.argsort(joined[0], kind="stable")
    return Spans(*(column[order] for column in joined))


def _row(bucket: Document) -> tuple[float, ...]:
    good: int = bucket["m"] if "m" in bucket else bucket["n"]
    return (
        *(bucket["a"], bucket["z"], bucket["n"], good, *abnormal(bucket["g"])),
        *_three(bucket.get("t"), good),
        *_three(bucket.get("h"), good),
    )


def _three(sums: list[int] | None, count: int) -> tuple[float, float, float]:
    """Least, mean, greatest of hundredths [least, sum, greatest]."""
    if sums is None or count == 0:
        return (np.nan, np.nan, np.nan)
    least, total, greatest = sums
    return least / 100, total / count / 100, greatest / 100
