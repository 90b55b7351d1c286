"""The wire format, in one place: topics, what a board sends (`up`, `state`), what it hears (`ack`).

A message is judged in two steps. First the whole: its topic, size, stream and seqs must be readable, else it
is refused whole (`Refused`). Then each reading alone: one with an impossible value or date becomes an `Unfit`
that goes to quarantine while its neighbours are stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from cloud import keys
from device import codes

VERSION = 1
FEATURES = 1
MAX_BYTES = 256 * 1024
MAX_READINGS = 40
EARLIEST = 1_577_836_800  # 2020-01-01: before that a clock was not set
FUTURE = 300  # s that a board's clock may be ahead of ours
QUARANTINED_TEXT = 2000  # characters kept of a reading that is unfit
RUNS_PER_ACK = 16  # a board reads an ack in one piece; its memory is small

# The cloud's own bits, beside the board's (device.codes), in a reading's cloud verdict.
TWIN_RAN = 1 << 12  # the twin of the board's model judged this reading too
TWIN_DIFFERS = 1 << 13  # ... and came to another sum or another verdict than the board

Stream = Annotated[str, Meta(pattern=r"\A[0-9a-f]{8}\Z")]
Model = Annotated[str, Meta(pattern=r"\A[0-9a-f]{8}\Z")]
Seq = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Seconds = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Int16 = Annotated[int, Meta(ge=-(2**15), le=2**15 - 1)]
X = tuple[Int16, Int16, Int16, Int16, Int16, Int16, Int16, Int16]
Flags = Annotated[int, Meta(ge=0, le=2**16 - 1)]
Score = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Why = Annotated[str, Meta(max_length=64)]
Date = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Run = tuple[Seq, Seq]
Name = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_ -]{1,64}\Z")]
Count = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]

_TOPIC = re.compile(r"vigie/1/([A-Za-z0-9_-]{1,32})/([A-Za-z0-9_-]{1,32})/(up|state)")


class Reading(msgspec.Struct, frozen=True, gc=False):
    """One record of a board as it came, fit to be stored. Hundredths of degC and of %RH."""

    seq: int
    boot: int
    ts: int | None  # Unix seconds; None = undated
    up: int  # seconds since that boot
    x: tuple[int, ...] | None  # the 8 features, t and h first; None = failed read
    flags: int  # the board's verdict
    score: int | None  # its path-length sum
    why: str | None  # reason of a failed read
    model: str | None  # what it judged with

    @property
    def measured(self) -> tuple[int, int] | None:
        """What the sensor said: (t, h), or None for a failed read."""
        return None if self.x is None else (self.x[0], self.x[1])


class Verdict(NamedTuple):
    """What the cloud says of a reading."""

    flags: int  # bits of device.codes, and TWIN_RAN, TWIN_DIFFERS
    score: float | None  # the full forest, 0..1, higher = more abnormal; None = no model was known
    twin_off: int = 0  # the twin's sum less the board's: must be 0


class Unfit(msgspec.Struct, frozen=True):
    """One reading that goes to quarantine; its seq is known, so it is acknowledged once written there."""

    seq: int
    reason: str
    values: str  # JSON, as it came


class Message(msgspec.Struct, frozen=True):
    """What one `up` message holds, sorted into what can be stored and what cannot."""

    site: str
    device: str
    stream: str
    readings: list[Reading]
    unfit: list[Unfit]


class Refused(Exception):
    """A message that cannot be read as a whole. `str()` is the reason, for a person."""


class Up(msgspec.Struct):
    """The `up` message when everything in it is as it should be."""

    v: int
    stream: Stream
    boot: Seconds
    model: Model | None
    features: int
    seq: list[Seq]
    ts: list[Date | None]
    up: list[Seconds]
    x: list[X | None]
    flags: list[Flags]
    score: list[Score | None]
    why: list[Why | None]


class _Loose(msgspec.Struct):
    """The same with readings not looked into yet: what tells one bad reading from a bad message."""

    v: int
    stream: Stream
    boot: Seconds
    model: Model | None
    features: int
    seq: list[Seq]
    ts: list[Any]
    up: list[Any]
    x: list[Any]
    flags: list[Any]
    score: list[Any]
    why: list[Any]


class _Values(msgspec.Struct):
    ts: Date | None
    up: Seconds
    x: X | None
    flags: Flags
    score: Score | None
    why: Why | None


class _Core(msgspec.Struct):
    """What a `state` must say rightly to be of use."""

    v: int
    stream: Stream
    boot: Seconds
    state: Annotated[str, Meta(pattern=r"\A(online|offline|sleeping)\Z")]


class State(_Core):
    """A board's `state` (retained; its last will too). Keys that are not named here are left out."""

    version: Annotated[str, Meta(max_length=64)] | None = None
    model: Model | None = None
    features: int | None = None
    reset: Annotated[str, Meta(max_length=64)] | None = None
    dropped: Annotated[list[Run], Meta(max_length=1000)] = []
    dropped_why: Annotated[list[Name], Meta(max_length=8)] = []  # causes of all these runs together
    refused: Annotated[list[Seq], Meta(max_length=1000)] = []
    learning: Annotated[str, Meta(max_length=128)] | None = None
    counts: Annotated[dict[Name, Count], Meta(max_length=200)] = {}
    last_error: Annotated[str, Meta(max_length=512)] | None = None
    next: Date | None = None  # Unix seconds at which a sleeping board will be heard again

    @property
    def causes(self) -> list[str]:
        """Why readings were dropped, in the board's words; one that does not say it tells by its counts."""
        counted = {"dropped": "flash was full", "damaged": "damaged on flash"}
        return self.dropped_why or [why for name, why in counted.items() if self.counts.get(name, 0) > 0]


