"""How keen a jump's threshold is: as keen as the smallest step worth a word, where the history lets it."""

import numpy as np
from test_training_fit import room

from cloud.training import fit, params
from cloud.training.history import history
from cloud.training.judged import judge
from cloud.training.thresholds import least_step


def test_the_score_of_the_smallest_step_is_the_one_that_the_boards_own_judge_gives():
    past = history(*room(1))
    fitted = fit.fit(past)
    limit = least_step.score(past, fitted.values)
    body = params.pack(fitted.values, fitted.envelope.means, fitted.envelope.weights)
    detected = []
    for i in range(100, len(past.t), 97):
        for more_t, more_h in least_step.STEPS:
            part = past.part(i - 40, i + 1)  # every step before it that a jump looks at
            part.t[-1] += more_t
            part.h[-1] += more_h
            detected.append(judge(part, body).column("jump")[-1] >= limit)
            part.t[-1] -= more_t
            part.h[-1] -= more_h
    assert abs(np.mean(detected) - (1 - least_step.MISSED)) < 0.03


def test_a_calm_history_makes_no_board_keener_than_anybody_wants():
    ts, t, h = room(4)
    past = history(ts, t, h)
    fitted = fit.fit(past)
    log = np.log1p(judge(past, fitted.params).column("jump"))
    days = past.days
    prior = fit.PRIORS["jump"]
    often, seldom = (
        np.expm1(fit.calibrate.tail(fit.calibrate.peaks(log), days, share, prior))
        for share in (fit.SHARES["jump"], fit.SELDOM_JUMP)
    )
    smallest = least_step.score(past, fitted.values)
    assert smallest > often
    assert fitted.values["jump"] > often
    assert abs(fitted.values["jump"] - min(smallest, seldom)) <= 1


def test_steps_over_long_pauses_say_nothing_of_a_threshold():
    ts, t, h = room(1)
    pauses = np.arange(len(ts)) * 30.0 * 100
    past = history(ts + pauses, t, h)
    assert least_step.score(past, {**params.DEFAULT}) >= 0
