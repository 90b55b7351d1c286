"""The user's own limits and what a sensor may be told."""

from device import codes
from device.config.config import check
from device.judge.limits import Bounds
from tests.device.test_config import GOOD, problems


def limits(**values):
    return check(dict(GOOD, limits=values))["limits"]


def test_above_8_degrees_for_10_minutes_is_severe_and_not_before():
    bounds = Bounds(limits(t_max=8.0, for_minutes=10))
    assert bounds.flags(800, 5000, 0) == 0
    assert bounds.flags(801, 5000, 10) == 0
    assert bounds.flags(900, 5000, 609) == 0
    assert bounds.flags(900, 5000, 610) == codes.LIMIT
    assert bounds.flags(900, 5000, 9999) == codes.LIMIT
    assert bounds.flags(800, 5000, 10010) == 0
    assert bounds.flags(900, 5000, 10020) == 0, "the ten minutes begin anew"


def test_either_of_two_stages_speaks_first():
    stages = limits(t_max=8.0, for_minutes=30, severe={"t_max": 10.0, "for_minutes": 5})
    assert stages["severe"] == {"t_max": 1000, "for_s": 300}
    bounds = Bounds(stages)
    assert bounds.flags(900, 5000, 0) == 0 and bounds.flags(1001, 5000, 60) == 0
    assert bounds.flags(1001, 5000, 359) == 0
    assert bounds.flags(1001, 5000, 360) == codes.LIMIT, "five minutes above 10 degC"
    assert bounds.flags(900, 5000, 370) == 0
    assert bounds.flags(900, 5000, 1800) == codes.LIMIT, "half an hour above 8 degC"


def test_each_limit_holds_alone_and_at_once_without_minutes():
    for name, inside, outside in (
        ("t_min", (-500, 0), (-501, 0)),
        ("t_max", (-500, 0), (-499, 0)),
        ("h_min", (0, 3050), (0, 3049)),
        ("h_max", (0, 3050), (0, 3051)),
    ):
        bounds = Bounds(limits(**{name: -5.0 if name[0] == "t" else 30.5}))
        assert bounds.flags(inside[0], inside[1], 5) == 0, name
        assert bounds.flags(outside[0], outside[1], 5) == codes.LIMIT, name


def test_wrong_limits_are_told_with_key_and_cure():
    for values, word in (
        ({"t_max": "8"}, "limits.t_max"),
        ({"t_max": 200}, "-40 to 125"),
        ({"h_max": True}, "limits.h_max"),
        ({"t_max": 8, "for_minutes": -1}, "limits.for_minutes"),
        ({"tmax": 8}, "limits.tmax is unknown"),
        ({"t_min": 9, "t_max": 8}, "limits.t_min is not below"),
        ({}, "sets none"),
        ({"for_minutes": 3}, "sets none"),
        ({"t_max": 8, "severe": 10}, "limits.severe is no object"),
        ({"t_max": 8, "severe": {"for_minutes": 3}}, "limits.severe sets none"),
        ({"t_max": 8, "severe": {"t_max": 200}}, "limits.severe.t_max"),
        ({"t_max": 8, "severe": {"t_max": 10, "severe": {"t_max": 12}}}, "limits.severe.severe is unknown"),
    ):
        problem_list = problems(limits=values)
        assert len(problem_list) == 1 and word in problem_list[0], (values, problem_list)


def test_sensors_get_their_defaults_and_wrong_options_are_told():
    assert check(dict(GOOD, sensor={"kind": "sht3x"}))["sensor"]["address"] == 0x44
    for sensor, word in (
        ({"kind": "dht11"}, "bme280, dht22"),
        ({"kind": "dht22"}, "sensor.pin is missing"),
        ({"kind": "dht22", "pin": 49}, "0 to 48"),
        ({"kind": "bme280", "address": 0x40}, "sensor.address"),
        ({"kind": "sht3x", "clk": 5}, "sensor.clk is unknown"),
        ({"kind": "replay"}, "sensor.file"),
        ({"kind": "simulated", "day_s": 5}, "sensor.day_s"),
    ):
        problem_list = problems(sensor=sensor)
        assert len(problem_list) == 1 and word in problem_list[0], (sensor, problem_list)
    assert "at least 2000" in problems(sensor={"kind": "dht22", "pin": 4}, period_ms=1000)[0]
