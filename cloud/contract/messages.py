"""The wire format, in one place: topics, what a board sends (`up`, `state`, `get`) and hears (`ack`, `part`).

The backend judges a message in three steps. First who sent it (`version_of`): with the right mac it was the
board itself. Then the whole: topic, size, stream and seqs must be readable, else the message is refused
(`MessageRefused`). Then each reading alone: one with an impossible value becomes an `Unfit` that goes to
quarantine while its neighbours are stored; one with an impossible date is stored without a date and keeps
the one it gave in `said`, because a wrong clock, ours above all, must never cost a reading. Every value is
bounded: an int fits the database, a text is short and holds no control characters.
"""

import hmac
import re
import struct
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec
from msgspec import Meta

from cloud.contract import keys
from cloud.process.printable import printable
from device import codes

VERSION = 2  # what boards speak; before there was 1, without a mac
FEATURES: int = codes.FEATURES
FEATURE_NAMES = ("t", "h", "dt", "dh", "t-mean60", "h-mean60", "std60_t", "std60_h")  # of a reading's `x`
MAX_BYTES = 256 * 1024
MAX_READINGS = 40
EARLIEST = 1_577_836_800  # 2020-01-01: a clock that shows an earlier date was not set
FUTURE = 300  # s that a board's clock may be ahead of ours
LAST_DATE = 2**32 - 1  # of an impossible date, the nearest from 1970 to this is kept
SETTINGS_TEXT = 2048  # characters kept of a board's settings
QUARANTINED_TEXT = 2000  # characters kept of a reading that is unfit
RUNS_PER_ACK = 16  # a board reads an ack in one piece; its memory is small
PART_BYTES = 1024  # bytes in one `part` of what a board fetches
WHATS = {"model": 1, "config": 2, "app": 3}  # what a board may fetch, and its number in a `part`

# The cloud's own bits, beside the board's (device.codes), in a reading's cloud verdict.
TWIN_RAN = 1 << 12  # the twin of the board's model judged this reading too
TWIN_DIFFERS = 1 << 13  # ... and came to another sum or another verdict than the board
SIBLINGS = 1 << 15  # the board has left the other boards of its site then (cloud.siblings)
CLOUD_BITS: int = TWIN_RAN | TWIN_DIFFERS | SIBLINGS
# Bits of a board's own verdict that have no name here: a newer board may have detectors that this cloud does
# not know. In a cloud verdict the same bits are the cloud's own.
UNKNOWN: int = 0xFFFF & ~(codes.ABNORMAL | codes.WARMING_UP | codes.CLOCK_UNSET)

Stream = Annotated[str, Meta(pattern=r"\A[0-9a-f]{8}\Z")]
Model = Annotated[str, Meta(pattern=r"\A[0-9a-f]{8}\Z")]
Seq = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Seconds = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Int16 = Annotated[int, Meta(ge=-(2**15), le=2**15 - 1)]
X = tuple[Int16, Int16, Int16, Int16, Int16, Int16, Int16, Int16]
Flags = Annotated[int, Meta(ge=0, le=2**16 - 1)]
Score = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Why = Annotated[str, Meta(pattern=rf"\A({'|'.join(filter(None, codes.WHY))})\Z")]
Date = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Run = tuple[Seq, Seq]
Name = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_ :-]{1,64}\Z")]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Small = Annotated[int, Meta(ge=0, le=2**16 - 1)]
Word = Annotated[str, Meta(pattern=r"\A[\w %°/.^-]{1,32}\Z")]
What = Annotated[str, Meta(pattern=rf"\A({'|'.join(WHATS)})\Z")]
Identity = Annotated[str, Meta(pattern=r"\A[0-9a-f]{8}\Z")]

TOPICS = "vigie/1"  # what every topic begins with
_TOPIC = re.compile(TOPICS + r"/([A-Za-z0-9_-]{1,32})/([A-Za-z0-9_-]{1,32})/(up|state|get)")


class Reading(msgspec.Struct, frozen=True, gc=False):
    """One record of a board, checked and ready to be stored. Hundredths of degC and of %RH."""

    seq: int
    boot: int
    ts: int | None  # Unix seconds; None = undated
    up: int  # seconds since that boot
    x: tuple[int, ...] | None  # the 8 features, t and h first; None = failed read
    flags: int  # the board's verdict
    score: int | None  # its path-length sum
    why: str | None  # reason of a failed read
    model: str | None  # what it judged with
    said: int | None = None  # Unix seconds: the impossible date that the board gave; `ts` is then None

    @property
    def measured(self) -> tuple[int, int] | None:
        """What the sensor measured: (t, h) in hundredths, or None for a failed read."""
        return None if self.x is None else (self.x[0], self.x[1])


