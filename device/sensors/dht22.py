"""DHT22 (AM2302) on one pin, read by the firmware's `dht`. At least 2 s between two reads."""

from ..codes import BAD_CHECKSUM, NO_ANSWER, OUT_OF_RANGE, STARTING_UP
from ..compat import const

_START_S = const(2)  # after power-on the sensor is deaf or nonsensical for a second or two


class Dht22:
    """`dht`: the firmware's DHT22 on its pin; measure() and `buf` are used, as floats would allocate."""

    def __init__(self, dht, clock):
        self._dht = dht
        self._clock = clock
        self._good_s = clock.uptime() + _START_S
        self._fresh = False

    def read(self, out):
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
        t = ((buf[2] & 0x7F) << 8 | buf[3]) * 10
        h = (buf[0] << 8 | buf[1]) * 10
        if t > 8000 or (buf[2] & 0x80 and t > 4000) or not 0 < h <= 10000:
            return OUT_OF_RANGE
        out[0] = -t if buf[2] & 0x80 else t
        out[1] = h
        return 0
