"""Runs under MicroPython: a virtual board's flash in argv[1], one fault after the other; prints the notes."""

import os
import sys

import vfs

sys.path.insert(0, sys.argv[0].rsplit("/", 1)[0] + "/../../../tools/virtual_board")

from failing_flash import Flash  # noqa: E402

flash = Flash(sys.argv[1])
notes = []
flash.kept = lambda count: notes.append("kept %d" % count)
flash.tell = notes.append


def died():
    print("\n".join(notes))
    sys.exit()


flash.die = died
vfs.umount("/")
vfs.mount(flash, "/")
os.chdir("/")
os.mkdir("/outbox")
with open("/outbox/0-1.seg", "wb") as file:
    file.write(bytes(32))
    file.flush()
    file.write(bytes(64))
    file.flush()
with open("/outbox/2-1.seg", "wb") as file:
    file.write(bytes(64))
    file.flush()
os.rename("/outbox/2-1.seg", "/outbox/2.seg")
flash.spoil(".seg", "read")
for again in (flash, Flash(sys.argv[1])):  # the next boot finds it as bad
    again.tell = notes.append
    try:
        again.open("/outbox/2.seg", "rb").read(32)
    except OSError as error:
        notes.append("errno %d" % error.errno)
flash.fill(0)
try:
    with open("/outbox/3-1.seg", "wb") as file:
        os.remove("/outbox/0-1.seg")
        file.write(bytes(90))
        file.write(bytes(10))
except OSError as error:
    notes.append("errno %d" % error.errno)
with open("/outbox/4-1.seg", "wb") as file:
    file.write(bytes(1000))  # the time is over
    flash.tear(500, 3)
    file.write(bytes(100))
notes.append("never here")
