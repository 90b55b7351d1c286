"""Every reading stays on flash until the cloud has stored it.

Segments (segment.py) are appended to and deleted whole, nothing is edited in place. Records wait in RAM until
flush(); whatever leaves the board is read back from flash. So a seq that left the board is on flash, and can
never be given again. After a reboot what is kept is sent again.
"""

from . import segment
from ..chip.lazy import begun, lent
from ..chip.compat import const
from .segment import BOOT, COUNT, FIRST, RECORDS, SIZE

NO_MODEL = const(b"\0\0\0\0")
PENDING = const(32)  # records that may wait in RAM
ENOSPC = const(28)  # MicroPython's errno has no name for it


class Outbox:
    """The readings in `folder`, at most `capacity` bytes of flash; one object is one boot.

    `stream`: 4 bytes, random for a new folder. `boot`: counts up by one. `model`: 4 bytes, what judges from
    the next segment on. Counters: `dropped` (records given up because flash was full), `damaged` (that cannot
    be read), `unkept` (readings that neither flash nor RAM had room for), `failures` (of flash).
    """

    lender = "outbox.rotation"  # resume, _open, _close, _forget, _drop_oldest, turn, give_up, salvage
    __init__ = begun  # (folder, capacity, random=os.urandom)
    __getattr__ = lent

    # Writing

    def append(self, up, x, flags, why=0, score=-1):
        """Keep a reading in RAM until flush(); its seq, or -1 when there was no room. Allocates nothing.

        `up` s, `x` the eight int16 or None for a failed read, `why` the reason's code, `score` < 0 for none.
        """
        if self._pending == PENDING and not self.flush() and self._pending == PENDING:
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
                if error.args[0] != ENOSPC or not self._drop_oldest():
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
            raise OSError(ENOSPC)
        self._file.flush()
        self._count += count
        self._pending -= count
        if self._pending:
            left = bytes(self._view[count * SIZE : (count + self._pending) * SIZE])
            self._view[: len(left)] = left

    def _path(self, first, boot):
        return self._folder + "/" + segment.name(first, boot)

    # Acknowledging

    def ack(self, first, last):
        """The cloud has first..last. How many of them were new; -1, and nothing changes, for nonsense."""
        if not 0 <= first <= last <= self.newest():
            return -1
        news = 0
        for part in self._segments():
            begin = max(first, part[FIRST])
            end = min(last, part[FIRST] + part[COUNT] - 1)
            if begin <= end:
                news += self._acks.set(part[FIRST], begin, end)
                self._free(part)
        return news

    def _free(self, part):
        """Delete a closed segment that is acknowledged as a whole, once a newer header is on flash."""
        if self._file and part[FIRST] != self._first and self._acks.count(part[FIRST]) == part[COUNT]:
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
        return sum(part[COUNT] for part in self._closed) + self._count

    def waiting(self):
        """How many records on flash are not acknowledged."""
        return self.kept() - self._acks.total()

    def next_waiting(self, seq):
        """The first kept record from `seq` on that is not acknowledged, or -1."""
        for part in self._segments():
            end = part[FIRST] + part[COUNT]
            if seq < end:
                seq = self._acks.next_clear(part[FIRST], max(seq, part[FIRST]), end)
                if seq < end:
                    return seq
        return -1

    def is_waiting(self, part, seq):
        """True when `seq`, of segment `part`, is not acknowledged."""
        return not self._acks.has(part[FIRST], seq)

    def find(self, seq):
        """The segment that keeps `seq`: (first, count, boot, model), or None."""
        for part in self._segments():
            if part[FIRST] <= seq < part[FIRST] + part[COUNT]:
                return part
        return None

    def read(self, part, seq, view):
        """Fill the memoryview `view` with records of `part` from `seq` on; how many. May raise OSError."""
        with open(self._path(part[FIRST], part[BOOT]), "rb") as file:
            file.seek((1 + seq - part[FIRST]) * SIZE)
            count = min(len(view) // SIZE, part[FIRST] + part[COUNT] - seq)
            return file.readinto(view[: count * SIZE]) // SIZE

    def _segments(self):
        open_one = (self._first, self._count, self.boot, self.model)
        return self._closed + [open_one] if self._count else list(self._closed)
