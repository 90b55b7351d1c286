"""Segments begin, and make room. Functions of an Outbox."""

import os

from ..chip.lazy import borrow
from .acks import Acks
from .journal import DAMAGED, FULL, Journal
from .segment import BLOCK, BOOT, COUNT, FIRST, MODEL, RECORDS, SIZE
from .outbox import NO_MODEL, PENDING, ENOSPC


def begin(outbox, folder, capacity, random=os.urandom):
    outbox._folder = folder
    outbox._blocks = capacity // BLOCK
    outbox.model = NO_MODEL
    outbox.dropped = outbox.damaged = outbox.unkept = outbox.failures = 0
    recovery = borrow("outbox.recovery")
    recovery.prepare(folder)
    outbox.journal = Journal(folder + "/journal")
    outbox._acks = Acks()
    result = recovery.recover(folder, outbox.journal)
    outbox._closed = result.segments  # (first, count, boot, model), oldest first
    outbox._useless = result.useless  # files to delete once a newer header is on flash
    outbox.damaged = result.damaged
    outbox.boot = result.boot
    outbox.stream = result.stream
    if outbox.stream is None:
        outbox.stream = random(4)
        outbox.journal.clear()  # its dropped runs are of another stream
    outbox.journal.forget_before(outbox._closed[0][BOOT] if outbox._closed else outbox.boot)
    outbox.boot_first = outbox._first = result.following
    outbox._count = 0  # records of the open segment that are on flash
    outbox._file = None
    outbox._pending = 0
    outbox._buffer = bytearray(PENDING * SIZE)
    outbox._view = memoryview(outbox._buffer)


def resume(outbox, boot, first, count):
    """Go on as `boot`, which left its segment open at `first` with `count` records; False if it is not so."""
    part = outbox._closed[-1] if outbox._closed else (0, 0, 0)
    try:
        if (
            part[:MODEL] != (first, count, boot)
            or os.stat(outbox._path(first, boot))[6] != (1 + count) * SIZE
        ):
            return False
        outbox._file = open(outbox._path(first, boot), "ab")
    except OSError:
        return False
    outbox._closed.pop()
    outbox.boot = boot
    outbox._first = first
    outbox._count = count
    return True


def _open(outbox):
    """Begin a segment. Older files go only after this header, which holds the next seq, is on flash."""
    while _used(outbox) + _blocks(RECORDS) > outbox._blocks and _drop_oldest(outbox):
        pass
    header = borrow("outbox.header").made(outbox.stream, outbox.boot, outbox.model, outbox._first)
    file = open(outbox._path(outbox._first, outbox.boot), "wb")
    try:
        if file.write(header) != SIZE:
            raise OSError(ENOSPC)
        file.flush()
    except OSError:
        file.close()
        raise
    outbox._file = file
    outbox.journal.opens(outbox.stream, outbox._first)
    for text in outbox._useless:
        _remove(outbox, outbox._folder + "/" + text)
    outbox._useless = []
    for part in list(outbox._closed):
        outbox._free(part)


def _close(outbox):
    """End the open segment; what of it is not known to be on flash is written again into the next."""
    if outbox._file:
        try:
            outbox._file.close()
        except OSError:
            pass  # what its last flush() did not confirm is still in RAM
        outbox._file = None
        if outbox._count:
            outbox._closed.append((outbox._first, outbox._count, outbox.boot, outbox.model))
            outbox._first += outbox._count
            outbox._count = 0


def _drop_oldest(outbox):
    """Give up the oldest segment; False when there is none."""
    if not outbox._closed:
        return False
    part = outbox._closed[0]
    first, end = part[FIRST], part[FIRST] + part[COUNT]
    outbox.dropped += part[COUNT] - outbox._acks.count(first)
    a = outbox._acks.next_clear(first, first, end)
    if a < end:
        while outbox._acks.has(first, end - 1):
            end -= 1
        outbox.journal.drop(a, end - 1, FULL)  # noted before it is gone
    _forget(outbox, part)
    return True


def _used(outbox):
    return sum(_blocks(part[COUNT]) for part in outbox._closed)


def _blocks(count):
    return ((1 + count) * SIZE + BLOCK - 1) // BLOCK


def _forget(outbox, part):
    outbox._closed.remove(part)
    outbox._acks.forget(part[FIRST])
    _remove(outbox, outbox._path(part[FIRST], part[BOOT]))
    outbox.journal.catch_up()  # a full flash may have refused the note about it; now there is room


def _remove(outbox, path):
    try:
        os.remove(path)
    except OSError:
        outbox.failures += 1  # the next boot finds it again


def turn(outbox, model):
    """From now on `model` (4 bytes) judges: the next record begins a segment. None may wait in RAM."""
    _close(outbox)
    outbox.model = model


def give_up(outbox, seq, why=DAMAGED):
    """Record `seq` will not be sent any more: report it as dropped."""
    outbox.journal.drop(seq, seq, why)
    part = outbox.find(seq)
    outbox._acks.set(part[FIRST], seq, seq)
    outbox._free(part)


def salvage(outbox, part, seq, view):
    """As read(), but one by one; what flash cannot read is filled with noughts, which are no record."""
    for at in range(0, len(view), SIZE):
        record = view[at : at + SIZE]
        try:
            outbox.read(part, seq + at // SIZE, record)
        except OSError:
            record[:] = bytes(SIZE)
