"""One bad file never stops a board: whatever is done to its files, it starts, and tells what it lost."""

import json
import os
import sys

from device.outbox import header, journal_file, recovery, rotation, segment
from device.outbox import outbox as outbox_module
from device.outbox.outbox import Outbox
from device.send.queue import ROOM, Sender
from device.send.up import Writer
from tests.device import scratch
from tests.device.outbox.test_outbox import ROOMY, Small, contents, fill, x_of

EIO = 5
STRAY = (
    "x-y.seg -1-2.seg 1e3-1.seg +5-1.seg 0000000001--1.seg a.seg .seg journal.bad notes.txt 05-1.seg "
    "99999999999999999999-1.seg 4294967290-1.seg 0000000001-4294967295.seg"
).split()

FILES = (journal_file, outbox_module, rotation, recovery)  # modules that open files


class Fails:
    """Flash answers EIO where it is asked to `how` ("open", "read", "stat") a file whose name ends so."""

    def __init__(self, how, end, alone=None):
        self._how = how
        self._end = end
        self._alone = alone  # a seq: only what holds that record cannot be read
        self._open = open
        self._os = os

    def __enter__(self):
        for module in FILES:
            module.open = self.open
            module.os = self
        return self

    def __exit__(self, *_):
        for module in FILES:
            del module.open
            module.os = self._os

    def __getattr__(self, name):
        return getattr(self._os, name)

    def stat(self, path):
        if self._how == "stat" and path.endswith(self._end):
            raise OSError(EIO)
        return self._os.stat(path)

    def open(self, path, mode="r"):
        if path.endswith(self._end) and mode == "rb":
            if self._how == "open":
                raise OSError(EIO)
            if self._how == "read":
                return Unreadable(self._open(path, mode), self._alone)
        return self._open(path, mode)


class Unreadable(scratch.Wrapped):
    def __init__(self, file, alone):
        super().__init__(file)
        self._alone = alone
        self._at = 0

    def read(self, *size):
        if self._alone is None:
            raise OSError(EIO)
        return self._file.read(*size)

    def seek(self, at):
        self._at = at // segment.SIZE - 1
        self._file.seek(at)

    def readinto(self, view):
        if self._alone is None or self._at <= self._alone < self._at + len(view) // segment.SIZE:
            raise OSError(EIO)
        return self._file.readinto(view)


class Runs:
    """Seqs, as `state` reports those that were dropped."""

    def __init__(self, runs):
        self.runs = runs

    def __contains__(self, seq):
        return any(first <= seq <= last for first, last in self.runs)

    def __len__(self):
        return sum(last - first + 1 for first, last in self.runs)

    def hold(self, seqs):
        return all(seq in self for seq in seqs)


def dropped(box):
    return Runs(box.journal.dropped)


def delivered(box, sender=None, most=4000):
    """{seq: first feature} of all that a living cloud gets from `box`, which acknowledges each message."""
    sent = {}
    writer = Writer(box, b"k" * 32, b"vigie/1/home/C001/up", memoryview(bytearray(ROOM)))
    sender = sender or Sender(box, 5)
    up = 0
    while up < most:
        up += 7
        run = sender.take(up)
        if not run:
            continue
        try:
            payload, last = writer.up(*run)
        except OSError:
            if not sender.unread(run[0], run[1], up):
                continue
            payload, last = writer.up(run[0], run[1], False)
        if payload is None:
            sender.skip(run[0], last)
            sender.sweep()
            continue
        sender.sent(run[0], last, up)
        message = json.loads(bytes(payload))
        for seq, x in zip(message["seq"], message["x"]):
            sent[seq] = x[0]
            sender.acked(seq, seq, up)
    return sent


def three_boots(folder):
    """Twenty readings in each of three boots, reading n with the first feature n."""
    for boot in range(3):
        box = Outbox(folder, ROOMY)
        fill(box, 20, 20 * boot)
        box._close()
    return box


def test_a_segment_that_flash_cannot_read_is_reported_and_the_others_go_on():
    for first, boot in ((0, 1), (20, 2), (40, 3)):
        for how in ("open", "read", "stat"):
            with scratch.Folder() as folder:
                old = three_boots(folder)
                with Fails(how, segment.name(first, boot)):
                    box = Outbox(folder, ROOMY)
                    assert box.stream == old.stream
                    assert box.damaged >= 20
                    bad = set(range(first, first + 20))
                    assert dropped(box).hold(bad)
                    assert first == 40 or len(dropped(box)) == box.damaged == 20, how
                    seq = box.append(60, x_of(60), 0)
                    assert seq >= 60 and box.flush()
                    expected = {n: n for n in range(60) if n not in bad}
                    expected[seq] = 60
                    assert delivered(box) == expected


def test_a_record_that_flash_cannot_read_later_is_given_up_and_its_neighbours_are_delivered():
    with scratch.Folder() as folder:
        three_boots(folder)
        box = Outbox(folder, ROOMY)
        with Fails("read", segment.name(20, 2), alone=7):
            sent = delivered(box)
        assert sent == {n: n for n in range(60) if n != 27}
        assert box.journal.dropped == [[27, 27]] and box.damaged == 1