class Verdict(NamedTuple):
    """What the cloud says of a reading."""

    flags: int  # bits of device.codes, and TWIN_RAN, TWIN_DIFFERS
    score: float | None  # the full forest, 0..1, higher = more abnormal; None = no model was known
    twin_off: int = 0  # the twin's sum minus the board's: must be 0


class Unfit(msgspec.Struct, frozen=True):
    """One reading that goes to quarantine. Its seq is known: once it is written there, it is acknowledged."""

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

    @property
    def key(self) -> tuple[str, str, str]:
        """(site, device, stream)."""
        return self.site, self.device, self.stream


class MessageRefused(Exception):
    """A message that cannot be read as a whole. `str()` is the reason, for a person."""


class Forged(MessageRefused):
    """A message that its board cannot have sent."""


class _Head(msgspec.Struct):
    """What an `up` message says of all its readings, and which they are."""

    v: int
    stream: Stream
    boot: Seconds
    model: Model | None
    features: int
    seq: list[Seq]
    sensor: Small = 0


class Up(_Head, kw_only=True):
    """The `up` message when everything in it is as it should be."""

    ts: list[Date | None]
    up: list[Seconds]
    x: list[X | None]
    flags: list[Flags]
    score: list[Score | None]
    why: list[Why | None]


class _Loose(_Head, kw_only=True):
    """An `up` message whose readings are not decoded yet: it tells a bad reading from a bad message."""

    ts: list[msgspec.Raw]
    up: list[msgspec.Raw]
    x: list[msgspec.Raw]
    flags: list[msgspec.Raw]
    score: list[msgspec.Raw]
    why: list[msgspec.Raw]


class _Values(msgspec.Struct):
    """What they say of one reading."""

    ts: Date | None
    up: Seconds
    x: X | None
    flags: Flags
    score: Score | None
    why: Why | None


class _Core(msgspec.Struct):
    """The members of a `state` that must be valid for it to be of use."""

    v: int
    stream: Stream
    boot: Seconds
    state: Annotated[str, Meta(pattern=r"\A(online|offline|sleeping)\Z")]


class Channel(msgspec.Struct):
    """What one number of a sensor means: value = number * scale + offset, in `unit`."""

    quantity: Word
    unit: Word
    scale: float
    offset: float


class Sensor(msgspec.Struct):
    """One sensor of a board; readings name it by its index."""

    index: Small
    name: Word
    kind: Word
    channels: Annotated[list[Channel], Meta(max_length=16)]


class Stage(msgspec.Struct, omit_defaults=True):
    """Limits in hundredths, and seconds beyond them until the board says so."""

    t_min: Int16 | None = None
    t_max: Int16 | None = None
    h_min: Int16 | None = None
    h_max: Int16 | None = None
    for_s: Annotated[int, Meta(ge=0, le=86400)] = 0


class UserLimits(Stage, omit_defaults=True):
    """The user's own limits, which the board judges by. With a second stage the first is a warning only."""

    severe: Stage | None = None


class Tried(msgspec.Struct, array_like=True):
    """What became of something that the board should have."""

    what: What
    id: Identity
    text: str  # "" when it has it, else why not
    n: Seconds | None = None  # the highest `n` of a `want` that it knew; older boards say none
    again: bool = False  # nothing says that the thing itself is wrong


class State(_Core):
    """A board's `state` (retained; its last will too). Keys that are not named here are left out."""

    version: str | None = None
    model: Model | None = None
    features: Small | None = None
    newest: Seq | None = None  # the newest seq on its flash
    abnormal: Flags | None = None  # flag bits that count as abnormal on this board
    sensors: Annotated[list[Sensor], Meta(max_length=16)] = []
    limits: UserLimits | None = None
    reset: str | None = None
    dropped: Annotated[list[Run], Meta(max_length=1000)] = []
    dropped_why: Annotated[list[Name], Meta(max_length=8)] = []  # causes of all these runs together
    refused: Annotated[list[Seq], Meta(max_length=1000)] = []
    learning: str | None = None
    counts: Annotated[dict[Name, Count], Meta(max_length=200)] = {}
    last_error: str | None = None
    next: Seconds | None = None  # Unix seconds at which a sleeping board will be heard again
    config: Seconds | None = None  # the number of its settings; 0: those that the cable gave it
    app: Seconds | None = None  # the number of the release that it runs; 0: what the cable gave it
    mpy: Small | None = None  # the machine code that it runs, as MicroPython numbers it
    updates: Annotated[list[Tried], Meta(max_length=len(WHATS))] = []
    settings: msgspec.Raw = msgspec.Raw(b"")  # its config.json without passwords and key

    @property
    def settings_text(self) -> str:
        """Its settings as JSON; "" when it does not tell them."""
        return _cut(bytes(self.settings).decode(errors="replace"), SETTINGS_TEXT)

    @property
    def causes(self) -> list[str]:
        """Why readings were dropped, in the board's words; for a board that gives none, by its counts."""
        counted = {"dropped": "flash was full", "damaged": "damaged on flash"}
        return self.dropped_why or [why for name, why in counted.items() if self.counts.get(name, 0) > 0]


