"""Stuck: a channel, or both together, repeat one value for longer than the history lets expect."""

from ..chip.compat import const

LONGEST = const(30000)


class Stuck:
    """Run lengths in readings (the first reading of a value is 0), each with its own limit.

    The score is the worst run in 1/64 of its limit: 64 or less is normal.
    """

    def __init__(self, params):
        self._limit_t = params.run_t
        self._limit_h = params.run_h
        self._limit_both = params.run_both
        self._t = self._h = 0
        self._run_t = self._run_h = self._run_both = 0

    def score(self, t, h):
        """Score a reading (int16 hundredths) and learn it."""
        same_t = t == self._t
        same_h = h == self._h
        self._t = t
        self._h = h
        self._run_t = min(self._run_t + 1, LONGEST) if same_t else 0
        self._run_h = min(self._run_h + 1, LONGEST) if same_h else 0
        self._run_both = min(self._run_both + 1, LONGEST) if same_t and same_h else 0
        return max(
            64 * self._run_t // self._limit_t,
            64 * self._run_h // self._limit_h,
            64 * self._run_both // self._limit_both,
        )
