"""The drivers against the bytes that the chips would send; the examples are the data sheets'."""

import gc
import struct
import sys
from array import array

from device import codes, sensors
from device.sensors import bme280, sht3x


class Clock:
    up = 0
    slept = 0

    def uptime(self):
        return self.up

    def sleep(self, ms):
        self.slept += ms


class Bus:
    """An I2C bus with one device: what it answers to a plain read, and its registers."""

    def __init__(self, address, answer=b"", registers=None):
        self.address = address
        self.answer = answer
        self.registers = registers or {}
        self.written = []
        self.away = False

    def _meet(self, address):
        if self.away or address != self.address:
            raise OSError(19)

    def writeto(self, address, data):
        self._meet(address)
        self.written.append(bytes(data))

    def readfrom_into(self, address, buffer):
        self._meet(address)
        buffer[:] = self.answer

    def writeto_mem(self, address, register, data):
        self._meet(address)
        self.written.append((register, bytes(data)))

    def readfrom_mem(self, address, register, count):
        self._meet(address)
        return bytes(self.registers.get(register + i, 0) for i in range(count))

    def readfrom_mem_into(self, address, register, buffer):
        buffer[:] = self.readfrom_mem(address, register, len(buffer))


class Dht:
    def __init__(self):
        self.buf = bytearray(5)
        self.error = None

    def measure(self):
        if self.error:
            raise self.error


class Board:
    def __init__(self, part):
        self.part = part
        self.asked = None

    def dht22(self, pin):
        self.asked = pin
        return self.part

    def i2c(self, scl, sda):
        self.asked = (scl, sda)
        return self.part


def out():
    return array("h", (0, 0))


# DHT22


def dht22(up=10):
    clock = Clock()
    dht = Dht()
    board = Board(dht)
    sensor = sensors.open({"kind": "dht22", "pin": 4}, clock, board)
    assert board.asked == 4
    clock.up = up
    return sensor, dht, clock


def test_dht22_gives_the_data_sheets_examples():
    sensor, dht, _ = dht22()
    values = out()
    dht.buf[:] = b"\x02\x8c\x01\x5f\xee"  # 65.2 %RH, 35.1 degC
    assert sensor.read(values) == codes.STARTING_UP  # the first answer is what it measured long ago
    assert sensor.read(values) == 0
    assert list(values) == [3510, 6520]
    dht.buf[:] = b"\x02\x8c\x80\x65\x00"  # minus 10.1 degC
    assert sensor.read(values) == 0
    assert values[0] == -1010


def test_dht22_reads_both_ways_of_writing_a_temperature_below_zero():
    sensor, dht, _ = dht22()
    values = out()
    sensor.read(values)
    for high, low, tenths in (
        (0x00, 0x00, 0),
        (0x00, 0x05, 5),
        (0x03, 0x20, 800),
        (0x80, 0x00, 0),  # sign and magnitude
        (0x80, 0x01, -1),
        (0x80, 0x05, -5),
        (0x80, 0xC8, -200),
        (0x81, 0x90, -400),
        (0xFF, 0xFF, -1),  # two's complement
        (0xFF, 0xFB, -5),
        (0xFF, 0x38, -200),
        (0xFE, 0x70, -400),
        (0x03, 0x21, None),
        (0x81, 0x91, None),
        (0xFE, 0x6F, None),
        (0xC0, 0x00, None),
    ):
        dht.buf[:] = bytes((2, 100, high, low, 0))
        assert sensor.read(values) == (codes.OUT_OF_RANGE if tenths is None else 0), (high, low)
        assert tenths is None or list(values) == [tenths * 10, 6120], (high, low)


def test_dht22_calls_a_hundred_percent_a_reading_and_more_than_that_none():
    sensor, dht, _ = dht22()
    values = out()
    sensor.read(values)
    for raw, expected in ((1000, 0), (999, 0), (1, 0), (0, codes.OUT_OF_RANGE), (1001, codes.OUT_OF_RANGE)):
        dht.buf[:] = bytes((raw >> 8, raw & 255, 0, 80, 0))
        assert sensor.read(values) == expected, raw
        assert expected or list(values) == [800, raw * 10]


def test_dht22_tells_its_failures_apart():
    sensor, dht, clock = dht22(up=1)
    values = out()
    for error in (OSError(110), Exception("checksum error")):
        dht.error = error
        assert sensor.read(values) == codes.STARTING_UP
    clock.up = 3
    assert sensor.read(values) == codes.BAD_CHECKSUM
    dht.error = OSError(110)
    assert sensor.read(values) == codes.NO_ANSWER
    dht.error = None
    assert sensor.read(values) == codes.STARTING_UP
    for nonsense in (b"\0\0\0\0\0", b"\xff\xff\xff\xff\xfc", b"\x01\x00\x83\x00\x84"):
        dht.buf[:] = nonsense
        assert sensor.read(values) == codes.OUT_OF_RANGE
    assert list(values) == [0, 0]
    dht.error = Exception("another")
    try:
        sensor.read(values)
    except Exception as error:
        assert str(error) == "another"


# SHT3x


def word(value):
    pair = bytes((value >> 8, value & 0xFF))
    return pair + bytes((sht3x.crc8(pair, 0),))


