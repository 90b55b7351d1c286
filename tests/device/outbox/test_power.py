"""Power is cut at every byte that goes to a flash chip under LittleFS, the file system of the ESP32."""

import os
import sys

BLOCK = 4096
ERASED = b"\xff" * BLOCK


class Chip:
    """A flash in RAM. After `left` more bytes (an erase counts as one) the power is gone."""

    def __init__(self, memory):
        self.memory = memory
        self.left = 1 << 30
        self.erases = self.written = 0

    def readblocks(self, block, buffer, offset=0):
        if self.left < 0:
            return -5
        start = block * BLOCK + offset
        buffer[:] = memoryview(self.memory)[start : start + len(buffer)]
        return 0

    def writeblocks(self, block, buffer, offset=0):
        if self.left < 0:
            return -5
        start = block * BLOCK + offset
        count = min(len(buffer), self.left)
        memoryview(self.memory)[start : start + count] = memoryview(buffer)[:count]
        self.left -= len(buffer)
        self.written += len(buffer)
        return 0 if self.left >= 0 else -5

    def ioctl(self, request, argument):
        if request == 4:
            return len(self.memory) // BLOCK
        if request == 5:
            return BLOCK
        if request == 6:
            self.left -= 1
            self.erases += 1
            if self.left < 0:
                return -5
            start = argument * BLOCK
            memoryview(self.memory)[start : start + BLOCK] = ERASED
        return 0


class Promises:
    """What the outbox said: values of records whose flush returned, and what was acknowledged."""

    def __init__(self):
        self.flushed = {}
        self.acked = set()
        self.waiting = {}


def life(box, promises, count, value):
    """Append `count` readings with a batch among them, flush, acknowledge some."""
    from tests.device.outbox.test_outbox import x_of

    for n in range(count):
        seq = box.append(n, x_of(value + n), 0)
        assert seq not in promises.flushed, "seq %d given twice" % seq
        promises.waiting[seq] = value + n
        if n % 3 == 2:
            continue
        if box.flush():
            promises.flushed.update(promises.waiting)
            promises.waiting = {}
        if n % 4 == 3:
            first = min(set(promises.flushed) - promises.acked)
            promises.acked.update(range(first, first + 3))
            box.ack(first, first + 2)
    box.journal.anchor(box.boot, 5, 850000000 + value)


def mounted(chip):
    import vfs

    vfs.mount(vfs.VfsLfs2(chip, readsize=128), "/chip")  # as boot.py does


def unmounted():
    import vfs

    try:
        vfs.umount("/chip")
    except OSError:
        pass


def run_with_cut(start, at):
    """Live on a copy of the flash `start`, cut after `at` bytes, come back. False: it ended before."""
    from device.outbox.outbox import Outbox
    from tests.device.outbox.test_outbox import contents

    chip = Chip(bytearray(start))
    promises = Promises()
    mounted(chip)
    chip.left = at
    try:
        box = Outbox("/chip/outbox", 655360)
        promises.flushed = contents(box)
        life(box, promises, 16, 100)
        box._close()
    except OSError:
        pass  # the power is gone: what follows on a board is nothing
    cut = chip.left < 0
    chip.left = -1
    unmounted()
    back = Chip(chip.memory)
    mounted(back)
    try:
        box = Outbox("/chip/outbox", 655360)
        kept = contents(box)
        for seq, value in promises.flushed.items():
            assert kept.get(seq) == value or seq in promises.acked, "cut after %d: %d is lost" % (at, seq)
        for seq, value in kept.items():
            assert promises.flushed.get(seq, promises.waiting.get(seq)) == value, (at, seq, value)
        promises.waiting = {}
        promises.flushed.update(kept)
        life(box, promises, 4, 300)
        assert box.damaged == 0
        box._close()
    finally:
        unmounted()
    return cut


def test_power_cut_anywhere_on_littlefs_loses_nothing_flushed_and_repeats_no_seq():
    if sys.implementation.name != "micropython":
        return  # LittleFS comes with MicroPython
    import vfs

    from device.outbox.outbox import Outbox
    from tests.device.outbox.test_outbox import Small

    chip = Chip(bytearray(ERASED * 24))
    vfs.VfsLfs2.mkfs(chip)
    with Small():
        mounted(chip)
        try:
            box = Outbox("/chip/outbox", 655360)
            life(box, Promises(), 7, 0)
            box._close()
        finally:
            unmounted()
        start = bytes(chip.memory)
        step = 1 if os.getenv("VIGIE_FULL") else 3
        at = 0
        while run_with_cut(start, at):
            at += step
    assert at > 2000, at


def test_a_day_at_ten_seconds_costs_few_erases():
    if sys.implementation.name != "micropython":
        return
    import vfs

    from device.outbox.outbox import Outbox
    from tests.device.outbox.test_outbox import x_of

    hours = 24 if os.getenv("VIGIE_FULL") else 2
    chip = Chip(bytearray(ERASED * 128))
    vfs.VfsLfs2.mkfs(chip)
    mounted(chip)
    try:
        box = Outbox("/chip/outbox", 327680)
        x = x_of(1)
        chip.erases = chip.written = 0
        for n in range(hours * 360):
            seq = box.append(10 * n, x, 0)
            assert box.flush()
            if n % 6 == 5:
                box.ack(max(0, seq - 5), seq)
        box._close()
    finally:
        unmounted()
    # docs/outbox.md states a day's numbers from these.
    assert chip.erases <= hours * 400, chip.erases
    assert chip.written <= hours * 820000, chip.written
