"""The judge: one reading in, one verdict out. Works without a model, with safe thresholds."""

from ..chip.lazy import begun, lent
from ..codes import SENSOR_ERROR, WARMING_UP
from .window import SIZE


class Judge:
    """Has each detector score and learn each good reading, and joins their flags; an ordinary one allocates
    nothing.

    `x`: the eight features of the last good reading. `flags`: its verdict. `score`: the forest's path-length
    sum, -1 when no forest ran. In the order of table.DETECTORS: `detectors`, None where one has nothing
    to go by; `places`, where one has; `bits`, their flags; `scores`, their own numbers.
    """

    lender = "judge.table"  # take_over
    __init__ = begun  # (model=None)
    __getattr__ = lent

    def reading(self, t, h, periods=0, half=-1):
        """Judge a good reading (int16 hundredths of degC and %RH); returns the flags.

        `periods`: since the last good reading, where the caller knows better than the count of failed ones.
        `half`: the half hour of the day (UTC, 0 to 47), -1 while the clock is not set.
        """
        now = self.now
        scores = self.scores
        now.take(t, h, periods, half)
        detectors = self.detectors
        for place in self.places:
            detector = detectors[place]
            scores[place] = score = detector.score(now)
            if detector.threshold < score <= detector.most and now.fresh >= detector.warm:
                now.flags |= self.bits[place]
            detector.learn(now)
        self.score = now.sum
        self.flags = now.flags if now.ready else now.flags | WARMING_UP
        now.fresh += 1
        self.good += 1
        return self.flags

    def failed(self):
        """Judge a read that failed: nothing is pushed, run lengths stand still, the gap grows."""
        now = self.now
        now.missed += 1
        self.flags = SENSOR_ERROR if now.fresh >= SIZE else SENSOR_ERROR | WARMING_UP
        return self.flags