class Ack(msgspec.Struct):
    """What tells a board that these seqs are stored and may go."""

    stream: str
    runs: list[tuple[int, int]]
    mac: str


_up = msgspec.json.Decoder(Up)
_loose = msgspec.json.Decoder(_Loose)
_state = msgspec.json.Decoder(State)
_core = msgspec.json.Decoder(_Core)
_encode = msgspec.json.Encoder().encode

_COLUMNS = ("ts", "up", "x", "flags", "score", "why")


def parse_topic(topic: str) -> tuple[str, str, str]:
    """(site, device, "up" or "state"). Raises Refused for any other topic."""
    found = _TOPIC.fullmatch(topic)
    if found is None:
        raise Refused("topic is not vigie/1/<site>/<device>/up or state")
    return found[1], found[2], found[3]


def ack_topic(site: str, device: str) -> str:
    return f"vigie/1/{site}/{device}/ack"


def decode_up(site: str, device: str, payload: bytes, now: float) -> Message:
    """The readings of an `up` message. Raises Refused when it cannot be read as a whole."""
    _check_size(payload)
    try:
        message: Up | _Loose = _up.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            message = _loose.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise Refused(_short(problem)) from None
    _check_whole(message)
    boot, model = message.boot, message.model
    columns = zip(message.seq, *(getattr(message, name) for name in _COLUMNS), strict=True)
    if isinstance(message, Up) and _are_dates(message.ts, now):  # nearly always
        readings = [
            Reading(seq, boot, ts, up, x, flags, score, why, model)
            for seq, ts, up, x, flags, score, why in columns
        ]
        return Message(site, device, message.stream, readings, [])
    readings, unfit = [], []
    for seq, *values in columns:
        try:
            checked = msgspec.convert(dict(zip(_COLUMNS, values, strict=True)), _Values)
        except msgspec.ValidationError as problem:
            unfit.append(_unfit(seq, message, values, _short(problem)))
            continue
        ts, up, x, flags, score, why = (getattr(checked, name) for name in _COLUMNS)
        if not _are_dates([ts], now):
            late = "in the future" if ts > now else "before 2020"
            unfit.append(_unfit(seq, message, values, f"date {ts} is {late}"))
            continue
        readings.append(Reading(seq, boot, ts, up, x, flags, score, why, model))
    return Message(site, device, message.stream, readings, unfit)


def _are_dates(found: Iterable[int | None], now: float) -> bool:
    dated = [ts for ts in found if ts is not None]
    return not dated or (min(dated) >= EARLIEST and max(dated) <= now + FUTURE)


def decode_state(payload: bytes) -> State:
    """A `state` message. Raises Refused.

    Should what is beside the core be wrong, the core stands alone: whether a board is online is worth that.
    """
    _check_size(payload)
    try:
        state = _state.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            core = _core.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise Refused(_short(problem)) from None
        state = State(core.v, core.stream, core.boot, core.state)
    if state.v != VERSION:
        raise Refused(f"version {state.v} of the contract is not known here")
    if any(first > last for first, last in state.dropped):
        raise Refused("a dropped run ends before it begins")
    return state


def runs_of(seqs: Iterable[int]) -> list[tuple[int, int]]:
    """The shortest list of [first, last] that names exactly these seqs, ascending."""
    known = set(seqs)
    if known and max(known) - min(known) == len(known) - 1:  # nearly always one run
        return [(min(known), max(known))]
    return merge_runs((seq, seq) for seq in known)


def merge_runs(runs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Runs that may overlap or touch, as the fewest that name the same seqs, ascending."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(runs):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def acks(key: bytes, stream: str, runs: list[tuple[int, int]]) -> list[bytes]:
    """The `ack` payloads for these runs, each short enough for a board. `key` is the device's."""
    return [
        _encode(Ack(stream, part, keys.ack_mac(key, stream, part)))
        for part in (runs[k : k + RUNS_PER_ACK] for k in range(0, len(runs), RUNS_PER_ACK))
    ]


def is_abnormal(flags: int) -> bool:
    """Whether a verdict says abnormal: any detector, or a failed read."""
    return bool(flags & codes.ABNORMAL)


def _check_size(payload: bytes) -> None:
    if len(payload) > MAX_BYTES:
        raise Refused(f"{len(payload)} bytes, at most {MAX_BYTES} are read")


def _check_whole(message: Up | _Loose) -> None:
    if message.v != VERSION:
        raise Refused(f"version {message.v} of the contract is not known here")
    if message.features != FEATURES:
        raise Refused(f"features version {message.features} is not known here")
    count = len(message.seq)
    if not 1 <= count <= MAX_READINGS:
        raise Refused(f"{count} readings, a message has 1 to {MAX_READINGS}")
    for name in _COLUMNS:
        if len(getattr(message, name)) != count:
            raise Refused(f"{count} seqs but {len(getattr(message, name))} values of {name}")


def _unfit(seq: int, message: Up | _Loose, values: list[Any], reason: str) -> Unfit:
    kept = {"boot": message.boot, "model": message.model, **dict(zip(_COLUMNS, values, strict=True))}
    return Unfit(seq, reason, json.dumps(kept)[:QUARANTINED_TEXT])


def _short(problem: Exception) -> str:
    return str(problem)[:200]
