"""Half hours of the day in which a place often jumps by itself: the heating starts, somebody opens a window.

There device/judge/jump.py counts a jump less, by as much as the largest one of the history asks for. What
happened on one day only is no habit. A place that jumps at any time of the day keeps most of it: the board is
to find a fault there too.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cloud.training.history import DAY, History
from device.judge.jump import HALF_DAY

LEVEL = 0.25  # of the threshold: half the step (a score is a square)
DAYS, LEAST_DAYS = 0.3, 2  # part of the days, and how many at least, that jumped in this half hour
MOST = 6  # half hours
LEAST_SHIFT = 3  # an eighth: steps are up to 2.8 times as large


def learn(past: History, scores: NDArray[np.int64], threshold: Callable[[], int]) -> dict[str, int]:
    """The entries of device.judge.params.FIELDS about restless half hours, {} where there are none.

    `scores`: of the jump at each reading; they become what a board with these entries has. `threshold`: the
    one that follows from them as they are.
    """
    often = _often(past, scores, threshold())
    if not often:
        return {}
    rows = np.isin(past.half_hours, often)
    loud = scores[rows]
    scores[rows] = 0
    shift = max(LEAST_SHIFT, math.ceil(math.log2(int(loud.max()) / threshold())))
    scores[rows] = loud >> shift
    am, pm = (
        sum(1 << half - first for half in often if 0 <= half - first < HALF_DAY) for first in (0, HALF_DAY)
    )
    return {"restless_am": am, "restless_pm": pm, "restless_shift": shift}


def half_hours(values: Mapping[str, int]) -> list[int]:
    """The restless half hours (UTC, 0 to 47) of a board with these `values`."""
    words = values["restless_am"], values["restless_pm"]
    return [half for half in range(2 * HALF_DAY) if words[half // HALF_DAY] >> half % HALF_DAY & 1]


def _often(past: History, scores: NDArray[np.int64], threshold: int) -> Sequence[int]:
    day = (past.ts // DAY).astype(np.int64)
    day -= day[0]
    highest = np.zeros((int(day[-1]) + 1, 2 * HALF_DAY), np.int64)
    np.maximum.at(highest, (day, past.half_hours), scores)
    wanted = max(LEAST_DAYS, math.ceil(DAYS * len(np.unique(day))))
    if len(highest) < wanted:
        return []
    habit = np.sort(highest, axis=0)[-wanted]  # reached on so many days
    order = np.argsort(-habit, kind="stable")[:MOST].tolist()
    return [half for half in order if habit[half] > LEVEL * threshold]
