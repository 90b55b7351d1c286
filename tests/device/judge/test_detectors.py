import random
from array import array

from device.codes import RANGE, ZSCORE
from device.judge.drift import BLOCK, BLOCKS, Drift
from device.judge.envelope import Envelope
from device.judge.jitter import SIZE, Jitter, Steps
from device.judge.jump import FARTHEST, Jump, per_period
from device.judge.params import DEFAULTS, FIELDS, MEANS, WEIGHTS, Params
from device.judge.range import Range
from device.judge.reading import LONG_GAP, moisture
from device.judge.stuck import ALWAYS, UNIT, Stuck, surprise
from tests.device.judge.detector_alone import Asked

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
    limits = Asked(Range(Given(t_low=-100, t_high=3000, h_low=500, h_high=9000)))
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


def repeats(stuck, run, t=2000, h=4000):
    """The score after so many repeats of both values."""
    stuck.score(t, h)
    for _ in range(run):
        last = stuck.score(t, h)
    return last / UNIT


def test_a_repeat_is_worth_its_surprise_in_bits():
    for part, bits in ((0.5, 1), (0.25, 2), (0.03, 5.06), (0.75, 0.415), (0.9, 0.152), (0.97, 0.044)):
        assert abs(surprise(round(part * ALWAYS)) / 256 - bits) < 0.02, part
    assert surprise(ALWAYS) == 0 < surprise(ALWAYS - 1)
    assert surprise(0) == 8 * 256


