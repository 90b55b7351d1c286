import gc
import sys
from array import array

from device import sensors
from device.codes import END_OF_DATA, NO_ANSWER, NOT_A_NUMBER, OUT_OF_RANGE
from device.sensors.replay import centi
from tests.device import scratch


class Time:
    up = 0

    def uptime(self):
        return self.up


def simulated(**options):
    clock = Time()
    return sensors.open(dict({"kind": "simulated"}, **options), clock), clock


def take(sensor, clock, count, every=10):
    out = array("h", (0, 0))
    taken = []
    for _ in range(count):
        clock.up += every
        assert sensor.read(out) == 0
        taken.append((out[0], out[1]))
    return taken


def refusal(call, *arguments):
    try:
        call(*arguments)
    except ValueError as error:
        return str(error)
    return None


def test_a_day_in_a_room_is_plausible():
    sensor, clock = simulated(seed=4)
    taken = take(sensor, clock, 8640)
    t = [reading[0] for reading in taken]
    h = [reading[1] for reading in taken]
    assert 1700 < min(t) < 2100 and 2200 < max(t) < 2700
    assert 3000 < min(h) and max(h) < 6000
    steps = [abs(b - a) for a, b in zip(t, t[1:])]
    assert max(steps) < 40
    longest = run = 0
    for step in steps:
        run = run + 1 if not step else 0
        longest = max(longest, run)
    assert longest < 10


def test_the_same_seed_gives_the_same_room_and_another_does_not():
    assert take(*simulated(seed=4), 50) == take(*simulated(seed=4), 50)
    assert take(*simulated(seed=4), 50) != take(*simulated(seed=5), 50)


def test_a_short_day_has_the_same_span():
    t = [reading[0] for reading in take(*simulated(day_s=600), 600, 1)]
    assert max(t) - min(t) > 200


def test_each_fault_shows_and_ends():
    for kind, change in (("offset", 250), ("spike", 700), ("drift", 300)):
        sensor, clock = simulated()
        normal = take(sensor, clock, 3)[-1][0]
        sensor.inject(kind, seconds=100)
        assert max(t for t, _ in take(sensor, clock, 9)) - normal > change, kind
        assert abs(take(sensor, clock, 3)[-1][0] - normal) < 60, kind
    sensor, clock = simulated()
    sensor.inject("stuck", 100)
    assert len(set(take(sensor, clock, 9))) == 1
    assert len(set(take(sensor, clock, 9))) > 3
    sensor.inject("noise", 1000)
    t = [reading[0] for reading in take(sensor, clock, 90)]
    assert sum(abs(b - a) for a, b in zip(t, t[1:])) > 90 * 15
    sensor.inject("dropout", 50)
    out = array("h", (0, 0))
    clock.up += 10
    assert sensor.read(out) == NO_ANSWER
    clock.up += 50
    assert sensor.read(out) == 0


def test_a_spike_is_one_reading():
    sensor, clock = simulated()
    normal = take(sensor, clock, 1)[0][0]
    sensor.inject("spike")
    t = [reading[0] for reading in take(sensor, clock, 5)]
    assert [abs(value - normal) > 400 for value in t] == [True, False, False, False, False]


def test_an_unknown_fault_or_sensor_names_the_known_ones():
    sensor, _ = simulated()
    assert "spike, stuck, drift" in refusal(sensor.inject, "smoke")
    assert "simulated" in refusal(sensors.open, {"kind": "bmp"}, None)
    assert "sensor.file" in refusal(sensors.open, {"kind": "replay"}, None)
    assert "whole numbers" in refusal(sensors.open, {"kind": "simulated", "day_s": 3}, Time())


def test_reading_the_simulated_room_allocates_nothing():
    if sys.implementation.name != "micropython":
        return
    sensor, clock = simulated()
    out = array("h", (0, 0))
    sensor.inject("noise", 100000)
    sensor.read(out)
    gc.collect()
    before = gc.mem_alloc()
    for _ in range(50):
        sensor.read(out)
    assert gc.mem_alloc() == before


def test_a_decimal_number_becomes_hundredths_exactly():
    for text, value in (
        ("19.99", 1999),
        ("19.3", 1930),
        ("-0.5", -50),
        ("+7", 700),
        (".5", 50),
        ("5.", 500),
        ("19.995", 2000),
        ("-19.995", -2000),
        ("0.0149999", 1),
        ("", None),
        ("-", None),
        (".", None),
        ("nan", None),
        ("1e3", None),
        ("1.2.3", None),
        ("--1", None),
    ):
        assert centi(text) == value, text


def replay(folder, text):
    scratch.write(folder + "/r.csv", text.encode())
    return sensors.open({"kind": "replay", "file": folder + "/r.csv"}, Time())


def test_a_recording_plays_line_by_line_and_ends():
    with scratch.Folder() as folder:
        text = "ts,t,h\n1077929956,19.99,45.5\r\n1077929956.5,-3,46\n\n1077929957,5,\n"
        sensor = replay(folder, text + "1077929958,400,1\n1077929959,,\n1077929960,4,4\n")
        out = array("h", (0, 0))
        assert (sensor.read(out), out[0], out[1]) == (0, 1999, 4550)
        assert (sensor.read(out), out[0], out[1]) == (0, -300, 4600)
        assert sensor.read(out) == NOT_A_NUMBER
        assert sensor.read(out) == OUT_OF_RANGE
        assert sensor.read(out) == NOT_A_NUMBER
        assert sensor.read(out) == 0
        assert sensor.read(out) == END_OF_DATA
        assert sensor.read(out) == END_OF_DATA


def test_a_line_that_is_not_plain_is_refused_and_never_guessed():
    with scratch.Folder() as folder:
        for header in ("ts,temp,h", "h,t,ts", "ts;t;h", '"ts","t","h"', ""):
            message = refusal(replay, folder, header + "\n")
            assert "line 1 is not ts,t,h: make it plain: python -m cloud recording" in message, header
        for line in (
            "noon,1,2",
            "2013-07-04 00:00:00,1,2",
            "7,1",
            '1,"21,68","43,03"',
            "1,21,68,43,03",
            '1,"21.68",43',
            "1;2;3",
        ):
            sensor = replay(folder, "ts,t,h\n1077929956,1,2\n%s\n7,1,2\n" % line)
            out = array("h", (0, 0))
            assert sensor.read(out) == 0
            assert "line 3 is not plain" in refusal(sensor.read, out), line
            assert sensor.read(out) == 0
        options = {"kind": "replay", "file": folder + "/none.csv"}
        assert "no such file" in refusal(sensors.open, options, Time())


def test_an_offset_is_added_to_what_the_sensor_says_and_humidity_stays_within_bounds():
    plain, clock = simulated(seed=5)
    shifted, other = simulated(seed=5, offset_t=-40, offset_h=9000)
    wanted = [(t - 40, min(10000, h + 9000)) for t, h in take(plain, clock, 20)]
    assert take(shifted, other, 20) == wanted
