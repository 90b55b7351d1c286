"""The only file that reads the time: uptime from ticks, and the date once somebody tells it.

On boards that sleep it reads the time through ticks.py.

Dates are whole seconds since 2000-01-01 UTC, which fit a small int until 2034. `ticks_ms` wraps after 12.4
days and `ticks_diff` is right for half of that; so tick() must be called at least every 6 days. The loop does
so all the time, and uptime is accumulated in whole seconds.
"""

from .lazy import begun, lent
from .compat import const

UNIX_2000 = const(946684800)  # Unix seconds of 2000-01-01; add to get a Unix time


class Clock:
    """Uptime and date. `source` has ticks_ms, ticks_diff, ticks_add and sleep_ms, as MicroPython's `time`."""

    lender = "chip.dating"  # set, doubted
    __init__ = begun  # (source=None)
    __getattr__ = lent

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
