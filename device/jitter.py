"""Jitter: the mean |step| of temperature and moisture over 16 readings, against the history's own level."""

from array import array

from .compat import const

SIZE = const(16)


class Steps:
    """The sum of the last 16 |steps| of one channel (hundredths), each capped at ten typical ones.

    The cap keeps one spike from hiding what follows it, and a long fault from filling the memory.
    """

    def __init__(self, typical):
        """`typical`: the sum of 16 typical |steps|, hundredths, at least 16."""
        self.typical = typical
        self._cap = min(10 * typical // SIZE, 32767)
        self._ring = array("h", (min(typical // SIZE, 32767) for _ in range(SIZE)))
        self.sum = sum(self._ring)
        self._next = 0

    def push(self, step):
        """Add |step|; the oldest of 16 goes."""
        index = self._next
        step = min(step, self._cap)
        self.sum += step - self._ring[index]
        self._ring[index] = step
        index += 1
        self._next = 0 if index == SIZE else index


class Jitter:
    """Score in 1/64 of the level that 99.5 % of the history stayed below, the worse channel."""

    def __init__(self, params):
        self._level_t = params.jitter_t
        self._level_m = params.jitter_m

    def score(self, steps_t, steps_m):
        """`steps_t`, `steps_m`: Steps of temperature and moisture, this reading pushed."""
        return max(64 * steps_t.sum // self._level_t, 64 * steps_m.sum // self._level_m)
