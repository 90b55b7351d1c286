"""The judge: one reading in, one verdict out. Works without a model, with safe thresholds."""

from array import array

from .codes import RANGE, SENSOR_ERROR, STUCK, WARMING_UP, ZSCORE
from .features import Features
from .zscore import ZScore

SCORES = ("range", "stuck", "zscore")  # what `Judge.scores` holds, in this order


class Judge:
    """Feeds each good reading to every detector and joins their flags.

    `x` holds the eight features of the last good reading, `flags` its verdict, `score` the forest's
    path-length sum (-1 when no forest ran) and `scores` each detector's own number.
    """

    def __init__(self, model=None, period_ms=10000):
        self.features = Features()
        self.x = self.features.x
        self.flags = WARMING_UP
        self.score = -1
        self.scores = array("i", bytes(4 * len(SCORES)))
        self._zt = ZScore(5)
        self._zh = ZScore(20)
        self._run = 0

    def reading(self, t, h):
        """Judge a good reading (int16 hundredths of degC and %RH); returns the flags."""
        features = self.features
        flags = 0 if features.ready() else WARMING_UP
        x = self.x
        same = t == x[0] and h == x[1]
        features.take(t, h)
        scores = self.scores
        if t < -4000 or t > 8000 or h <= 50 or h >= 9999:
            flags |= RANGE
            scores[0] = 1
        else:
            scores[0] = 0
        self._run = self._run + 1 if same else 0
        scores[1] = self._run
        if self._run > 60:
            flags |= STUCK
        zt = self._zt.score(t, 64)
        zh = self._zh.score(h, 64)
        scores[2] = min(zt if zt > zh else zh, 1000000)
        if scores[2] > 64:
            flags |= ZSCORE
        self.flags = flags
        return flags

    def failed(self):
        """Judge a read that failed: nothing is pushed; run lengths stand still."""
        self.flags = SENSOR_ERROR if self.features.ready() else SENSOR_ERROR | WARMING_UP
        return self.flags
