"""Range: readings outside what the sensor, or the trained span plus a margin, can say. Never times out."""

from .detector import Detector


class Range(Detector):
    """Closed intervals in hundredths: normal iff t_low <= t <= t_high and h_low <= h <= h_high."""

    def __init__(self, params):
        self._t_low = params.t_low
        self._t_high = params.t_high
        self._h_low = params.h_low
        self._h_high = params.h_high

    def score(self, reading):
        """How far outside a reading is (hundredths, the farther channel); 0 inside."""
        t = reading.x[0]
        h = reading.x[1]
        return max(self._t_low - t, t - self._t_high, self._h_low - h, h - self._h_high, 0)
