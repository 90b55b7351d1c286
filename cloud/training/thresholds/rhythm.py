"""Bands for each half hour of the day, where a history has a rhythm: what device/judge/rhythm.py watches.

A band holds what the mean of 60 readings did in this half hour and its neighbours on all days. It is widened
by how far each day lay outside the band of the others: a place whose days are not alike gets wide bands, and
none where the narrow ones are no narrower than half of all that it did.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.training.history import DAY, Floats, History, Ints
from device.judge.rhythm import HALF_HOURS

WEEK = 6.9  # days: a shorter history does not know a working day from a weekend
LEAST_DAYS = 6  # in each half hour
FIRST = 3  # days that say something about the next
LEAST_READINGS = 10  # ... of one day
NEIGHBOURS, WIDER = 1, 3  # half hours on either side that share a band; ... a surprise
LONGER = 2.0  # times what a day lay outside the others
EXTRA = 0.15  # of the band, and at least
FLOOR = (30.0, 150.0)  # hundredths of degC and %RH
NARROW, NARROWEST = 0.5, 16  # of all that the means did; so many half hours must be narrower on average
SECONDS = 1800.0  # outside
ANY = 32767


@dataclass(frozen=True)
class Bands:
    """Hundredths; `low`, `high`: [2, HALF_HOURS] of t and h. A channel without a rhythm has all of int16."""

    need: int  # periods outside
    low: Ints
    high: Ints

    @property
    def section(self) -> bytes:
        """The RHYT section of a bundle (device.judge.rhythm.Bands)."""
        rows = (self.low[0], self.high[0], self.low[1], self.high[1])
        return np.concatenate([[self.need], *rows]).astype("<i2").tobytes()

    @property
    def channels(self) -> list[str]:
        """Which of t and h are watched."""
        return [name for name, high in zip(("t", "h"), self.high, strict=True) if high[0] < ANY]


def fit(past: History, x: NDArray[np.int16], ready: NDArray[np.bool_]) -> Bands | None:
    """None: the place has no rhythm. `x`: the history's features; `ready`: where windows are full."""
    day = (past.ts // DAY).astype(np.int64)[ready]
    half = past.half_hours[ready]
    if past.days < WEEK:
        return None
    low = np.full((2, HALF_HOURS), -ANY - 1, np.int64)
    high = np.full((2, HALF_HOURS), ANY, np.int64)
    for channel, floor in enumerate(FLOOR):
        mean = (x[ready, channel].astype(np.int64) - x[ready, 4 + channel]).astype(np.float64)
        pair = _channel(mean, day, half, floor)
        if pair:
            low[channel] = np.floor(np.maximum(pair[0], -ANY))
            high[channel] = np.ceil(np.minimum(pair[1], ANY - 1))
    bands = Bands(math.ceil(SECONDS / past.period), low, high)
    return bands if bands.channels else None


def _channel(mean: Floats, day: Ints, half: Ints, floor: float) -> tuple[Floats, Floats] | None:
    days = np.unique(day)
    low, high, middle = (np.full((len(days), HALF_HOURS), np.nan) for _ in range(3))
    order = np.lexsort((half, day))
    cuts = np.flatnonzero(np.diff(day[order] * HALF_HOURS + half[order])) + 1
    for rows in np.split(order, cuts):
        if len(rows) >= LEAST_READINGS:
            at = (np.searchsorted(days, day[rows[0]]), half[rows[0]])
            low[at], high[at], middle[at] = mean[rows].min(), mean[rows].max(), np.median(mean[rows])
    if (np.isfinite(low).sum(axis=0) < LEAST_DAYS).any():
        return None
    apart, every = np.zeros(HALF_HOURS), np.arange(len(days))
    # No day may lie far from the others, nor from those before it: then the season moves.
    compared = [(k, np.delete(every, k)) for k in every] + [(k, every[:k]) for k in every[FIRST:]]
    for k, others in compared:
        least, most = _joined(low[others], high[others])
        apart = np.fmax(apart, np.fmax(least - middle[k], middle[k] - most))
    least, most = _joined(low, high)
    surprise = _around(apart, WIDER).max(axis=0)
    wide = LONGER * surprise + np.maximum(floor, EXTRA * (most - least))
    narrowest = np.sort(most - least + 2 * wide)[:NARROWEST].mean()
    if narrowest > NARROW * (mean.max() - mean.min()):
        return None
    return least - wide, most + wide


def _joined(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """The band of each half hour with its neighbours, over all days."""
    least, most = np.nanmin(low, axis=0), np.nanmax(high, axis=0)
    return _around(least, NEIGHBOURS).min(axis=0), _around(most, NEIGHBOURS).max(axis=0)


def _around(values: Floats, reach: int) -> Floats:
    return np.stack([np.roll(values, shift) for shift in range(-reach, reach + 1)])
