"""Features, version 1: what the forest and the envelope see, and what travels with each reading."""

from array import array

from ..chip.compat import const
from .window import SIZE, Window

VERSION = const(1)
NAMES = ("t", "h", "dt", "dh", "t-mean60", "h-mean60", "std60_t", "std60_h")


class Features:
    """The eight int16 of a good reading, in hundredths of degC and %RH, in the order of `NAMES`.

    dt and dh are against the last good reading (0 for the first). The windows are the 60 good readings
    before this one and are never gated by verdicts; until there are 60 the last four features are 0.
    Values outside int16 saturate and are counted in `saturated`.
    """

    def __init__(self):
        self.x = array("h", bytes(16))
        self.saturated = 0
        self._t = Window()
        self._h = Window()

    def ready(self):
        """True once the windows are full, that is, when the last four features of the next reading hold."""
        return self._t.count == SIZE

    def take(self, t, h):
        """Compute `x` for a good reading (int16, int16) and push it into the windows."""
        x = self.x
        wt = self._t
        wh = self._h
        if wt.count:
            x[2] = self._int16(t - x[0])
            x[3] = self._int16(h - x[1])
        if wt.count == SIZE:
            x[4] = self._int16(t - wt.mean)
            x[5] = self._int16(h - wh.mean)
            x[6] = wt.std()
            x[7] = wh.std()
        x[0] = t
        x[1] = h
        wt.push(t)
        wh.push(h)
        return x

    def _int16(self, value):
        if -32769 < value < 32768:
            return value
        self.saturated += 1
        return 32767 if value > 0 else -32768
