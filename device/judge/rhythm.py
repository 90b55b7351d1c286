"""Rhythm: for half an hour the mean of temperature or humidity is outside the band of this time of the day.

Where each day is like the other - a heating that sets back at night, a greenhouse - what is ordinary at noon
is a failure at midnight. Training (cloud.training.thresholds) gives a band for each half hour only where a
history has such days.
"""

from array import array

from ..chip.compat import const
from .detector import Detector

HALF_HOURS = const(48)
NUMBERS = const(193)  # int16 of a section: see Bands
LONGEST = const(30000)  # periods


class Bands:
    """The RHYT section of a model, little-endian int16: how long outside, then four rows of HALF_HOURS."""

    constant = True  # a snapshot leaves it out

    def __init__(self, body):
        """`body`: the section's bytes. Raises ValueError when they are not one that this firmware reads."""
        if len(body) != 2 * NUMBERS:
            raise ValueError("RHYT has %d bytes: train the model again for this firmware" % len(body))
        numbers = array("h", body)
        self.need = numbers[0]  # periods outside that are abnormal
        self.edges = numbers[1:]  # hundredths: the lowest t, the highest t, the lowest h, the highest h
        if self.need < 1:
            raise ValueError("RHYT has a limit below 1: train the model again")


class Rhythm(Detector):
    """The score is the time outside in 1/64 of what it may last: normal up to 64, and old news above 128."""

    threshold = 64
    most = 128  # it is said once: a new season is no failure

    def __init__(self, bands):
        """`bands`: a Bands."""
        self._bands = bands
        self._outside = 0  # periods

    def score(self, reading):
        """How long the means of 60 readings have been outside; 0 before there are 60 or a date."""
        if not reading.ready:
            return 0
        x = reading.x
        t = x[0] - x[4]
        h = x[1] - x[5]
        half = reading.half
        edges = self._bands.edges
        if half < 0 or (
            edges[half] <= t <= edges[HALF_HOURS + half]
            and edges[2 * HALF_HOURS + half] <= h <= edges[3 * HALF_HOURS + half]
        ):
            self._outside = 0
            return 0
        self._outside = min(self._outside + reading.periods, LONGEST)
        return 64 * self._outside // self._bands.need
