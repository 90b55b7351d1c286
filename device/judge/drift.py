"""Drift: moisture that creeps one way, block after block, more steadily than air in a room does."""

from array import array

from ..chip.compat import const
from ..codes import RANGE, ZSCORE
from .detector import MOST, Detector
from .reading import LONG_GAP

BLOCK = const(8)  # readings
BLOCKS = const(20)  # increments compared: 160 readings


class Drift(Detector):
    """score = 512 |last - first| / (sum of |increment - mean increment| + spread), over 20 increments.

    A slope's t-statistic. An alarm lasts a block; the next comes after ten blocks below half the threshold.
    """

    def __init__(self, params):
        self._spread = params.drift_spread
        self.threshold = self._threshold = params.drift
        self._sums = array("i", bytes(4 * (BLOCKS + 1)))
        self.restart()

    def restart(self):
        """Forget everything: after a long gap nothing is known about the slope."""
        self._sum = self._count = self._next = self._filled = self._mute = self._value = 0

    def score(self, reading):
        """The slope at the end of the last block; a reading that range, zscore or jump flagged is in none."""
        if reading.periods >= LONG_GAP:
            self.restart()
        if reading.flags & (RANGE | ZSCORE):
            return self._value
        self._sum += reading.m
        self._count += 1
        if self._count < BLOCK:
            return self._value
        index = self._next
        self._sums[index] = self._sum
        self._next = 0 if index == BLOCKS else index + 1
        self._sum = self._count = 0
        if self._filled < BLOCKS:
            self._filled += 1
            return 0
        self._value = value = self._slope()
        self.threshold = MOST if self._mute else self._threshold
        if value > self.threshold:
            self._mute = BLOCKS // 2
        elif self._mute and 2 * value < self._threshold:
            self._mute -= 1
        return value

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
