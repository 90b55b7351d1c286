"""Settling: a fault is over, but detectors still call readings abnormal because their windows hold the fault.

A board's forest and envelope judge by the mean and spread of 60 readings. After a fault of 40 readings they
call the next 60 abnormal, however normal each value is. The backend stores such readings as the board judged
them, but they neither open nor prolong an episode, and the chart draws them apart. A reading settles when all
of this holds:

- every detector that calls it abnormal has a window that still reaches back to the fault (`MEMORY`); range,
  frozen value, drift, the user's own limits and a failed read never settle;
- both values lie where they lay before the episode: within the span of the 60 readings before it, widened on
  each side by a quarter of its width, and at least by the Z-score's floors. A second fault is abnormal at
  once.

These are pure functions of what is stored, so watch, dashboard and every worker come to the same answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from cloud.detectors import FLAGS
from device import codes
from device.judge.window import SIZE as WINDOW
from device.judge.zscore import FLOOR_H, FLOOR_T

if TYPE_CHECKING:
    from cloud.read.rows import Readings

# Detector -> how many readings it looks back on.
MEMORY: dict[int, int] = {flag: each.window for flag, each in FLAGS.items() if each.window}
LEAST = 30  # readings before an episode; fewer do not show where the values lay
WIDER = 0.25  # of the span's width, on each side

Mask = npt.NDArray[np.bool_]


class Before(msgspec.Struct, frozen=True):
    """Where the values lay before an episode, in hundredths of degC and %RH."""

    t_low: int
    t_high: int
    h_low: int
    h_high: int

    def holds(self, t: int | None, h: int | None) -> bool:
        if t is None or h is None:
            return False
        return self.t_low <= t <= self.t_high and self.h_low <= h <= self.h_high


def windowed(flags: int) -> bool:
    """Whether only detectors with a window set the bits in `flags` (the abnormal bits of a verdict)."""
    return flags != 0 and all(bit in MEMORY for bit in _bits(flags))


def settles(flags: int, t: int | None, h: int | None, before: Before | None, since: int | None) -> bool:
    """Whether a reading settles. `t`, `h` in hundredths; `since`: readings since the newest one of the fault
    itself, None = not known."""
    if before is None or since is None or since <= 0 or not windowed(flags) or not before.holds(t, h):
        return False
    return all(since <= MEMORY[bit] for bit in _bits(flags))


def before(readings: Readings, opened: float) -> Before | None:
    """Where the values lay in the readings before `opened` (Unix s); None when there are too few."""
    calm = ~np.isnan(readings.t) & ~readings.edge_abnormal & (readings.ts < opened)
    rows = np.flatnonzero(calm)[-WINDOW:]
    if len(rows) < LEAST:
        return None
    return Before(*_span(readings.t[rows], FLOOR_T), *_span(readings.h[rows], FLOOR_H))


def newest_of_fault(readings: Readings, span: Before, opened: float, stream: str, last: int) -> int | None:
    """The newest seq up to `last` that belongs to the fault itself; None when each value is as before."""
    fault = _fault(readings, span) & (readings.ts >= opened) & (readings.stream == stream)
    seqs = readings.seq[fault & (readings.seq <= last)]
    return int(seqs.max()) if len(seqs) else None


def settling(readings: Readings, span: Before | None, opened: float) -> tuple[Mask, Mask]:
    """Which readings of an episode settle: (of those that the board calls abnormal, of the cloud's).

    `opened`: Unix seconds. Both masks have the length of `readings`.
    """
    none = np.zeros(len(readings), np.bool_)
    if span is None or not len(readings):
        return none, none
    fault = _fault(readings, span) & (readings.ts >= opened)
    newest = np.maximum.accumulate(np.where(fault, np.arange(len(readings)), -1))
    known = (newest >= 0) & (readings.stream[newest] == readings.stream)
    since = np.where(known, readings.seq - readings.seq[newest], 0)
    as_before = _as_before(readings, span)

    def side(flags: npt.NDArray[Any]) -> Mask:
        mask = as_before & (flags > 0) & (since > 0)
        for bit in _bits(0xFFFF):
            mask &= ((flags & bit) == 0) | (since <= MEMORY.get(bit, 0))
        return mask

    return side(readings.edge_flags & readings.mask), side(readings.cloud_flags & codes.ABNORMAL)


def _fault(readings: Readings, span: Before) -> Mask:
    """The readings that the board calls abnormal and that windows alone do not explain."""
    flags = readings.edge_flags & readings.mask
    alone = ~np.uint16(sum(MEMORY))
    return np.asarray((flags > 0) & (((flags & alone) > 0) | ~_as_before(readings, span)))


def _as_before(readings: Readings, span: Before) -> Mask:
    t, h = np.rint(100 * readings.t), np.rint(100 * readings.h)  # comparisons with NaN are False
    return np.asarray((span.t_low <= t) & (t <= span.t_high) & (span.h_low <= h) & (h <= span.h_high))


def _span(values: npt.NDArray[np.float64], floor: int) -> tuple[int, int]:
    low, high = round(100 * float(values.min())), round(100 * float(values.max()))
    more = max(round(WIDER * (high - low)), floor)
    return low - more, high + more


def _bits(flags: int) -> list[int]:
    return [1 << k for k in range(flags.bit_length()) if flags >> k & 1]
