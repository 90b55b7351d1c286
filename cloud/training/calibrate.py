"""Thresholds for a false-alarm budget, from scores of a history without faults.

An alarm is counted by re-arming: the first reading above the threshold, then nothing for 60 readings. Merging
gaps instead would count an alarm that never ends as one.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

REARM = 60  # readings
PEAKS_PER_DAY = 6  # the tail is fitted to this many highest windows a day
LEAST_PEAKS = 8


def alarms(flagged: NDArray[np.bool_]) -> int:
    """How many alarms the flagged readings are, re-arming after 60."""
    count = 0
    last = -REARM
    for i in np.flatnonzero(flagged).tolist():
        if i - last >= REARM:
            count += 1
            last = i
    return count


def peaks(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """The highest score of each 60 readings, highest first."""
    whole = len(scores) // REARM
    if not whole:
        return np.sort(scores)[::-1][:1]
    found: NDArray[np.float64] = np.sort(scores[: whole * REARM].reshape(whole, REARM).max(axis=1))[::-1]
    return found


def tail_threshold(scores: NDArray[np.float64], days: float, per_day: float) -> float:
    """The level that peaks exceed `per_day` times a day, on a scale where the tail is exponential.

    A few days hold no more than a handful of rare events, so the level is not read off the highest of them
    but extrapolated: above a high level u peaks exceed it by an exponential excess (Pickands' theorem with
    shape 0; on a logarithmic scale that is Hill's estimator of a power law's tail).
    """
    highest = peaks(scores)
    count = min(max(LEAST_PEAKS, round(PEAKS_PER_DAY * days)), len(highest) - 1)
    if count < 1:
        return float(highest[0])
    level = highest[count]
    excess = float((highest[:count] - level).mean())
    return float(level + excess * math.log(max(1.0, count / (per_day * days))))
