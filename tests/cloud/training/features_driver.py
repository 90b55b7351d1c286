"""Under MicroPython or CPython: `features_driver.py ROOT READINGS FEATURES`: t, h int16 in, 8 int16 out."""

import struct
import sys

sys.path.insert(0, sys.argv[1])
from device.judge.params import Params
from device.judge.reading import Reading

reading = Reading(Params())
with open(sys.argv[2], "rb") as readings, open(sys.argv[3], "wb") as out:
    while True:
        batch = readings.read(4096)
        if not batch:
            break
        for at in range(0, len(batch), 4):
            t, h = struct.unpack_from("<hh", batch, at)
            reading.take(t, h, 1, -1)
            out.write(reading.x)
