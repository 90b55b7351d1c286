"""Thresholds for a false-alarm budget, from scores of a history without faults.

An alarm is counted by re-arming: the first reading above the threshold, then nothing for 60 readings. Merging
gaps instead would count an alarm that never ends as one.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REARM = 60  # readings
PEAKS_PER_DAY = 2  # the tail is fitted to this many highest events a day
LEAST_PEAKS = 4


def alarms(flagged: NDArray[np.bool_]) -> int:
    """How many alarms the flagged readings are, re-arming after 60."""
    count = 0
    last = -REARM
    for i in np.flatnonzero(flagged).tolist():
        if i - last >= REARM:
            count += 1
            last = i
    return count


def peaks(scores: NDArray[np.float64], rearm: int = REARM) -> NDArray[np.float64]:
    """The highest score of each `rearm` readings, highest first."""
    whole = len(scores) // rearm
    if not whole:
        return np.sort(scores)[::-1][:1]
    heights: NDArray[np.float64] = np.sort(scores[: whole * rearm].reshape(whole, rearm).max(axis=1))[::-1]
    return heights


@dataclass(frozen=True)
class Prior:
    """What other sensors showed of a tail: the level exceeded PEAKS_PER_DAY times a day, and its slope.

    It weighs as much as `days` of a sensor's own history.
    """

    level: float
    slope: float
    days: float = 14.0


def tail(highest: NDArray[np.float64], days: float, per_day: float, prior: Prior | None = None) -> float:
    """The level that events exceed `per_day` times a day, on a scale where their tail is exponential.

    `highest`: their heights over `days` days, highest first. A few days hold no more than a handful of rare
    events, so the level is not read off the highest of them but extrapolated: above a high level they exceed
    it by an exponential excess (Pickands' theorem with shape 0; on a logarithmic scale that is Hill's
    estimator of a power law's tail). A few days do not tell the slope of that tail either, so it is drawn to
    the `prior` by its days of evidence; and a calm history does not make a sensor calmer than others.
    """
    count = min(max(LEAST_PEAKS, round(PEAKS_PER_DAY * days)), len(highest) // 2)
    if count < 1:
        return float(highest[0])
    level = float(highest[count])
    slope = float((highest[:count] - level).mean())
    if prior:
        own = days / (days + prior.days)
        slope = own * slope + (1 - own) * prior.slope
        level = max(level, own * level + (1 - own) * prior.level)
    return level + slope * math.log(max(1.0, count / (per_day * days)))
