"""Stand-in for the chip's `machine` on a virtual board: only the edge of the chip, nothing of Vigie.

What the chip would do to itself (reset, watchdog) goes to the launcher, which does it to this process.
So a reset here is as sudden as on the chip: no `finally`, no `except` runs.
"""

import time

import chip

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5


def reset():
    chip.tell("reset hard")
    chip.halt()


def deepsleep(ms=None):
    chip.tell("sleep" if ms is None else "sleep %d" % ms)
    chip.halt()


def reset_cause():
    return (PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET)[chip.CAUSES.index(chip.cause)]


def unique_id():
    return chip.unique_id


class Pin:
    IN = 1
    OUT = 3
    PULL_UP = 2

    def __init__(self, id, mode=-1, pull=-1, value=None):
        if not isinstance(id, int):
            raise ValueError("invalid pin")
        self._id = id
        self._value = 1 if pull == self.PULL_UP else 0
        if value is not None:
            self.value(value)

    def value(self, value=None):
        if value is None:
            return self._value
        value = 1 if value else 0
        if value != self._value:
            self._value = value
            chip.tell("pin %d %d" % (self._id, value))

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)


class WDT:
    """Each tenth of `timeout` the launcher hears of it, and kills a board that is silent too long."""

    def __init__(self, id=0, timeout=5000):
        self._timeout = timeout
        self._fed = time.ticks_ms()
        chip.tell("watchdog %d" % timeout)

    def feed(self):
        now = time.ticks_ms()
        if time.ticks_diff(now, self._fed) * 10 >= self._timeout:
            self._fed = now
            chip.tell("feed")


class RTC:
    """Holds what was set, until a deep sleep; TLS and `time` of this port read the host's clock."""

    _set = None  # (Unix-like seconds that were set, ticks then)

    def datetime(self, value=None):
        if value is None:
            seconds = RTC._now()
            year, month, day, hour, minute, second, weekday = time.gmtime(seconds)[:7]
            return (year, month, day, weekday, hour, minute, second, 0)
        year, month, day, _, hour, minute, second, _ = value
        RTC._set = (time.mktime((year, month, day, hour, minute, second, 0, 0)), time.ticks_ms())

    def memory(self, data=None):
        chip.rtc.seek(0)
        if data is None:
            length = int.from_bytes(chip.rtc.read(2), "little")
            return chip.rtc.read(length)
        if len(data) > 2048:
            raise ValueError("buffer too long")
        chip.rtc.write(len(data).to_bytes(2, "little") + data)
        chip.rtc.flush()

    @staticmethod
    def _now():
        if RTC._set is None:
            return 946684800 + time.ticks_ms() // 1000  # a chip wakes up in the year 2000
        return RTC._set[0] + time.ticks_diff(time.ticks_ms(), RTC._set[1]) // 1000

    @staticmethod
    def jump(seconds):
        """Set the clock off by `seconds`, as a glitch would; a real chip has no such method."""
        RTC._set = (RTC._now() + seconds, time.ticks_ms())