def test_a_read_that_fails_once_costs_nothing():
    with scratch.Folder() as folder:
        three_boots(folder)
        box = Outbox(folder, ROOMY)
        sender = Sender(box, 5)
        with Fails("read", ".seg"):
            assert delivered(box, sender, 50) == {}
        assert delivered(box, sender) == {n: n for n in range(60)}
        assert box.damaged == 0


def test_a_journal_that_flash_cannot_read_is_written_anew_and_costs_no_reading():
    for how in ("open", "read"):
        with scratch.Folder() as folder:
            old = three_boots(folder)
            with Fails(how, "journal"):
                box = Outbox(folder, ROOMY)
                assert box.stream == old.stream and box.journal.failures == 1
                assert delivered(box) == {n: n for n in range(60)}
                box.journal.drop(3, 4)
            assert Outbox(folder, ROOMY).journal.dropped == [[3, 4]]


def test_folders_and_strays_where_files_are_expected_stop_nothing():
    for name in ["journal", "journal.new", segment.name(60, 4), segment.name(900000000, 9)] + STRAY:
        for make in ("folder", "full folder", "file"):
            with scratch.Folder() as folder:
                old = three_boots(folder)
                path = folder + "/" + name
                if make == "file":
                    scratch.write(path, b"\1" * 70)
                else:
                    if name == "journal":
                        os.remove(path)
                    os.mkdir(path)
                    if make == "full folder":
                        scratch.write(path + "/x", b"x")
                for _ in range(3):
                    box = Outbox(folder, ROOMY)
                    assert box.stream == old.stream
                    seq = box.append(1, x_of(1000), 0)
                    assert box.flush()
                    assert box.boot < 1 << 31
                    box.journal.drop(0, 0)
                    assert Outbox(folder, ROOMY).journal.dropped, (name, make)
                    box._close()
                sent = delivered(Outbox(folder, ROOMY))
                assert {n: sent[n] for n in sent if n < 60} == {n: n for n in range(60)}, (name, make)
                assert sent[seq] == 1000


def test_something_else_in_place_of_the_outbox_makes_room():
    with scratch.Folder() as folder:
        scratch.write(folder + "/outbox", b"no folder")
        box = Outbox(folder + "/outbox", ROOMY)
        fill(box, 3)
        assert contents(Outbox(folder + "/outbox", ROOMY)) == {n: n for n in range(3)}


def test_two_files_that_claim_the_same_seqs_cost_neither_a_reading_nor_a_seq():
    for first, boot in ((0, 9), (25, 9), (59, 9), (5, 1)):
        for records in (0, 1, 5, 70):
            with scratch.Folder() as folder:
                old = three_boots(folder)
                other = header.made(old.stream, boot, b"\0\0\0\0", first) + b"\7" * 32 * records
                scratch.write(folder + "/" + segment.name(first, boot), other)
                box = Outbox(folder, ROOMY)
                assert box.append(0, x_of(0), 0) >= max(60, first + records)
                assert box.flush()
                sent = delivered(box)
                for n in range(60):
                    assert sent.get(n) == n or n in dropped(box), (first, boot, records, n)


def test_a_segment_that_is_too_long_or_too_short_is_taken_for_what_it_can_be():
    with scratch.Folder() as folder, Small():
        box = Outbox(folder, ROOMY)
        fill(box, 12)
        box._close()
        path = folder + "/" + segment.name(4, 1)
        data = scratch.read(path)
        scratch.write(path, data[: 3 * segment.SIZE])
        again = Outbox(folder, ROOMY)
        assert again.journal.dropped == [[6, 7]]
        assert delivered(again) == {n: n for n in range(12) if n not in (6, 7)}
        assert again.append(0, x_of(0), 0) == 12
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY)
        fill(box, 510)
        path = folder + "/" + segment.name(0, 1)
        scratch.write(path, scratch.read(path) + b"\xff" * 5000)
        again = Outbox(folder, ROOMY)
        assert again.append(0, x_of(0), 0) == 510
        assert again.flush()
        assert again.ack(0, 510) == 511
        assert again.waiting() == 0


def test_the_newest_segment_may_be_gone_and_its_seqs_are_not_given_again():
    with scratch.Folder() as folder:
        old = three_boots(folder)
        os.remove(folder + "/" + segment.name(40, 3))
        box = Outbox(folder, ROOMY)
        assert box.stream == old.stream
        assert dropped(box).hold(range(40, 60))
        assert box.append(0, x_of(0), 0) > 59


