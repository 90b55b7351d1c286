"""Readings as bytes: one alone (in an open bucket), and up to 360 together as columns (in a sealed one).

Both forms decode to the same thing, a `Packed`: positions in the bucket, a structured array, the reasons.
Sealing loses nothing: all values are integers. It stores each column as differences from the reading before
(for times: also from the sampling period), cuts these into byte planes and deflates all of them together.
"""

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from cloud.contract.messages import Reading

SIZE = 360  # readings a bucket: an hour at 10 s
FORMAT, FORMAT_WITH_TWIN = 1, 2  # the second has one more column: by how much the twin's sums differ
CLOUD_SCALE = 1000  # the full forest's score is kept in thousandths

# Bits of `has`: which of the values below are present. Only an open reading whose twin differs has TWIN_OFF.
# SAID: the board gave an impossible date; the reading is undated, and `ts` keeps that date.
DATED, MEASURED, SCORED, RESCORED, MODELLED, TWIN_OFF, SAID = 1, 2, 4, 8, 16, 32, 64

_FIXED = np.dtype(
    [
        ("has", "u1"),
        ("ts", "<u4"),
        ("up", "<u4"),
        ("boot", "<u4"),
        ("t", "<i2"),
        ("h", "<i2"),
        ("edge_flags", "<u2"),
        ("edge_score", "<i4"),
        ("cloud_flags", "<u2"),
        ("cloud_score", "<u2"),
        ("model", "S4"),
    ]
)
RECORD = np.dtype([*_FIXED.descr, ("twin_off", "<i4")])  # twin's sum less the board's: nearly always 0
_ONE = struct.Struct("<BIIIhhHiHH4s")
_OFF = struct.Struct("<i")
_NO_MODEL = bytes(4)
_FLAGS_AT = struct.calcsize("<BIIIhh")  # of the board's flags in it
if _ONE.size != _FIXED.itemsize:
    raise AssertionError("a reading has one layout")

Ints = npt.NDArray[np.int64]

# Columns that are stored as differences, and the bit that says whether a value is there at all.
_DELTAS = (("boot", 0), ("t", MEASURED), ("h", MEASURED), ("edge_score", SCORED), ("cloud_score", RESCORED))
_PLAIN = ("has", "edge_flags", "cloud_flags")


@dataclass(frozen=True)
class Packed:
    """n readings of one bucket in ascending position."""

    position: Ints
    record: npt.NDArray[Any]  # RECORD; a value whose bit in `has` is not set is 0
    why: list[str | None]


def pack(reading: Reading, cloud_flags: int, cloud_score: float | None, twin_off: int = 0) -> bytes:
    """One reading with both verdicts. `cloud_score` is 0..1, `twin_off` int32."""
    ts, x, score, why, model = reading.ts, reading.x, reading.score, reading.why, reading.model
    has, t, h, thousandths, name = 0, 0, 0, 0, _NO_MODEL
    if ts is not None:
        has = DATED
    elif reading.said is not None:
        has, ts = SAID, reading.said
    if x is not None:
        has |= MEASURED
        t, h = x[0], x[1]
    if score is not None:
        has |= SCORED
    if cloud_score is not None:
        has |= RESCORED
        thousandths = int(cloud_score * CLOUD_SCALE + 0.5)
    if model is not None:
        has |= MODELLED
        name = _model_bytes(model)
    tail = b"" if why is None else why.encode()
    if twin_off:
        has |= TWIN_OFF
        tail = _OFF.pack(twin_off) + tail
    seen = (has, ts or 0, reading.up, reading.boot, t, h, reading.flags, score or 0)
    return _ONE.pack(*seen, cloud_flags, thousandths, name) + tail


_model_bytes = lru_cache(1024)(bytes.fromhex)


def measured(packed: bytes) -> tuple[int, int] | None:
    """What the sensor said in one packed reading."""
    values = _ONE.unpack_from(packed)
    return (values[4], values[5]) if values[0] & MEASURED else None


def edge_flags(packed: bytes) -> int:
    """The board's verdict in one packed reading."""
    return packed[_FLAGS_AT] | packed[_FLAGS_AT + 1] << 8


