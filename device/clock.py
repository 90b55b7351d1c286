"""The only file that reads the time: uptime from ticks, and the date once somebody tells it.

On boards that sleep ticks.py stands under it.

Dates are whole seconds since 2000-01-01 UTC, which fit a small int until 2034. `ticks_ms` wraps after 12.4
days and `ticks_diff` is right for half of that; so tick() must be called at least every 6 days. The loop does
so all the time, and uptime is accumulated in whole seconds.
"""

from .borrow import seldom
from .compat import const

UNIX_2000 = const(946684800)  # Unix seconds of 2000-01-01; add to get a Unix time
_2024 = const(757382400)
_2100 = const(3155760000)
_JUMP_S = const(3)  # an answer may be off by this much, plus _PPM of the time since the last one
_PPM = const(200)  # worst crystal of an ESP32 in the cold, with room to spare
_CONFIRM = const(3)  # so many answers that agree with each other beat what we believed


class Clock:
    """Uptime and date. `source` has ticks_ms, ticks_diff, ticks_add and sleep_ms, as MicroPython's `time`."""

    @seldom
    def __init__(self, source=None):
        if source is None:
            import time as source
        self._source = source
        self._last = source.ticks_ms()
        self._ms = 0
        self._s = 0
        self._up = 0  # uptime and date of the last answer that was believed
        self._sec = None
        self._doubt = 0  # answers in a row that contradict what we believe, and the first of them
        self._doubt_sec = 0
        self._doubt_up = 0
        self.floor = 0  # the last date known from an earlier boot: time does not run backwards past it
        self.slack = 0  # seconds that deep sleep may have added to or taken from uptime since the last answer
        self.refused = 0  # implausible dates that were not believed

    def tick(self):
        """Take in the time that passed since the last call."""
        source = self._source
        now = source.ticks_ms()
        ms = self._ms + source.ticks_diff(now, self._last)
        self._last = now
        if ms >= 1000:
            self._s += ms // 1000
            ms %= 1000
        self._ms = ms

    def uptime(self):
        """Whole seconds since this boot, as of the last tick()."""
        return self._s

    def is_set(self):
        return self._sec is not None

    def now(self):
        """Seconds since 2000, or None while the clock is not set."""
        return None if self._sec is None else self._sec + self._s - self._up

    @seldom
    def set(self, sec):
        """Believe the date `sec` (seconds since 2000), or doubt it. True when it was taken.

        Refused and counted: before 2024, after 2100, before the last boot's date, or a jump that no crystal
        explains, until three answers in a row agree with each other.
        """
        self.tick()
        if not _2024 <= sec < _2100:
            self.refused += 1
            return False
        if not self._expected(sec) and not self._confirmed(sec):
            self.refused += 1
            return False
        self._doubt = 0
        self._sec = sec
        self._up = self._s
        self.slack = 0
        return True

    @seldom
    def _expected(self, sec):
        if self._sec is None:
            return sec >= self.floor - _JUMP_S
        away = _JUMP_S + self.slack + (self._s - self._up) * _PPM // 1000000
        return abs(sec - self.now()) <= away

    @seldom
    def _confirmed(self, sec):
        if self._doubt and abs(sec - self._doubt_sec - (self._s - self._doubt_up)) <= _JUMP_S:
            self._doubt += 1
        else:
            self._doubt = 1
            self._doubt_sec = sec
            self._doubt_up = self._s
        return self._doubt >= _CONFIRM

    # The sampling grid runs on ticks: they do not jump when the date is set.

    def ms(self):
        """A tick count for after() and until()."""
        return self._source.ticks_ms()

    def after(self, ticks, ms):
        """The tick count `ms` after `ticks`."""
        return self._source.ticks_add(ticks, ms)

    def until(self, ticks):
        """Milliseconds until `ticks`; negative when it has passed."""
        return self._source.ticks_diff(ticks, self._source.ticks_ms())

    def sleep(self, ms):
        self._source.sleep_ms(ms)
