"""Siblings: who has left whom, and that a board which stays is accused of nothing."""

import msgspec
import numpy as np
import pytest

from cloud.siblings import parting
from cloud.siblings.air import BLOCK, Air, fit_rows
from cloud.training.thresholds import calibrate

DAYS, PERIOD = 8, 30.0
COUNT = int(DAYS * 86400 / PERIOD)
TRAIN = COUNT // 2
START = 1.75e9


def boards(count: int, seed: int = 0, skip: float = 0.05) -> dict[str, Air]:
    """Boards of one room: its weather, each with a place, a noise and missing readings of its own."""
    random = np.random.default_rng(seed)
    ts = START + np.arange(COUNT) * PERIOD
    weather = np.cumsum(random.normal(0, 0.02, (2, COUNT)), axis=1)
    weather -= np.linspace(0, 1, COUNT) * weather[:, -1:]
    day = np.sin(2 * np.pi * ts / 86400)
    air = {}
    for number in range(count):
        own = np.cumsum(random.normal(0, 0.0015, (2, COUNT)), axis=1)
        scale = random.uniform(0.85, 1.15)
        t = 21 + number / 2 + scale * (2 * day + weather[0]) + own[0] + random.normal(0, 0.02, COUNT)
        h = 45 - number + 2 * weather[1] - 4 * day + own[1] + random.normal(0, 0.06, COUNT)
        here = random.random(COUNT) > skip
        air[f"C{number + 1:03}"] = Air(ts[here] + number, t[here], h[here])
    return air


def learned(air: dict[str, Air], name: str = "C001") -> tuple[parting.Learned, dict[str, Air]]:
    others = {other: theirs for other, theirs in air.items() if other != name}
    end = START + TRAIN * PERIOD
    return parting.learn(air[name].until(end), {k: theirs.until(end) for k, theirs in others.items()}), others


def drifting(air: Air, begin: float, degrees: float, hours: float = 2) -> Air:
    """It drifts for `hours` from `begin` (days) on, and stays there."""
    ramp = np.clip((air.ts - START - begin * 86400) / (3600 * hours), 0, 1)
    return Air(air.ts, air.t + degrees * ramp, air.h)


def flagged(known: parting.Learned, own: Air, others: dict[str, Air], first: float, last: float) -> bool:
    rows = (own.ts >= START + first * 86400) & (own.ts <= START + last * 86400)
    return bool((parting.spread(known, own, others)[rows] > 1).any())


@pytest.mark.parametrize("count", [3, 4, 6])
def test_a_board_that_drifts_has_left_its_siblings_and_none_of_them_is_accused(count):
    air = boards(count)
    known = {name: learned(air, name) for name in air}
    air["C002"] = drifting(air["C002"], 5.5, 1.5)
    for name, (what, others) in known.items():
        beside = {other: air[other] for other in others}
        assert flagged(what, air[name], beside, 5.5, 5.6) == (name == "C002"), name


@pytest.mark.parametrize("count", [3, 6])
def test_a_room_that_changes_accuses_nobody(count):
    air = boards(count)
    known = {name: learned(air, name) for name in air}
    air = {name: drifting(series, 6.2, 4.0) for name, series in air.items()}
    for name, (what, others) in known.items():
        assert not flagged(what, air[name], {other: air[other] for other in others}, 6.2, 6.4), name


@pytest.mark.parametrize("count", [3, 5])
def test_quiet_days_bring_no_more_than_their_share_of_alarms(count):
    air = boards(count, seed=1)
    alarms = 0
    for name in air:
        what, others = learned(air, name)
        alarms += calibrate.alarms(parting.spread(what, air[name], others)[TRAIN:] > 1)
    assert alarms <= 0.3 * count * DAYS / 2


def test_one_sibling_alone_cannot_say_who_has_left():
    with pytest.raises(parting.TooLittle, match="2 siblings .* and there is 1"):
        learned(boards(2))


def test_a_sibling_that_falls_silent_leaves_no_opinion_and_a_third_one_keeps_it():
    air = boards(4)
    what, others = learned(air)
    own = drifting(air["C001"], 6, 3)
    silent = {name: theirs.until(START + 5 * 86400) for name, theirs in others.items()}
    assert not flagged(what, own, {**silent, "C002": others["C002"]}, 6, 6.1)
    assert flagged(what, own, {**others, "C002": silent["C002"]}, 6, 6.1)


def test_another_room_is_no_sibling():
    air = boards(4)
    random = np.random.default_rng(5)
    far = air["C004"]
    wild = Air(far.ts, far.t + np.cumsum(random.normal(0, 0.2, len(far))), far.h)
    what, _ = learned({**air, "C004": wild})
    assert set(what.pairs) == {"C002", "C003"}


def test_what_no_sensor_can_measure_is_no_reading():
    ts = np.array([3.0, 1.0, np.nan, 2.0, 4.0, 5.0])
    t = np.array([20.0, 20.0, 20.0, 122.0, np.nan, 20.0])
    h = np.array([40.0, 40.0, 40.0, 40.0, 40.0, 0.0])
    assert fit_rows(ts, t, h).tolist() == [1, 0]
    assert Air.of(ts, t, h).ts.tolist() == [1.0, 3.0]


def test_a_score_is_known_only_once_its_block_is_whole():
    air = boards(3)
    what, others = learned(air)
    whole = parting.spread(what, air["C001"], others)
    cut = 1000 * BLOCK + 3
    own = air["C001"]
    short = parting.spread(what, Air(own.ts[:cut], own.t[:cut], own.h[:cut]), others)
    assert np.array_equal(short, whole[:cut]) and whole[cut - 4] != whole[cut - 5]


def test_what_was_learned_comes_back_from_the_database_as_it_was():
    what, _ = learned(boards(5))
    assert msgspec.convert(msgspec.to_builtins(what), parting.Learned) == what
