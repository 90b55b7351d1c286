import json

from device.config.config import ConfigError, check, load
from tests.device import scratch

GOOD = {
    "site": "home",
    "device": "C001",
    "key": "ab" * 32,
    "wifi": {"ssid": "net", "password": "secret"},
    "broker": {"host": "broker.example"},
}


def problems(**changes):
    values = dict(GOOD)
    values.update(changes)
    try:
        check(values)
    except ConfigError as error:
        return error.problems
    return []


def test_a_short_configuration_gets_every_default():
    config = check(GOOD)
    assert config["period_ms"] == 10000
    assert config["broker"]["port"] == 8883
    assert config["broker"]["name"] == "broker.example"
    assert config["sensor"]["kind"] == "simulated"


def test_all_problems_are_told_at_once_with_key_and_cure():
    problem_list = problems(device="C 1", key="xy", period_ms="10", wifi={"sid": "net"}, colour="red")
    text = "\n".join(problem_list)
    assert len(problem_list) == 6
    for key in ("device", "key", "period_ms", "wifi.sid", "wifi.ssid", "colour"):
        assert "config.json: %s " % key in text, key
    assert "64 hex digits" in text
    assert "wifi.ssid is missing: the network's name" in text


def test_no_secret_is_printed():
    assert "zz" not in "\n".join(problems(key="zz" * 32))
    assert "geheim" not in "\n".join(problems(wifi="geheim", broker={"host": 3, "password": 5}))


def test_each_value_is_checked():
    for key, bad in (
        ("v", 2),
        ("site", "a/b"),
        ("site", ""),
        ("site", 5),
        ("device", "x" * 33),
        ("broker", {"host": "h", "port": 0}),
        ("broker", {"host": "h", "port": True}),
        ("broker", {"host": 5}),
        ("broker", []),
        ("ntp", []),
        ("ntp", "pool.ntp.org"),
        ("sensor", {}),
        ("period_ms", 10),
        ("outbox_bytes", 100),
        ("led_pin", -1),
        ("limits", 8),
    ):
        problem_list = problems(**{key: bad})
        assert len(problem_list) == 1, (key, bad, problem_list)
        assert key in problem_list[0]


def test_a_file_that_is_missing_or_broken_says_what_to_do():
    with scratch.Folder() as folder:
        path = folder + "/config.json"
        whole = json.dumps(dict(GOOD, period_ms=20000, wifi={"ssid": "net", "password": "p"})).encode()
        cut = [whole[:n] for n in range(len(whole))]
        for data in [None, b"[]", b"\xff\xff"] + cut:
            if data is not None:
                scratch.write(path, data)
            try:
                load(path)
            except ConfigError as error:
                assert "make provision" in error.problems[0]
            else:
                raise AssertionError(data)
        scratch.write(path, json.dumps(GOOD).encode())
        assert load(path)["device"] == "C001"


def test_sleep_is_off_unless_it_is_wanted_and_needs_time_to_wake():
    assert check(GOOD)["sleep"] is False
    assert check(dict(GOOD, sleep=True))["sleep"] is True
    assert "sleep is 1: write true or false" in problems(sleep=1)[0]
    assert "with sleep at least 5000" in problems(sleep=True, period_ms=2000)[0]
    problem_list = problems(sleep=True, sensor={"kind": "replay", "file": "/r.csv"})
    assert len(problem_list) == 1 and "begin anew" in problem_list[0]


def test_offsets_of_a_sensor_are_numbers_and_become_hundredths():
    assert (
        check(dict(GOOD, sensor={"kind": "dht22", "pin": 4, "offset_t": -0.4}))["sensor"]["offset_t"] == -40
    )
    assert "offset_t" not in check(dict(GOOD, sensor={"kind": "dht22", "pin": 4}))["sensor"]
    assert "offset_h" in problems(sensor={"kind": "dht22", "pin": 4, "offset_h": "3"})[0]
    assert "offset_t" in problems(sensor={"kind": "dht22", "pin": 4, "offset_t": 21})[0]


def test_a_second_network_may_be_left_out_and_is_checked_like_the_first():
    assert check(GOOD)["wifi2"] is None
    assert check(dict(GOOD, wifi2={"ssid": "cellar"}))["wifi2"] == {"ssid": "cellar", "password": ""}
    assert "wifi2.ssid is missing" in problems(wifi2={"password": "x"})[0]
    assert "wifi2 is no object" in problems(wifi2="cellar")[0]
