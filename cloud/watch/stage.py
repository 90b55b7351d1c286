"""Whether a reading outside the user's limits is also outside their second stage, `severe`. Pure.

A board says LIMIT for either stage, so its readings are held against the second one here, by its own code.
"""

from collections.abc import Mapping

import numpy as np

from cloud.siblings.air import Air
from device.judge.limits import Bounds

Limits = Mapping[str, int]  # as `state` tells them: t_min, t_max, h_min, h_max in hundredths, for_s


def outside_since(severe: Limits, air: Air, when: float) -> float | None:
    """Unix s since when all readings of `air` up to `when` are outside; None: the last one is not."""
    bounds = Bounds(severe)
    t, h = (np.rint(100 * each).astype(int).tolist() for each in (air.t, air.h))
    for row in np.flatnonzero(air.ts <= when).tolist():
        bounds.flags(t[row], h[row], float(air.ts[row]))
    return None if bounds.since < 0 else float(bounds.since)


def is_outside(severe: Limits, t: int | None, h: int | None) -> bool:
    """Whether a reading is outside, for however long; a failed one is not."""
    return t is not None and h is not None and bool(Bounds({**severe, "for_s": 0}).flags(t, h, 0))
