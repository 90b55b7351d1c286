"""Stuck: a channel, or both together, repeat one value for longer than the history ever did."""

from .compat import const

LONGEST = const(30000)
SUSPICIOUS = const(16)  # readings: from here on the other channel is asked


class Stuck:
    """A run is suspicious by its length, and sooner when the other channel moves away meanwhile.

    In still air humidity may repeat one value for twenty minutes, but then temperature hardly moves either.
    Lengths in readings (the first reading of a value is 0), ways in hundredths; each has its own limit and
    the score is the worst in 1/64 of its limit: 64 or less is normal.
    """

    def __init__(self, params):
        self._limit_t = params.run_t
        self._limit_h = params.run_h
        self._limit_both = params.run_both
        self._way_t = params.way_t
        self._way_h = params.way_h
        self._t = self._h = 0  # of the last reading
        self._t_then = self._h_then = 0  # the other channel when the run of h, of t began
        self._run_t = self._run_h = self._run_both = 0

    def score(self, t, h):
        """Score a reading (int16 hundredths) and learn it."""
        same_t = t == self._t
        same_h = h == self._h
        self._t = t
        self._h = h
        self._run_both = min(self._run_both + 1, LONGEST) if same_t and same_h else 0
        score = 64 * self._run_both // self._limit_both
        if same_t:
            self._run_t = run = min(self._run_t + 1, LONGEST)
            score = max(score, 64 * run // self._limit_t)
            if run > SUSPICIOUS:
                score = max(score, 64 * abs(h - self._h_then) // self._way_h)
        else:
            self._run_t = 0
            self._h_then = h
        if same_h:
            self._run_h = run = min(self._run_h + 1, LONGEST)
            score = max(score, 64 * run // self._limit_h)
            if run > SUSPICIOUS:
                score = max(score, 64 * abs(t - self._t_then) // self._way_t)
        else:
            self._run_h = 0
            self._t_then = t
        return score
