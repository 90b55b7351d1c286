"""What answers change in a model, and what each next model must find, by the board's own judge."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from cloud.contract.keys import device_key
from cloud.learning.answers import Span, opens
from cloud.learning.comparison import LOST, Comparison, ModelOutcome
from cloud.learning.known import THRESHOLDS, Known
from cloud.learning.learn_command import PACE, same_pace
from cloud.training import bundle, fit
from cloud.training.history import History, history
from device import codes
from device.judge.params import NEVER

KEY = device_key(bytes(range(32)), "demo", "C001")
PERIOD = 30.0
FAULTY = 3000  # readings, six times: some forty faults


def room(days: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ts, t, h of a room with a day's rhythm and a sensor's noise."""
    random = np.random.default_rng(seed)
    n = int(days * 86400 / PERIOD)
    ts = 1.75e9 + np.arange(n) * PERIOD
    t = 21 + 2 * np.sin(2 * np.pi * ts / 86400) + random.normal(0, 0.02, n)
    h = 40 * np.exp(-0.045 * (t - 21)) + random.normal(0, 0.05, n)
    return ts, np.round(t, 2), np.round(h, 2)


@cache
def running() -> Known:
    trained = fit.train("demo", "C001", KEY, *room(3))
    return Known.of(trained.bundle, trained.model)


def door(past: History, row: int, size: float = 1.0) -> tuple[History, Span]:
    """Somebody leaves a door open for ten minutes: colder and damper, out and back in steps."""
    t, h = past.t.copy(), past.h.copy()
    shape = np.array(
        [0.3, 0.7, 1, 1.1, 0.9, 1.2, 1, 0.8, 1.1, 1, 0.9, 1, 1.1, 1, 0.8, 0.9, 0.7, 0.5, 0.3, 0.1]
    )
    rows = slice(row, row + len(shape))
    t[rows] -= np.rint(90 * size * shape).astype(int)
    h[rows] += np.rint(250 * size * shape).astype(int)
    made = replace(past, t=t, h=h)
    return made, Span(f"door {row}", float(past.ts[row]), float(past.ts[row + len(shape) - 1]))


@cache
def lived() -> tuple[History, list[Span]]:
    past, spans = history(*room(4, seed=1)), []
    for row in (3000, 5000, 7000):
        past, span = door(past, row)
        spans.append(span)
    return past, spans


@cache
def tried() -> tuple[Comparison, ModelOutcome]:
    """A comparison with three harmless doors, and what the running model says in it."""
    past, spans = lived()
    comparison = Comparison(past, spans, [], faulty=FAULTY)
    return comparison, comparison.outcome_of(running())


@cache
def taught() -> tuple[Known, ModelOutcome]:
    comparison, before = tried()
    return comparison.taught(running(), before)


def sizes() -> np.ndarray:
    return np.array([each.size for _, faults in tried()[0].faulty for each in faults])


def loud(known: Known, past: History, span: Span) -> bool:
    return opens(known.replay(past).flags[span.rows(past)])


def test_a_model_taken_apart_says_what_the_board_says_and_packs_into_the_same_bundle():
    trained = fit.train("demo", "C001", KEY, *room(3))
    known = Known.of(trained.bundle, trained.model)
    past = history(*room(3))
    assert known.detectors >= {"range", "stuck", "jump", "jitter", "drift", "envelope", "zscore", "forest"}
    again, model = known.packed(KEY, bundle.meta(trained.bundle))
    assert again == trained.bundle and model.model_id == trained.model.model_id
    fitted = fit.fit(past)
    assert known.replay(past).flags[np.flatnonzero(fitted.flags)].tolist() == [
        flag for flag in fitted.flags.tolist() if flag
    ]


def test_harmless_episodes_fall_silent_and_no_fault_is_missed_for_it():
    past, _ = lived()
    past, spans = lived()
    assert all(loud(running(), past, span) for span in spans)
    comparison = Comparison(past, spans, [], faulty=FAULTY)
    before = comparison.outcome_of(running())
    new, after = comparison.taught(running(), before)
    result = comparison.result(running(), before, new, after)
    assert result.passed and result.silent == result.harmless == 3 and result.raised
    assert result.recall_before > 30 and not (before.faults & ~after.faults).any()
    assert result.mails < result.mails_before and result.quieter
    next_door, span = door(past, 3000 + 2 * 2880)  # at that time of another day
    assert loud(running(), next_door, span) and not loud(new, next_door, span)
    bundle.verify(new.packed(KEY, {})[0], KEY)


def test_no_threshold_is_raised_as_far_as_a_fault_would_be_missed():
    """Somebody calls a reading of 75 degC harmless that lasts for ten minutes: no."""
    past = history(*room(4, seed=1))
    past, span = door(past, 5000, size=-60)
    comparison = Comparison(past, [span], [], faulty=FAULTY)
    before = comparison.outcome_of(running())
    new, after = comparison.taught(running(), before)
    result = comparison.result(running(), before, new, after)
    assert result.silent == 0 and result.passed and not result.quieter
    assert loud(new, past, span)


