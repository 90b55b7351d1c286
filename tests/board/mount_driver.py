"""Runs under MicroPython: what choice.py does to a flash that MicroPython mounted before. Answers in JSON.

argv: choice.py's path; "VfsLfs2" or "VfsFat", what is on the flash.
"""

import json
import os
import sys

sys.path[:] = [".frozen", sys.argv[0].rsplit("/", 1)[0] + "/../.."]
from tests.device.outbox.test_power import Chip  # noqa: E402

choice = {}
exec(open(sys.argv[1]).read().replace("import machine\n", ""), choice)
FileSystem = getattr(os, sys.argv[2])
NAMES = ["part%d.mpy" % n for n in range(40)]


class Flash(Chip):
    """512 KB in RAM; `reads` counts."""

    reads = 0

    def readblocks(self, block, view, offset=0):
        self.reads += 1
        return super().readblocks(block, view, offset)


class Firmware:
    bdev = Flash(bytearray(512 * 1024))


def survey():
    """How many reads it takes to look at every file; what is in them."""
    before = Firmware.bdev.reads
    for name in NAMES:
        os.stat("/device/" + name)
    return Firmware.bdev.reads - before, [open("/device/" + name).read() for name in NAMES]


os.umount("/")
FileSystem.mkfs(Firmware.bdev)
os.mount(Firmware.bdev, "/")
os.mkdir("/device")
for name in NAMES:
    with open("/device/" + name, "w") as file:
        file.write(name * 60)
report = {}
report["without"], before = survey()
choice["read_by"](128)  # on what is no chip
report["no chip"] = survey()[0]
sys.modules["flashbdev"] = Firmware
choice["read_by"](128)
report["with"], after = survey()
report["same"] = before == after
with open("/new.txt", "w") as file:
    file.write("kept")
os.umount("/")
os.mount(Firmware.bdev, "/")
report["new"] = open("/new.txt").read()
print(json.dumps(report))
