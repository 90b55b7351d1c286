"""Jump: one step of temperature and moisture that is large for this sensor and for the last minutes."""

from ..chip.compat import const
from .detector import Detector
from .jitter import SIZE

FARTHEST = const(16)  # periods: a step across a longer pause says nothing
MOST = const(16000)
HALF_DAY = const(24)  # half hours
# 128 / periods^0.3: how much less a step says that had more than one period to grow.
_SLOWER = const(b"\x00\x80\x68\x5c\x54\x4f\x4b\x47\x45\x42\x40\x3e\x3d\x3b\x3a\x39")


def per_period(step, periods):
    """|step| (hundredths) over `periods` < FARTHEST, as it would be over one, in eighths of a hundredth."""
    return step * _SLOWER[periods] >> 4


def ratio(step, steps):
    """|step| in 1/64 of a typical one: two thirds of the history's mean |step|, a third of the last 16's."""
    return min(64 * 16 * 3 * step // (2 * steps.typical + steps.sum), MOST)


def square(step_t, step_m, steps_t, steps_m):
    """Squared length of a step in (1/64)^2 of typical ones. `steps_*`: Steps of the readings before it.

    A change of temperature that humidity follows leaves the moisture alone, and buildings make those every
    morning; a faulty reading moves both. So temperature counts at most half as much again as moisture does.
    """
    m = ratio(step_m, steps_m)
    t = min(ratio(step_t, steps_t), 3 * m >> 1)
    return m * m + t * t


class Jump(Detector):
    """One step of temperature and moisture.

    In a half hour of the day that often jumps, as when the heating starts, it counts a part only.
    """

    warm = SIZE  # only then the sixteen steps are this sensor's own

    def __init__(self, params):
        self._restless = (params.restless_am, params.restless_pm)
        self._shift = params.restless_shift

    def score(self, reading):
        """square() of its step; 0 across a long pause."""
        if reading.step_m < 0:
            return 0
        score = square(reading.step_t, reading.step_m, reading.steps_t, reading.steps_m)
        return score >> self._shift if self.is_restless(reading.half) else score

    def is_restless(self, half):
        """Whether the half hour of the day `half` (UTC, 0 to 47; -1: not known) often jumps."""
        return half >= 0 and self._restless[half // HALF_DAY] >> half % HALF_DAY & 1

    def learn(self, reading):
        """Add its step to the 16 that the next one is compared with; none across a long pause."""
        if reading.step_m >= 0:
            reading.steps_t.push(reading.step_t)
            reading.steps_m.push(reading.step_m)
