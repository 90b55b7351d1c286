"""The rooms of make bench-plant: heat and water are conserved, healthy rooms stay well, failures fail."""

import re
from dataclasses import replace

import numpy as np
import pytest

from cloud.alerts.hindsight import mails
from device import codes
from tools.bench.docs_table import write
from tools.bench.plant import __main__ as command
from tools.bench.plant import films, physics, results, traces
from tools.bench.plant.contestants import ColumnVerdicts, at_best, limit
from tools.bench.plant.failures import FAILURES
from tools.bench.plant.films import Film, Scene
from tools.bench.plant.life import STEPS, day
from tools.bench.plant.moist_air import EVAPORATION, MELTING
from tools.bench.plant.rooms import KINDS, LIMITS, TABLE, draw
from tools.bench.plant.traces import MISSED
from tools.process.child import ToolFailed, WrongUse

PERIOD = 30
BEGIN, END = "<!-- written by make bench-plant -->\n", "<!-- end of make bench-plant -->\n"
HOUR = 3600 // PERIOD  # readings
BY_NAME = {failure.name: failure for failure in FAILURES}


def energy(rooms, state):
    """J in each room, against dry parts at 0 degC and liquid water."""
    held = np.stack([rooms.p[name] for name in ("air", "goods", "shell", "coil")])
    vapour = EVAPORATION * state.vapour * rooms.p["volume"]
    return (held * state.t).sum(axis=0) + vapour - MELTING * state.ice


def moisture(rooms, state):
    """g of vapour and ice in each room."""
    return state.vapour * rooms.p["volume"] + state.ice


@pytest.fixture(scope="module")
def rooms():
    return draw(3, 1)


@pytest.fixture(scope="module")
def settled(rooms):
    return traces.settled(rooms)


@pytest.fixture(scope="module")
def healthy(rooms, settled):
    """The state after a day, and its readings."""
    return traces.healthy(rooms, settled, 86400, PERIOD)


def after(rooms, state, name, kind, hours):
    """t and h (degC, %RH) of the room of this kind after it failed, and of the same room in health."""
    room = [KINDS.index(kind)]
    failure = replace(BY_NAME[name], hours=hours)
    bad = traces.failed(rooms.take(room), state.take(room), failure, PERIOD)
    _, good = traces.healthy(rooms.take(room), state.take(room), int(hours * 3600), PERIOD)
    return [(each.t[:, 0] / 100, each.h[:, 0] / 100) for each in (bad, good)]


def test_every_row_of_the_table_has_a_number_for_each_kind():
    assert {name for name, row in TABLE.items() if len(row) != len(KINDS)} == set()
    assert set(LIMITS) == set(KINDS)
    assert all(set(failure.kinds) <= set(KINDS) for failure in FAILURES)


# Physics


