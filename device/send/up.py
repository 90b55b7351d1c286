"""An `up` message from records on flash (docs/contract.md). Borrowed for each message."""

import struct
from binascii import hexlify

from ..outbox import segment
from ..chip.clock import UNIX_2000
from ..codes import FEATURES, WHY
from ..outbox.outbox import NO_MODEL
from ..outbox.segment import BOOT, MODEL, SIZE
from .queue import ROOM
from ..chip.lazy import borrow

auth = borrow("auth")


class TooLong(Exception):
    """A message does not fit into the buffer."""


class Writer:
    """Builds `up` messages of `outbox` in `out`, a memoryview of ROOM bytes that is kept: fresh ones would
    fragment the heap.

    key, topic (bytes): what the mac at their end is made of.

    The records lie at its end; the message grows towards them.
    """

    def __init__(self, outbox, key, topic, out):
        self._outbox = outbox
        self._key = key
        self._topic = topic
        self._out = out
        self._records = None
        self._at = 0

    def up(self, first, last, patient=True):
        """(payload, last): the waiting records of first..last, all of one segment, and where it had to stop.

        The payload is None when none of them is waiting, and valid until the next call. A damaged record is
        reported as dropped. OSError when flash cannot be read; if not `patient`, that counts as damaged.
        """
        outbox = self._outbox
        part = outbox.find(first)
        if part is None:
            return None, last  # it had to make room
        self._records = self._out[ROOM - (last - first + 1) * SIZE :]
        count = last - first + 1
        if patient:
            count = outbox.read(part, first, self._records)
        else:
            outbox.salvage(part, first, self._records)
        places = []
        for i in range(last - first + 1):
            if outbox.is_waiting(part, first + i):
                if i < count and segment.sound(self._records, i * SIZE):
                    places.append(i)
                else:
                    outbox.damaged += 1
                    outbox.give_up(first + i)
        while places:
            try:
                self._write(part, first, places)
            except TooLong:
                places = places[: len(places) // 2]
                last = first + places[-1]
            else:
                return self._out[: self._at], last
        return None, last

    def _write(self, part, first, places):
        boot, model = part[BOOT], part[MODEL]
        records = self._records
        date = self._outbox.journal.date
        self._at = 0
        self._put(b'{"v":2,"stream":"%s","boot":%d,"sensor":0,' % (hexlify(self._outbox.stream), boot))
        self._put(b'"model":%s,' % (b"null" if model == NO_MODEL else b'"%s"' % hexlify(model)))
        self._put(b'"features":%d,"seq":[' % FEATURES)
        for i in places:
            self._item(first + i)
        self._next(b'"ts":[')
        for i in places:
            sec = date(boot, struct.unpack_from("<I", records, i * SIZE + segment.UP)[0])
            self._item(None if sec is None else sec + UNIX_2000)
        self._next(b'"up":[')
        for i in places:
            self._item(struct.unpack_from("<I", records, i * SIZE + segment.UP)[0])
        self._next(b'"x":[')
        for i in places:
            if records[i * SIZE + segment.KIND] == segment.FAILED:
                self._item(None)
            else:
                x = struct.unpack_from("<8h", records, i * SIZE + segment.X)
                self._put(b"[%d,%d,%d,%d,%d,%d,%d,%d]," % x)
        self._next(b'"flags":[')
        for i in places:
            self._item(struct.unpack_from("<H", records, i * SIZE + segment.FLAGS)[0])
        self._next(b'"score":[')
        for i in places:
            score = struct.unpack_from("<i", records, i * SIZE + segment.SCORE)[0]
            self._item(None if score < 0 else score)
        self._next(b'"why":[')
        for i in places:
            why = records[i * SIZE + segment.WHY]
            if 0 < why < len(WHY):
                self._put(b'"%s",' % WHY[why].encode())
            else:
                self._item(None)
        self._at -= 1
        self._put(b"]")
        mac = auth.mac(self._key, b"up:", self._topic, b":", self._out[: self._at])
        self._put(b',"mac":"%s"}' % mac)

    def _item(self, number):
        self._put(b"null," if number is None else b"%d," % number)

    def _next(self, name):
        self._at -= 1  # the last comma
        self._put(b"]," + name)

    def _put(self, data):
        """`data` in bytes: a short text would be one more name that stays in RAM for ever."""
        end = self._at + len(data)
        if end > ROOM - len(self._records):
            raise TooLong
        self._out[self._at : end] = data
        self._at = end
