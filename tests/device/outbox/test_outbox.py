import gc
import os
import struct
import sys
from array import array

from device.outbox import journal_file, rotation, segment
from device.outbox import outbox as module
from device.outbox.outbox import Outbox
from tests.device import scratch

ROOMY = 655360


def x_of(n):
    return array("h", [n, 4500, 1, -2, 3, 4, 5, 6])


def fill(box, count, start=0):
    """Append and flush `count` readings whose first feature counts up from `start`."""
    for n in range(start, start + count):
        box.append(n, x_of(n), 0)
        assert box.flush()


def contents(box):
    """{seq: first feature} of the sound records on flash."""
    kept = {}
    view = memoryview(bytearray(segment.SIZE))
    seq = box.next_waiting(0)
    while seq >= 0:
        part = box.find(seq)
        assert box.read(part, seq, view) == 1
        if segment.sound(view, 0):
            kept[seq] = struct.unpack_from("<h", view, 4)[0]
        seq = box.next_waiting(seq + 1)
    return kept


class Small:
    """Segments of four records."""

    def __enter__(self):
        self.was = module.RECORDS
        module.RECORDS = rotation.RECORDS = 4

    def __exit__(self, *_):
        module.RECORDS = rotation.RECORDS = self.was


def test_what_was_flushed_is_there_after_a_reboot_and_seq_goes_on():
    with scratch.Folder() as folder:
        first = Outbox(folder, ROOMY)
        fill(first, 700)
        second = Outbox(folder, ROOMY)
        assert second.stream == first.stream
        assert (first.boot, second.boot) == (1, 2)
        assert second.append(0, x_of(700), 0) == 700
        assert second.flush()
        assert contents(Outbox(folder, ROOMY)) == {n: n for n in range(701)}


def test_what_was_not_flushed_is_gone_and_its_seq_is_given_again():
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY)
        fill(box, 3)
        assert box.append(3, x_of(3), 0) == 3
        again = Outbox(folder, ROOMY)
        assert again.append(0, x_of(33), 0) == 3
        assert again.flush()
        assert contents(Outbox(folder, ROOMY)) == {0: 0, 1: 1, 2: 2, 3: 33}


def test_a_cut_at_every_byte_of_a_write_loses_nothing_flushed_and_repeats_no_seq():
    with scratch.Folder() as folder, scratch.Folder() as cut:
        old = Outbox(folder, ROOMY)
        fill(old, 2)
        box = Outbox(folder, ROOMY)
        box.append(2, x_of(2), 0)
        box.append(3, x_of(3), 0)
        box.append(4, x_of(4), 0)
        assert box.flush()
        name = segment.name(2, 2)
        data = scratch.read(folder + "/" + name)
        assert len(data) == 4 * segment.SIZE
        for length in range(len(data) + 1):
            scratch.copy(folder, cut)
            scratch.write(cut + "/" + name, data[:length])
            whole = max(0, (length - segment.SIZE) // segment.SIZE)
            again = Outbox(cut, ROOMY)
            assert again.stream == old.stream
            assert again.boot == 3
            assert contents(again) == {n: n for n in range(2 + whole)}
            assert again.append(0, x_of(99), 0) == 2 + whole
            assert again.flush()
            expected = {n: n for n in range(2 + whole)}
            expected[2 + whole] = 99
            assert contents(Outbox(cut, ROOMY)) == expected
            assert again.damaged == 0


def test_a_tail_of_other_bytes_is_never_taken_for_a_record():
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY)
        fill(box, 5)
        path = folder + "/" + segment.name(0, 1)
        data = scratch.read(path)
        for junk in (b"\0" * 17, b"\xff" * 31, b"\0" * 32, b"\xff" * 40):
            scratch.write(path, data + junk)
            again = Outbox(folder, ROOMY)
            assert contents(again) == {n: n for n in range(5)}
            # A whole slot may have been a record that left: its seq is not given again.
            assert again.append(0, x_of(0), 0) == 5 + len(junk) // segment.SIZE


def test_a_broken_header_costs_its_records_but_no_seq_is_given_twice():
    with scratch.Folder() as folder, Small():
        box = Outbox(folder, ROOMY)
        fill(box, 10)
        path = folder + "/" + segment.name(8, 1)
        data = bytearray(scratch.read(path))
        data[5] ^= 1
        scratch.write(path, data)
        again = Outbox(folder, ROOMY)
        assert again.stream == box.stream
        assert again.damaged == 2
        assert again.journal.dropped == [[8, 9]]
        assert again.append(0, x_of(0), 0) == 10
        assert again.flush()
        assert contents(again) == dict([(n, n) for n in range(8)] + [(10, 0)])
        assert Outbox(folder, ROOMY).journal.dropped == [[8, 9]]


