"""Stuck: a channel, or both together, repeat one value for longer than chance lets expect.

Each repeat is worth as many bits as it is a surprise: -log2 of how often this channel repeats itself. That is
learned from its last hundred readings or so, but not from the run that is looked at, and is never less than
the history's own rate: a sensor that rests at night is given its rest, and a lively one is found frozen after
some ten readings.
"""

from array import array

from ..chip.compat import const

CHANNELS = const(3)  # t, h and both
LONGEST = const(30000)  # readings
ALWAYS = const(65536)  # a rate: each reading repeats the one before
MOST = const(63570)  # a rate that is taken for certain: .97
SATURATED = const(10000)  # hundredths: fog says so again and again, and no sensor is frozen by it
MEMORY = const(6)  # 2^6 readings
UNIT = const(16)  # of the score: parts of a bit


class Stuck:
    """The score is the worst surprise of the present runs, in 1/UNIT bit."""

    def __init__(self, params):
        """`params`: rate_t, rate_h, rate_both of the history, 1/ALWAYS; ALWAYS = this one is not watched."""
        self._params = params
        self._t = self._h = 0
        self._runs = array("h", bytes(2 * CHANNELS))
        self._rates = array("i", (params.rate_t, params.rate_h, params.rate_both))
        self._bits = array("h", (surprise(rate) for rate in self._rates))

    def score(self, t, h):
        """Score a reading (int16 hundredths) and learn it."""
        same_t = t == self._t
        same_h = h == self._h and h < SATURATED
        self._t = t
        self._h = h
        params = self._params
        return max(
            self._one(0, same_t, params.rate_t),
            self._one(1, same_h, params.rate_h),
            self._one(2, same_t and same_h, params.rate_both),
        )

    def _one(self, i, same, least):
        rates = self._rates
        rate = rates[i]
        if same:
            rates[i] = rate + ((ALWAYS - rate) >> MEMORY)
            run = self._runs[i] = min(self._runs[i] + 1, LONGEST)
            return run * self._bits[i] >> 4
        rate = rates[i] = rate - (rate >> MEMORY)
        self._bits[i] = 0 if least >= ALWAYS else surprise(max(rate, least))
        self._runs[i] = 0
        return 0


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