def plain(packed: bytes) -> dict[str, Any]:
    """One packed reading as a document: t, h in hundredths, None for what is not there."""
    has, ts, up, boot, t, h, flags, score, cloud, cloud_score, model = _ONE.unpack_from(packed)
    return {
        "boot": boot,
        "ts": ts if has & DATED else None,
        **({"said": ts} if has & SAID else {}),
        "up": up,
        "t": t if has & MEASURED else None,
        "h": h if has & MEASURED else None,
        "edge_flags": flags,
        "edge_score": score if has & SCORED else None,
        "cloud_flags": cloud,
        "cloud_score": cloud_score / CLOUD_SCALE if has & RESCORED else None,
        "model": model.hex() if has & MODELLED else None,
        "why": _tail(packed)[1],
    }


def scatter(packed: Packed) -> dict[int, bytes]:
    """The opposite of `gather`."""
    record = packed.record
    off = record["twin_off"].tolist()
    fixed = np.zeros(len(record), _FIXED)
    for name in _FIXED.names or ():
        fixed[name] = record[name]
    fixed["has"] |= np.where(record["twin_off"] != 0, TWIN_OFF, 0).astype(np.uint8)
    return {
        position: row.tobytes() + (_OFF.pack(twin) if twin else b"") + (why or "").encode()
        for position, row, twin, why in zip(packed.position.tolist(), fixed, off, packed.why, strict=True)
    }


def gather(readings: Mapping[int, bytes]) -> Packed:
    """Packed readings by position, as columns."""
    positions = sorted(readings)
    parts = [readings[position] for position in positions]
    fixed = np.frombuffer(b"".join(part[: _ONE.size] for part in parts), _FIXED)
    record = np.zeros(len(parts), RECORD)
    for name in _FIXED.names or ():
        record[name] = fixed[name]
    record["has"] &= ~np.uint8(TWIN_OFF)
    tails = [_tail(part) for part in parts]
    record["twin_off"] = [twin_off for twin_off, _ in tails]
    return Packed(np.array(positions, np.int64), record, [why for _, why in tails])


def _tail(packed: bytes) -> tuple[int, str | None]:
    """What follows the fixed part of one packed reading: by how much its twin differs, and its reason."""
    at, twin_off = _ONE.size, 0
    if packed[0] & TWIN_OFF:
        (twin_off,) = _OFF.unpack_from(packed, at)
        at += _OFF.size
    return twin_off, packed[at:].decode() or None


def merge(first: Packed, second: Packed) -> Packed:
    """Join both; where both have a position, the reading of `first` wins."""
    new = ~np.isin(second.position, first.position)
    position = np.concatenate([first.position, second.position[new]])
    record = np.concatenate([first.record, second.record[new]])
    why = first.why + [reason for reason, keep in zip(second.why, new, strict=True) if keep]
    order = np.argsort(position)
    return Packed(position[order], record[order], [why[k] for k in order])