def test_sht3x_crc_is_the_data_sheets():
    assert sht3x.crc8(b"\xbe\xef", 0) == 0x92


def test_sht3x_converts_as_the_data_sheet_says():
    clock = Clock()
    bus = Bus(0x44)
    sensor = sensors.open({"kind": "sht3x", "scl": 22, "sda": 21, "address": 0x44}, clock, Board(bus))
    values = out()
    for raw in (0, 1, 13107, 26214, 40000, 65535):
        bus.answer = word(raw) + word(65535 - raw)
        assert sensor.read(values) == 0
        assert abs(values[0] - (-4500 + 17500 * raw / 65535)) <= 0.51
        assert abs(values[1] - 10000 * (65535 - raw) / 65535) <= 0.51
    assert bus.written[0] == b"\x24\x00" and clock.slept >= 15 * 6


def test_sht3x_refuses_a_wrong_crc_and_silence():
    bus = Bus(0x44, word(26214) + word(26214))
    sensor = sensors.open({"kind": "sht3x", "scl": 1, "sda": 2, "address": 0x44}, Clock(), Board(bus))
    values = out()
    good = bus.answer
    for i in range(6):
        bus.answer = good[:i] + bytes((good[i] ^ 0x10,)) + good[i + 1 :]
        assert sensor.read(values) == codes.BAD_CHECKSUM, i
    bus.away = True
    assert sensor.read(values) == codes.NO_ANSWER
    assert list(values) == [0, 0]


# BME280. The temperature example is the one of Bosch's BMP280 data sheet (3.12), which has the same formula.

T = (27504, 26435, -1000)
H = (75, 362, 0, 316, 50, 30)


def registers(adc_t=519888, adc_h=30000, chip=0x60):
    h4, h5 = H[3], H[4]
    memory = {0xD0: chip, 0xA1: H[0], 0xE4: h4 >> 4, 0xE5: (h4 & 15) | (h5 & 15) << 4, 0xE6: h5 >> 4}
    for place, data in (
        (0x88, struct.pack("<Hhh", *T)),
        (0xE1, struct.pack("<hB", H[1], H[2])),
        (0xE7, struct.pack("<b", H[5])),
        (0xFA, bytes((adc_t >> 12, adc_t >> 4 & 0xFF, (adc_t & 15) << 4, adc_h >> 8, adc_h & 0xFF))),
    ):
        for i in range(len(data)):
            memory[place + i] = data[i]
    return memory


def bosch_humidity(t_fine, adc):
    """The data sheet's formula in floating point (8.1)."""
    h1, h2, h3, h4, h5, h6 = H
    v = t_fine - 76800.0
    v = (adc - (h4 * 64.0 + h5 / 16384.0 * v)) * (
        h2 / 65536.0 * (1.0 + h6 / 67108864.0 * v * (1.0 + h3 / 67108864.0 * v))
    )
    v = v * (1.0 - h1 * v / 524288.0)
    return min(100.0, max(0.0, v))


def bme(**changes):
    bus = Bus(0x76, registers=registers(**changes))
    return sensors.open({"kind": "bme280", "scl": 1, "sda": 2, "address": 0x76}, Clock(), Board(bus)), bus


def test_bme280_temperature_is_the_published_example():
    sensor, bus = bme()
    values = out()
    assert bme280.t_fine(T, 519888) == 128422
    assert sensor.read(values) == 0
    assert values[0] == 2508
    assert bus.written == [(0xF2, b"\x01"), (0xF4, b"\x21")]


def test_bme280_calibration_reads_signed_nibbles():
    low = bytes(25) + b"\x4b"
    assert bme280.calibration(low, b"\x6a\x01\x00\xff\x2f\xfe\x1e")[3:] == (75, 362, 0, -1, -30, 30)
    sensor, _ = bme()
    sensor.read(out())
    assert sensor._calibration == T + H


def test_bme280_humidity_agrees_with_the_formula_in_floating_point():
    c = T + H
    for adc_t in range(300000, 700000, 40007):
        fine = bme280.t_fine(c, adc_t)
        for adc_h in range(15000, 50000, 1009):
            exact = bosch_humidity(fine, adc_h)
            assert abs(bme280.humidity(c, fine, adc_h) - 100 * exact) < 5, (adc_t, adc_h)


def test_bme280_refuses_another_chip_silence_and_empty_registers():
    values = out()
    sensor, _ = bme(chip=0x58)
    try:
        sensor.read(values)
        raise AssertionError("a BMP280 was taken")
    except ValueError as error:
        assert "BMP280" in str(error)
    sensor, bus = bme(adc_t=0x80000)
    assert sensor.read(values) == codes.NOT_A_NUMBER
    bus.away = True
    assert sensor.read(values) == codes.NO_ANSWER
    bus.away = False
    bus.registers = registers()
    assert sensor.read(values) == 0


def test_reading_allocates_nothing():
    if sys.implementation.name != "micropython":
        return
    values = out()
    sensor, dht, _ = dht22()
    dht.buf[:] = b"\x02\x8c\x01\x5f\xee"
    for _ in range(2):
        sensor.read(values)
    gc.collect()
    before = gc.mem_alloc()
    for _ in range(20):
        sensor.read(values)
    assert gc.mem_alloc() == before
