"""The reading that is judged: its features, which travel with it, and what else detectors ask of it.

Moisture is humidity carried to one reference temperature: what stays when warm air only got warmer. Relative
humidity falls as air warms although nobody dried it. A temperature step that the humidity follows is weather
or heating; one that it does not follow is the sensor. m = h * exp(k * (t - t_ref)), to second order.
"""

from array import array

from ..chip.compat import const
from .jitter import Steps
from .jump import FARTHEST, per_period
from .window import SIZE, Window

SPAN = const(2400)  # hundredths of degC: the parabola is used no farther from t_ref than this
LONG_GAP = const(60)  # periods without a reading: the windows are of another time and fill again


class Reading:
    """One object for all good readings, which take() fills.

    x: the features, int16 in hundredths of degC and %RH: t, h, dt, dh, t-mean60, h-mean60, std60_t, std60_h.
    dt and dh are against the last good reading (0 for the first). The windows are the 60 good readings before
    this one and are never gated by verdicts; until there are 60 the last four features are 0. Values outside
    int16 saturate.
    m: moisture. periods: since the last good reading. half: the half hour of the day, -1 when nobody knows.
    fresh: good readings before this one since the start or the last long gap; ready: there are 60.
    step_t, step_m: steps over one period (per_period), -1 across a pause; steps_t, steps_m: the 16 before.
    flags: of the detectors that have scored it so far. sum: the forest's path-length sum, -1 when none ran.
    """

    def __init__(self, params):
        """`params`: a Params."""
        self._coupling = params.coupling
        self._t_ref = params.t_ref
        self.x = array("h", bytes(16))
        self._t = Window()
        self._h = Window()
        self.steps_t = Steps(params.step_t)
        self.steps_m = Steps(params.step_m)
        self.m = self.periods = self.half = self.step_t = self.step_m = self.fresh = self.missed = (
            self.flags
        ) = 0
        self.sum = -1
        self.ready = False

    def take(self, t, h, periods, half):
        """Become this good reading (int16, int16); `periods`, `half`: as Judge.reading() got them."""
        self.periods = periods = periods or self.missed + 1
        self.half = half
        self.missed = self.flags = 0
        self.sum = -1
        if periods >= LONG_GAP:
            self.fresh = 0
        self.ready = self.fresh >= SIZE
        x = self.x
        wt = self._t
        wh = self._h
        dt = t - x[0]
        m = moisture(t, h, self._coupling, self._t_ref)
        self.step_t = self.step_m = -1
        if self.fresh and periods < FARTHEST:
            self.step_t = per_period(abs(dt), periods)
            self.step_m = per_period(abs(m - self.m), periods)
        self.m = m
        if wt.count:
            x[2] = _int16(dt)
            x[3] = _int16(h - x[1])
        if wt.count == SIZE:
            x[4] = _int16(t - wt.mean)
            x[5] = _int16(h - wh.mean)
            x[6] = wt.std()
            x[7] = wh.std()
        x[0] = t
        x[1] = h
        wt.push(t)
        wh.push(h)


def moisture(t, h, coupling, t_ref):
    """m in hundredths of %RH at t_ref. `coupling`: k in 2^-22 per 0.01 degC (0.045/degC = 1887)."""
    away = t - t_ref
    away = SPAN if away > SPAN else -SPAN if away < -SPAN else away
    u = coupling * away >> 10
    return h * (4096 + u + (u * u >> 13)) >> 12


def _int16(value):
    if -32769 < value < 32768:
        return value
    return 32767 if value > 0 else -32768