def test_a_lively_sensor_that_freezes_soon_says_so():
    stuck = Asked(Stuck(Given(rate_t=ALWAYS // 4, rate_h=ALWAYS // 4, rate_both=ALWAYS // 16)))
    for i in range(200):
        stuck.score(2000 + i % 2, 4000 + i % 3)
    assert 22 <= repeats(stuck, 6) <= 26
    assert stuck.score(2001, 4001) == 0


def test_one_frozen_channel_counts_for_itself():
    stuck = Asked(Stuck(Given(rate_t=ALWAYS // 4, rate_h=ALWAYS // 2, rate_both=ALWAYS // 8)))
    for run in range(31):
        last = stuck.score(2000, 4000 + 5 * run)
    assert abs(last / UNIT - 60) < 2
    for run in range(31):
        last = stuck.score(2001 + run, 4000)
    assert abs(last / UNIT - 30) < 2


def test_a_sensor_that_often_rests_is_given_its_rest_and_learns_nothing_from_the_run_itself():
    stuck = Asked(Stuck(Given(rate_t=ALWAYS // 4, rate_h=ALWAYS // 4, rate_both=ALWAYS // 16)))
    lively = repeats(stuck, 20)
    for i in range(300):
        stuck.score(2000 + i // 10, 4000 + i // 10)
    assert repeats(stuck, 20) < lively / 4
    assert repeats(stuck, 29000) > 1000


def test_a_channel_that_may_rest_for_ever_is_not_watched():
    stuck = Asked(Stuck(Given(rate_t=ALWAYS, rate_h=ALWAYS, rate_both=ALWAYS)))
    stuck.score(1999, 3999)
    assert repeats(stuck, 1000) == 0


def test_saturated_air_is_no_frozen_sensor():
    stuck = Asked(Stuck(Given(rate_t=ALWAYS // 4, rate_h=ALWAYS // 4, rate_both=ALWAYS // 16)))
    for i in range(100):
        assert stuck.score(2000 + i % 2, 10000) == 0
    assert stuck.score(2000, 9999) == 0 < stuck.score(2001, 9999)


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

    def jitter(t, m):
        return Asked(Jitter()).score(2200, 4000, steps_t=t, steps_m=m)

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


def jump(step_t, step_m, t, m):
    return Asked(Jump(Params())).score(2200, 4000, step_t=step_t, step_m=step_m, steps_t=t, steps_m=m)


def test_a_jump_of_temperature_counts_as_far_as_moisture_confirms_it():
    for step_t, step_m, square in ((10, 10, 2), (10000, 0, 0), (10000, 10, 3.25), (0, 10, 1)):
        assert jump(step_t, step_m, Steps(160), Steps(160)) == 64 * 64 * square


def test_a_restless_quarter_of_an_hour_makes_a_jump_smaller():
    t, m = Steps(160), Steps(160)
    alone = jump(0, 500, Steps(160), Steps(160))
    for _ in range(SIZE):
        m.push(100)
    assert jump(0, 500, t, m) < alone // 10


def test_a_jump_at_a_time_of_the_day_that_often_jumps_counts_less():
    params = Given(restless_am=1 << 14, restless_pm=1 << 23, restless_shift=3)
    alone = jump(160, 500, Steps(160), Steps(160))
    for half, part in ((13, 1), (14, 8), (15, 1), (46, 1), (47, 8), (23, 1), (24, 1), (0, 1), (-1, 1)):
        asked = Asked(Jump(params))
        score = asked.score(
            2200, 4000, half=half, step_t=160, step_m=500, steps_t=Steps(160), steps_m=Steps(160)
        )
        assert score == alone // part, half


def test_jump_learns_the_step_that_jitter_looks_at_and_neither_looks_across_a_pause():
    asked = Asked(Jump(Params()))
    for i in range(SIZE + 1):
        asked.score(2200 + i, 4000)
    assert asked.reading.steps_t.sum == 8 * SIZE
    assert asked.score(2900, 4000, FARTHEST) == 0 == Jitter().score(asked.reading)
    assert asked.reading.steps_t.sum == 8 * SIZE


def test_a_steady_creep_is_drift_and_a_restless_walk_or_a_step_is_not():
    params = Given(drift_spread=2000, drift=300)
    creep = Asked(Drift(params))
    alarms = 0
    for i in range(600):
        last = creep.score(2200, 4000, m=4000 + i)
        alarms += creep.abnormal
    assert last > 300
    assert alarms == BLOCK  # one alarm, one block long, however long the creep
    walk = Asked(Drift(params))
    m = 4000
    for _ in range(5000):
        m += random.randrange(-20, 21) - (m - 4000) // 50
        walk.score(2200, 4000, m=m)
        assert not walk.abnormal
    step = Asked(Drift(params))
    for i in range(600):
        step.score(2200, 4000, m=4000 if i < 300 else 4600)
        assert not step.abnormal


def test_drift_starts_again_after_a_pause_and_leaves_out_what_others_call_abnormal():
    drift = Asked(Drift(Given(drift_spread=2000, drift=300)))
    for i in range(BLOCK * BLOCKS):
        drift.score(2200, 4000, m=4000 + i)
    for i in range(BLOCK * BLOCKS):
        assert drift.score(2200, 4000, LONG_GAP if not i else 1, m=9000 + i) == 0
    last = drift.score(2200, 4000, m=9000)
    for i in range(BLOCK * BLOCKS):
        assert drift.score(2200, 4000, m=9000 + 9 * i, flags=RANGE if i % 2 else ZSCORE) == last


def test_the_envelope_is_the_sum_of_squares_of_a_triangle():
    weights = [random.randrange(-60000, 60000) for _ in range(WEIGHTS)]
    mean = [random.randrange(-3000, 3000) for _ in range(MEANS)]
    params = Given()
    params.means, params.weights = array("i", mean), array("i", weights)
    envelope = Asked(Envelope(params))
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
        assert envelope.score(0, 0, x=x) == total < 1 << 30
    assert (
        Asked(envelope.detector, fresh=59).score(0, 0) == 0 < Asked(envelope.detector, fresh=60).score(0, 0)
    )


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


def test_a_model_of_the_second_layout_has_no_restless_half_hour():
    body = list(DEFAULTS[:20]) + list(range(MEANS + WEIGHTS))
    body[0], body[FIELDS.index("stuck")] = 2, 400
    params = Params(bytes(array("i", body)))
    assert (params.stuck, params.restless_am, params.restless_pm) == (400, 0, 0)
    assert list(params.means) == list(range(MEANS))


def test_a_model_of_the_first_layout_goes_on_and_what_it_did_not_watch_still_is_not():
    old = list(DEFAULTS[:19]) + list(range(MEANS + WEIGHTS))
    old[0] = 1
    for name, value in (("rate_t", 18), ("rate_h", 30000), ("rate_both", 8), ("jump", 77), ("envelope", 99)):
        old[FIELDS.index(name)] = value
    params = Params(bytes(array("i", old)))
    assert (params.jump, params.envelope, params.stuck) == (77, 99, DEFAULTS[FIELDS.index("stuck")])
    assert (params.rate_t, params.rate_h) == (DEFAULTS[FIELDS.index("rate_t")], ALWAYS)
    assert list(params.means) == list(range(MEANS)) and list(params.weights)[0] == MEANS
    for body in (array("i", old[:-1]), array("i", [2] + old[1:]), array("i", [1] + old), array("i", [])):
        try:
            Params(bytes(body))
        except ValueError:
            continue
        raise AssertionError("refused was not " + repr(body))
