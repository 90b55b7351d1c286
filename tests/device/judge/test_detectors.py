import random
from array import array

from device.judge.drift import BLOCK, BLOCKS, Drift
from device.judge.envelope import Envelope
from device.judge.jitter import SIZE, Steps, jitter
from device.judge.jump import FARTHEST, jump, per_period
from device.judge.moisture import moisture
from device.judge.params import DEFAULTS, FIELDS, MEANS, WEIGHTS, Params
from device.judge.range import Limits
from device.judge.stuck import Stuck

random.seed(7)


class Given:
    """Parameters with some of the defaults changed."""

    def __init__(self, **changes):
        for index in range(len(FIELDS)):
            setattr(self, FIELDS[index], DEFAULTS[index])
        for name, value in changes.items():
            assert name in FIELDS
            setattr(self, name, value)


def test_range_is_closed_and_never_times_out():
    limits = Limits(Given(t_low=-100, t_high=3000, h_low=500, h_high=9000))
    for t, h, away in (
        (-100, 500, 0),
        (3000, 9000, 0),
        (-101, 500, 1),
        (3000, 9100, 100),
        (-32768, 0, 32668),
    ):
        assert limits.score(t, h) == away
    for _ in range(100000 // 100):
        assert limits.score(5000, 4000) == 2000


def test_a_frozen_sensor_is_stuck_after_its_longest_normal_run():
    stuck = Stuck(Given(run_t=20, run_h=20, run_both=8))
    stuck.score(2000, 4000)
    for run in range(1, 30):
        assert (stuck.score(2000, 4000) > 64) == (run > 8)
    stuck.score(2000, 4001)
    assert stuck.score(2001, 4001) <= 64


def test_one_frozen_channel_has_a_limit_of_its_own():
    stuck = Stuck(Given(run_t=20, run_h=15, run_both=8))
    for run in range(40):
        assert (stuck.score(2000, 4000 + 5 * run) > 64) == (run > 20)
    for run in range(40):
        assert (stuck.score(2001 + run, 4195) > 64) == (run + 1 > 15)


def test_moisture_stays_when_warm_air_only_got_warmer():
    # 0.045 per degree: the humidity that falls with it
    for step in range(-800, 801, 50):
        h = 4000 * 2.718281828 ** (-0.045 * step / 100)
        assert abs(moisture(2200 + step, round(h), 1887, 2200) - 4000) < 45
    assert moisture(2200, 4000, 1887, 2200) == 4000
    assert moisture(2300, 4000, 1887, 2200) > 4170
    for t in (-32768, 32767):
        for h in (-32768, 32767):
            assert abs(moisture(t, h, 3000, 2200)) < 1 << 30


def test_steps_remember_sixteen_and_cap_what_would_hide_the_rest():
    steps = Steps(160)
    assert steps.sum == 160
    for _ in range(SIZE):
        steps.push(20)
    assert steps.sum == 320
    steps.push(100000)
    assert steps.sum == 300 + 320
    calm = Steps(160)
    assert jitter(calm, calm) == 64
    assert jitter(calm, steps) == 64 * 620 // 160
    for _ in range(SIZE):
        steps.push(100)
    assert jitter(steps, calm) == 16 * 1600 // 160


def test_a_step_over_a_pause_says_less():
    assert per_period(100, 1) == 800
    last = 801
    for periods in range(1, FARTHEST):
        assert per_period(100, periods) < last
        last = per_period(100, periods)
    assert abs(last - 800 / 15**0.3) < 10


def test_a_jump_of_temperature_counts_as_far_as_moisture_confirms_it():
    t, m = Steps(160), Steps(160)
    assert jump(10, 10, t, m) == 64 * 64 * 2
    assert jump(10000, 0, t, m) == 0
    assert jump(10000, 10, t, m) == 64 * 64 * 5
    assert jump(0, 10, t, m) == 64 * 64


def test_a_restless_quarter_of_an_hour_makes_a_jump_smaller():
    t, m = Steps(160), Steps(160)
    alone = jump(0, 500, t, m)
    for _ in range(SIZE):
        m.push(100)
    assert jump(0, 500, t, m) < alone // 10


def test_a_steady_creep_is_drift_and_a_restless_walk_or_a_step_is_not():
    params = Given(drift_spread=2000, drift=300)
    creep = Drift(params)
    alarms = 0
    for i in range(600):
        creep.push(4000 + i)
        alarms += creep.alarm
    assert creep.value > 300
    assert alarms == BLOCK  # one alarm, one block long, however long the creep
    walk = Drift(params)
    m = 4000
    for _ in range(5000):
        m += random.randrange(-20, 21) - (m - 4000) // 50
        walk.push(m)
        assert not walk.alarm
    step = Drift(params)
    for i in range(600):
        step.push(4000 if i < 300 else 4600)
        assert not step.alarm


def test_drift_starts_again_after_a_pause():
    drift = Drift(Given(drift_spread=2000, drift=300))
    for i in range(BLOCK * BLOCKS):
        drift.push(4000 + i)
    drift.restart()
    for i in range(BLOCK * BLOCKS):
        drift.push(9000 + i)
        assert drift.value == 0


def test_the_envelope_is_the_sum_of_squares_of_a_triangle():
    weights = [random.randrange(-60000, 60000) for _ in range(WEIGHTS)]
    mean = [random.randrange(-3000, 3000) for _ in range(MEANS)]
    envelope = Envelope(array("i", mean), array("i", weights))
    for _ in range(300):
        x = array("h", [random.randrange(-32768, 32768) // random.choice((1, 100)) for _ in range(8)])
        total = 0
        at = 0
        for row in range(8):
            y = 0
            for column in range(row + 1):
                y += weights[at] * (x[column] - mean[column])
                at += 1
            y = max(-8191, min(8191, y >> 12))
            total += y * y
        assert envelope.score(x) == total < 1 << 30


def test_parameters_say_what_is_wrong_with_them():
    body = bytes(array("i", list(DEFAULTS) + [0] * (MEANS + WEIGHTS)))
    params = Params(body)
    assert params.zscore == Params().zscore
    assert len(params.means) == 8 and len(params.weights) == 36
    for wrong, word in ((body[:-4], "bytes"), (b"\x07" + body[1:], "layout")):
        try:
            Params(wrong)
        except ValueError as error:
            assert word in str(error)
        else:
            assert False, "taken"