@pytest.mark.parametrize("name", [None, "door ajar", "fan dead", "dead compressor"])
def test_heat_and_water_only_move_or_come_from_outside(rooms, settled, name):
    failure = BY_NAME[name] if name else None
    which = [i for i, kind in enumerate(KINDS) if failure is None or kind in failure.kinds]
    own, before = rooms.take(which), settled.take(which)
    later, _ = physics.run(own, before, STEPS // 4, failure)
    came = later.heat - before.heat
    kept = energy(own, later) - energy(own, before)
    assert np.abs(kept - came).max() < 1e-6 * np.abs(energy(own, later)).max()
    assert np.abs(came).min() > 0
    drops = moisture(own, later) - moisture(own, before)
    assert drops == pytest.approx(later.water - before.water, abs=1e-6)


def test_a_closed_room_without_people_or_plant_keeps_its_heat_to_itself(rooms):
    sealed = replace(rooms, p=dict(rooms.p))
    for name in ("shell_out", "draught", "door", "inside", "cold", "heater", "sun", "load_part", "vent"):
        sealed.p[name] = np.zeros(len(rooms))
    sealed.p["defrost_heater"] = np.zeros(len(rooms))
    start = physics.begin(sealed)
    later, _ = physics.run(sealed, start, 2000)
    assert energy(sealed, later) == pytest.approx(energy(sealed, start), rel=1e-9)
    spread = later.t.max(axis=0) - later.t.min(axis=0)
    assert (spread <= start.t.max(axis=0) - start.t.min(axis=0) + 1e-9).all()  # heat runs downhill


def test_ice_never_owes_water_and_air_never_holds_more_than_it_can(rooms, settled):
    state = settled
    for _ in range(8):
        state, _ = physics.run(rooms, state, STEPS // 16)
        assert (state.ice > -1e-9).all()
        assert (state.vapour <= 1.1 * physics.saturation(state.t[physics.AIR])).all()


def test_a_healthy_room_stays_where_its_owner_wants_it(rooms, healthy):
    _, trace = healthy
    for room, kind in enumerate(KINDS):
        t, h = trace.t[:, room] / 100, trace.h[:, room] / 100
        own = LIMITS[kind]
        inside = np.ones(len(t), bool)
        inside &= t <= (own.t_max if own.t_max is not None else 99)
        inside &= t >= (own.t_min if own.t_min is not None else -99)
        inside &= h >= (own.h_min or 0)
        assert inside.mean() > 0.97, kind
        if rooms.p["cold"][room]:
            assert abs(np.median(t) - rooms.p["set"][room]) < rooms.p["hysteresis"][room], kind


def test_a_cold_room_cycles_and_defrosts(rooms, healthy):
    _, trace = healthy
    for kind in ("fridge", "walk-in", "freezer", "pharmacy fridge"):
        t = trace.t[:, KINDS.index(kind)] / 100
        smooth = np.convolve(t, np.ones(6) / 6, "valid")
        crossings = (np.diff(np.sign(smooth - np.median(smooth))) != 0).sum()
        assert 20 < crossings < 600, kind


# Seeds


def test_the_same_seed_makes_the_same_readings_whatever_else_is_drawn(rooms, settled, healthy):
    again, trace = traces.healthy(rooms, settled, 7200, PERIOD)
    assert np.array_equal(trace.t, healthy[1].t[: 2 * HOUR])
    more = draw(3, 2)
    walk_in = more.names.index(("walk-in", 0))
    assert {name: values[walk_in] for name, values in more.p.items()} == {
        name: values[KINDS.index("walk-in")] for name, values in rooms.p.items()
    }
    other = more.names.index(("walk-in", 1))
    assert more.p["air"][walk_in] != more.p["air"][other]
    assert draw(4, 1).p["air"][0] != rooms.p["air"][0]


def test_a_room_lives_the_same_alone_as_among_others(rooms, settled, healthy):
    room = [KINDS.index("freezer")]
    _, alone = traces.healthy(rooms.take(room), settled.take(room), 7200, PERIOD)
    assert np.array_equal(alone.t[:, 0], healthy[1].t[: 2 * HOUR, room[0]])
    assert np.array_equal(alone.h[:, 0], healthy[1].h[: 2 * HOUR, room[0]])


def test_a_day_is_continuous_with_the_next(rooms):
    today, tomorrow = day(rooms, 4), day(rooms, 5)
    step = np.abs(np.diff(today.out_t, axis=0)).max()
    assert np.abs(tomorrow.out_t[0] - today.out_t[-1]).max() < 4 * step


# Failures


@pytest.mark.parametrize("kind", ["fridge", "walk-in", "freezer", "pharmacy fridge", "server room"])
def test_without_a_compressor_it_warms_and_does_not_come_back(rooms, healthy, kind):
    (t, _), (good, _) = after(rooms, healthy[0], "dead compressor", kind, 6)
    assert t[-1] > good.max() + 1
    assert t[-HOUR:].mean() > t[2 * HOUR : 3 * HOUR].mean() > good.mean()


def test_without_a_fan_the_air_warms_less_than_without_a_compressor(rooms, healthy):
    for kind in ("fridge", "freezer"):
        (fan, _), (good, _) = after(rooms, healthy[0], "fan dead", kind, 6)
        (dead, _), _ = after(rooms, healthy[0], "dead compressor", kind, 6)
        assert good[-HOUR:].mean() < fan[-HOUR:].mean() < dead[-HOUR:].mean()


@pytest.mark.parametrize("kind", ["fridge", "walk-in", "freezer"])
def test_an_open_door_is_worse_than_one_ajar_and_both_get_over_it(rooms, healthy, kind):
    (ajar, _), (good, _) = after(rooms, healthy[0], "door ajar", kind, 5)
    (wide, _), _ = after(rooms, healthy[0], "door open", kind, 5)
    assert good[:HOUR].mean() + 0.5 < ajar[:HOUR].mean() < wide[:HOUR].mean()
    assert wide[-HOUR // 2 :].mean() < wide[:HOUR].mean() - 1


def later(failure, hours, already):
    """A failure that goes on for `hours` when it has gone on for so many already."""
    return replace(failure, hours=hours, health=lambda age: failure.health(age + 3600 * already))


def test_a_leak_shows_late_and_then_like_a_dead_compressor(rooms, healthy):
    room = [KINDS.index("pharmacy fridge")]
    own, state = rooms.take(room), healthy[0].take(room)
    leak = BY_NAME["slow leak"]
    good = healthy[1].t[:, room[0]].mean()
    first = traces.failed(own, state, later(leak, 12, 6), PERIOD).t
    assert abs(first.mean() - good) < 30
    last = traces.failed(own, state, later(leak, 12, 140), PERIOD).t
    assert last[-HOUR:].mean() > good + 200


def test_a_defrost_that_is_missed_chokes_the_coil(rooms, healthy):
    room = [KINDS.index("freezer")]
    own, state = rooms.take(room), healthy[0].take(room)
    iced, _ = physics.run(own, state, STEPS, BY_NAME["missed defrost"])
    clear, _ = physics.run(own, state, STEPS)
    assert iced.ice[0] > 2 * max(clear.ice[0], 10)


def test_without_its_heater_a_greenhouse_cools_and_without_mist_a_cellar_dries(rooms, healthy):
    (t, _), (good, _) = after(rooms, healthy[0], "heating dead", "greenhouse", 12)
    assert t.min() < good.min() - 2
    (_, h), (_, moist) = after(rooms, healthy[0], "humidifier dead", "wine cellar", 12)
    assert h[-6 * HOUR :].mean() < moist[-6 * HOUR :].mean() - 3


def test_a_sensor_that_fell_among_the_goods_no_longer_sees_the_cycles(rooms, healthy):
    (t, _), (good, _) = after(rooms, healthy[0], "sensor fallen off", "fridge", 8)
    assert t[HOUR:].std() < 0.6 * good[HOUR:].std()


def test_a_dying_battery_drifts_roars_and_falls_silent(rooms, healthy):
    room = [KINDS.index("wine cellar")]
    battery = later(BY_NAME["battery dies"], 12, 60)
    t = traces.failed(rooms.take(room), healthy[0].take(room), battery, PERIOD).t[:, 0].astype(int)
    good = healthy[1].t[:, room[0]].astype(int)
    assert (t[-HOUR:] == MISSED).all()
    assert (t[: 9 * HOUR] != MISSED).all()
    assert t[8 * HOUR : 9 * HOUR].mean() > good.max() + 200
    assert np.diff(t[8 * HOUR : 9 * HOUR]).std() > 3 * np.diff(good).std()


def test_a_failed_room_is_the_healthy_one_until_it_fails(rooms):
    two = rooms.take([0, 5])
    few = [replace(BY_NAME[name], hours=0.5) for name in ("door ajar", "slow leak")]
    whole, cases = traces.live(two, 60, [5000, 9000], 12000, few)
    assert len(whole.t) == 12000 // 60
    assert np.diff(whole.ts).tolist() == [60] * 199
    straight = traces.healthy(two, traces.settled(two), 12000, 60)[1]
    assert np.array_equal(whole.t, straight.t)
    assert {case.begin - whole.start + 60 for case in cases} == {4980, 9000}
    ajar = next(case for case in cases if case.failure.name == "door ajar")
    assert ajar.which == (0,)
    leak = next(case for case in cases if case.failure.name == "slow leak" and case.begin == cases[0].begin)
    assert np.abs(leak.trace.t[:5, 0] - whole.t[83:88, 0]).max() <= 2  # a minute of a leak is nothing


@pytest.mark.parametrize("period", [0, 7, 25])
def test_a_period_off_the_grid_is_refused(rooms, period):
    with pytest.raises(WrongUse, match="multiple of 10 s"):
        traces.live(rooms, period, [], 600)


# Mails


def flat(count, t=400, h=7000):
    return np.full(count, t, np.int16), np.full(count, h, np.int16)


def test_three_abnormal_readings_are_one_mail_and_two_are_none():
    flags = np.zeros(2000, np.int32)
    flags[[500, 501]] = codes.EXCURSION
    t, h = flat(2000)
    assert mails(flags, t, h, 30) == []
    flags[502] = codes.EXCURSION
    assert [(mail.row, mail.kind) for mail in mails(flags, t, h, 30)] == [(502, "opening")]


def test_a_limit_is_told_at_once_and_reminded_of_for_as_long_as_it_lasts():
    flags = np.zeros(3000, np.int32)
    flags[100:2000] = codes.LIMIT
    mail_count = mails(flags, *flat(3000), 30)
    assert (mail_count[0].row, mail_count[0].severity) == (100, "severe")
    assert [mail.kind for mail in mail_count[1:]] == ["reminder", "reminder"]  # after 4 h, and 8 h later


def film(t, fails=None, kind="fridge"):
    """A film of one week to learn from, one judged, and one scene, from these hundredths of degC."""
    week = 7 * 86400 // PERIOD
    scenes = (
        [] if fails is None else [Scene("dead compressor", 2 * week, 2 * week + fails, len(t), week + 500)]
    )
    h = np.full(len(t), 7000, np.int16)
    ts = 1_767_225_600 + PERIOD * np.arange(len(t))
    return Film(kind, 0, PERIOD, ts, t.astype(np.int16), h, week, 2 * week, scenes)


def test_minutes_are_counted_from_the_failure_to_the_mail():
    week = 7 * 86400 // PERIOD
    t = np.full(2 * week + 2000, 400)
    t[2 * week + 1000 :] = 900
    a_film = film(t, fails=900)
    result = results.result(a_film, limit(a_film, 30))
    assert result.false_mails == 0
    assert [each.minutes for each in result.outcomes] == [50 + 30 + 0.5]
    assert results.cell(result.outcomes) == "80 min, 1 of 1"


def test_a_mail_that_the_healthy_room_brings_too_is_no_find_but_a_false_one():
    week = 7 * 86400 // PERIOD
    t = np.full(2 * week + 2000, 400)
    a_film = film(t, fails=900)
    flags = np.zeros(len(t), np.int32)
    flags[week + 600 : week + 610] = codes.EXCURSION  # 100 readings after the moment at which the scene fails
    flags[2 * week + 1000 : 2 * week + 1010] = codes.EXCURSION
    result = results.result(a_film, ColumnVerdicts(flags))
    assert result.false_mails == 1
    assert result.outcomes[0].minutes is None


def test_a_score_gets_the_lowest_threshold_with_one_false_mail_a_week():
    week = 7 * 86400 // PERIOD
    a_film = film(np.full(2 * week, 400))
    score = np.zeros(2 * week)
    for number in range(5):
        at = week + 3000 * (number + 1)
        score[at : at + 5] = 10 - number
    flags = at_best(a_film, score).flags
    assert len(mails(flags[week:], a_film.t[week:], a_film.h[week:], PERIOD)) == 1


def test_the_table_goes_between_its_marks_and_nowhere_else(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}old\n{END}after\n")
    write(page, "bench-plant", "new")
    write(page, "bench-plant", "newer")
    assert page.read_text() == f"before\n{BEGIN}\nnewer\n{END}after\n"
    page.write_text("no marks")
    with pytest.raises(ToolFailed, match="put them back"):
        write(page, "bench-plant", "new")


def test_a_setting_that_is_no_number_is_refused(tmp_path):
    with pytest.raises(ToolFailed, match=re.escape('ROOMS must be a whole number from 1 on, not "many"')):
        command.main({"ROOMS": "many"}, tmp_path / "page.md")


def test_films_hold_every_failure_of_every_room_apart(monkeypatch):
    monkeypatch.setattr(films, "TRAIN", 21600)
    monkeypatch.setattr(films, "JUDGED", 21600)
    monkeypatch.setattr(films, "WARM", 7200)
    monkeypatch.setattr(films, "BEGINS", (30000,))
    shot = films.shoot(5, 1, 60, failures=[replace(each, hours=0.2) for each in FAILURES])
    assert [each.kind for each in shot] == list(KINDS)
    for film in shot:
        assert {scene.failure for scene in film.scenes} == {f.name for f in FAILURES if film.kind in f.kinds}
        assert film.parts[0] == slice(0, film.judged)
        for scene in film.scenes:
            warm = slice(scene.start, scene.fails)
            healthy = slice(scene.begin - 120, scene.begin)
            assert np.array_equal(film.t[warm], film.t[healthy])
            assert np.array_equal(film.ts[warm] % films.DAY, film.ts[healthy] % films.DAY)
        jumps = np.diff(film.ts)
        assert (jumps >= 60).all() and (jumps[jumps > 60] > films.GAP).all()
        assert (jumps > 60).sum() == len(film.scenes)
