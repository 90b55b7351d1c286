"""Bands for each half hour of the day: only where days are alike, and then a failure of the heating shows."""

from dataclasses import replace

import numpy as np
import pytest

from cloud.training.features import features
from cloud.training.history import History
from cloud.training.thresholds import rhythm
from device.judge.rhythm import HALF_HOURS, Bands, Rhythm
from tests.device.judge.detector_alone import Asked

PERIOD = 60.0
A_DAY = 1440


def house(days=7, seed=1, alike=1.0):
    """An office: 20.5 degC from seven to nineteen, 17 at night; days differ by `alike` times 0.1 degC."""
    random = np.random.default_rng(seed)
    at = np.arange(days * A_DAY) * PERIOD
    hour = at / 3600 % 24
    goal = np.where((hour >= 7) & (hour < 19), 20.5, 17.0)
    t = np.empty(len(at))
    now = 17.0
    for i, wanted in enumerate(goal):
        now += (wanted - now) / 60
        t[i] = now
    t = t + np.repeat(random.normal(0, 0.1 * alike, days), A_DAY) + random.normal(0, 0.02, len(at))
    h = 60 - 6 * (t - 18) + random.normal(0, 0.1, len(at))
    t, h = (np.rint(100 * each).astype(np.int64) for each in (t, h))
    return History(1.7e9 // 86400 * 86400 + at, t, h, PERIOD, 0)


def fitted(past):
    return rhythm.fit(past, features(past.t, past.h), np.arange(len(past.t)) >= 60)


def scores(fitted, past):
    judge = Asked(Rhythm(Bands(fitted.section)), fresh=0)
    x = features(past.t, past.h).tolist()
    rows = zip(x, past.half_hours.tolist(), strict=True)
    return np.array([judge.score(0, 0, half=half, x=row) for row, half in rows])


def about(judge, t, h, half):
    """The score where the means of the readings before are t and h."""
    return judge.score(0, 0, half=half, x=[t, h, 0, 0, 0, 0, 0, 0])


def test_days_that_are_alike_stay_within_their_bands():
    past = house(days=21)
    model = fitted(past.part(0, 7 * A_DAY))
    assert model.channels == ["t", "h"]
    assert scores(model, past).max() <= 64


@pytest.mark.parametrize("hour", [6, 9, 15])
def test_a_heating_that_is_dead_at_noon_is_found_though_it_is_no_colder_than_at_night(hour):
    past = house(days=9)
    model = fitted(past.part(0, 7 * A_DAY))
    row = 8 * A_DAY + hour * 60
    t = past.t.copy()
    t[row:] = np.maximum(1650, t[row] - np.arange(len(t) - row) * 2)
    assert t[row:].min() > past.t[: 7 * A_DAY].min() - 50
    late = scores(model, replace(past, t=t))[row : row + 6 * 60]
    assert (late > 64).any()


def test_days_that_are_not_alike_have_no_rhythm():
    assert fitted(house(alike=20.0)) is None


def test_a_steady_place_has_no_rhythm():
    past = house()
    steady = np.rint(2000 + np.random.default_rng(3).normal(0, 20, len(past.t))).astype(np.int64)
    assert fitted(replace(past, t=steady, h=steady)) is None


def test_less_than_a_week_is_too_little():
    assert fitted(house(days=6)) is None


def test_without_a_clock_nothing_is_known_and_a_return_ends_it():
    model = fitted(house())
    judge = Asked(Rhythm(Bands(model.section)))
    for _ in range(model.need):
        last = about(judge, 0, 5000, 20)
    assert last == 64
    assert about(judge, 0, 5000, -1) == 0
    assert about(judge, 0, 5000, 20) == 64 // model.need
    inside = (model.low[:, 20] + model.high[:, 20]) // 2
    assert about(judge, int(inside[0]), int(inside[1]), 20) == 0


def test_a_channel_without_a_rhythm_may_say_anything():
    model = fitted(house())
    low, high = model.low.copy(), model.high.copy()
    low[1], high[1] = -32768, 32767
    one_channel = replace(model, low=low, high=high)
    assert one_channel.channels == ["t"]
    judge = Asked(Rhythm(Bands(one_channel.section)))
    inside = int(low[0, 20] + high[0, 20]) // 2
    assert about(judge, inside, -32768, 20) == about(judge, inside, 32767, 20) == 0


@pytest.mark.parametrize("body", [b"", bytes(385), bytes(2 * (1 + 4 * HALF_HOURS))])
def test_a_section_that_is_none_is_refused_in_words(body):
    with pytest.raises(ValueError, match="train the model again"):
        Bands(body)
