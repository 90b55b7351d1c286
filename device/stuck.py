"""Stuck: a channel, or both together, repeat one value for longer than the history ever did."""

from .compat import const

LONGEST = const(30000)


class Stuck:
    """Run lengths in readings, each with its own limit: the score is the worst run in 1/64 of its limit."""

    def __init__(self, params):
        self._limits = (params.run_t, params.run_h, params.run_both)
        self._t = 0
        self._h = 0
        self._run_t = 0
        self._run_h = 0
        self._run_both = 0

    def score(self, t, h):
        """64 or less is normal. A run counts the repeats, so the first reading of a value is 0."""
        same_t = t == self._t
        same_h = h == self._h
        self._t = t
        self._h = h
        self._run_t = min(self._run_t + 1, LONGEST) if same_t else 0
        self._run_h = min(self._run_h + 1, LONGEST) if same_h else 0
        self._run_both = min(self._run_both + 1, LONGEST) if same_t and same_h else 0
        limits = self._limits
        return max(
            64 * self._run_t // limits[0], 64 * self._run_h // limits[1], 64 * self._run_both // limits[2]
        )