def test_without_any_header_the_journal_knows_the_stream_and_reports_what_is_lost():
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY)
        fill(box, 3)
        scratch.write(folder + "/" + segment.name(0, 1), b"\0" * 128)
        again = Outbox(folder, ROOMY)
        assert again.stream == box.stream
        assert again.journal.dropped == [[0, 2]]
        assert again.append(0, x_of(0), 0) == 3


def test_without_any_header_and_journal_the_stream_is_new_and_counts_from_nought():
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY)
        fill(box, 3)
        scratch.write(folder + "/" + segment.name(0, 1), b"\0" * 128)
        os.remove(folder + "/journal")
        again = Outbox(folder, ROOMY)
        assert again.stream != box.stream
        assert again.journal.dropped == []
        assert again.append(0, x_of(0), 0) == 0


def test_acknowledged_segments_go_whole_in_any_order_and_the_open_one_stays():
    with scratch.Folder() as folder, Small():
        box = Outbox(folder, ROOMY)
        fill(box, 14)
        assert box.ack(5, 6) == 2
        assert box.ack(4, 7) == 2  # overlaps
        assert box.ack(4, 7) == 0  # repeats
        assert segment.name(4, 1) not in os.listdir(folder)
        assert box.waiting() == 10
        assert box.ack(12, 13) == 2
        assert segment.name(12, 1) in os.listdir(folder)  # holds the next seq
        assert box.ack(0, 13) == 8
        assert box.waiting() == 0
        assert [name for name in os.listdir(folder) if name.endswith(".seg")] == [segment.name(12, 1)]
        assert Outbox(folder, ROOMY).append(0, x_of(0), 0) == 14


def test_acks_that_make_no_sense_change_nothing():
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY)
        fill(box, 3)
        box.append(3, x_of(3), 0)  # in RAM: it cannot have been sent
        for first, last in ((2, 1), (0, 3), (-1, 2), (5, 9)):
            assert box.ack(first, last) == -1
        assert box.waiting() == 3
        assert Outbox(folder, ROOMY).ack(0, 2) == 3


def test_a_full_outbox_drops_the_oldest_and_says_which():
    with scratch.Folder() as folder, Small():
        box = Outbox(folder, 4 * segment.BLOCK)  # one block a segment: three closed ones and the open one
        fill(box, 12)
        box.ack(0, 0)
        fill(box, 8, 12)
        assert box.dropped == 3
        assert box.journal.dropped == [[1, 3]]
        assert box.waiting() == 16
        fill(box, 4, 20)
        assert box.journal.dropped == [[1, 7]]
        again = Outbox(folder, 4 * segment.BLOCK)
        assert again.journal.dropped == [[1, 7]]  # told until it is acknowledged
        again.ack(0, 23)
        assert again.journal.dropped == [[1, 7]]  # an ack of readings says nothing about it
        again.journal.settle(0, 5)
        assert again.journal.dropped == [[6, 7]]
        again.journal.settle(6, 7)
        assert Outbox(folder, 4 * segment.BLOCK).journal.dropped == []