def test_a_file_of_another_board_changes_nothing():
    with scratch.Folder() as folder:
        old = three_boots(folder)
        other = header.made(b"\1\2\3\4", 77, b"\0\0\0\0", 5000) + b"\7" * 320
        scratch.write(folder + "/" + segment.name(5000, 77), other)
        box = Outbox(folder, ROOMY)
        assert box.stream == old.stream and box.journal.dropped == []
        assert box.append(0, x_of(60), 0) == 60 and box.flush()
        assert delivered(box) == {n: n for n in range(61)}


def test_files_that_are_damaged_at_random_never_stop_it_and_no_loss_is_silent():
    import random

    rounds = 400 if os.getenv("VIGIE_FULL") else 40
    for seed in range(rounds):
        random.seed(seed)
        with scratch.Folder() as folder:
            damaged_once(folder, lambda n: random.getrandbits(30) % n, seed)


def damaged_once(folder, chance, seed):
    kept = {}
    acked = set()
    for _ in range(1 + chance(3)):
        box = Outbox(folder, ROOMY)
        for n in range(chance(700 if chance(8) == 0 else 60)):
            value = chance(30000)
            kept[box.append(n, x_of(value), 0)] = value
        assert box.flush()
        box.journal.anchor(box.boot, 1, 800000000)
        if chance(2) and box.newest() > 1:
            acked.update(range(box.newest() // 2))
            box.ack(0, box.newest() // 2 - 1)
        box._close()
    newest = max(kept) if kept else -1
    segments = sorted(name for name in os.listdir(folder) if name.endswith(".seg"))
    done = [seed]
    for _ in range(1 + chance(4)):
        done.append(damage(folder, chance, segments[-1] if segments else "none"))
    again = Outbox(folder, ROOMY)
    assert again.flush()
    if again.stream != box.stream:  # neither journal nor any header was left
        assert again.boot_first == 0 and not dropped(again), done
        return
    assert again.boot_first > newest, done
    sent = delivered(again)
    lost = dropped(again)
    for seq, value in kept.items():
        assert seq in acked or sent.get(seq) == value or seq in lost, (seq, done)
    for seq, value in sent.items():
        assert kept.get(seq) == value, (seq, done)


def damage(folder, chance, newest):
    """Do something to one of the files. The newest is not cut short: that looks like a power cut."""
    names = sorted(os.listdir(folder))
    name = names[chance(len(names))]
    path = folder + "/" + name
    try:
        data = scratch.read(path)
    except OSError:
        return name, "folder"
    kind = chance(9)
    at = chance(max(1, len(data)))
    junk = bytes([chance(256) for _ in range(1 + chance(100))])
    if kind == 0 and data:
        scratch.write(path, data[:at] + junk[:1] + data[at + 1 :])
    elif kind == 1 and not name.endswith(newest):
        scratch.write(path, data[:at] if name == "journal" else data[: 32 + at // 32 * 32])
    elif kind == 2:
        scratch.write(path, data + junk)
    elif kind == 3:
        scratch.write(path, junk + data[len(junk) :])
    elif kind == 4 and name.endswith(".seg"):
        scratch.write(path, junk * (len(data) // len(junk) + 1))
    elif kind == 5:
        scratch.write(folder + "/" + segment.name(chance(1 << 30), chance(1 << 30)), junk)
    elif kind == 6:
        scratch.write(folder + "/" + STRAY[chance(len(STRAY))], junk)
    elif kind == 7:
        scratch.write(folder + "/journal", junk * 50)
    elif kind == 8:
        scratch.write(folder + "/" + segment.name(chance(100), chance(5)) + "x", data)
    return kind, name, at


def test_blocks_of_littlefs_that_cannot_be_read_never_stop_it():
    if sys.implementation.name != "micropython":
        return  # LittleFS comes with MicroPython
    import vfs

    from tests.device.outbox.test_power import ERASED, Chip, mounted, unmounted

    class Worn(Chip):
        bad = -1

        def readblocks(self, block, buffer, offset=0):
            return -EIO if block == self.bad else Chip.readblocks(self, block, buffer, offset)

    chip = Worn(bytearray(ERASED * 32))
    vfs.VfsLfs2.mkfs(chip)
    mounted(chip)
    for n in range(4):
        box = Outbox("/chip/outbox", ROOMY)
        fill(box, 130, 130 * n)
        box.journal.anchor(box.boot, 5, 850000000)
        box._close()
    unmounted()
    start = bytes(chip.memory)
    whole = 0
    for block in range(2, 32):  # of the first two the chip mounts
        back = Worn(bytearray(start))
        mounted(back)
        back.bad = block
        try:
            again = Outbox("/chip/outbox", ROOMY)
            if again.stream == box.stream:
                whole += 1
                assert again.boot_first >= 520, block
                sent = delivered(again, most=20000)
                lost = dropped(again)
                for seq in range(520):
                    assert sent.get(seq) == seq or seq in lost, (block, seq)
            seq = again.append(1, x_of(1), 0)
            if again.flush():  # where the folder itself cannot be written, it stays in RAM
                assert delivered(again)[seq] == 1
        finally:
            back.bad = -1
            unmounted()
    assert whole > 20, whole
