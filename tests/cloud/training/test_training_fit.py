"""Training: from a history to a bundle that a board takes, within its false-alarm budget."""

import io
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from cloud.alerts.hindsight import mails
from cloud.contract.keys import device_key
from cloud.training import fit, params, report
from cloud.training.forest.twin import CloudModel
from cloud.training.history import History, HistoryError, history
from cloud.training.judged import judge
from cloud.training.thresholds import calibrate, envelope, levels
from device import codes
from device.judge.envelope import Envelope
from device.judge.params import FIELDS, NEVER, Params
from device.judge.stuck import ALWAYS
from device.model import bundle as model
from tests.device.judge.detector_alone import Asked
from tools.virtual_board.virtual_board import find_micropython

MASTER = bytes(range(32))
KEY = device_key(MASTER, "demo", "C001")


def room(days: float, seed: int = 0, period: float = 30.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ts, t, h of a room with a day's rhythm, weather that wanders, and a sensor's noise."""
    random = np.random.default_rng(seed)
    n = int(days * 86400 / period)
    ts = 1.75e9 + np.arange(n) * period
    wander = np.cumsum(random.normal(0, 0.01, n))
    wander -= np.linspace(0, wander[-1], n)
    t = 21 + 2 * np.sin(2 * np.pi * ts / 86400) + random.normal(0, 0.02, n)
    h = (40 + wander) * np.exp(-0.045 * (t - 21)) + random.normal(0, 0.05, n)
    return ts, np.round(t, 2), np.round(h, 2)


@cache
def trained() -> fit.Trained:
    return fit.train("demo", "C001", KEY, *room(4))


def test_the_bundle_is_what_a_board_with_the_key_takes() -> None:
    trained_model = trained()
    loaded = model.read(io.BytesIO(trained_model.bundle), len(trained_model.bundle), KEY)
    assert loaded.id.hex() == trained_model.model.model_id
    assert loaded.threshold == trained_model.model.threshold
    assert Params(loaded.params).envelope == int(trained_model.model.envelope["threshold"])
    with pytest.raises(ValueError, match="another device"):
        model.read(io.BytesIO(trained_model.bundle), len(trained_model.bundle), bytes(32))


def test_a_reading_judged_with_a_trained_model_allocates_nothing(tmp_path: Path) -> None:
    _, t, h = room(1)
    readings = np.rint(np.column_stack([t, h]) * 100).astype("<i2")
    (tmp_path / "bundle").write_bytes(trained().bundle)
    (tmp_path / "readings").write_bytes(readings.tobytes())
    driver = Path(__file__).with_name("allocation_driver.py")
    command = [find_micropython(), "-X", "heapsize=2M"]
    command += [driver, driver.parents[3], tmp_path / "bundle", KEY.hex()]
    done = subprocess.run(
        [*command, tmp_path / "readings"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"judged {len(t) // 2} ")


def test_the_history_itself_stays_within_the_budget() -> None:
    past = history(*room(4))
    for budget in (0.25, 1.0):
        fitted = fit.fit(past, budget=budget)
        assert calibrate.alarms((fitted.flags & codes.ABNORMAL) > 0) <= max(1.0, budget * past.days)
        assert len(mails(fitted.flags, past.t, past.h, past.period)) <= 1  # a week


def test_faults_that_anyone_would_see_are_found_after_training() -> None:
    ts, t, h = room(4)
    fitted = fit.fit(history(ts, t, h))
    ts, t, h = room(5)
    faulty = slice(12000, 12030)
    for change, flag in (
        (lambda: t.__setitem__(faulty, t[faulty] + 4), codes.ZSCORE),
        (lambda: h.__setitem__(faulty, h[faulty] + 8), codes.ZSCORE),
        (lambda: (t.__setitem__(faulty, t[12000]), h.__setitem__(faulty, h[12000])), codes.STUCK),
        (lambda: t.__setitem__(faulty, t[faulty] + np.resize([-1.0, 1.0], 30)), codes.JITTER),
        (lambda: t.__setitem__(faulty, 60.0), codes.RANGE),
    ):
        ts, t, h = room(5)
        change()
        flags = judge(history(ts, t, h), fitted.params).flags
        assert np.bitwise_or.reduce(flags[faulty]) & flag


def test_the_same_history_and_seed_give_the_same_model() -> None:
    again = fit.train("demo", "C001", KEY, *room(4))
    assert again.model.model_id == trained().model.model_id
    assert again.bundle == trained().bundle


def test_the_cloud_keeps_the_model_and_its_envelope_through_storage() -> None:
    trained_model = trained().model
    kept = CloudModel.loads(trained_model.dumps(MASTER), MASTER)
    x = np.random.default_rng(1).integers(-32768, 32768, (500, 8)).astype(np.int16)
    shape = envelope.Envelope(kept.envelope["means"], kept.envelope["weights"])
    loaded = model.read(io.BytesIO(trained().bundle), len(trained().bundle), KEY)
    numbers = Params(loaded.params)
    board = Asked(Envelope(numbers))
    assert [board.score(0, 0, x=row) for row in x.tolist()] == shape.scores(x).tolist()
    assert kept.twin_scores(x).tolist() == trained_model.twin_scores(x).tolist()


def test_the_envelope_is_scikit_learns_distance() -> None:
    from sklearn.covariance import EmpiricalCovariance

    from cloud.training.features import features

    past = history(*room(2))
    x = features(past.t, past.h)[60:]
    fitted = EmpiricalCovariance().fit(x.astype(float))
    wide = fitted.covariance_ + envelope.LEAST_VARIANCE * np.eye(8)
    away = x - fitted.location_
    exact = np.einsum("ij,jk,ik->i", away, np.linalg.inv(wide), away)
    distances = envelope.fit(x).scores(x) / 4096
    assert np.abs(np.sqrt(distances) - np.sqrt(exact)).max() < 0.25  # means are whole hundredths, y 1/64


def test_less_than_a_day_judges_relative_changes_only() -> None:
    trained = fit.train("demo", "C001", KEY, *room(0.5))
    numbers = Params(model.read(io.BytesIO(trained.bundle), len(trained.bundle), KEY).params)
    assert trained.report["whole"] is False
    assert numbers.envelope == numbers.drift == NEVER
    assert trained.model.threshold == 0
    assert (numbers.t_low, numbers.t_high) == (-4000, 8000)
    assert numbers.jump >= params.DEFAULT["jump"]
    assert "need a day" in report.lines(trained.report)[-1]


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        (room(0.1), "too few"),
        ((np.arange(5000.0), np.full(5000, 21.5), np.full(5000, 40.0)), "stuck"),
        ((np.zeros(5000), *room(2)[1:]), "same time"),
        ((room(2)[0], np.full(5760, np.nan), room(2)[2]), "too few"),
        ((room(2)[0][:-1], *room(2)[1:]), "one each"),
    ],
)
def test_a_history_that_teaches_nothing_is_refused_in_words(columns, word: str) -> None:
    columns = tuple(column[: len(columns[0])] if word == "same time" else column for column in columns)
    with pytest.raises(HistoryError, match=word):
        fit.train("demo", "C001", KEY, *columns)


@pytest.mark.parametrize(
    ("period", "count"),
    [
        *((0.5, 600), (5.0, 1200), (60.0, 601), (144.0, 600), (300.0, 750), (600.0, 650)),
        *((900.0, 900), (1800.0, 1199), (3600.0, 600), (3600.0, 1000)),
    ],
)
def test_every_period_that_a_board_may_have_gives_a_model_that_keeps_its_budget(period, count) -> None:
    past = history(*(column[:count] for column in room(count * period / 86400 + 1, period=period)))
    fitted = fit.fit(past)
    assert abs(past.days - count * period / 86400) < 0.05 + past.days / 100
    abnormal = (fitted.flags & codes.ABNORMAL) > 0
    assert calibrate.alarms(abnormal) <= max(1.0, past.days)
    assert abnormal.mean() <= 0.1
    fit.pack(KEY, fitted, {})


@pytest.mark.parametrize("period", [0.01, 5000.0, 86400.0])
def test_a_period_that_no_board_has_is_refused_in_words(period) -> None:
    with pytest.raises(HistoryError, match="one reading each .* one each half second to one an hour"):
        history(*room(1000 * period / 86400, period=period))


def test_a_slow_board_still_finds_what_anyone_would_see() -> None:
    """Half an hour between two readings."""
    ts, t, h = room(40, period=1800.0)
    fitted = fit.fit(history(ts, t, h))
    t[1500:1520] += 25
    flags = judge(history(ts, t, h), fitted.params).flags
    assert ((flags[1500:1520] & codes.ABNORMAL) > 0).all()
    assert ((flags[300:1500] & codes.ABNORMAL) > 0).mean() < 0.03


def broken(pieces: int, length: int, pause: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A room of which only `pieces` of `length` readings, `pause` seconds apart, were recorded."""
    ts, t, h = room(pieces * length / 2880 + 0.01)
    ts, t, h = (column[: pieces * length] for column in (ts, t, h))
    return ts + np.repeat(np.arange(pieces), length) * pause, t, h


def test_a_history_in_crumbs_is_refused_with_the_reason() -> None:
    """Twenty minutes each two hours: the windows never fill."""
    with pytest.raises(HistoryError, match="0 readings follow 60 others without a pause of 60 periods"):
        fit.fit(history(*broken(75, 40, 6000.0)))


def test_what_a_history_does_not_teach_is_said_and_does_not_watch() -> None:
    """A board that is on for an hour and off for an hour: no slope of 168 readings is ever seen."""
    trained = fit.train("demo", "C001", KEY, *broken(40, 120, 3600.0))
    assert trained.report["whole"]
    assert trained.report["thresholds"]["drift"] is None
    assert any(line.startswith("  given up       drift: ") for line in report.lines(trained.report))


def test_a_history_without_two_readings_close_together_says_what_it_could_not_measure() -> None:
    ts, t, h = room(3)
    past = history(ts, t, h)
    far = History(ts[:1000] * 20, past.t[:1000], past.h[:1000], 30.0, 0)
    remarks: list[str] = []
    numbers = levels.levels(far, remarks)
    assert [line.split(":")[0] for line in remarks] == ["moisture", "jump, jitter"]
    assert numbers["step_t"] == params.DEFAULT["step_t"] and numbers["coupling"] == params.DEFAULT["coupling"]


def test_a_hundred_percent_is_learned_where_it_is_ordinary_and_watched_where_it_never_was() -> None:
    """Fog: saturated from dusk to dawn. What SHT3x and BME280 then say is 100.00, hour after hour."""
    ts, t, h = room(6)
    wet = np.minimum(h + 55 + 10 * np.cos(2 * np.pi * ts / 86400), 100.0)
    assert 0.2 < (wet == 100).mean() < 0.9
    past = history(ts, t, wet)
    assert past.unfit == 0
    learned = fit.fit(past.part(0, len(ts) * 2 // 3))
    flags = judge(past, learned.params).flags
    assert calibrate.alarms((flags & codes.ABNORMAL) > 0) <= 6
    assert learned.values["h_high"] == 10000
    assert fit.fit(history(ts, t, h + 50)).values["h_high"] == 9998  # up to 95 %RH, never saturated


@pytest.mark.parametrize("channel", ["t", "h"])
def test_a_channel_that_rests_for_more_than_a_day_is_not_called_stuck(channel) -> None:
    """A cellar at 99.9 %RH, or at 12.0 degC: a DHT22 says so for days."""
    ts, t, h = room(10, period=60.0)
    resting = np.sin(2 * np.pi * ts / (3.5 * 86400)) < 0.6
    if channel == "t":
        t = np.where(resting, 12.0, np.round(12 + (t - 21) / 4, 1))
    else:
        h = np.where(resting, 99.9, np.round(np.minimum(h + 50, 99.9), 1))
    past = history(ts, t, h)
    remarks: list[str] = []
    numbers = levels.levels(past, remarks)
    assert numbers[f"rate_{channel}"] == ALWAYS
    assert any(line.startswith(f"stuck: the same {channel} for ") for line in remarks)
    fitted = fit.fit(past.part(0, len(ts) // 2))
    flags = judge(past, fitted.params).flags
    assert calibrate.alarms((flags & codes.ABNORMAL) > 0) <= past.days


def test_a_channel_that_rests_for_hours_may_rest_half_as_long_again() -> None:
    """A greenhouse: saturated each night. A sensor that stays so for a day is still found."""
    ts, t, h = room(8, period=60.0)
    night = np.sin(2 * np.pi * ts / 86400) < -0.3
    h = np.where(night, 99.9, np.round(h + 30, 1))
    past = history(ts, t, h)
    fitted = fit.fit(past.part(0, len(ts) // 2))
    flags = judge(past, fitted.params).flags
    assert calibrate.alarms((flags & codes.STUCK) > 0) == 0
    h[7000:] = 99.9
    stuck = judge(history(ts, t, h), fitted.params).flags & codes.STUCK
    assert not stuck[: 7000 + 720].any() and stuck[7000 + 1440 :].all()


def test_a_model_that_breaks_its_budget_on_its_own_history_is_refused_with_the_reason() -> None:
    past = history(*room(6.5))
    flags = np.zeros(len(past.t), np.uint16)
    assert fit.over_budget(flags, past, 1.0) is None
    flags[np.arange(6) * 2000 + 500] = codes.STUCK
    assert fit.over_budget(flags, past, 1.0) is None  # an alarm a day, no mail
    flags[5000:5400] = codes.STUCK
    reason = fit.over_budget(flags, past, 1.0)
    assert "1 mails and 13 alarms in 6.5 days, 2% of the readings abnormal (stuck 13)" in reason
    flags[:] = 0
    flags[np.add.outer(np.array([2000, 9000]), np.arange(5)).ravel()] = codes.STUCK
    assert "2 mails and 2 alarms" in fit.over_budget(flags, past, 1.0)
    assert fit.over_budget(flags, past, 3.0) is None
    flags[flags > 0] = codes.DRIFT
    assert fit.over_budget(flags, past, 1.0) is None  # a drift waits for the digest
    hourly = history(*room(40, period=3600.0))
    always = np.full(len(hourly.t), codes.RANGE, np.uint16)
    assert "100% of the readings abnormal" in fit.over_budget(always, hourly, 1.0)  # one alarm in 60 hours


def test_failed_reads_and_nonsense_are_left_out_and_counted() -> None:
    ts, t, h = room(2)
    t[100:150] = np.nan
    t[200:220] = 999
    h[300:310] = 0
    assert history(ts, t, h).unfit == 80


def test_pauses_do_not_count_as_days() -> None:
    ts, t, h = room(2)
    ts[len(ts) // 2 :] += 20 * 86400
    past = history(ts, t, h)
    assert abs(past.days - 2) < 0.01
    assert past.periods.max() > 50000


def test_a_coarse_sensor_repeats_itself_without_being_stuck() -> None:
    ts, t, h = room(4)
    past = history(ts, np.round(t, 1), np.round(h))
    numbers = levels.levels(past)
    assert numbers["rate_h"] > numbers["rate_t"] > numbers["rate_both"] > 10000
    values = {**params.DEFAULT, **numbers}
    shape = fit.fit(past)
    assert calibrate.alarms((shape.flags & codes.STUCK) > 0) <= 1
    assert set(values) == set(FIELDS)


def test_one_channel_may_be_constant() -> None:
    ts, t, _ = room(2)
    trained = fit.train("demo", "C001", KEY, ts, t, np.full(len(t), 45.0))
    assert trained.report["whole"]


def test_alarms_are_counted_by_re_arming() -> None:
    always = np.ones(600, bool)
    assert calibrate.alarms(always) == 10
    once = np.zeros(600, bool)
    once[[5, 30, 64, 65]] = True
    assert calibrate.alarms(once) == 2


def test_the_tail_is_extrapolated_and_drawn_to_what_other_sensors_showed() -> None:
    highest = np.sort(np.random.default_rng(0).exponential(1.0, 2000))[::-1]
    days = 40.0
    assert abs(calibrate.tail(highest, days, 0.01) - np.log(2000 / days / 0.01)) < 0.7
    few, calm = highest[::40], highest[::40] - 5  # a day each; the calm one lies far below other sensors
    alone = calibrate.tail(few, 1.0, 0.01)
    assert calibrate.tail(few, 1.0, 0.01, calibrate.Prior(level=0.0, slope=3.0)) > alone
    assert calibrate.tail(few, 1.0, 0.01, calibrate.Prior(level=0.0, slope=0.1)) < alone
    assert calibrate.tail(calm, 1.0, 0.01, calibrate.Prior(level=5.0, slope=1.0)) > alone - 5


def test_the_report_is_for_people_and_the_picture_is_a_png() -> None:
    trained_model = trained()
    text = "\n".join(report.lines(trained_model.report))
    assert "learned from   11520 readings, 4.0 days, one each 30.0 s" in text
    assert "held out" in text
    assert trained_model.png.startswith(b"\x89PNG")
    assert len(trained_model.png) < 300_000
