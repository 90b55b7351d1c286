"""SHT30, SHT31, SHT35 over I2C: single shots of high repeatability, each word with its CRC."""

from ..codes import BAD_CHECKSUM, NO_ANSWER
from ..chip.compat import const

_MEASURE = const(b"\x24\x00")  # high repeatability, no clock stretching
_MEASURE_MS = const(16)  # data sheet, table 4: 15 ms at most, and what a tick may lack


class Sht3x:
    """`i2c`: writeto(address, bytes), readfrom_into(address, buffer), OSError when nobody answers."""

    def __init__(self, i2c, address, clock):
        self._i2c = i2c
        self._address = address
        self._clock = clock
        self._buf = bytearray(6)

    def read(self, out):
        """Put hundredths of degC and %RH into `out`, after 16 ms; returns 0, NO_ANSWER or BAD_CHECKSUM."""
        buf = self._buf
        try:
            self._i2c.writeto(self._address, _MEASURE)
            self._clock.sleep(_MEASURE_MS)
            self._i2c.readfrom_into(self._address, buf)
        except OSError:
            return NO_ANSWER
        if crc8(buf, 0) != buf[2] or crc8(buf, 3) != buf[5]:
            return BAD_CHECKSUM
        # Data sheet, 4.13: T = -45 + 175 S / (2^16 - 1), RH = 100 S / (2^16 - 1); reduced to stay small.
        out[0] = (3500 * (buf[0] << 8 | buf[1]) + 6553) // 13107 - 4500
        out[1] = (2000 * (buf[3] << 8 | buf[4]) + 6553) // 13107
        return 0


def crc8(buf, at):
    """The CRC of the two bytes at `at` (data sheet, 4.12: polynomial 0x31, start 0xFF)."""
    crc = 0xFF
    for i in (at, at + 1):
        crc ^= buf[i]
        for _ in range(8):
            crc = (crc << 1) & 0xFF ^ 0x31 if crc & 0x80 else crc << 1
    return crc
