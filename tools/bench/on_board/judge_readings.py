"""Runs under MicroPython or CPython: `judge_readings.py ROOT BUNDLE KEY READINGS VERDICTS`.

Loads the bundle as a board does and judges each reading: t, h (int16 hundredths) and the periods since the
last good reading (int32, 0 = this read failed) and the half hour of the day (int16) in; flags and `SCORES`
(int32 each) out.
"""

import struct
import sys
from array import array
from binascii import unhexlify

sys.path.insert(0, sys.argv[1])
from device.model import bundle as model
from device.judge.table import SCORES
from device.judge.judge import Judge

BATCH = 512
loaded, why = model.load(sys.argv[2], unhexlify(sys.argv[3]))
if loaded is None:
    raise SystemExit(why)
judge = Judge(loaded)
row = array("i", bytes(4 * (1 + len(SCORES))))
with open(sys.argv[4], "rb") as readings, open(sys.argv[5], "wb") as verdicts:
    while True:
        batch = readings.read(10 * BATCH)
        if not batch:
            break
        for at in range(0, len(batch), 10):
            t, h, periods, half = struct.unpack_from("<hhih", batch, at)
            if periods:
                row[0] = judge.reading(t, h, periods, half)
                for i in range(len(SCORES)):
                    row[1 + i] = judge.scores[i]
            else:
                row[0] = judge.failed()
                for i in range(len(SCORES)):
                    row[1 + i] = 0
            verdicts.write(row)
        verdicts.flush()
