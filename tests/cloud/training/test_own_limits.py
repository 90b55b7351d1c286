"""What the user's own limits would have said of a history: as the board's own code says it."""

from dataclasses import asdict, replace

import numpy as np

from cloud.training.history import History
from cloud.training.report import own_limits
from cloud.training.thresholds.own_limits import advise
from device.judge.limits import Bounds


def cooler(days=7, seed=1):
    """4 degC, and each six hours a defrost to 9 degC for 15 to 23 minutes."""
    random = np.random.default_rng(seed)
    at = np.arange(days * 2880) * 30.0
    t = np.full(len(at), 400)
    for begin in range(0, len(at), 720):
        t[begin : begin + int(random.uniform(30, 46))] = 900
    return History(1.7e9 + at, t, np.full(len(at), 7000), 30.0, 0)


def alarms(past, limits):
    bounds = Bounds(limits)
    up = np.cumsum(past.periods) * 30
    rows = zip(past.t.tolist(), past.h.tolist(), up.tolist(), strict=True)
    values = np.array([bounds.flags(*row) > 0 for row in rows])
    return int((np.diff(np.concatenate(([0], values.astype(int)))) == 1).sum())


def test_alarms_of_own_limits_are_counted_as_the_board_does():
    past = cooler()
    some = np.sort(np.random.default_rng(2).choice(len(past.t), len(past.t) * 3 // 4, replace=False))
    for history in (past, History(past.ts[some], past.t[some], past.h[some], 30.0, 0)):
        for minutes in (0, 10, 18, 20, 30):
            limits = {"t_max": 800, "for_s": 60 * minutes}
            assert advise(history, limits).alarms == alarms(history, limits), minutes


def test_it_proposes_minutes_after_which_a_healthy_history_is_quiet():
    past = cooler()
    advice = advise(past, {"t_max": 800, "for_s": 600})
    assert advice.alarms == 28 and advice.minutes == 25
    assert alarms(past, {"t_max": 800, "for_s": 60 * advice.minutes}) == 0


def test_a_limit_that_never_spoke_needs_no_minutes_and_one_that_always_did_gets_none():
    past = cooler()
    assert advise(past, {"t_max": 1000}).alarms == 0
    warm = replace(past, t=past.t + 1000)
    assert advise(warm, {"t_max": 800, "for_s": 600}).minutes is None
    assert advise(past, {"h_min": 8000, "h_max": 9000}).alarms == 1


def test_a_second_stage_is_told_of_by_itself():
    past = cooler()
    two = advise(past, {"t_max": 800, "for_s": 600, "severe": {"t_max": 850, "for_s": 1200}})
    assert two.alarms == 28 and two.severe == advise(past, {"t_max": 850, "for_s": 1200})
    assert own_limits(asdict(two)) == (
        "would have alarmed 28 times in these days: for_minutes = 25 would not have; their severe stage "
        f"would have alarmed {two.severe.alarms} times in these days: for_minutes = 25 would not have"
    )
