"""Half hours in which a place often jumps: a habit is learned, an accident is not; the board counts so."""

import numpy as np
import pytest
from test_training_fit import room

from cloud.training import fit
from cloud.training.history import history
from cloud.training.judged import judge
from cloud.training.thresholds.restless import MOST, half_hours
from device import codes


def jumping(days, at, seed=0):
    """A room that jumps by 3 degC at that hour (UTC) of each of `days`, and is back after half an hour."""
    ts, t, h = room(6, seed, period=120.0)
    for day in days:
        rows = (ts // 86400 - ts[0] // 86400 == day) & (abs(ts % 86400 / 3600 - at) < 0.25)
        t[rows] += 3
    return ts, t, h


@pytest.mark.parametrize("at", [7.25, 20.25])
def test_a_habit_is_learned_and_what_happened_once_is_not(at):
    values = fit.fit(history(*jumping((1, 2, 4), at))).values
    assert int(2 * at) in half_hours(values) and len(half_hours(values)) <= MOST
    once = fit.fit(history(*jumping((2,), at))).values
    assert int(2 * at) not in half_hours(once)


def test_the_habit_alarms_nobody_the_next_day_and_a_jump_at_another_time_does():
    fitted = fit.fit(history(*jumping((1, 2, 3, 4), 7.25)))
    body = fitted.params
    for at, alarms in ((7.25, False), (9.25, True)):
        ts, t, h = jumping((5,), at, seed=3)
        flags = judge(history(ts, t, h), body).flags
        rows = (ts // 86400 - ts[0] // 86400 == 5) & (abs(ts % 86400 / 3600 - at) < 0.25)
        assert bool((flags[rows] & codes.ZSCORE).any()) is alarms, at


def test_thresholds_are_set_from_what_the_board_counts():
    past = history(*jumping((1, 2, 3, 4), 7.25))
    fitted = fit.fit(past)
    scores = judge(past, fitted.params).column("jump")
    assert np.quantile(scores, 0.999) < fitted.values["jump"]