class Get(msgspec.Struct):
    """A board asks for a part of what it was told to have."""

    v: int
    what: What
    id: Identity
    offset: Seconds


class Ack(msgspec.Struct):
    """Tells a board that these seqs are stored, so that it may delete them."""

    stream: str
    runs: list[tuple[int, int]]
    mac: str


_up = msgspec.json.Decoder(Up)
_loose = msgspec.json.Decoder(_Loose)
_state = msgspec.json.Decoder(State)
_core = msgspec.json.Decoder(_Core)
_get = msgspec.json.Decoder(Get)
_values = msgspec.json.Decoder(_Values)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_details = {
    member.name: msgspec.json.Decoder(member.type)
    for member in msgspec.structs.fields(State)
    if member.name not in _Core.__struct_fields__
}
encode = msgspec.json.Encoder().encode

Decoded = TypeVar("Decoded")
_COLUMNS = ("ts", "up", "x", "flags", "score", "why")
_TEXTS = {"version": 64, "reset": 64, "learning": 128, "last_error": 512}  # characters that are kept
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_MAC = 2 * keys.MAC_BYTES


def parse_topic(topic: str) -> tuple[str, str, str]:
    """(site, device, "up", "state" or "get"). Raises MessageRefused for any other topic."""
    match = _TOPIC.fullmatch(topic)
    if match is None:
        raise MessageRefused(f"topic is not {TOPICS}/<site>/<device>/up, state or get")
    return match[1], match[2], match[3]


def topic_of(board: str, leaf: str) -> str:
    """`board`: "site/device", or "+/+" for all of them. `leaf`: up, state, get, ack or part."""
    return f"{TOPICS}/{board}/{leaf}"


def version_of(key: bytes, topic: str, payload: bytes) -> int:
    """2 when the board with this key, and nobody else, sent it; 1 when it carries no mac. Raises Forged.

    The mac is checked on the bytes as they came, before anything decodes them: it is the last member, without
    blanks, so the bytes can be read in one way only.
    """
    body, tail = payload[: -_MAC - 10], payload[-_MAC - 10 :]
    if not (tail.startswith(b',"mac":"') and tail.endswith(b'"}')):
        return 1
    if not hmac.compare_digest(tail[8:-2], keys.message_mac(key, topic, body)):
        raise Forged(
            "its mac is not by this board's key: somebody else sent it, or the board needs make provision"
        )
    return 2


def signed(key: bytes, topic: str, message: Mapping[str, object] | bytes) -> bytes:
    """`message` (or its JSON) as the board with this key sends it to `topic`: version 2, its mac last.

    For everything that plays a board: tests, benches, proofs.
    """
    body = (message if isinstance(message, bytes) else encode(message))[:-1]
    return body + b',"mac":"' + keys.message_mac(key, topic, body) + b'"}'


def decode_up(site: str, device: str, payload: bytes, now: float, version: int = VERSION) -> Message:
    """The readings of an `up` message in this `version`. Raises MessageRefused."""
    check_size(payload)
    try:
        message: Up | _Loose = _up.decode(payload)
    except _UNREADABLE:
        message = _decoded(_loose, payload)
    _check_whole(message, version)
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
            checked = _values.decode(encode(dict(zip(_COLUMNS, values, strict=True))))
        except _UNREADABLE as problem:
            unfit.append(_unfit(seq, message, values, _short(problem)))
            continue
        ts, up, x, flags, score, why = (getattr(checked, name) for name in _COLUMNS)
        dated = _are_dates([ts], now)
        impossible = None if dated else min(max(ts, 0), LAST_DATE)
        date = ts if dated else None
        readings.append(Reading(seq, boot, date, up, x, flags, score, why, model, impossible))
    return Message(site, device, message.stream, readings, unfit)


def _are_dates(dates: Iterable[int | None], now: float) -> bool:
    dated = [ts for ts in dates if ts is not None]
    return not dated or (min(dated) >= EARLIEST and max(dated) <= now + FUTURE)


def decode_state(payload: bytes, version: int = VERSION) -> State:
    """A `state` message in this `version`. Raises MessageRefused.

    An invalid member outside the core is left out alone: the rest still says whether the board is online.
    """
    check_size(payload)
    try:
        state = _state.decode(payload)
    except _UNREADABLE:
        state = _readable_members(payload)
    _check_version(state.v, version)
    for name, most in _TEXTS.items():
        text = getattr(state, name)
        if text is not None:
            setattr(state, name, _cut(text, most))
    for each in state.updates:
        each.text = _cut(each.text, 256)
    if any(first > last for first, last in state.dropped):
        raise MessageRefused("a dropped run ends before it begins")
    return state


