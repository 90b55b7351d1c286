"""Ticks that run on through a deep sleep: with them uptime, grid and deadlines know of no pause.

On a chip `time` reads the RTC: it goes on in deep sleep, by an oscillator that may be off by a few percent.
"""

import time


class Ticks:
    """A source for device.clock.Clock."""

    def __init__(self):
        self.ticks_diff = time.ticks_diff
        self.ticks_add = time.ticks_add
        self.sleep_ms = time.sleep_ms
        self._ahead = 0

    def ticks_ms(self):
        return time.ticks_add(time.ticks_ms(), self._ahead)

    def wall_ms(self):
        """Milliseconds of the chip's RTC; only differences mean anything. Allocates."""
        return time.time_ns() // 1000000

    def woke(self, wall_ms, ticks, planned_ms):
        """Go on from `ticks` as of `wall_ms`, when a sleep of `planned_ms` began; milliseconds passed.

        What the RTC says is believed within a factor of two: else it was set or lost, and the timer that woke
        the chip tells.
        """
        passed = self.wall_ms() - wall_ms
        awake = time.ticks_ms()
        if not planned_ms // 2 <= passed <= 2 * planned_ms + awake + 2000:
            passed = planned_ms + awake
        self._ahead = time.ticks_diff(time.ticks_add(ticks, passed), time.ticks_ms())
        return passed
