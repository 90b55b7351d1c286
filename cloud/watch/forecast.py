"""When the air will pass the user's limit, should it go on as it does. Pure.

The recent half of the rise is a straight line (Theil and Sen's, through the quieter readings of each five
minutes, which leaves doors out). It says something only where it holds: the younger half and third of it,
and the whole rise, must lead to about the same moment. That moment must be near, the way to it no longer
than twice what the air has come, and the readings close to the line: a plant that still cycles is on no
straight way. Readings that scatter pass the limit before the line does.
"""

import numpy as np
from numpy.typing import NDArray

LEAST = 2700.0  # s that the air has been away
MINUTES = 300.0  # s of readings that are one point of the line
POINTS = 6
QUIETER = 0.35  # quantile of them, towards where the air came from
RECENT = 0.5  # share of the time since it left
LONGEST = 4 * 3600.0  # s of a line
SHORTEST, LEAST_LINE = 1800.0, 1500.0  # the younger parts' least
# Times the line's estimate that its younger half, its third and the whole rise may give.
HALF, THIRD, WHOLE = (0.95, 1.2), (0.9, 1.3), (0.4, 2.0)
UPPER = 0.4  # quantile of the scatter: readings so far above the line pass the limit first
SCATTER = 1.0  # share of the way to the limit: nine points of ten lie so near the line
NEAR = 12600.0  # s ahead
FAR = 2.0  # times the way that the air has come: the way left may not be longer
MOST = 0.9  # quantile of those distances
USUAL = 0.9  # quantile of the day before: beyond it the air is away
DAY = 86400.0

Floats = NDArray[np.float64]


def forecast(ts: Floats, t: Floats, limit: float, side: int, opened: float) -> float | None:
    """Unix s at which `t` passes `limit`; None where no estimate is safe, or where it has passed.

    `ts`, `t`: good readings of a day before `opened` (when the episode began) and of all since, oldest first.
    `side`: 1 for a limit above, -1 for one below.
    """
    rise = side * t
    before = rise[ts < opened]
    if not len(before) or not len(rise):
        return None
    usual = float(np.quantile(before, USUAL))
    inside = np.flatnonzero(rise <= usual)
    now = float(ts[-1])
    begin = float(ts[inside[-1]]) if len(inside) else float(ts[0])
    if now - begin < LEAST:
        return None
    length = max(SHORTEST, min(LONGEST, RECENT * (now - begin)))
    line = _line(ts, rise, now, length)
    if line is None:
        return None
    level, slope, scatter = line
    gap = side * limit - level
    if scatter > SCATTER * gap or not 0 < gap <= min(FAR * (level - usual), NEAR * slope):
        return None
    others = (max(LEAST_LINE, length / 2), HALF), (max(LEAST_LINE, length / 3), THIRD)
    for seconds, (least, most) in (*others, (min(2 * LONGEST, now - begin), WHOLE)):
        other = _line(ts, rise, now, seconds)
        if other is None or not least <= (side * limit - other[0]) / other[1] * slope / gap <= most:
            return None
    return now + (gap - UPPER * scatter) / slope


def _line(ts: Floats, rise: Floats, now: float, length: float) -> tuple[float, float, float] | None:
    """(where it is now, slope a second, how far most points are from it); None: it does not rise."""
    age = now - ts
    which = np.floor(age / MINUTES).astype(np.int64)
    wanted = age < length
    points = [(-MINUTES * (k + 0.5), rise[wanted & (which == k)]) for k in range(int(length // MINUTES))]
    known = [(at, float(np.quantile(values, QUIETER))) for at, values in points if len(values)]
    if len(known) < POINTS // 2 + 1:
        return None
    at, value = np.array(known).T
    first, last = np.triu_indices(len(at), 1)
    slope = float(np.median((value[last] - value[first]) / (at[last] - at[first])))
    if slope <= 0:
        return None
    level = float(np.median(value - slope * at))
    return level, slope, float(np.quantile(np.abs(value - slope * at - level), MOST))
