"""Sensors: `read(out)` puts hundredths of degC and %RH into `out`, an array('h', [t, h]).

It returns 0 or the reason of a failed read (codes.WHY) and does not raise for ordinary failures.
"""

from ..chip.lazy import borrow


def open(options, clock, board=None):
    """The sensor that `options` (the configuration's "sensor") names; ValueError says what is wrong.

    board: dht22(pin) and i2c(scl, sda), for the sensors that are on pins.
    """
    sensor = _open(options, clock, board)
    t, h = options.get("offset_t", 0), options.get("offset_h", 0)
    if t or h:
        sensor.read = _shifted(sensor.read, t, h)
    return sensor


def _shifted(read, t, h):
    """`read`, with the offsets `t` and `h` (hundredths of degC and %RH) added to what it gives."""

    def shifted(out):
        why = read(out)
        if not why:
            out[0] += t
            out[1] = min(10000, max(0, out[1] + h))
        return why

    return shifted


def _open(options, clock, board):
    kind = options.get("kind")
    if kind == "simulated":
        simulated = borrow("sensors.simulated").Simulated
        return simulated(clock, options.get("seed", 1), options.get("day_s", 86400))
    if kind == "replay":
        if "file" not in options:
            raise ValueError('sensor.file is missing: add "file": "/readings.csv"')
        return borrow("sensors.replay").Replay(options["file"])
    if kind == "dht22":
        return borrow("sensors.dht22").Dht22(board.dht22(options["pin"]), clock)
    if kind in ("sht3x", "bme280"):
        i2c = board.i2c(options["scl"], options["sda"])
        if kind == "sht3x":
            return borrow("sensors.sht3x").Sht3x(i2c, options["address"], clock)
        return borrow("sensors.bme280").Bme280(i2c, options["address"], clock)
    raise ValueError("sensor.kind is %r: use simulated, replay, dht22, sht3x or bme280" % (kind,))
