"""A sensor's history: what training learns from, and whether it is enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

SENSOR_T = (-4000, 8000)  # hundredths of degC that any supported sensor can measure
SENSOR_H = (50, 10000)  # hundredths of %RH; 0 is what broken ones say
NOT_SATURATED = 9998  # 100 %RH is a reading in fog, and what a broken sensor says where there never is any
LEAST_READINGS = 600
DAY = 86400.0
HOUR = 3600.0
LEAST_PERIOD, MOST_PERIOD = 0.1, 1.1 * HOUR  # seconds; a board measures every 0.5 s to every hour
MOST_PERIODS = 1 << 20

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class HistoryError(ValueError):
    """The history cannot be used; the text says why and what to do."""


@dataclass(frozen=True)
class History:
    """Good readings of one sensor, oldest first."""

    ts: Floats  # Unix seconds
    t: Ints  # hundredths of degC
    h: Ints  # hundredths of %RH
    period: float  # seconds between readings, the median
    unfit: int  # readings left out: failed, or outside what a sensor can measure

    @property
    def periods(self) -> Ints:
        """Periods since the reading before, at least 1."""
        return elapsed(self.ts, self.period)

    @property
    def days(self) -> float:
        """Days with readings; pauses of an hour and more, and of three readings and more, do not count."""
        steps = np.diff(self.ts)
        return float(steps[(steps > 0) & (steps < max(HOUR, 3 * self.period))].sum()) / DAY

    @property
    def half_hours(self) -> Ints:
        """Which half hour of the day (UTC) each reading is in."""
        return half_hours(self.ts)

    def part(self, start: int, stop: int) -> History:
        return History(self.ts[start:stop], self.t[start:stop], self.h[start:stop], self.period, 0)


def hundredths(values: ArrayLike) -> tuple[Ints, NDArray[np.bool_]]:
    """Readings in degC or %RH as the board has them, to the nearest hundredth, and which of them are good.

    A value that is not a number or outside int16 hundredths is not good, and 0 in the first array.
    """
    wide = np.rint(np.asarray(values, np.float64) * 100)
    good = (wide >= -32768) & (wide <= 32767)
    return np.where(good, wide, 0).astype(np.int64), good


def elapsed(ts: Floats, period: float) -> Ints:
    """Periods between each reading and the one before it, rounded, at least 1; 1 for the first."""
    steps = np.diff(ts, prepend=ts[:1]) / period
    return np.clip(np.rint(steps), 1, MOST_PERIODS).astype(np.int64)


def half_hours(ts: Floats) -> Ints:
    """Which half hour of the day (UTC, 0 to 47) each of `ts` (Unix s) is in; -1 where there is no date."""
    dated = np.isfinite(ts)
    return np.where(dated, np.where(dated, ts, 0) % DAY // 1800, -1).astype(np.int64)


def history(ts: ArrayLike, t: ArrayLike, h: ArrayLike) -> History:
    """The good readings of `ts` (Unix s), `t` (degC), `h` (%RH), in the order given. Raises HistoryError."""
    seconds = np.asarray(ts, np.float64)
    ct, good_t = hundredths(t)
    ch, good_h = hundredths(h)
    if not len(seconds) == len(ct) == len(ch):
        raise HistoryError(
            f"ts, t and h have {len(seconds)}, {len(ct)} and {len(ch)} values: one each is needed"
        )
    good = good_t & good_h & np.isfinite(seconds)
    good &= (ct >= SENSOR_T[0]) & (ct <= SENSOR_T[1]) & (ch >= SENSOR_H[0]) & (ch <= SENSOR_H[1])
    seconds, ct, ch = seconds[good], ct[good], ch[good]
    unfit = int((~good).sum())
    if len(seconds) < LEAST_READINGS:
        raise HistoryError(
            f"{len(seconds)} good readings ({unfit} unfit) are too few: {LEAST_READINGS} are needed, "
            "and a day for the whole model. Let the board measure on."
        )
    steps = np.diff(seconds)
    steps = steps[steps > 0]
    if not len(steps):
        raise HistoryError("all readings have the same time: ts must be Unix seconds that grow")
    if ct.std() == 0 and ch.std() == 0:
        raise HistoryError(
            f"every reading is {ct[0] / 100:.2f} degC, {ch[0] / 100:.2f} %RH: the sensor is stuck, check it"
        )
    period = float(np.median(steps))
    if not LEAST_PERIOD <= period <= MOST_PERIOD:
        raise HistoryError(
            f"one reading each {period:g} s: Vigie judges one each half second to one an hour. "
            + ("Is ts in seconds?" if period < 1 else "Take a recording with more of them.")
        )
    return History(seconds, ct, ch, period, unfit)
