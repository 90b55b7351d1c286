"""Runs under MicroPython: `forest_sums.py ROOT BUNDLE KEY READINGS SUMS [plain]`.

Loads the bundle as a board does and writes the forest's sum of each reading: 8 int16 in, one int32 out.
With `plain`, by the walker of boards without a native emitter. Prints the walker's module and the threshold.
"""

import sys
from array import array
from binascii import unhexlify

sys.path.insert(0, sys.argv[1])
from device.model import bundle as model

loaded, why = model.load(sys.argv[2], unhexlify(sys.argv[3]))
if loaded is None:
    raise SystemExit(why)
forest = loaded.forest
if sys.argv[6:] == ["plain"]:
    from device.model.walk_plain import walk
else:
    from device.model.walk_viper import walk

    if type(forest.walk) is not type(walk):
        raise SystemExit("the board would not use its native walker")
forest.walk = walk

BATCH = 1024
x = array("h", bytes(16))
sums = array("i", range(BATCH))
view = memoryview(sums)
with open(sys.argv[4], "rb") as readings, open(sys.argv[5], "wb") as out:
    n = 0
    while readings.readinto(x) == 16:
        sums[n] = forest.score(x)
        n += 1
        if n == BATCH:
            out.write(sums)
            n = 0
    out.write(view[:n])
print(walk.__name__ if hasattr(walk, "__name__") else "walk", loaded.threshold)
