"""Stuck: a channel, or both together, repeat one value for longer than chance lets expect.

Each repeat is worth as many bits as it is a surprise: -log2 of how often this channel repeats itself. That is
learned from its last hundred readings or so, but not from the run that is looked at, and is never less than
the history's own rate: a sensor that rests at night raises no alarm, and a lively one is found frozen after
some ten readings.
"""

from array import array

from ..chip.compat import const
from .detector import Detector

CHANNELS = const(3)  # t, h and both
LONGEST = const(30000)  # readings
ALWAYS = const(65536)  # a rate: each reading repeats the one before
MOST = const(63570)  # a rate that is taken for certain: .97
SATURATED = const(10000)  # hundredths: fog says so again and again, and no sensor is frozen by it
MEMORY = const(6)  # 2^6 readings
UNIT = const(16)  # of the score: parts of a bit


class Stuck(Detector):
    """The score is the worst surprise of the present runs, in 1/UNIT bit."""

    def __init__(self, params):
        """`params`: rate_t, rate_h, rate_both of the history, 1/ALWAYS; ALWAYS = this one is not watched."""
        self._least = (params.rate_t, params.rate_h, params.rate_both)
        self._t = self._h = self._same = 0
        self._runs = array("h", bytes(2 * CHANNELS))
        self._rates = array("i", self._least)
        self._bits = array("h", (surprise(rate) for rate in self._least))

    def score(self, reading):
        """Count the reading's runs."""
        t = reading.x[0]
        h = reading.x[1]
        same = int(t == self._t)  # a bit for each channel that repeats itself
        if h == self._h and h < SATURATED:
            same += 2 + 4 * same
        self._t = t
        self._h = h
        self._same = same
        runs = self._runs
        worst = 0
        bits = self._bits
        for i in range(CHANNELS):
            if same >> i & 1:
                if runs[i] < LONGEST:
                    runs[i] += 1
                worth = runs[i] * bits[i] >> 4
                worst = max(worst, worth)
            else:
                runs[i] = 0
        return worst

    def learn(self, reading):
        """How often each channel repeats itself, and what a repeat is worth in the next run."""
        rates = self._rates
        for i in range(CHANNELS):
            if self._same >> i & 1:
                rates[i] += (ALWAYS - rates[i]) >> MEMORY
            else:
                rates[i] -= rates[i] >> MEMORY
                least = self._least[i]
                self._bits[i] = 0 if least >= ALWAYS else surprise(max(rates[i], least))


def surprise(rate):
    """-log2(rate / ALWAYS) in 1/256 bit, for a rate from MOST down to 1/256 of ALWAYS; 0 for ALWAYS.

    log2(1 + f) is taken as f + 0.344 f (1 - f): to 1/100 bit.
    """
    if rate >= ALWAYS:
        return 0
    rate = min(MOST, max(rate, 256))
    bits = 256
    while rate < 32768:
        rate <<= 1
        bits += 256
    part = (rate - 32768) >> 7
    return bits - part - (part * (256 - part) * 88 >> 16)
