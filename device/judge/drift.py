"""Drift: moisture that creeps one way, block after block, more steadily than air in a room does."""

from array import array

from ..chip.compat import const

BLOCK = const(8)  # readings
BLOCKS = const(20)  # increments compared: 160 readings


class Drift:
    """score = 512 |last - first| / (sum of |increment - mean increment| + spread), over 20 increments.

    A slope's t-statistic. An alarm lasts a block; the next comes after ten blocks below half the threshold.
    """

    def __init__(self, params):
        self._spread = params.drift_spread
        self._threshold = params.drift
        self._sums = array("i", bytes(4 * (BLOCKS + 1)))
        self.restart()

    def restart(self):
        """Forget: after a long gap nothing is known about the slope."""
        self._sum = self._count = self._next = self._filled = self._mute = self.value = 0
        self.alarm = False

    def push(self, m):
        """Add a moisture value (hundredths of %RH); `value` and `alarm` change at the end of a block."""
        self._sum += m
        self._count += 1
        if self._count < BLOCK:
            return
        index = self._next
        self._sums[index] = self._sum
        self._next = 0 if index == BLOCKS else index + 1
        self._sum = self._count = 0
        if self._filled < BLOCKS:
            self._filled += 1
            return
        self.value = self._slope()
        self.alarm = self.value > self._threshold and not self._mute
        if self.alarm:
            self._mute = BLOCKS // 2
        elif self._mute and 2 * self.value < self._threshold:
            self._mute -= 1

    def _slope(self):
        sums = self._sums
        index = self._next  # the oldest
        before = sums[index]
        rise = sums[index - 1] - before
        mean = rise // BLOCKS
        spread = self._spread
        for _ in range(BLOCKS):
            index = 0 if index == BLOCKS else index + 1
            spread += abs(sums[index] - before - mean)
            before = sums[index]
        return 512 * abs(rise) // spread