def test_two_days_at_ten_seconds_fit_into_the_default():
    per_segment = (1 + segment.RECORDS) * segment.SIZE
    assert per_segment <= 4 * segment.BLOCK - 4 - 8 - 4  # what LittleFS keeps of four blocks
    assert (ROOMY // segment.BLOCK // 4 - 1) * segment.RECORDS >= 2 * 8640


class TightFlash:
    """The segments share `room` bytes; what does not fit is cut off with ENOSPC. So may the journal."""

    def __init__(self, folder, room, journal=False):
        self._folder = folder
        self.room = room
        self._journal = journal
        self._modules = (module, rotation, journal_file) if journal else (module, rotation)

    def __enter__(self):
        for each in self._modules:
            each.open = self._open
        return self

    def __exit__(self, *_):
        for each in self._modules:
            del each.open

    def _open(self, path, mode):
        file = open(path, mode)
        return Tight(file, self) if mode in ("wb", "ab") else file

    def left(self):
        return self.room - sum(
            os.stat(self._folder + "/" + name)[6]
            for name in os.listdir(self._folder)
            if self._journal or name.endswith(".seg")
        )


class Tight(scratch.Wrapped):
    def __init__(self, file, flash):
        super().__init__(file)
        self._flash = flash

    def write(self, data):
        self._file.flush()
        data = bytes(data)[: max(0, self._flash.left())]
        self._file.write(data)
        if not data:
            raise OSError(28)
        return len(data)


def test_a_flash_that_is_full_makes_room_by_dropping_the_oldest():
    with scratch.Folder() as folder, Small(), TightFlash(folder, 3 * 160 + 50):
        box = Outbox(folder, ROOMY)
        fill(box, 30)
        assert (box.unkept, box.failures) == (0, 0)
        kept = contents(box)
        assert all(seq == n for seq, n in kept.items())
        assert sorted(kept) == list(range(30 - len(kept), 30))
        assert len(kept) + box.dropped == 30
        assert len(kept) >= 8
        assert box.journal.dropped == [[0, min(kept) - 1]]
        assert contents(Outbox(folder, ROOMY)) == kept


def test_what_a_full_flash_made_it_drop_is_known_after_a_power_cut():
    """The journal's entry is refused like the readings: it is written once the oldest segment is gone."""
    with scratch.Folder() as folder, Small(), TightFlash(folder, 3 * 160 + 50, journal=True):
        box = Outbox(folder, ROOMY)
        for n in range(30):
            fill(box, 1, n)
            assert Outbox(folder, ROOMY).journal.dropped == box.journal.dropped
        assert box.journal.failures > 0
        assert box.journal.dropped == [[0, min(contents(box)) - 1]]


def test_a_flash_that_refuses_is_told_and_loses_only_what_ram_cannot_hold():
    with scratch.Folder() as folder:
        with TightFlash(folder, 0):
            box = Outbox(folder, ROOMY)
            for n in range(50):
                box.append(n, x_of(n), 0)
            assert not box.flush()
            assert box.failures > 0
            assert (box.pending(), box.unkept, box.kept()) == (32, 18, 0)
        assert box.flush()  # it works again
        assert contents(Outbox(folder, ROOMY)) == {n: n for n in range(32)}


def test_half_a_write_on_a_full_flash_is_written_again_elsewhere():
    with scratch.Folder() as folder:
        with TightFlash(folder, 32 + 5 * 32 + 7) as flash:
            box = Outbox(folder, ROOMY)
            for n in range(3):
                box.append(n, x_of(n), 0)
            assert box.flush()
            for n in range(3, 7):  # two and a bit of them fit
                box.append(n, x_of(n), 0)
            drop, box._drop_oldest = box._drop_oldest, lambda: False  # there is nothing to drop
            assert not box.flush()
            assert box.pending() == 4
            box._drop_oldest = drop
            flash.room = 10000
            assert box.flush()
        expected = {n: n for n in range(7)}
        assert contents(box) == expected
        assert contents(Outbox(folder, ROOMY)) == expected


def test_a_damaged_record_is_given_up_and_reported():
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY)
        fill(box, 5)
        box.give_up(2)
        assert box.next_waiting(2) == 3
        assert box.journal.dropped == [[2, 2]]


def test_boots_that_kept_nothing_leave_nothing_behind():
    with scratch.Folder() as folder:
        fill(Outbox(folder, ROOMY), 2)
        for _ in range(20):
            Outbox(folder, ROOMY)
        assert len([name for name in os.listdir(folder) if name.endswith(".seg")]) == 1


def test_a_boot_that_knew_the_time_and_kept_nothing_shares_its_number_with_nobody():
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY)
        box.journal.anchor(box.boot, 5, 850000000)
        assert Outbox(folder, ROOMY).boot == box.boot + 1


def test_append_allocates_nothing():
    if sys.implementation.name != "micropython":
        return
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY)
        fill(box, 1)
        x = x_of(7)
        gc.collect()
        before = gc.mem_alloc()
        for _ in range(30):
            box.append(1000, x, 0, 0, 123456)
        after = gc.mem_alloc()
        assert after == before, after - before


def test_a_full_outbox_takes_little_memory():
    if sys.implementation.name != "micropython":
        return
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY)
        for n in range(17280):
            box.append(n, x_of(n & 0x7FFF), 0)
            if n % 32 == 31:
                box.flush()
        del box
        gc.collect()
        before = gc.mem_alloc()
        box = Outbox(folder, ROOMY)
        gc.collect()
        assert box.kept() == 17280
        # 64-bit objects here are twice those of an ESP32.
        assert gc.mem_alloc() - before < 10000, gc.mem_alloc() - before
