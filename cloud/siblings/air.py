"""Readings of boards that share a site, brought onto the blocks of one of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from cloud.training.history import SENSOR_H, SENSOR_T, Floats

BLOCK = 8  # readings
BLOCKS = 30  # a window: from a block to the one so many later, 240 readings
FRESH = 900.0  # s that a sibling's reading speaks for, ...
FRESH_PERIODS = 3  # ... or so many of its periods
SMOOTHED = 3  # readings of a sibling


@dataclass(frozen=True)
class Air:
    """Readings of one board that a sensor can measure, oldest first. `ts` Unix s, `t` degC, `h` %RH."""

    ts: Floats
    t: Floats
    h: Floats

    @staticmethod
    def of(ts: Floats, t: Floats, h: Floats) -> Air:
        """The air of readings in any order; failed and undated ones (NaN) are left out."""
        rows = fit_rows(ts, t, h)
        return Air(ts[rows], t[rows], h[rows])

    def __len__(self) -> int:
        return len(self.ts)

    @property
    def values(self) -> Floats:
        """float[2, n]: the logarithm of the vapour pressure in percent, and degC."""
        return np.stack((100 * (np.log(self.h) + 17.62 * self.t / (243.12 + self.t)), self.t))

    def last(self, count: int) -> Air:
        return Air(self.ts[-count:], self.t[-count:], self.h[-count:])

    def until(self, ts: float) -> Air:
        end = int(np.searchsorted(self.ts, ts, "right"))
        return Air(self.ts[:end], self.t[:end], self.h[:end])

    def at(self, ts: Floats) -> Floats:
        """float[2, len(ts)]: its newest values at these moments; NaN where they are too old."""
        if not len(self.ts):
            return np.full((2, len(ts)), np.nan)
        period = float(np.median(np.diff(self.ts))) if len(self.ts) > 1 else FRESH
        row = np.searchsorted(self.ts, ts, "right") - 1
        old = ts - self.ts[np.maximum(row, 0)] >= max(FRESH, FRESH_PERIODS * period)
        sums = np.cumsum(np.pad(self.values, ((0, 0), (1, 0))), axis=1)
        first = np.maximum(np.arange(len(self.ts)) + 1 - SMOOTHED, 0)
        end = np.arange(len(self.ts)) + 1
        smooth = (sums[:, end] - sums[:, first]) / (end - first)
        return np.where((row < 0) | old, np.nan, smooth[:, row])


def fit_rows(ts: Floats, t: Floats, h: Floats) -> NDArray[np.int64]:
    """The rows that are dated and that a sensor can measure, in the order of their dates."""
    (cold, hot), (dry, wet) = SENSOR_T, SENSOR_H
    warm = (t * 100 >= cold) & (t * 100 <= hot)
    rows = np.flatnonzero(~np.isnan(ts) & warm & (h * 100 >= dry) & (h * 100 <= wet))
    return rows[np.argsort(ts[rows], kind="stable")]


def windows(values: Floats) -> Floats:
    """float[2, windows, BLOCKS + 1] of float[2, readings]: each window of block means, a block apart.

    A block with fewer than half of its readings is NaN.
    """
    count = values.shape[1] // BLOCK
    blocks = values[:, : count * BLOCK].reshape(2, count, BLOCK)
    known = ~np.isnan(blocks)
    means = np.where(known, blocks, 0).sum(axis=2) / np.maximum(known.sum(axis=2), 1)
    means = np.where(known.sum(axis=2) >= BLOCK // 2, means, np.nan)
    if count <= BLOCKS:
        return np.empty((2, 0, BLOCKS + 1))
    all_windows: Floats = sliding_window_view(means, BLOCKS + 1, axis=1)
    return all_windows
