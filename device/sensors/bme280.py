"""BME280 over I2C, in forced mode: temperature and humidity by the data sheet's integer formulas (4.2.3)."""

import struct

from ..codes import NO_ANSWER, NOT_A_NUMBER
from ..chip.compat import const

_ID = const(0xD0)
_CTRL_HUM = const(0xF2)
_CTRL_MEAS = const(0xF4)
_STATUS = const(0xF3)
_DATA = const(0xFA)  # temperature, 3 bytes, then humidity, 2 bytes
_FORCED = const(b"\x21")  # temperature once, no pressure, one measurement
_ONCE = const(b"\x01")
_MEASURE_MS = const(8)  # 9.1: 1.25 + 2.3 + 2.3 + 0.575 ms
_TRIES = const(5)
_SKIPPED_T = const(0x80000)  # what the registers hold before the first measurement
_SKIPPED_H = const(0x8000)


class Bme280:
    """`i2c`: readfrom_mem(address, register, count), readfrom_mem_into(…, buffer), writeto_mem(…, bytes).

    The calibration is read at the first answer, and again after the sensor was away. ValueError for another
    chip.
    """

    def __init__(self, i2c, address, clock):
        self._i2c = i2c
        self._address = address
        self._clock = clock
        self._buf = bytearray(5)
        self._state = bytearray(1)
        self._calibration = ()

    def read(self, out):
        """Put hundredths of degC and %RH into `out`; returns 0, NO_ANSWER or NOT_A_NUMBER (nothing measured).

        ValueError for another chip at this address.
        """
        try:
            if not self._calibration:
                self._calibration = self._begin()
            adc_t, adc_h = self._measure()
        except OSError:
            self._calibration = ()  # it may come back as another one
            return NO_ANSWER
        if adc_t in (0, _SKIPPED_T) or adc_h in (0, _SKIPPED_H):
            return NOT_A_NUMBER
        fine = t_fine(self._calibration, adc_t)
        out[0] = (fine * 5 + 128) >> 8
        out[1] = humidity(self._calibration, fine, adc_h)
        return 0

    def _begin(self):
        i2c = self._i2c
        address = self._address
        chip = i2c.readfrom_mem(address, _ID, 1)[0]
        if chip != 0x60:
            what = "a BMP280, which has no humidity" if chip == 0x58 else "chip 0x%02x" % chip
            raise ValueError("no BME280 at 0x%02x but %s" % (address, what))
        return calibration(i2c.readfrom_mem(address, 0x88, 26), i2c.readfrom_mem(address, 0xE1, 7))

    def _measure(self):
        i2c = self._i2c
        address = self._address
        i2c.writeto_mem(address, _CTRL_HUM, _ONCE)  # counts from the next write of ctrl_meas on
        i2c.writeto_mem(address, _CTRL_MEAS, _FORCED)
        for _ in range(_TRIES):
            self._clock.sleep(_MEASURE_MS)
            i2c.readfrom_mem_into(address, _STATUS, self._state)
            if not self._state[0] & 8:
                break
        buf = self._buf
        i2c.readfrom_mem_into(address, _DATA, buf)
        return buf[0] << 12 | buf[1] << 4 | buf[2] >> 4, buf[3] << 8 | buf[4]


def calibration(low, high):
    """(T1, T2, T3, H1 … H6) from the registers 0x88-0xA1 and 0xE1-0xE7 (data sheet, table 16)."""
    h2, h3, e4, e5, e6, h6 = struct.unpack("<hBbBbb", high)
    return struct.unpack("<Hhh", low[:6]) + (low[25], h2, h3, e4 * 16 + (e5 & 15), e6 * 16 + (e5 >> 4), h6)


def t_fine(c, adc):
    """The fine temperature, 1/5120 degC. Small ints for any sensor that works."""
    a = (adc >> 3) - (c[0] << 1)
    b = (adc >> 4) - c[0]
    return (a * c[1] >> 11) + ((b * b >> 12) * c[2] >> 14)


def humidity(c, fine, adc):
    """Hundredths of %RH."""
    v = fine - 76800
    x = ((adc << 14) - (c[6] << 20) - c[7] * v + 16384) >> 15
    x *= ((((v * c[8] >> 10) * ((v * c[5] >> 11) + 32768) >> 10) + 2097152) * c[4] + 8192) >> 14
    x -= ((x >> 15) * (x >> 15) >> 7) * c[3] >> 4
    x = 0 if x < 0 else 419430400 if x > 419430400 else x
    return ((x >> 12) * 100 + 512) >> 10
