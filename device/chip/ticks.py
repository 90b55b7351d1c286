"""Ticks that run on through a deep sleep: with them uptime, grid and deadlines know of no pause.

On a chip `time` reads the RTC: it goes on in deep sleep, by an oscillator that may be off by a few percent.
"""

from .compat import const

_DAY_MS = const(86400000)


class Ticks:
    """A source for device.chip.clock.Clock; `source` is MicroPython's `time`."""

    def __init__(self, source=None):
        if source is None:
            import time as source
        self._source = source
        self.ticks_diff = source.ticks_diff
        self.ticks_add = source.ticks_add
        self.sleep_ms = source.sleep_ms
        self._ahead = 0

    def ticks_ms(self):
        """As MicroPython's, the time asleep included."""
        return self.ticks_add(self._source.ticks_ms(), self._ahead)

    def wall_ms(self):
        """Milliseconds of the chip's RTC; only differences mean anything. Allocates."""
        return self._source.time_ns() // 1000000

    def woke(self, wall_ms, ticks, planned_ms):
        """Go on from the tick count `ticks` of the moment `wall_ms`, when a sleep of `planned_ms` began.
        Returns the milliseconds that have passed since.

        The RTC is believed if it says between half of the planned time and a day more than that. Otherwise it
        was set or lost, and the planned time counts.
        """
        passed = self.wall_ms() - wall_ms
        awake = self._source.ticks_ms()
        if not planned_ms // 2 <= passed <= planned_ms + _DAY_MS:
            passed = planned_ms + awake
        self._ahead = self.ticks_diff(self.ticks_add(ticks, passed), awake)
        return passed
