"""The judge: one reading in, one verdict out. Works without a model, with safe thresholds."""

from ..chip.compat import const
from ..chip.lazy import begun, lent
from ..codes import (
    DRIFT,
    ENVELOPE,
    EXCURSION,
    FOREST,
    JITTER,
    RANGE,
    RHYTHM,
    SENSOR_ERROR,
    STUCK,
    WARMING_UP,
    ZSCORE,
)
from .jitter import SIZE as STEPS, jitter
from .jump import FARTHEST, jump, per_period
from .moisture import moisture
from .window import SIZE as WINDOW

FLOOR_T = const(5)  # hundredths: a quieter window counts as this noisy
FLOOR_H = const(20)
LONG_GAP = const(60)  # periods without a reading: the windows are of another time and fill again
DAY_MS = const(86400000)
MOST = const(0x3FFFFFFF)


class Judge:
    """Feeds each good reading to every detector and joins their flags; an ordinary one allocates nothing.

    `x`: the eight features of the last good reading. `flags`: its verdict. `score`: the forest's path-length
    sum, -1 when no forest ran. `scores`: each detector's own number, in the order of assembly.SCORES.
    """

    lender = "judge.assembly"  # take_over
    __init__ = begun  # (model=None, period_ms=10000)
    __getattr__ = lent

    def reading(self, t, h, periods=0, half=-1):
        """Judge a good reading (int16 hundredths of degC and %RH); returns the flags.

        `periods`: since the last good reading, where the caller knows better than the count of failed ones.
        `half`: the half hour of the day (UTC, 0 to 47), -1 while the clock is not set.
        """
        params = self.params
        scores = self.scores
        gap = periods or self._missed + 1
        self._missed = 0
        if gap >= LONG_GAP:
            self._fresh = 0
            self._drift.restart()
            if self._excursion:
                self._excursion.restart()
        before_t = self.x[0]
        before_m = self._m
        x = self._features.take(t, h)
        m = self._m = moisture(t, h, params.coupling, params.t_ref)
        flags = 0

        scores[0] = self._limits.score(t, h)
        if scores[0]:
            flags |= RANGE
        scores[1] = self._stuck.score(t, h)
        if scores[1] > params.stuck:
            flags |= STUCK
        z = max(self._z_t.score(t, params.zscore), self._z_h.score(h, params.zscore))
        ready = self._fresh >= WINDOW
        scores[2] = min(z, MOST) if ready else 0
        if scores[2] > params.zscore:
            flags |= ZSCORE

        scores[3] = scores[6] = 0
        if self._fresh and gap < FARTHEST:
            step_t = per_period(abs(t - before_t), gap)
            step_m = per_period(abs(m - before_m), gap)
            scores[3] = jump(step_t, step_m, self._steps_t, self._steps_m)
            self._steps_t.push(step_t)
            self._steps_m.push(step_m)
            if self._fresh >= STEPS:
                if scores[3] > params.jump:
                    flags |= ZSCORE
                scores[6] = jitter(self._steps_t, self._steps_m)
                if scores[6] > params.jitter:
                    flags |= JITTER
        if not flags & (RANGE | ZSCORE):
            self._drift.push(m)
        scores[7] = self._drift.value
        if self._drift.alarm:
            flags |= DRIFT

        if self._excursion:
            scores[8] = self._excursion.score(t, gap if gap < LONG_GAP else 1, half)
            if scores[8] > 64:
                flags |= EXCURSION

        self.score = -1
        scores[4] = scores[5] = scores[9] = 0
        if not ready:
            flags |= WARMING_UP
        elif self.model:
            if self._rhythm:
                scores[9] = self._rhythm.score(x[0] - x[4], x[1] - x[5], gap, half)
                if 64 < scores[9] <= 128:  # it is said once: a new season is no failure
                    flags |= RHYTHM
            scores[5] = self._envelope.score(x)
            if scores[5] > params.envelope:
                flags |= ENVELOPE
            if self.model.forest:
                self.score = scores[4] = self.model.forest.score(x)
                if 0 <= self.score < self.model.threshold:
                    flags |= FOREST
        self._fresh += 1
        self.good += 1
        self.flags = flags
        return flags

    def failed(self):
        """Judge a read that failed: nothing is pushed, run lengths stand still, the gap grows."""
        self._missed += 1
        self.flags = SENSOR_ERROR if self._fresh >= WINDOW else SENSOR_ERROR | WARMING_UP
        return self.flags
