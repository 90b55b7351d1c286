"""Stays beyond levels: the board counts them as training does, and only where a place cycles."""

from dataclasses import replace

import numpy as np
import pytest

from cloud.training.history import History
from cloud.training.thresholds import excursion
from device.judge.excursion import BEFORE, LEVELS, LONGEST, SIDE, Excursion, Stays
from device.judge.reading import LONG_GAP
from tests.device.judge.detector_alone import Asked

PERIOD = 30.0


def cycling(days=7, seed=1, defrost_hours=6.0):
    """A cooler: cycles of some twenty minutes around 4 degC, and a defrost of 25 minutes every few hours."""
    random = np.random.default_rng(seed)
    n = int(days * 86400 / PERIOD)
    at = np.arange(n) * PERIOD
    t = 400 + 100 * np.sin(2 * np.pi * np.cumsum(PERIOD / random.normal(1200, 60, n)))
    t = np.where(at % (3600 * defrost_hours) < 1500, 700, t)
    t = np.rint(t + random.normal(0, 2, n)).astype(np.int64)
    return History(1.7e9 // 86400 * 86400 + at, t, np.full(n, 7000, np.int64), PERIOD, 0)


def board(fitted):
    return Asked(Excursion(Stays(fitted.section)))


def scores(judge, past):
    rows = zip(past.t.tolist(), past.periods.tolist(), past.half_hours.tolist(), strict=True)
    out = []
    for t, gap, half in rows:
        out.append(judge.score(t, 4000, gap, half))
    return out


def opened(past, seed=3, a_day=8, minutes=14):
    """Doors at any time of day: the air rises for as long as they are open."""
    random = np.random.default_rng(seed)
    t = past.t.copy()
    rise = np.linspace(500, 500 + 40 * minutes, int(minutes * 60 / PERIOD)).astype(np.int64)
    for at in random.integers(0, len(t) - len(rise), int(a_day * past.days)).tolist():
        rows = slice(at, at + len(rise))
        t[rows] = np.maximum(t[rows], rise)
    return replace(past, t=t)


def dead(past, day, hour, minutes=180):
    """The last days of `past`, and from that hour on a temperature that only rises, to 8 degC."""
    row = int((day * 24 + hour) * 3600 / PERIOD)
    age = np.arange(int(minutes * 60 / PERIOD))
    t = past.t.copy()
    t[row : row + len(age)] = np.maximum(400, 800 - 400 * np.exp(-age * PERIOD / 1200))
    return replace(past, t=t), row


def first(past, row, fitted):
    """Minutes from `row` to the first abnormal reading."""
    after = np.array(scores(board(fitted), past))[row:]
    hits = np.flatnonzero(after > 64)
    return hits[0] * PERIOD / 60 if len(hits) else None


def test_the_history_itself_is_never_too_long():
    past = cycling()
    limits = excursion.fit(past)
    assert max(scores(board(limits), past)) <= 64


def test_levels_rise_above_the_middle_and_fall_below_it():
    fitted = excursion.fit(cycling())
    above, below = fitted.levels[:SIDE], fitted.levels[SIDE:]
    assert len(fitted.levels) == len(fitted.longest) == LEVELS
    assert len(fitted.still) == len(fitted.quiet) == len(fitted.slow) == SIDE
    assert list(above) == sorted(above)
    assert list(below) == sorted(below, reverse=True)
    limits = zip(fitted.quiet, fitted.still, strict=True)
    assert all(1 <= quiet <= still <= LONGEST for quiet, still in limits)


def test_a_dead_compressor_shows_within_the_hour_and_goes_on_showing():
    past = cycling(days=9)
    limits = excursion.fit(past.part(0, int(7 * 86400 / PERIOD)))
    for hour in (1, 9, 14.2, 23):
        minutes = first(*dead(past, 7, hour), limits)
        assert minutes is not None and minutes < 60, hour
    broken, row = dead(past, 7, 9)
    values = np.array(scores(board(limits), broken))[row : row + 300] > 64
    assert values[np.argmax(values) :].all()


def test_a_quiet_half_hour_is_given_less_than_one_with_a_defrost():
    past = cycling(days=9)
    limits = excursion.fit(past.part(0, int(7 * 86400 / PERIOD)))
    assert limits.busy[[0, 12, 24, 36]].all()
    assert first(*dead(past, 7, 9), limits) < first(*dead(past, 7, 23.8), limits)


def test_defrosts_at_another_time_each_day_leave_no_quiet_half_hours():
    past = cycling(days=16, defrost_hours=5.47)
    limits = excursion.fit(past.part(0, int(7 * 86400 / PERIOD)))
    values = np.array(scores(board(limits), past)) > 64
    assert not values.any()


def test_without_a_clock_a_stay_has_the_time_of_a_busy_half_hour():
    past = cycling(days=9)
    limits = excursion.fit(past.part(0, int(7 * 86400 / PERIOD)))
    broken, row = dead(past, 7, 9)
    judge = board(limits)
    unset = np.array([judge.score(t, 4000) for t in broken.t.tolist()])
    assert np.flatnonzero(unset[row:] > 64)[0] * PERIOD / 60 > first(broken, row, limits)


def test_a_slow_stay_is_given_less_than_one_that_a_door_or_a_defrost_begins():
    past = opened(cycling(days=9, defrost_hours=5.47))
    fitted = excursion.fit(past.part(0, int(7 * 86400 / PERIOD)))
    assert fitted.rush < 300
    broken, row = dead(past, 7, 9)
    pushed = np.array(scores(board(replace(fitted, rush=-100)), broken))[row:] > 64  # as if none were slow
    assert first(broken, row, fitted) < np.argmax(pushed) * PERIOD / 60


def test_a_section_from_before_is_judged_by_what_it_knows():
    past = cycling(days=2)
    fitted = excursion.fit(past)
    never = (LONGEST,) * SIDE
    head = np.frombuffer(fitted.section, "<i2")[: BEFORE - 2 * LEVELS]
    before = np.array([*head, *fitted.still, *never, *fitted.quiet, *never], "<i2")
    before = Excursion(Stays(before.tobytes()))
    without = Excursion(Stays(replace(fitted, slow=never).section))
    broken, _ = dead(past, 1, 9)
    assert scores(Asked(before), broken) == scores(Asked(without), broken)


def test_training_counts_stays_as_the_board_does():
    past = cycling(days=2)
    random = np.random.default_rng(2)
    kept = np.sort(random.choice(len(past.t), len(past.t) * 2 // 3, replace=False))
    kept = kept[(kept < 2000) | (kept > 2100)]  # a long gap, and many short ones
    some = History(past.ts[kept], past.t[kept], past.h[kept], past.period, 0)
    fitted = excursion.fit(past)
    watch = excursion.watch(some, fitted.step)
    for index, level in ((0, 350), (0, 400), (0, 450), (SIDE, 380)):
        for kind, counted in enumerate(watch.counted(fitted.rush)[: 3 if index < SIDE else 1]):
            levels = [excursion.NOWHERE] * SIDE + [-excursion.NOWHERE] * SIDE
            levels[index] = level
            limits = [(LONGEST,) * LEVELS] * 3
            limits[kind] = (1,) * LEVELS
            longest, still, slow = limits[0], limits[1][:SIDE], limits[2][:SIDE]
            own = replace(fitted, levels=tuple(levels), longest=longest, still=still, quiet=still, slow=slow)
            ours = np.array(scores(board(own), some)) // 64
            assert (ours == watch.stays(level, 1 if index < SIDE else -1, counted)).all()


@pytest.mark.parametrize("days", [1.2, 2.5])
def test_a_short_history_has_no_quiet_half_hours(days):
    limits = excursion.fit(cycling(days=days))
    assert limits.busy.all()


def test_a_place_that_does_not_cycle_is_not_watched():
    past = cycling()
    slow = np.rint(2000 + 300 * np.sin(2 * np.pi * np.arange(len(past.t)) / 2880)).astype(np.int64)
    assert excursion.fit(replace(past, t=slow)) is None


def test_a_cold_room_that_people_keep_warm_for_hours_is_watched_all_the_same():
    past = cycling()
    hour = past.ts % 86400 / 3600
    t = np.where((hour > 9) & (hour < 17), np.maximum(past.t, 450), past.t)
    kept_open = replace(past, t=t)
    limits = excursion.fit(kept_open)
    broken, row = dead(kept_open, day=6, hour=20)
    assert limits.levels[0] < excursion.NOWHERE and first(broken, row, limits) <= 75


def test_after_a_long_gap_stays_begin_anew():
    limits = excursion.fit(cycling())
    judge = board(limits)
    for _ in range(20):
        judge.score(2000, 4000)
    assert judge.score(2000, 4000, LONG_GAP) <= 64


@pytest.mark.parametrize("body", [b"", bytes(135), bytes(138), bytes(122), bytes(136)])
def test_a_section_that_is_none_is_refused_in_words(body):
    with pytest.raises(ValueError, match="train the model again"):
        Stays(body)
