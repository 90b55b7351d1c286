"""What a reader returns: readings and hours in columns, and one row for each board, episode and alert."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from cloud.contract.messages import SIBLINGS, State, abnormal_bits
from cloud.read.settling import Before
from cloud.store.database import Document
from device import codes

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.uint16]

HOUR = 3600

Row = TypeVar("Row")


@dataclass(frozen=True)
class Readings:
    """Readings of one device as columns of one length, in the order in which they were taken.

    A failed read has NaN in `t` and `h` and its reason in `why`. An undated reading has NaN in `ts` and
    its place between its neighbours by `seq`; `said` is the impossible date that its board gave, if any.
    `missing_before` says how many seqs of the same stream are not stored between the reading before and this
    one (0: no gap): break a curve there.
    """

    site: str
    device: str
    stream: npt.NDArray[np.str_]  # 8 hex digits
    seq: npt.NDArray[np.int64]
    boot: npt.NDArray[np.int64]
    ts: Floats  # Unix seconds, UTC; NaN = undated
    up: npt.NDArray[np.int64]  # seconds since that boot
    t: Floats  # degC, two decimals; NaN = failed read
    h: Floats  # %RH, two decimals; NaN = failed read
    edge_flags: Flags  # the board's verdict: bits of device.codes
    edge_score: Floats  # the board's path-length sum (an integer); NaN = its forest did not run
    cloud_flags: Flags  # the cloud's: the same bits, and TWIN_RAN, TWIN_DIFFERS, SIBLINGS (cloud.contract)
    cloud_score: Floats  # the full forest, 0..1, higher = more abnormal; NaN = no model was known
    why: npt.NDArray[np.object_]  # str, the reason of a failed read; None = good read
    model: npt.NDArray[np.object_]  # str, 8 hex digits: the model the board judged with; None = none
    missing_before: npt.NDArray[np.int64]
    said: Floats  # Unix seconds: the impossible date that the board gave; NaN = it gave none
    mask: int = codes.ABNORMAL  # the bits of edge_flags that are abnormal on this board

    def __len__(self) -> int:
        return len(self.seq)

    @property
    def edge_abnormal(self) -> npt.NDArray[np.bool_]:
        """True where the board said abnormal (any detector, or a failed read)."""
        return np.asarray((self.edge_flags & self.mask) > 0)

    @property
    def cloud_abnormal(self) -> npt.NDArray[np.bool_]:
        """True where the cloud said abnormal (its Z-score, forest, envelope or siblings, a failed read)."""
        return np.asarray((self.cloud_flags & (codes.ABNORMAL | SIBLINGS)) > 0)


@dataclass(frozen=True)
class Spans:
    """Stretches of one device as float64 columns of one length, in the order of time; NaN = not known.

    A stretch is a bucket (360 readings) or an hour that replaced older readings. `begin`, `end`: its first
    and last reading (Unix s). `good`: readings with a value. `board`, `cloud`: readings that each calls
    abnormal, failed ones too. `t_*` in degC, `h_*` in %RH.
    """

    begin: Floats
    end: Floats
    readings: Floats
    good: Floats
    board: Floats
    cloud: Floats
    t_low: Floats
    t_mean: Floats
    t_high: Floats
    h_low: Floats
    h_mean: Floats
    h_high: Floats

    def __len__(self) -> int:
        return len(self.begin)


@dataclass(frozen=True)
class Latest:
    """What is known of one device now: its newest reading and its last `state` message."""

    site: str
    device: str
    received: float  # Unix seconds when the cloud last stored something of it
    stream: str | None = None
    seq: int | None = None
    ts: float | None = None  # None = undated
    said: float | None = None  # the impossible date that the board gave for an undated reading
    t: float | None = None  # degC; None = failed read
    h: float | None = None  # %RH
    edge_flags: int = 0
    cloud_flags: int = 0
    why: str | None = None
    model: str | None = None  # 8 hex digits, the model the board judged with
    period: float | None = None  # seconds between its last two readings; None = not yet known
    online: bool | None = None  # a sleeping board is; None = no `state` was ever seen
    # The whole `state` message: version, dropped, counts, learning, …
    state: Document = field(default_factory=dict)
    authentic: bool = False  # it signs its messages: it has sent version 2 of the contract

    @property
    def abnormal_flags(self) -> int:
        """What board and cloud say against its newest reading."""
        bits = abnormal_bits(self.state.get("abnormal"))
        return self.edge_flags & bits | self.cloud_flags & abnormal_bits(None)

    @property
    def abnormal(self) -> bool:
        """Whether the board or the cloud calls its newest reading abnormal."""
        return self.abnormal_flags != 0


@dataclass(frozen=True)
class Episode:
    """A run of abnormal readings. `closed` is None while it goes on."""

    id: str
    site: str
    device: str
    opened: float  # Unix seconds of the first abnormal reading
    closed: float | None  # Unix seconds of the last abnormal reading, once it is over
    last: float  # Unix seconds of the newest abnormal reading
    severity: str  # "warning" | "severe"
    abnormal: int  # abnormal readings in it
    edge_flags: int  # union of what the board's detectors said
    cloud_flags: int  # union of what the cloud said
    agreed: int  # of `abnormal`, those that the cloud calls abnormal too
    late: bool  # it was over before the cloud heard of it
    t_min: float | None = None  # degC, over its abnormal readings
    t_max: float | None = None
    h_min: float | None = None
    h_max: float | None = None
    why: str | None = None  # reason of the last failed read in it; of silence: offline, silent, overslept
    kind: str = "anomaly"  # "anomaly", "sensor", "silence", "claim", "flood", "siblings"
    alert: str | None = None  # of its mail: pending, sending, sent, failed, unknown; None = no mail was due
    acknowledged: float | None = None  # Unix seconds when somebody last said that they have seen it
    label: str | None = None  # what a person last said of it: real, false, unknown
    cause: str | None = None  # and what it was (cloud.read.causes); None = nobody said, or an older answer
    note: str | None = None
    before: Before | None = None  # where the values lay before it (cloud.read.settling); None = not known
    left: tuple[str, ...] = ()  # boards of its site that it has left (cloud.siblings)
    away_t: float = 0.0  # degC from them
    away_h: float = 0.0  # %RH
    breach: float | None = None  # Unix seconds at which it will pass the user's limit, as far as one can tell
    limit: float = 0.0  # degC
    stream: str | None = None  # of its newest abnormal reading
    fault_seq: int | None = None  # of `stream`: the newest reading of the fault itself; None = not known

    @property
    def of_readings(self) -> bool:
        """Whether abnormal readings made it; the others are about the board itself."""
        return self.kind in ("anomaly", "sensor")


@dataclass(frozen=True)
class Alert:
    """One mail: whether it went out, and if not, why."""

    state: str  # pending, sending, sent, failed, unknown
    created: float  # Unix seconds
    due: float  # Unix seconds of the next try, while pending
    subject: str
    to: tuple[str, ...]
    error: str | None  # of the last try


@dataclass(frozen=True)
class FleetSummary:
    """The fleet in a few numbers."""

    readings: int  # stored, all streams
    quarantined: int
    alerts: dict[str, int]  # state -> how many


# What is kept of a `state` message, of which older documents lack some; its settings are kept as a text.
_KeptState = msgspec.defstruct(
    "_KeptState",
    [
        (member.name, member.type, None)
        for member in msgspec.structs.fields(State)
        if member.name != "settings"
    ],
)


def latest_row(document: Document) -> Latest:
    """Raises KeyError, TypeError, ValueError where the document is none of ours; so do the others."""
    state = document.get("state", {})
    msgspec.convert(state, _KeptState)
    values = {**document, **document.get("reading", {}), "authentic": document.get("contract") == 2}
    if "state" in state:
        values["online"] = state["state"] != "offline"
    return _converted(values | _units(values, ("t", "h")), Latest)


def episode_row(
    document: Document,
    alerts: Mapping[str, str],
    acknowledged: Mapping[str, float],
    labels: Mapping[str, Document],
) -> Episode:
    """`alerts`, `acknowledged`, `labels`: state of its mail, Unix s, last answer, by the episode's id."""
    name = document["_id"]
    answer = labels.get(name, {})
    values = {**document, "id": name, "acknowledged": acknowledged.get(name)}
    beside = {"alert": alerts.get(name)} | {part: answer.get(part) for part in ("label", "cause", "note")}
    # What is no text in these other documents hides no episode.
    values |= {part: text for part, text in beside.items() if isinstance(text, str)}
    hundredths = ("t_min", "t_max", "h_min", "h_max", "away_t", "away_h", "limit")
    return _converted(values | _units(values, hundredths), Episode)


def _converted(values: Document, row: type[Row]) -> Row:
    """What no page can draw or compare, a moment that is no number, is no row."""
    made = msgspec.convert(values, row)
    odd = [
        name for name, value in vars(made).items() if isinstance(value, float) and not math.isfinite(value)
    ]
    if odd:
        raise ValueError(f"{', '.join(odd)} is no number")
    return made


def _units(values: Document, names: Iterable[str]) -> Document:
    """What is stored in hundredths, in degC and %RH."""
    return {name: values[name] / 100 for name in names if values.get(name) is not None}
