"""Reading back what is stored: one way for the dashboard, the export and the audit, open or sealed.

    reader = Reader(connect(uri, "vigie"))
    day = reader.readings("demo", "C001", start=now - 86400)
    day.ts, day.t, day.abnormal

Everything here only reads; it needs no key and no broker.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from pymongo.database import Database

Document = dict[str, Any]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Readings:
    """Readings of one device as columns of one length, in the order in which they were taken.

    A failed read has NaN in `t` and `h` and its reason in `why`. An undated reading has NaN in `ts` and stands
    between its neighbours by `seq`. `missing_before` says how many seqs of the same stream are not stored between
    the reading before and this one (0: no gap): break a curve there.
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
    cloud_flags: Flags  # the cloud's verdict: the same bits, and TWIN_RAN, TWIN_DIFFERS of cloud.contract
    cloud_score: Floats  # the full forest, 0..1, higher = more abnormal; NaN = no model was known
    why: npt.NDArray[np.object_]  # str, the reason of a failed read; None = good read
    missing_before: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.seq)

    @property
    def edge_abnormal(self) -> npt.NDArray[np.bool_]:
        """True where the board said abnormal (any detector, or a failed read)."""
        raise NotImplementedError

    @property
    def cloud_abnormal(self) -> npt.NDArray[np.bool_]:
        """True where the cloud said abnormal (its Z-score, full forest or envelope, or a failed read)."""
        raise NotImplementedError


@dataclass(frozen=True)
class Latest:
    """What is known of one device now: its newest reading and its last `state` message."""

    site: str
    device: str
    received: float  # Unix seconds when the cloud last stored something of it
    stream: str | None = None
    seq: int | None = None
    boot: int | None = None
    ts: float | None = None  # None = undated
    t: float | None = None  # degC; None = failed read
    h: float | None = None  # %RH
    edge_flags: int = 0
    edge_score: int | None = None
    cloud_flags: int = 0
    cloud_score: float | None = None
    why: str | None = None
    model: str | None = None  # 8 hex digits, the model the board judged with
    period: float | None = None  # seconds between its last two readings; None = not yet known
    online: bool | None = None  # None = no `state` was ever seen
    state: Document = field(default_factory=dict)  # the whole `state` message: version, dropped, counts, learning, …


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
    t_min: float | None = None  # degC, over its abnormal readings
    t_max: float | None = None
    h_min: float | None = None
    h_max: float | None = None
    why: str | None = None  # reason of the last failed read in it
    alert: str | None = None  # state of its e-mail: pending, sending, sent, failed, unknown; None = no mail was due


@dataclass(frozen=True)
class Agreement:
    """How often board and cloud agreed, for one device and one model."""

    site: str
    device: str
    model: str | None
    both_abnormal: int = 0
    edge_only: int = 0
    cloud_only: int = 0
    both_normal: int = 0
    twin_ran: int = 0  # readings that the twin of the board's model judged too
    twin_differs: int = 0  # of these, a different sum or verdict: must be 0


@dataclass(frozen=True)
class Summary:
    """The fleet in a few numbers."""

    devices: int
    online: int
    readings: int  # stored, all streams
    open_episodes: int
    quarantined: int
    alerts: dict[str, int] = field(default_factory=dict)  # state -> how many
    backend_seen: float | None = None  # Unix seconds of the backend's last sign of life


def connect(uri: str, database: str, *, timeout: float = 5.0) -> Database[Document]:
    """A database handle; nothing is sent before its first use. `timeout` (s) bounds every operation."""
    raise NotImplementedError


class Reader:
    """Questions to the database. Raises pymongo.errors.PyMongoError when it cannot be asked."""

    def __init__(self, database: Database[Document]) -> None:
        self.database = database

    def devices(self) -> list[tuple[str, str]]:
        """(site, device) of all that ever stored something, sorted."""
        raise NotImplementedError

    def readings(
        self, site: str, device: str, *, start: float | None = None, end: float | None = None, stream: str | None = None
    ) -> Readings:
        """All readings with start <= ts < end (Unix seconds; None = no bound), open and sealed alike.

        Undated readings come along when the dated reading before them (or else after them) is inside.
        """
        raise NotImplementedError

    def stored(self, site: str, device: str) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
        """(stream, its stored seqs in ascending order) for each stream of a device."""
        raise NotImplementedError

    def latest(self) -> list[Latest]:
        """One for each device, sorted by site and device."""
        raise NotImplementedError

    def episodes(
        self,
        site: str | None = None,
        device: str | None = None,
        *,
        start: float | None = None,
        end: float | None = None,
        open_only: bool = False,
        limit: int = 200,
    ) -> list[Episode]:
        """Episodes that touch [start, end), newest first."""
        raise NotImplementedError

    def agreement(self, site: str | None = None, device: str | None = None) -> list[Agreement]:
        """One for each device and model that re-scored readings exist for."""
        raise NotImplementedError

    def model(self, site: str, device: str) -> Document | None:
        """The newest model's document without its binaries: _id, site, device, created, report; None = none yet."""
        raise NotImplementedError

    def summary(self) -> Summary:
        """The fleet in a few numbers."""
        raise NotImplementedError
