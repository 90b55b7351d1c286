"""The only file that reads the time: uptime from ticks, and the date once somebody tells it.

On boards that sleep ticks.py stands under it.

Dates are whole seconds since 2000-01-01 UTC, which fit a small int until 2034. `ticks_ms` wraps after 12.4
days and `ticks_diff` is right for half of that; so tick() must be called at least every 6 days. The loop does
so all the time, and uptime is accumulated in whole seconds.
"""

from .lazy import seldom
from .compat import const

UNIX_2000 = const(946684800)  # Unix seconds of 2000-01-01; add to get a Unix time
_2024 = const(757382400)
_2100 = const(3155760000)
_WINDOW_S = const(2332800)  # 27 days: a board may have been off for so long; a wrong month is longer
_SURE_S = const(600)  # a later date than that is believed when it is all that is heard for ten minutes,
_DAY_S = const(86400)  # one before the last known date, or against one that is known, after a day
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
        self.floor = 0  # the last date known from before this boot: time does not run backwards past it
        self.wild = False  # what is believed does not follow from that
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

        Refused and counted: before 2024, after 2100; a jump that no crystal explains, until three answers in
        a row agree; a date before the last one that this board knows, or weeks after it, until for long
        nothing else is heard.
        """
        self.tick()
        floor = self.floor
        inside = not floor or floor - _DAY_S <= sec <= floor + _WINDOW_S + self._s
        if self._sec is None or self.wild:
            goes_on = (inside and sec >= floor - _JUMP_S) or self._goes_on(sec)
        else:
            goes_on = self._goes_on(sec)
        if not _2024 <= sec < _2100 or not (goes_on or self._confirmed(sec, inside)):
            self.refused += 1
            return False
        self._doubt = 0
        self.wild = not inside and self._s - self._doubt_up < _DAY_S  # said for a day, it is sure
        self._sec = sec
        self._up = self._s
        self.slack = 0
        return True

    @seldom
    def _goes_on(self, sec):
        """What is believed has become `sec` by now."""
        if self._sec is None:
            return False
        away = _JUMP_S + self.slack + (self._s - self._up) * _PPM // 1000000
        return abs(sec - self.now()) <= away

    @seldom
    def _confirmed(self, sec, inside):
        """The same was said often enough, or for long enough."""
        away = _JUMP_S + self.slack
        if self._doubt and abs(sec - self._doubt_sec - (self._s - self._doubt_up)) <= away:
            self._doubt += 1
        else:
            self._doubt = 1
            self._doubt_sec = sec
            self._doubt_up = self._s
        if inside:
            return self._doubt >= _CONFIRM
        soon = sec > self.floor and (self._sec is None or self.wild)
        return self._s - self._doubt_up >= (_SURE_S if soon else _DAY_S)

    @seldom
    def doubted(self, sec):
        """Why set() has just refused `sec`, in words; None when that was told before."""
        if not _2024 <= sec < _2100:
            return "NTP answer refused: no such date"
        if self._doubt > 1:
            return None
        off = sec - (self.now() or self.floor)
        text = "NTP says a date %d days %s what this board knows: doubted, %s; are the time servers right?"
        then = "it keeps its own" if self.is_set() else "readings go undated"
        return text % (abs(off) // _DAY_S, "before" if off < 0 else "after", then)

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