def seal(packed: Packed) -> bytes:
    """The whole bucket in a few bytes a reading. At least one reading."""
    position, record = packed.position, packed.record
    steps = np.diff(position)
    up = record["up"].astype(np.int64)
    period = int(np.median(np.diff(up) // steps)) if len(steps) else 0
    has = record["has"]
    offset = _filled(record["ts"].astype(np.int64) - up, has, DATED | SAID)
    models, model = np.unique(record["model"], return_inverse=True)
    reasons = sorted({reason for reason in packed.why if reason is not None})
    reason = np.array([0 if text is None else reasons.index(text) + 1 for text in packed.why], np.int64)

    columns = [up - period * position, offset]
    columns += [_filled(record[name].astype(np.int64), has, bit) for name, bit in _DELTAS]
    first = np.array([column[0] for column in columns], "<i8")
    body = [_planes(np.diff(column)) for column in columns]
    body += [_planes(record[name].astype(np.int64)) for name in _PLAIN]
    body += [_planes(model.astype(np.int64)), _planes(reason)]
    form = FORMAT
    if record["twin_off"].any():
        form = FORMAT_WITH_TWIN
        body.append(_planes(record["twin_off"].astype(np.int64)))

    present = np.zeros(SIZE, np.uint8)
    present[position] = 1
    words = json.dumps([[bytes(name).ljust(4, b"\0").hex() for name in models], reasons]).encode()
    header = struct.pack("<qI", period, len(words)) + words + np.packbits(present).tobytes() + first.tobytes()
    return bytes([form]) + zlib.compress(header + b"".join(body), 9)


def unseal(sealed: bytes) -> Packed:
    """What `seal` was given. Raises ValueError when it was not made by `seal`."""
    form = sealed[0] if sealed else 0
    if form not in (FORMAT, FORMAT_WITH_TWIN):
        raise ValueError(f"a sealed bucket of format {sealed[:1].hex()} is not known here")
    try:
        raw = zlib.decompress(sealed[1:])
        period, length = struct.unpack_from("<qI", raw)
        models, reasons = json.loads(raw[12 : 12 + length])
        at = 12 + length
        position = np.flatnonzero(np.unpackbits(np.frombuffer(raw, np.uint8, SIZE // 8, at)))
        at += SIZE // 8
        count = len(position)
        first = np.frombuffer(raw, "<i8", 2 + len(_DELTAS), at)
        at += first.nbytes
        columns = []
        for start in first:
            steps, at = _unplanes(raw, at, count - 1)
            columns.append(np.cumsum(np.concatenate([[start], steps])))
        plain = []
        for _ in range(len(_PLAIN) + 2 + (form == FORMAT_WITH_TWIN)):
            values, at = _unplanes(raw, at, count)
            plain.append(values)
    except (zlib.error, struct.error, json.JSONDecodeError) as problem:
        raise ValueError(f"a sealed bucket cannot be read: {problem}") from problem

    record = np.zeros(count, RECORD)
    for name, values in zip(_PLAIN, plain, strict=False):
        record[name] = values
    has = record["has"]
    up = columns[0] + period * position
    record["up"] = up
    record["ts"] = np.where(has & (DATED | SAID), columns[1] + up, 0)
    for (name, bit), values in zip(_DELTAS, columns[2:], strict=True):
        record[name] = np.where(has & bit, values, 0) if bit else values
    model, reason, *twin_off = plain[len(_PLAIN) :]
    record["model"] = np.array([bytes.fromhex(name) for name in models], "S4")[model]
    if twin_off:
        record["twin_off"] = twin_off[0]
    why = [None if k == 0 else reasons[k - 1] for k in reason.tolist()]
    return Packed(position.astype(np.int64), record, why)


def _filled(values: Ints, has: npt.NDArray[np.uint8], bit: int) -> Ints:
    """`values` with each absent one replaced by its neighbour, so that its difference costs nothing."""
    if not bit:
        return values
    there = np.flatnonzero(has & bit)
    if len(there) == 0:
        return np.zeros_like(values)
    before = np.searchsorted(there, np.arange(len(values)), side="right") - 1
    return values[there[np.maximum(before, 0)]]


def _planes(values: Ints) -> bytes:
    """Width in bytes (0 = all zero), then the lowest bytes of all values, then the next, …"""
    if not values.any():
        return b"\0"
    for width in (1, 2, 4, 8):
        limit = 1 << (8 * width - 1)
        if width == 8 or (values.min() >= -limit and values.max() < limit):
            narrow = np.ascontiguousarray(values.astype(f"<i{width}"))
            return bytes([width]) + narrow.view(np.uint8).reshape(-1, width).T.tobytes()
    raise AssertionError("int64 has 8 bytes")


def _unplanes(raw: bytes, at: int, count: int) -> tuple[Ints, int]:
    width = raw[at]
    at += 1
    if width == 0:
        return np.zeros(count, np.int64), at
    planes = np.frombuffer(raw, np.uint8, width * count, at).reshape(width, count)
    values = np.ascontiguousarray(planes.T).view(f"<i{width}").reshape(count).astype(np.int64)
    return values, at + width * count
