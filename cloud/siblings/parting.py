"""How far a board has parted from its siblings. Pure.

In a window of 240 readings a board parts when it rises or falls steadily and its siblings do not: how much
the difference changes, over the sum of its own unsteady steps and a floor. The difference is the board's
value less a part (`slope`) of the sibling's. With fewer than four siblings the smallest of the pairwise
scores counts: a board parts only when it leaves *each* of them, so that a drifting board accuses no other.
From four on the board is compared with the median sibling. Two boards alone cannot tell which has left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from cloud.siblings.air import BLOCK, BLOCKS, Air, windows
from cloud.training.history import DAY, HOUR, Floats
from cloud.training.thresholds import calibrate
from cloud.training.thresholds.calibrate import Prior

PER_DAY = 0.2  # false alarms a day that are allowed
TAIL = Prior(level=-1.1, slope=0.25)  # of log scores: motes 01, 19, 23 of Intel's laboratory, and a margin
LEAST, MEDIAN = 2, 4  # siblings; from MEDIAN on the board is compared with their median
MOST = 8  # siblings, the nearest, that a board is compared with
FARTHER = 1.5  # times the floor of the second nearest: beyond it a board is no sibling
HALF = 15  # blocks over which slopes are measured
SLOPE = 1.5  # at most
LEAST_FLOOR = np.array((2.0, 0.5))  # % of the vapour pressure, degC
SHARED = 0.2  # share of the sibling's change: no two boards change alike
NOISE = (0.2, 0.01)  # variances of their changes that are always there
WEIGHT = np.array((1.0, 0.5))  # of vapour pressure and temperature
HOURLY = 0.9  # quantile of the scores of an hour of the day
LEAST_OF_HOUR = 30  # scores that weigh as much as all hours together


class TooLittle(ValueError):
    """There is not enough common history yet; `str()` says what is missing."""


class Pair(msgspec.Struct, frozen=True):
    """A board against one sibling or their median: values for vapour pressure and for temperature."""

    slope: tuple[float, float]
    floor: tuple[float, float]


class Learned(msgspec.Struct, frozen=True):
    """What was learned from the common history, as the database keeps it."""

    pairs: dict[str, Pair]  # by sibling
    middle: Pair | None  # against the median of them
    hours: tuple[float, ...]  # what is ordinary in each hour of the day (UTC), 1 = as in all
    threshold: float


class Apart(msgspec.Struct, frozen=True):
    """A distance: degC, and percent of the vapour pressure."""

    t: float
    vapour: float

    def __sub__(self, other: Apart) -> Apart:
        return Apart(self.t - other.t, self.vapour - other.vapour)


@dataclass(frozen=True)
class Sides:
    """Windows of a board and of its siblings, float[2, windows, BLOCKS + 1]. `end`: Unix s of each."""

    own: Floats
    others: dict[str, Floats]
    end: Floats


def sides(own: Air, siblings: Mapping[str, Air]) -> Sides:
    """The windows of all boards on the blocks of `own`."""
    others = {name: windows(sibling.at(own.ts)) for name, sibling in siblings.items()}
    own_windows = windows(own.values)
    end = own.ts[BLOCK - 1 :: BLOCK][BLOCKS : BLOCKS + own_windows.shape[1]]
    return Sides(own_windows, others, end)


def learn(own: Air, siblings: Mapping[str, Air]) -> Learned:
    """Learn from a history without faults. Raises TooLittle."""
    both = sides(own, siblings)
    fitted = {name: _fit(both.own, other) for name, other in both.others.items()}
    pairs = _nearest({name: pair for name, pair in fitted.items() if pair is not None})
    if len(pairs) < LEAST:
        have = f"there is {len(pairs)}" if len(pairs) == 1 else "there are none"
        raise TooLittle(f"{LEAST} siblings that measured at the same time are needed, and {have}")
    middle = None
    if len(pairs) >= MEDIAN:
        middle = _fit(both.own, _median([both.others[name] for name in pairs]))
    first = Learned(pairs, middle, (1.0,) * 24, 1.0)
    raw = _raw(first, both)
    positive = raw > 0
    if positive.sum() * BLOCKS < len(raw):
        raise TooLittle("its siblings hardly ever measured at the same time as each other")
    hours = _hours(raw[positive], both.end[positive])
    ordinary = np.log(raw[positive] / hours[_hour(both.end[positive])])
    highest = calibrate.peaks(ordinary, calibrate.REARM // BLOCK)
    threshold = math.exp(calibrate.tail(highest, days(both.end), PER_DAY, TAIL))
    return Learned(pairs, middle, tuple(hours.tolist()), threshold)


def scores(learned: Learned, both: Sides) -> Floats:
    """float[windows]: above 1 the board has parted; 0 where too few siblings measured."""
    hours = np.asarray(learned.hours)[_hour(both.end)]
    result: Floats = _raw(learned, both) / hours / learned.threshold
    return result


def apart(learned: Learned, both: Sides) -> tuple[Apart, Apart]:
    """How a board stands to its siblings in the first and in the last block of the last window.

    Only the difference of two of these means something, because each board has its own place and its own
    error.
    """
    names = [name for name in learned.pairs if name in both.others]
    slopes = np.array([learned.pairs[name].slope for name in names])
    others = np.stack([both.others[name][:, -1] for name in names])  # siblings, 2, blocks
    far = np.nanmedian(both.own[None, :, -1] - slopes[:, :, None] * others, axis=0)
    return Apart(float(far[1, 0]), float(far[0, 0])), Apart(float(far[1, -1]), float(far[0, -1]))


def distance(learned: Learned, gone: Apart) -> float:
    """How far that is, in units of the ordinary difference between this board and its nearest sibling."""
    nearest = next(iter(learned.pairs.values()))
    return max(abs(gone.vapour) / nearest.floor[0], abs(gone.t) / nearest.floor[1])


def humidity(own: Air, gone: Apart) -> float:
    """%RH that a board measures more than if it had stayed with its siblings."""
    t, h = float(own.t[-1]), float(own.h[-1])
    return h - h * math.exp(-gone.vapour / 100 + _saturation(t) - _saturation(t - gone.t))


def _saturation(t: float) -> float:
    return 17.62 * t / (243.12 + t)


def spread(learned: Learned, own: Air, siblings: Mapping[str, Air]) -> Floats:
    """float[len(own)]: the newest score at the time of each reading."""
    by_window = scores(learned, sides(own, siblings))
    by_block = np.concatenate((np.zeros(BLOCKS), by_window))[: len(own) // BLOCK]
    late = np.concatenate((np.zeros(BLOCK - 1), np.repeat(by_block, BLOCK)))[: len(own)]
    return np.pad(late, (0, len(own) - len(late)))


def _raw(learned: Learned, both: Sides) -> Floats:
    names = [name for name in learned.pairs if name in both.others]
    count = both.own.shape[1]
    if len(names) < LEAST:
        return np.zeros(count)
    each = np.stack([_steady(both.own, both.others[name], learned.pairs[name]) for name in names])
    known = (~np.isnan(each)).sum(axis=0)
    least = np.where(known >= LEAST, np.min(np.where(np.isnan(each), np.inf, each), axis=0), 0.0)
    if learned.middle is not None:
        middle = _steady(both.own, _median([both.others[name] for name in names]), learned.middle)
        most = np.sort(np.where(np.isnan(each), np.inf, each), axis=0)
        most = np.take_along_axis(most, np.maximum(known - 1, 0)[None] // 2, axis=0)[0]
        least = np.where((known >= MEDIAN) & ~np.isnan(middle), np.minimum(middle, most), least)
    return least


def _steady(own: Floats, other: Floats, pair: Pair) -> Floats:
    """float[windows]: how steadily the difference changes, NaN where the other did not measure."""
    apart = own - np.array(pair.slope)[:, None, None] * other
    steps = np.diff(apart, axis=2)
    change = apart[:, :, -1] - apart[:, :, 0]
    unsteady = np.abs(steps - change[:, :, None] / BLOCKS).sum(axis=2)
    together = np.abs(change - (own[:, :, -1] - own[:, :, 0]))
    parted = np.abs(change) / (unsteady + np.array(pair.floor)[:, None] + SHARED * together)
    steadiness: Floats = (WEIGHT[:, None] * parted).max(axis=0)
    return steadiness


def _fit(own: Floats, other: Floats) -> Pair | None:
    """Slopes by least squares of changes over HALF blocks; floors: what is left of changes over a window.

    The floor of one channel is its deviation where the other channel is known. None: too few windows.
    """
    good = ~np.isnan(own).any(axis=(0, 2)) & ~np.isnan(other).any(axis=(0, 2))
    if good.sum() < BLOCKS:
        return None
    x, y = _change(other[:, good], HALF), _change(own[:, good], HALF)
    slope = np.clip((x * y).sum(axis=1) / ((x * x).sum(axis=1) + 1e-9), 0, SLOPE)
    left = _change(own[:, good] - slope[:, None, None] * other[:, good], BLOCKS - 1)
    left = left - np.median(left, axis=1)[:, None]
    deviation = 1 / np.sqrt(np.diag(np.linalg.inv(np.cov(left) + np.diag(NOISE))))
    floor = deviation + LEAST_FLOOR
    return Pair((float(slope[0]), float(slope[1])), (float(floor[0]), float(floor[1])))


def _change(window: Floats, blocks: int) -> Floats:
    """float[2, windows]: between the means of two blocks, `blocks` apart."""
    smooth = (window[:, :, 1:] + window[:, :, :-1]) / 2
    change: Floats = smooth[:, :, -1] - smooth[:, :, -1 - blocks]
    return change


def _median(others: Sequence[Floats]) -> Floats:
    """Subtract its first block from each sibling; then take the median of those that measured throughout."""
    each = np.stack(others)
    each = each - each[..., :1]
    whole = ~np.isnan(each).any(axis=(1, 3), keepdims=True)
    each = np.where(whole, each, np.nan)
    nobody = ~whole.any(axis=0)
    medians: Floats = np.nanmedian(np.where(nobody, 0.0, each), axis=0)
    return np.where(nobody, np.nan, medians)


def _nearest(fitted: Mapping[str, Pair]) -> dict[str, Pair]:
    """The siblings that are near enough: a board of another room would only weaken the smallest score."""
    order = sorted(fitted, key=lambda name: fitted[name].floor[0] * fitted[name].floor[1])
    if len(order) <= LEAST:
        return {name: fitted[name] for name in order}
    limit = FARTHER * np.array(fitted[order[LEAST - 1]].floor)
    near = [name for place, name in enumerate(order) if place < LEAST or (fitted[name].floor <= limit).all()]
    return {name: fitted[name] for name in near[:MOST]}


def _hours(raw: Floats, end: Floats) -> Floats:
    """float[24]: the square root of how much more scores vary in an hour of the day than in all."""
    hour = _hour(end)
    usual = max(float(np.quantile(raw, HOURLY)), 1e-9)
    factors = np.ones(24)
    for k in range(24):
        near = raw[np.isin(hour, ((k - 1) % 24, k, (k + 1) % 24))]
        own = float(np.quantile(near, HOURLY)) if len(near) else usual
        share = len(near) / (len(near) + LEAST_OF_HOUR)
        factors[k] = math.sqrt(max(share * own / usual + 1 - share, 0.25))
    return factors


def _hour(ts: Floats) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return (ts // HOUR).astype(np.int64) % 24


def days(end: Floats) -> float:
    """Days with windows, pauses left out."""
    steps = np.diff(end)
    return float(steps[steps < HOUR].sum()) / DAY