def decode_get(payload: bytes, version: int = VERSION) -> Get:
    """A `get` message. Raises MessageRefused; there are none of version 1."""
    if version == 1:
        raise Forged("it carries no mac")
    asked = _decoded(_get, payload)
    _check_version(asked.v, version)
    return asked


def part(asked: Get, whole: bytes | None) -> bytes:
    """The `part` that answers `asked`: PART_BYTES of `whole` from its offset. A total of 0: no such thing."""
    total = len(whole or b"")
    head = struct.pack(">B3x4sII", WHATS[asked.what], bytes.fromhex(asked.id), asked.offset, total)
    return head + (whole or b"")[asked.offset : asked.offset + PART_BYTES]


def runs_of(seqs: Iterable[int]) -> list[tuple[int, int]]:
    """The shortest list of (first, last) that names exactly these seqs, ascending."""
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
    """The `ack` payloads for readings that are stored, each short enough for a board. `key`: its own."""
    return [encode(Ack(stream, part, keys.ack_mac(key, stream, part))) for part in _parts(runs)]


def drop_acks(key: bytes, stream: str, runs: list[tuple[int, int]]) -> list[bytes]:
    """The `ack` payloads for readings that the board says it dropped; the board deletes nothing for them."""
    return [
        encode({"stream": stream, "dropped": part, "mac": keys.ack_mac(key, stream, part, "drop")})
        for part in _parts(runs)
    ]


def want_ack(key: bytes, stream: str, want: Mapping[str, str | int]) -> bytes:
    """The payload that tells a board what it should have: `n`, which only rises, then the parts of it."""
    return encode({"stream": stream, "want": want, "mac": keys.want_mac(key, stream, want)})


def _parts(runs: list[tuple[int, int]]) -> Iterable[list[tuple[int, int]]]:
    return (runs[k : k + RUNS_PER_ACK] for k in range(0, len(runs), RUNS_PER_ACK))


def is_abnormal(flags: int, mask: int = codes.ABNORMAL) -> bool:
    """Whether a verdict says abnormal: any detector, or a failed read. `mask`: as `abnormal_bits` says."""
    return bool(flags & mask)


def abnormal_bits(reported: int | None) -> int:
    """The bits that count as abnormal on a board; of those that have no name here the `reported` ones."""
    return int(codes.ABNORMAL) | ((reported or 0) & UNKNOWN)


def check_size(payload: bytes) -> None:
    if len(payload) > MAX_BYTES:
        raise MessageRefused(f"{len(payload)} bytes, at most {MAX_BYTES} are read")


def _decoded(decoder: msgspec.json.Decoder[Decoded], payload: bytes) -> Decoded:
    try:
        return decoder.decode(payload)
    except _UNREADABLE as problem:
        raise MessageRefused(_short(problem)) from None


def _check_version(stated: int, version: int) -> None:
    if stated != version:
        lacks = "it carries no mac" if version == 1 else "it carries a mac"
        raise MessageRefused(f"it calls itself version {stated} of the contract, but {lacks}")


def _check_whole(message: Up | _Loose, version: int) -> None:
    _check_version(message.v, version)
    if message.sensor:
        raise MessageRefused(f"sensor {message.sensor} is not known here")
    if message.features != FEATURES:
        raise MessageRefused(f"features version {message.features} is not known here")
    count = len(message.seq)
    if not 1 <= count <= MAX_READINGS:
        raise MessageRefused(f"{count} readings, a message has 1 to {MAX_READINGS}")
    for name in _COLUMNS:
        if len(getattr(message, name)) != count:
            raise MessageRefused(f"{count} seqs but {len(getattr(message, name))} values of {name}")


def _readable_members(payload: bytes) -> State:
    core, members = _decoded(_core, payload), _decoded(_members, payload)
    state = State(core.v, core.stream, core.boot, core.state)
    for name, decoder in _details.items():
        if name in members:
            try:
                setattr(state, name, decoder.decode(members[name]))
            except _UNREADABLE:
                continue
    return state


def _unfit(seq: int, message: Up | _Loose, values: list[Any], reason: str) -> Unfit:
    kept = {"boot": message.boot, "model": message.model, **dict(zip(_COLUMNS, values, strict=True))}
    return Unfit(seq, reason, _cut(encode(kept).decode(errors="replace"), QUARANTINED_TEXT))


def _short(problem: Exception) -> str:
    return _cut(str(problem), 200)


def _cut(text: str, most: int) -> str:
    """At most `most` characters of `text`, written out. It cuts first, because writing out is slow."""
    return printable(text[:most])[:most]
