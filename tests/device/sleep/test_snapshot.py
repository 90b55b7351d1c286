import random

from device.chip.clock import Clock
from device.codes import STARTING_UP
from device.judge.judge import Judge
from device.sensors.dht22 import Dht22
from device.sensors.simulated import FAULTS, Simulated
from device.sleep import snapshot
from tests.device.chip.test_clock import Source
from tests.device.model.test_bundle import bundle, read, sound
from tests.device.sleep.sleeping import FACTS, STAMP, Forest, Model, asleep, compare


def room(seed, count):
    """A simulated room with every fault in it, and reads that fail."""
    clock = Clock(Source())
    sensor = Simulated(clock, seed, day_s=3000)
    out = [0, 0]
    for i in range(count):
        clock._source.real_ms += 10000
        clock.tick()
        if i % 90 == 70:
            sensor.inject(FAULTS[i // 90 % len(FAULTS)], 300)
        yield None if sensor.read(out) else (out[0], out[1])


def test_verdicts_with_sleep_equal_those_without():
    for seed, model in ((1, None), (2, Model())):
        count, _, longest = compare(room(seed, 620), model)
        assert count == 620
        assert longest < 1400, longest


def test_values_that_jump_across_all_of_int16_are_kept_exactly():
    random.seed(5)
    wild = [(random.randrange(-32768, 32768), random.randrange(-32768, 32768)) for _ in range(200)]
    _, _, longest = compare(wild, Model())
    assert longest < snapshot.MOST - 500, longest  # the rest is for counters


class Thing:
    def __init__(self):
        self.count = self._none = None
        self.alarm = False
        self.name = "text"
        self._big = 0


def test_numbers_of_any_size_none_and_truth_come_back():
    for number in (0, 1, -1, 63, 64, -64, -65, 2**30, -(2**31), 2**40, -(2**63), None):
        before, after = Thing(), Thing()
        before.count = number
        before._big = -12345678901
        before.alarm = number is not None
        data = snapshot.pack(b"", FACTS, before, (), b"more")
        assert snapshot.unpack(data, after, ()) == b"more"
        assert (after.count, after._big, after._none) == (number, -12345678901, None)
        assert after.alarm is before.alarm and after.name == "text"


def refused(data):
    try:
        snapshot.peek(data)
    except ValueError:
        return True
    return False


def test_every_damage_is_noticed():
    judge = Judge()
    for reading in room(3, 80):
        judge.reading(*reading)
    data = snapshot.pack(STAMP, FACTS, judge, (), b"{}")
    for i in range(0, len(data), 3):
        damaged = bytearray(data)
        damaged[i] ^= 1 << i % 8
        assert refused(bytes(damaged)), i
    for i in range(0, len(data), 7):
        assert refused(data[:i])
    assert refused(b"another program's own data, which is long enough to be one of ours") and refused(b"")


def test_another_program_setting_or_model_is_noticed():
    data = snapshot.pack(STAMP, FACTS, Judge(), (Thing(),), b"")
    assert snapshot.fits(data, STAMP, Judge(), (Thing(),))
    assert not snapshot.fits(data, b"other settings", Judge(), (Thing(),))
    assert not snapshot.fits(data, STAMP, Judge(), ())

    class Thing2(Thing):
        def __init__(self):
            super().__init__()
            self.more = 1

    assert not snapshot.fits(data, STAMP, Judge(), (Thing2(),))


def test_a_judge_that_slept_with_its_forest_scores_as_before():
    model = Model()
    judge = Judge(model)
    for reading in room(4, 90):
        judge.reading(*reading)
    woken = asleep(judge, model, [0])
    assert woken.model.forest.__class__ is Forest and woken.score == judge.score > 0


def test_a_dht22_that_answered_before_the_sleep_is_believed_at_once_after_it():
    class Dht:
        buf = bytearray(b"\x02\x8c\x01\x5f\xee")

        def measure(self):
            pass

    clock = Clock(Source())
    out = [0, 0]
    before, after = Dht22(Dht(), clock), Dht22(Dht(), clock)
    assert before.read(out) == STARTING_UP and before.read(out) == 0
    data = snapshot.pack(b"", FACTS, Thing(), (before,), b"")
    assert snapshot.fits(data, b"", Thing(), (after,))
    snapshot.unpack(data, Thing(), (after,))
    assert after.read(out) == 0


def test_a_judge_with_a_loaded_model_fits_and_goes_on_with_it():
    params = Model().params
    sections = [(b"PARM", params) if tag == b"PARM" else (tag, body) for tag, body in sound()]
    made = read(bundle(sections))
    awake, sleeper = Judge(made), Judge(made)
    longest = [0]
    for reading in room(6, 70):
        sleeper = asleep(sleeper, made, longest)
        awake.reading(*reading)
        sleeper.reading(*reading)
    assert sleeper.score == awake.score > 0 and list(sleeper.scores) == list(awake.scores)
    assert longest[0] < 1400, longest
