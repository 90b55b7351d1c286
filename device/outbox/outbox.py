"""Every reading stays on flash until the cloud has stored it.

Segments (segment.py) are appended to and deleted whole, nothing is edited in place. Records wait in RAM until
flush(); whatever leaves the board is read back from flash. So a seq that left the board is on flash, and can
never be given again. After a reboot what is kept is sent again.
"""

import os

from . import segment
from .acks import Acks
from ..chip.lazy import seldom
from ..chip.compat import const
from .journal import DAMAGED, FULL, Journal
from .segment import BLOCK, RECORDS, SIZE

NO_MODEL = b"\0\0\0\0"
_PENDING = const(32)  # records that may wait in RAM
_ENOSPC = const(28)  # MicroPython's errno has no name for it


class Outbox:
    """The readings in `folder`, at most `capacity` bytes of flash; one object is one boot.

    `stream`: 4 bytes, random for a new folder. `boot`: counts up by one. `model`: 4 bytes, what judges from
    the next segment on. Counters: `dropped` (records given up because flash was full), `damaged` (that cannot
    be read), `unkept` (readings that neither flash nor RAM had room for), `failures` (of flash).
    """

    @seldom
    def __init__(self, folder, capacity, random=os.urandom):
        self._folder = folder
        self._blocks = capacity // BLOCK
        self.model = NO_MODEL
        self.dropped = self.damaged = self.unkept = self.failures = 0
        from .recovery import prepare, recover  # the application lets it go

        prepare(folder)
        self.journal = Journal(folder + "/journal")
        self._acks = Acks()
        found = recover(folder, self.journal)
        self._closed = found.segments  # (first, count, boot, model), oldest first
        self._useless = found.useless  # files to delete once a newer header is on flash
        self.damaged = found.damaged
        self.boot = found.boot
        self.stream = found.stream
        if self.stream is None:
            self.stream = random(4)
            self.journal.clear()  # its dropped runs are of another stream
        self.journal.forget_before(self._closed[0][2] if self._closed else self.boot)
        self.boot_first = self._first = found.following
        self._count = 0  # records of the open segment that are on flash
        self._file = None
        self._pending = 0
        self._buffer = bytearray(_PENDING * SIZE)
        self._view = memoryview(self._buffer)

    @seldom
    def resume(self, boot, first, count):
        """Go on as `boot`, which left its segment open at `first` with `count` records; False if not so."""
        part = self._closed[-1] if self._closed else (0, 0, 0)
        try:
            if part[:3] != (first, count, boot) or os.stat(self._path(first, boot))[6] != (1 + count) * SIZE:
                return False
            self._file = open(self._path(first, boot), "ab")
        except OSError:
            return False
        self._closed.pop()
        self.boot = boot
        self._first = first
        self._count = count
        return True

    # Writing

    def append(self, up, x, flags, why=0, score=-1):
        """Keep a reading in RAM until flush(); its seq, or -1 when there was no room. Allocates nothing.

        `up` s, `x` the eight int16 or None for a failed read, `why` the reason's code, `score` < 0 for none.
        """
        if self._pending == _PENDING and not self.flush() and self._pending == _PENDING:
            self.unkept += 1
            return -1
        segment.pack(self._buffer, self._pending * SIZE, up, x, flags, why, score)
        self._pending += 1
        return self._first + self._count + self._pending - 1

    def flush(self):
        """Put what waits in RAM onto flash. False when flash refused: it stays in RAM for the next time."""
        while self._pending:
            try:
                self._write()
            except OSError as error:
                self._close()
                if error.args[0] != _ENOSPC or not self._drop_oldest():
                    self.failures += 1
                    return False
        return True

    def _write(self):
        if self._file is None or self._count == RECORDS:
            self._close()
            self._open()
        count = min(self._pending, RECORDS - self._count)
        for i in range(count):
            segment.seal(self._view, i * SIZE)
        if self._file.write(self._view[: count * SIZE]) != count * SIZE:
            raise OSError(_ENOSPC)
        self._file.flush()
        self._count += count
        self._pending -= count
        if self._pending:
            left = bytes(self._view[count * SIZE : (count + self._pending) * SIZE])
            self._view[: len(left)] = left

    @seldom
    def _open(self):
        """Begin a segment. Older files go only after this header, which holds the next seq, is on flash."""
        while self._used() + _blocks(RECORDS) > self._blocks and self._drop_oldest():
            pass
        file = open(self._path(self._first, self.boot), "wb")
        try:
            if file.write(segment.header(self.stream, self.boot, self.model, self._first)) != SIZE:
                raise OSError(_ENOSPC)
            file.flush()
        except OSError:
            file.close()
            raise
        self._file = file
        self.journal.open(self.stream, self._first)
        for text in self._useless:
            self._remove(self._folder + "/" + text)
        self._useless = []
        for part in list(self._closed):
            self._free(part)

    def _close(self):
        """End the open segment; what of it is not known to be on flash is written again into the next."""
        if self._file:
            try:
                self._file.close()
            except OSError:
                pass  # what its last flush() did not confirm is still in RAM
            self._file = None
            if self._count:
                self._closed.append((self._first, self._count, self.boot, self.model))
                self._first += self._count
                self._count = 0

    @seldom
    def _drop_oldest(self):
        """Give up the oldest segment; False when there is none."""
        if not self._closed:
            return False
        part = self._closed[0]
        first, end = part[0], part[0] + part[1]
        self.dropped += part[1] - self._acks.count(first)
        a = self._acks.next_clear(first, first, end)
        if a < end:
            while self._acks.has(first, end - 1):
                end -= 1
            self.journal.drop(a, end - 1, FULL)  # told before it is gone
        self._forget(part)
        return True

    def _used(self):
        return sum(_blocks(part[1]) for part in self._closed)

    def _path(self, first, boot):
        return self._folder + "/" + segment.name(first, boot)

    def _remove(self, path):
        try:
            os.remove(path)
        except OSError:
            self.failures += 1  # the next boot finds it again

    def _forget(self, part):
        self._closed.remove(part)
        self._acks.forget(part[0])
        self._remove(self._path(part[0], part[2]))
        self.journal.catch_up()  # a full flash may have refused what was told of it; now there is room

    @seldom
    def turn(self, model):
        """What comes from now on is judged by `model`: it begins a segment. Nothing may wait in RAM."""
        self._close()
        self.model = model

    # Acknowledging

    def ack(self, first, last):
        """The cloud has first..last: how many of them were news, or -1 (nothing changed) for nonsense."""
        if not 0 <= first <= last <= self.newest():
            return -1
        news = 0
        for part in self._segments():
            begin = max(first, part[0])
            end = min(last, part[0] + part[1] - 1)
            if begin <= end:
                news += self._acks.set(part[0], begin, end)
                self._free(part)
        return news

    @seldom
    def give_up(self, seq, why=DAMAGED):
        """Record `seq` will not be sent any more: report it as dropped."""
        self.journal.drop(seq, seq, why)
        part = self.find(seq)
        self._acks.set(part[0], seq, seq)
        self._free(part)

    def _free(self, part):
        """Delete a closed segment that is acknowledged as a whole, once a newer header is on flash."""
        if self._file and part[0] != self._first and self._acks.count(part[0]) == part[1]:
            self._forget(part)

    # Reading

    def newest(self):
        """The newest seq on flash; -1 when there never was one."""
        return self._first + self._count - 1

    def pending(self):
        """How many records wait in RAM."""
        return self._pending

    def kept(self):
        """How many records are on flash."""
        return sum(part[1] for part in self._closed) + self._count

    def waiting(self):
        """How many records on flash are not acknowledged."""
        return self.kept() - self._acks.total()

    def next_waiting(self, seq):
        """The first kept record from `seq` on that is not acknowledged, or -1."""
        for part in self._segments():
            end = part[0] + part[1]
            if seq < end:
                seq = self._acks.next_clear(part[0], max(seq, part[0]), end)
                if seq < end:
                    return seq
        return -1

    def is_waiting(self, part, seq):
        """True when `seq`, of segment `part`, is not acknowledged."""
        return not self._acks.has(part[0], seq)

    def find(self, seq):
        """The segment that keeps `seq`: (first, count, boot, model), or None."""
        for part in self._segments():
            if part[0] <= seq < part[0] + part[1]:
                return part
        return None

    def read(self, part, seq, view):
        """Fill the memoryview `view` with records of `part` from `seq` on; returns how many. OSError."""
        with open(self._path(part[0], part[2]), "rb") as file:
            file.seek((1 + seq - part[0]) * SIZE)
            count = min(len(view) // SIZE, part[0] + part[1] - seq)
            return file.readinto(view[: count * SIZE]) // SIZE

    @seldom
    def salvage(self, part, seq, view):
        """As read(), but one by one; what flash cannot read is filled with noughts, which are no record."""
        for at in range(0, len(view), SIZE):
            record = view[at : at + SIZE]
            try:
                self.read(part, seq + at // SIZE, record)
            except OSError:
                record[:] = bytes(SIZE)

    def _segments(self):
        open_one = (self._first, self._count, self.boot, self.model)
        return self._closed + [open_one] if self._count else list(self._closed)


def _blocks(count):
    return ((1 + count) * SIZE + BLOCK - 1) // BLOCK
