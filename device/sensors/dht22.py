"""DHT22 (AM2302) on one pin, read by the firmware's `dht`. At least 2 s between two reads."""

from ..codes import BAD_CHECKSUM, NO_ANSWER, OUT_OF_RANGE, STARTING_UP
from ..chip.compat import const

_START_S = const(2)  # after power-on the sensor is deaf or nonsensical for a second or two
_MINUS_40 = const(0xFE70)  # tenths of a degree, in two's complement


class Dht22:
    """`dht`: the firmware's DHT22 on its pin; measure() and `buf` are used, as floats would allocate."""

    def __init__(self, dht, clock):
        self._dht = dht
        self._clock = clock
        self._good_s = clock.uptime() + _START_S
        self._fresh = False

    def read(self, out):
        """Put hundredths of degC and %RH into `out`; returns 0, or why it failed: NO_ANSWER, BAD_CHECKSUM,
        OUT_OF_RANGE, or STARTING_UP for the first read and within two seconds of the start."""
        starting = self._clock.uptime() < self._good_s
        try:
            self._dht.measure()
        except OSError:  # ETIMEDOUT: no pulses came
            return STARTING_UP if starting else NO_ANSWER
        except Exception as error:  # `dht` raises the bare class, with "checksum error"
            if "checksum" not in str(error):
                raise
            return STARTING_UP if starting else BAD_CHECKSUM
        if not self._fresh:  # it answers with what it measured when it was last asked: that may be long ago
            self._fresh = True
            return STARTING_UP
        buf = self._dht.buf
        t = buf[2] << 8 | buf[3]
        if t >= _MINUS_40:  # newer ones send two's complement below zero
            t -= 0x10000
        elif t & 0x8000:  # older ones a sign and a magnitude: the two ranges do not meet
            t = 0x8000 - t
        h = buf[0] << 8 | buf[1]
        if not -400 <= t <= 800 or not 0 < h <= 1000:
            return OUT_OF_RANGE
        out[0] = t * 10
        out[1] = h * 10
        return 0
