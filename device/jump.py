"""Jump: one step of temperature and moisture that is large for this sensor and for the last minutes."""

from .compat import const

MOST = const(16000)


def ratio(step, steps):
    """|step| in 1/64 of a typical one: 0.6 of the history's mean |step| and 0.4 of the last sixteen's."""
    return min(64 * 16 * 5 * step // (3 * steps.typical + 2 * steps.sum), MOST)


def jump(step_t, step_m, steps_t, steps_m):
    """Squared length of the step, in (1/64)^2 of typical steps; moisture counts in full, temperature 0.3.

    A change of temperature that humidity follows leaves the moisture alone, and buildings make those every
    morning; a faulty reading moves both. `steps_*`: Steps of the readings before this one.
    """
    m = ratio(step_m, steps_m)
    t = 77 * ratio(step_t, steps_t) >> 8
    return m * m + t * t
