"""Levels of temperature and how long a place stays beyond each: what device/judge/excursion.py watches.

A stay may last as long as the one that comes once in so many days, by the tail of the history's own stays
(calibrate.tail on their logarithm), and some minutes more. Where each day has the same half hours with
defrosts and people, the others are quiet: there a stay without recovery may last less. Whether a half
hour is quiet on one day is decided by the other days alone, so a place whose defrosts come at another time
each day has no quiet half hours that would mean anything, and its limits stay where they are. At any time
of the day a slow stay gets the shortest limit: the longest stays of a healthy place begin with a door, a
defrost or warm goods, which push the air; after a compressor fails, the air drifts on as between two runs.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.training.history import DAY, Floats, History, Ints
from cloud.training.thresholds import calibrate
from device.judge.excursion import HALF_HOURS, LONGEST, PAST, SIDE, STILL
from device.judge.reading import LONG_GAP

QUANTILES = (0.5, 0.7, 0.85, 0.93, 0.97, 0.99, 0.998)  # quantiles; the last level lies beyond all of it
BEYOND = 0.1  # of the history's span, and at least a tenth of a degree
LEAST_CYCLES = 10  # a day that the middle is crossed: a place with fewer has no plant that cycles
LONGEST_CYCLE = 0.25  # days on one side of the middle: longer is no cycle
MOST = 2.0  # times the longest stay of the history, at most
RUSH = 0.9  # quantile of how far the air moves away in PAST steps: what is faster is pushed
COLD_LONGER, COLD_SLACK = 1.5, 300.0  # times the longest stay below a level in the history, and s more
STEP = 60.0  # s between two remembered temperatures
QUIET_PART = 0.75  # of the half hours of the day
QUIET_LEVEL = 0.7  # quantile: half hours are ranked by their longest stay above it
QUIET_DAYS = 3  # whole days that tell quiet half hours from others
NOWHERE = 32767  # a level that is never passed

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Allowance:
    """How the limit of one kind of stay follows from the stays of the history."""

    share: float  # stays a day, at each level, that the history lets expect to be longer
    part: float  # times what the history says, and
    slack: float  # s, more
    least: float  # s at least: people at the door and warm goods need so long


LONG = Allowance(share=0.1, part=0.08, slack=200.0, least=1200.0)
STAYING = Allowance(share=0.4, part=0.2, slack=200.0, least=1200.0)  # the air does not recover ...
SLOW = Allowance(share=0.2, part=0.2, slack=200.0, least=900.0)  # ... and that slowly


@dataclass(frozen=True)
class Excursions:
    """`levels` in hundredths, limits in periods. Each begins with SIDE values for the warm side; `levels` and
    `longest` go on with SIDE values for the cold side."""

    step: int  # periods
    busy: Mask  # [HALF_HOURS]
    levels: tuple[int, ...]
    longest: tuple[int, ...]
    still: tuple[int, ...]
    quiet: tuple[int, ...]
    slow: tuple[int, ...]
    rush: int  # hundredths

    @property
    def section(self) -> bytes:
        """The EXCR section of a bundle (device.judge.excursion.Stays)."""
        words = np.packbits(self.busy, bitorder="little").view("<u2").astype(np.int64)
        limits = *self.longest, *self.still, *self.quiet, *self.slow
        numbers = [self.step, *words, *self.levels, *limits, self.rush]
        return np.array(numbers, np.int64).astype("<i2").tobytes()


def fit(past: History) -> Excursions | None:
    """The levels and limits of a place that cycles; None for one that does not."""
    step = max(1, round(STEP / past.period))
    seen = watch(past, step)
    if not _cycles(seen):
        return None
    busy, loud = _busy(seen)
    away = seen.moved[seen.moved > STILL]
    rush = int(np.quantile(away, RUSH)) if len(away) else STILL
    above, below = _above(seen, loud, rush), _below(seen)
    above += [(NOWHERE, *(LONGEST,) * 4)] * (SIDE - len(above))
    below += [(-NOWHERE, LONGEST)] * (SIDE - len(below))
    levels, most, still, quiet, slow = zip(*above, strict=True)
    lower, longer = zip(*below, strict=True)
    return Excursions(step, busy, levels + lower, most + longer, still, quiet, slow, rush)


@dataclass(frozen=True)
class StayWatch:
    """A history as the board's detector sees it. `moved`: hundredths since PAST steps ago."""

    past: History
    gaps: Ints
    fresh: Mask  # the first reading after a long gap
    moved: Ints

    def counted(self, rush: int) -> tuple[Ints, Ints, Ints]:
        """Periods that each reading adds to any stay, to one without recovery, and to a slow one."""
        still = np.where(self.moved >= -STILL, self.gaps, 0)
        return self.gaps, still, np.where(self.moved <= rush, still, 0)

    def stays(self, level: int, sign: int, counted: Ints) -> Ints:
        """Periods `counted` in the present stay beyond `level` at each reading; 0 outside."""
        beyond = sign * (self.past.t - level) > 0
        total = np.cumsum(np.where(beyond, counted, 0))
        base = np.maximum.accumulate(np.where(self._begins(beyond), total - counted, 0))
        return np.asarray(np.minimum(np.where(beyond, total - base, 0), LONGEST))

    def longest(self, level: int, sign: int, counted: Ints, where: Mask | None = None) -> Floats:
        """How long each stay beyond `level` was at most (`where` only, if given), longest first."""
        stays = self.stays(level, sign, counted)
        starts = np.flatnonzero(self._begins(sign * (self.past.t - level) > 0))
        if not len(starts):
            return np.zeros(0)
        most = np.maximum.reduceat(stays if where is None else np.where(where, stays, 0), starts)
        return np.sort(most[most > 0])[::-1].astype(np.float64)

    def _begins(self, beyond: Mask) -> Mask:
        return beyond & (self.fresh | np.concatenate(([True], ~beyond[:-1])))


