"""Jitter: the mean |step| of moisture and temperature over 16 readings, against the history's own mean."""

from array import array

from ..chip.compat import const
from .detector import Detector

SIZE = const(16)
CAP = const(32)


class Steps:
    """The sum of the last 16 |steps| (eighths of a hundredth), each capped at `CAP` typical ones.

    The cap keeps one spike from hiding what follows it, and a long fault from filling the memory.
    """

    def __init__(self, typical):
        """`typical`: the sum of 16 typical |steps|, eighths of a hundredth, at least 16."""
        self.typical = typical
        self._cap = min(CAP * typical // SIZE, 32767)
        self._ring = array("h", (min(typical // SIZE, 32767) for _ in range(SIZE)))
        self.sum = sum(self._ring)
        self._next = 0

    def push(self, step):
        """Add |step| (eighths of a hundredth); the oldest of 16 goes."""
        index = self._next
        step = min(step, self._cap)
        self.sum += step - self._ring[index]
        self._ring[index] = step
        index += 1
        self._next = 0 if index == SIZE else index


class Jitter(Detector):
    """Temperature counts a quarter: heating makes it restless every morning, and moisture hardly ever."""

    def score(self, reading):
        """The mean |step| in 1/64 of a typical one, this reading's (which jump has learned) among them."""
        if reading.step_m < 0 or reading.fresh < SIZE:
            return 0
        t = reading.steps_t
        m = reading.steps_m
        return max(64 * m.sum // m.typical, 16 * t.sum // t.typical)