def test_what_was_a_real_fault_is_still_found_although_the_same_was_called_harmless_once():
    past, spans = lived()
    comparison = Comparison(past, spans[:2], spans[2:], faulty=FAULTY)
    before = comparison.outcome_of(running())
    new, after = comparison.taught(running(), before)
    result = comparison.result(running(), before, new, after)
    assert result.found == result.real == 1 and loud(new, past, spans[2])


def held() -> tuple[History, Span]:
    """A sensor's reading stands still for an hour, and somebody calls it harmless."""
    past = history(*room(4, seed=1))
    t = past.t.copy()
    t[5000:5100] = t[5000]
    return replace(past, t=t), Span("held", float(past.ts[5000]), float(past.ts[5099]))


def test_an_answer_may_not_cost_a_medium_or_high_fault_although_another_one_is_found_instead():
    """Each fault is compared with itself; a model that was trained anew may find others, and not fewer."""
    (comparison, before), (new, after) = tried(), taught()
    assert comparison.result(running(), before, new, after).passed
    fault, another = np.flatnonzero(before.faults & (sizes() != "low"))[:2]
    finds = [before.faults.copy() for _ in range(3)]
    finds[0][another] = finds[1][fault] = finds[2][fault] = finds[2][another] = False
    first, swapped, fewer = finds
    was = replace(before, faults=first)
    for faults, anew, reasons in (
        (swapped, False, ("recall",)),
        (swapped, True, ()),
        (fewer, True, ("recall",)),
    ):
        now = replace(after, faults=faults)
        assert comparison.result(running(), was, new, now, anew=anew).reasons == reasons


def test_one_answer_and_all_answers_together_may_cost_a_few_low_faults_and_no_other():
    (comparison, before), (new, after) = tried(), taught()
    for size, most in (("low", int(LOST * len(sizes()))), ("medium", 0)):
        rows = np.flatnonzero(before.faults & (sizes() == size))
        for lost, passed in ((most, True), (most + 1, False)):
            now = before.faults.copy()
            now[rows[:lost]] = False
            less = replace(after, faults=after.faults & now)
            assert comparison.result(running(), before, new, less).passed == passed, (size, lost)
            earlier = replace(before, faults=before.faults & now)
            assert comparison.result(running(), earlier, new, less, before.faults).passed == passed, (
                size,
                lost,
            )


def blind(known: Known, name: str) -> Known:
    if name == "forest":
        return known.having(threshold=0)
    return known.having({**known.values, name: NEVER})


@pytest.mark.parametrize("name", ["forest", "drift", "jump", "envelope"])
def test_a_model_with_fewer_detectors_is_refused(name):
    comparison, before = tried()
    new = blind(running(), name)
    result = comparison.result(running(), before, new, comparison.outcome_of(new), anew=True)
    assert not result.passed and "detectors" in result.reasons


def test_a_model_that_misses_a_real_fault_or_more_injected_ones_is_refused():
    past, spans = lived()
    comparison = Comparison(past, [], spans, faulty=FAULTY)
    never = dict.fromkeys(THRESHOLDS, NEVER - 1)
    deaf = running().having({**running().values, **never}, threshold=1)
    result = comparison.result(
        running(), comparison.outcome_of(running()), deaf, comparison.outcome_of(deaf), anew=True
    )
    assert {"recall", "real"} <= set(result.reasons) and "detectors" not in result.reasons


def test_a_model_that_brings_more_episodes_is_refused():
    comparison, before = tried()
    nervous = running().having({**running().values, "jump": 1, "zscore": 1})
    result = comparison.result(running(), before, nervous, comparison.outcome_of(nervous))
    assert "alarms" in result.reasons


def test_stuck_range_and_forest_are_raised_past_what_they_scored():
    past, span = held()
    assert running().replay(past).flags[5080] & codes.STUCK
    comparison = Comparison(past, [span], [], faulty=FAULTY)
    before = comparison.outcome_of(running())
    from cloud.learning.answers import raised

    new = raised(running(), past, before.judged, [span])
    assert not new.replay(past).flags[5000:5100].any()
    assert new.values["stuck"] > running().values["stuck"]


def test_only_readings_of_the_present_period_are_judged_again():
    """A board that measured every 10 s until somebody set it to half a second; pauses change no pace."""
    slow, quick = 10.0 * np.arange(1000), np.floor(10_000 + 0.5 * np.arange(900))
    first = same_pace(np.concatenate([slow, quick]))
    assert 1000 - PACE <= first <= 1000 + PACE
    assert same_pace(np.concatenate([slow, slow + 50_000])) == 0 and same_pace(slow[:5]) == 0
    assert same_pace(np.concatenate([quick, quick + 5000])) == 0
