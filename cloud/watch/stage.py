"""Whether a reading outside the user's limits is at their second stage, `severe`, too. Pure.

A board says LIMIT for either stage, so its readings are held against the second one here, by its own code.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cloud.siblings.air import Air
from device.judge.limits import Bounds

Limits = Mapping[str, int]  # as `state` tells them: t_min, t_max, h_min, h_max in hundredths, for_s


def is_severe(severe: Limits, air: Air, when: float) -> bool:
    """`air`: the readings from a while before `severe["for_s"]` s before `when`, up to it."""
    bounds, flags = Bounds(severe), 0
    t, h = (np.rint(100 * each).astype(int).tolist() for each in (air.t, air.h))
    for row in np.flatnonzero(air.ts <= when).tolist():
        flags = bounds.flags(t[row], h[row], float(air.ts[row]))
    return bool(flags)