def watch(past: History, step: int) -> StayWatch:
    """`step`: periods, as Excursions has it."""
    fresh = past.periods >= LONG_GAP
    fresh[0] = True
    moved = past.t - _before(past.t, past.periods, step)
    return StayWatch(past, np.where(fresh, 1, past.periods), fresh, moved)


def _before(t: Ints, periods: Ints, step: int) -> Ints:
    """As device.judge.excursion.Excursion._remember, for a whole history."""
    out = np.empty(len(t), np.int64)
    ring: list[int] = []
    at = since = 0
    for i, (value, gap) in enumerate(zip(t.tolist(), periods.tolist(), strict=True)):
        if not i or gap >= LONG_GAP:
            ring, at, since = [value] * PAST, 0, 1 - gap
        out[i] = ring[at]
        since += gap
        if since >= step:
            since = 0
            ring[at] = value
            at = (at + 1) % PAST
    return out


def _busy(seen: StayWatch) -> tuple[Mask, Mask]:
    """Which half hours of the day are not quiet, and which readings the other days put into one."""
    past = seen.past
    half = past.half_hours
    day = (past.ts // DAY).astype(np.int64)
    day -= day[0]
    each = np.zeros((int(day[-1]) + 1, HALF_HOURS), np.int64)
    np.maximum.at(each, (day, half), seen.stays(int(np.quantile(past.t, QUIET_LEVEL)), 1, seen.gaps))
    if past.days < QUIET_DAYS or len(each) < QUIET_DAYS:
        return np.ones(HALF_HOURS, np.bool_), np.ones(len(day), np.bool_)
    loud = np.empty(len(day), np.bool_)
    for left_out in range(len(each)):
        loud[day == left_out] = _upper(np.delete(each, left_out, 0).max(axis=0))[half[day == left_out]]
    return _upper(each.max(axis=0)), loud


def _upper(longest_stays: Ints) -> Mask:
    """The half hours with the longest stays; the share QUIET_PART of all counts as quiet."""
    busy: Mask = longest_stays > np.sort(longest_stays)[int(QUIET_PART * HALF_HOURS) - 1]
    return busy


def _cycles(seen: StayWatch) -> bool:
    """Whether a plant brings the temperature across its middle again and again, from one side at least.

    The other side may last long: people at the door keep a cold room warm for hours.
    """
    past, middle = seen.past, int(np.median(seen.past.t))
    sides = [seen.longest(middle, sign, seen.gaps) for sign in (1, -1)]
    often = min(map(len, sides)) >= LEAST_CYCLES * past.days
    return often and min(each[0] for each in sides) <= LONGEST_CYCLE * DAY / past.period


def _above(seen: StayWatch, loud: Mask, rush: int) -> list[tuple[int, int, int, int, int]]:
    """(level, longest, still, quiet, slow)."""
    past, period = seen.past, seen.past.period
    quiet_days = past.days * float(1 - loud.mean())
    steps = []
    for level in _levels(past.t):
        kinds = zip(seen.counted(rush), (LONG, STAYING, SLOW), strict=True)
        most, calm, slowly = (
            _limit(seen.longest(level, 1, counted), past.days, allowed, period) for counted, allowed in kinds
        )
        quiet = calm
        if not loud.all():
            still = seen.longest(level, 1, seen.counted(rush)[1], ~loud)
            quiet = min(calm, _limit(still, quiet_days, STAYING, period))
        steps.append((level, most, calm, quiet, slowly))
    least, slowly = (math.ceil(allowed.least / period) for allowed in (STAYING, SLOW))
    return [*steps, (_beyond(past.t), least, least, least, slowly)]


def _below(seen: StayWatch) -> list[tuple[int, int]]:
    """(level, longest). A long cold stay is no emergency: the season may cause it."""
    past, period = seen.past, seen.past.period
    steps = []
    for level in _levels(-past.t):
        stays = seen.longest(-level, -1, seen.gaps)
        ever = math.ceil(COLD_LONGER * float(stays[:1].sum()) + COLD_SLACK / period)
        steps.append((-level, max(_limit(stays, past.days, LONG, period), min(LONGEST, ever))))
    return [*steps, (-_beyond(-past.t), math.ceil(LONG.least / period))]


def _levels(t: Ints) -> list[int]:
    """The levels of the warm side, each higher than the one before."""
    return sorted(set(np.quantile(t, QUANTILES).astype(int).tolist()))


def _beyond(t: Ints) -> int:
    """A level above the whole history."""
    return min(int(t.max()) + max(10, round(BEYOND * (int(t.max()) - int(t.min())))), NOWHERE)


def _limit(stays: Floats, days: float, allowed: Allowance, period: float) -> int:
    """Periods that a stay may last, from the stays of the history, longest first."""
    expected = float(stays[0]) if len(stays) else 0.0
    if len(stays) >= 2 * calibrate.LEAST_PEAKS:
        expected = max(expected, math.exp(calibrate.tail(np.log(stays), days, allowed.share)))
        expected = min(expected, MOST * float(stays[0]))
    seconds = max(allowed.least, expected * period * (1 + allowed.part) + allowed.slack)
    return int(min(LONGEST, math.ceil(seconds / period)))
