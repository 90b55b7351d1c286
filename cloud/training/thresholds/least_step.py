"""How sensitive a board must be to jumps: the score that the smallest step worth a mail would have here.

A threshold below it finds nothing more that anybody wants to know, and costs false alarms.
"""

from collections.abc import Mapping

import numpy as np

from cloud.training.history import History
from cloud.training.thresholds.faults import DEGREES, PERCENT
from device.judge.jitter import SIZE, Steps
from device.judge.jump import FARTHEST, per_period, square
from device.judge.reading import moisture

MISSED = 0.03  # of the smallest steps, which may go unseen
READINGS = 3000  # of the history that such steps are put at
T, H = round(100 * DEGREES[0]), round(100 * PERCENT[0])
# One channel moves, or both do, which is half as frequent for each pair of signs.
STEPS = 2 * [(T, 0), (-T, 0), (0, H), (0, -H)] + [(T, H), (T, -H), (-T, H), (-T, -H)]


def score(past: History, values: Mapping[str, int]) -> float:
    """The score that all but the share MISSED of the smallest steps reach, each put alone into the history.

    `values`: the entries of device.judge.params.FIELDS that the jump measures against.
    """
    steps_t, steps_m = Steps(values["step_t"]), Steps(values["step_m"])
    coupling, t_ref = values["coupling"], values["t_ref"]
    t, h, periods = past.t.tolist(), past.h.tolist(), past.periods.tolist()
    every = max(1, len(t) // READINGS)
    scores = []
    m = moisture(t[0], h[0], coupling, t_ref)
    for i in range(1, len(t)):
        before, m, gap = m, moisture(t[i], h[i], coupling, t_ref), periods[i]
        if gap >= FARTHEST:
            continue
        if i >= SIZE and i % every == 0:
            for more_t, more_h in STEPS:
                faulty = moisture(t[i] + more_t, h[i] + more_h, coupling, t_ref)
                step_t = per_period(abs(t[i] + more_t - t[i - 1]), gap)
                scores.append(square(step_t, per_period(abs(faulty - before), gap), steps_t, steps_m))
        steps_t.push(per_period(abs(t[i] - t[i - 1]), gap))
        steps_m.push(per_period(abs(m - before), gap))
    return float(np.quantile(scores, MISSED)) if scores else 0.0
