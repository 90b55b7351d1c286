"""Runs under MicroPython: `allocation_driver.py ROOT BUNDLE KEY READINGS`: readings with the heap locked."""

import gc
import sys
from array import array
from binascii import unhexlify

import micropython

sys.path.insert(0, sys.argv[1])
from device.codes import WARMING_UP
from device.judge.judge import Judge
from device.model import bundle as model

loaded, why = model.load(sys.argv[2], unhexlify(sys.argv[3]))
if loaded is None:
    raise SystemExit(why)
readings = array("h")
with open(sys.argv[4], "rb") as file:
    readings.extend(array("h", file.read()))
judge = Judge(loaded)
half = len(readings) // 4
for i in range(half):
    judge.reading(readings[2 * i], readings[2 * i + 1])
gc.collect()
micropython.heap_lock()  # the first byte asked for raises MemoryError
for i in range(half, 2 * half):
    judge.reading(readings[2 * i], readings[2 * i + 1])
micropython.heap_unlock()
assert not judge.flags & WARMING_UP and judge.score > 0 and judge.scores[5] > 0
print("judged", half, "score", judge.score)
