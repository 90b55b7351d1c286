"""The board's configuration: config.json, checked as a whole before anything starts.

`load` raises ConfigError, whose `problems` name every key that is wrong, each with its cure.
"""

import json

from ..chip.lazy import borrow
from ..chip.compat import const

schema = borrow("config.schema")

DEFAULTS = {
    "v": 1,
    "number": 0,  # of these settings; 0: the cable brought them
    "site": None,
    "device": None,
    "key": None,
    "wifi": None,
    "wifi2": None,  # a second network, tried in turn with the first
    "broker": None,
    "ntp": ["pool.ntp.org", "time.google.com"],
    "sensor": {"kind": "simulated", "seed": 1},
    "period_ms": 10000,
    "sleep": False,  # True: deep sleep between samples (docs/board.md)
    "outbox_bytes": 655360,  # flash: 17,280 readings are two days at 10 s
    "led_pin": 2,  # None: no LED
    "limits": None,  # the user's own, judged on the board
}
_WIFI = {"ssid": None, "password": ""}
_BROKER = {"host": None, "port": 8883, "user": "", "password": "", "ca": "/ca.der", "name": None}
_CURES = {
    "site": 'name it, such as "home"',
    "device": 'name it, such as "C001"',
    "key": "make provision makes it",
    "wifi": "it takes ssid and password",
    "broker": "it takes host, user and password",
    "wifi.ssid": "the network's name",
    "wifi2.ssid": "the network's name",
    "broker.host": "the broker's name",
}
_IN_NAMES = const(b"09azAZ--__")  # first and last of each range
_IN_KEYS = const(b"09afAF")
_NAME = const("letters, digits, - and _, at most 32")


class ConfigError(Exception):
    """What is wrong with a configuration; `problems` is a list of lines, each with key and cure."""

    def __init__(self, problems):
        super().__init__("\n".join(problems))
        self.problems = problems


def load(path):
    """The checked configuration in the file `path`, a dict with every default filled in."""
    try:
        with open(path) as file:
            text = file.read()
        values = json.loads(text)
        if _lacks_its_end(text):
            raise ValueError
    except OSError as error:
        raise ConfigError(["%s is missing (%s): run make provision" % (path, error)]) from None
    except (ValueError, MemoryError, RuntimeError):  # not text, too long, or nested too deeply
        raise ConfigError(["%s is not JSON: run make provision again" % path]) from None
    return check(values, path)


def _lacks_its_end(text):
    """True for `{"a": 1`: MicroPython 1.23 and 1.24 take it as complete, with its last } and without."""
    try:
        json.loads(text + "}")
        return True
    except ValueError:
        return False


def check(values, path="config.json"):
    """`values` with every default filled in. Raises ConfigError with all problems at once."""
    checker = _Check(path)
    if not isinstance(values, dict):
        raise ConfigError(["%s holds no object: run make provision again" % path])
    config = checker.filled(values, DEFAULTS, "")
    if config["v"] != 1:
        checker.wrong("v", "is %r: this Vigie reads version 1: run make provision again" % (config["v"],))
    for key in ("site", "device"):
        if config[key] is not None and not _is_name(config[key]):
            checker.wrong(key, "is %r: use %s" % (config[key], _NAME))
    if config["key"] is not None and not _is_key(config["key"]):
        checker.wrong("key", "is not a key: it takes 64 hex digits")
    config["wifi"] = checker.section(config["wifi"], _WIFI, "wifi")
    config["wifi2"] = checker.section(config["wifi2"], _WIFI, "wifi2")
    broker = config["broker"] = checker.section(config["broker"], _BROKER, "broker")
    if broker:
        broker["name"] = broker["name"] or broker["host"]
        checker.number(broker, "port", 1, 65535, "broker.")
    ntp = config["ntp"]
    if not isinstance(ntp, list) or not ntp or not all(isinstance(name, str) and name for name in ntp):
        checker.wrong("ntp", 'is %r: give a list of servers, such as ["pool.ntp.org"]' % (ntp,))
    config["sensor"] = schema.sensor(checker, config["sensor"], config["period_ms"])
    config["limits"] = schema.limits(checker, config["limits"])
    checker.number(config, "number", 0, 0x3FFFFFFF)
    checker.number(config, "period_ms", 50, 3600000)
    checker.number(config, "outbox_bytes", 65536, 1 << 28)
    schema.sleep(checker, config)
    if config["led_pin"] is not None:
        checker.number(config, "led_pin", 0, 48)
    if checker.problems:
        raise ConfigError(checker.problems)
    return config


class _Check:
    def __init__(self, path):
        self._path = path
        self.problems = []

    def wrong(self, key, text):
        self.problems.append("%s: %s %s" % (self._path, key, text))

    def filled(self, values, defaults, prefix):
        for key in values:
            if key not in defaults:
                self.wrong(prefix + key, "is unknown: known are " + ", ".join(sorted(defaults)))
        filled = {}
        for key, default in defaults.items():
            value = filled[key] = values.get(key, default)
            if value is None and prefix + key in _CURES:
                self.wrong(prefix + key, "is missing: " + _CURES[prefix + key])
        return filled

    def section(self, values, defaults, name):
        if values is None:
            return None  # reported as missing
        if not isinstance(values, dict):
            self.wrong(name, "is no object: " + _CURES[name.rstrip("2")])
            return None
        filled = self.filled(values, defaults, name + ".")
        for key, default in defaults.items():
            if default is None or isinstance(default, str):
                value = filled[key]
                if value is not None and not isinstance(value, str):
                    self.wrong("%s.%s" % (name, key), "is %r: write it in quotes" % (value,))
        return filled

    def number(self, values, key, least, most, prefix=""):
        value = values[key]
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self.wrong(prefix + key, "is %r: a whole number from %d to %d" % (value, least, most))


def _is_name(text):
    return isinstance(text, str) and 0 < len(text) <= 32 and _within(text, _IN_NAMES)


def _is_key(text):
    return isinstance(text, str) and len(text) == 64 and _within(text, _IN_KEYS)


def _within(text, ranges):
    """Whether each character lies in one of `ranges` (first, last, first, …).

    By codes: a character taken out of a text is a new name for MicroPython, and stays in RAM.
    """
    pairs = range(0, len(ranges), 2)
    return all(any(ranges[i] <= code <= ranges[i + 1] for i in pairs) for code in text.encode())
