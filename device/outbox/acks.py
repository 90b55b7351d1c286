"""Which records the cloud has: one bit in RAM for each, segment by segment. A reboot forgets them."""

from .segment import RECORDS


class Acks:
    """Bits by the first seq of a segment; segments without any take no memory."""

    def __init__(self):
        self._bits = {}  # first seq: [how many are set, bits]

    def set(self, key, begin, end):
        """Acknowledge begin..end of the segment that starts at `key`; returns how many of them were new."""
        entry = self._bits.get(key)
        if entry is None:
            entry = self._bits[key] = [0, bytearray((RECORDS + 7) // 8)]
        before = entry[0]
        bits = entry[1]
        for i in range(begin - key, end - key + 1):
            if not bits[i >> 3] >> (i & 7) & 1:
                bits[i >> 3] |= 1 << (i & 7)
                entry[0] += 1
        return entry[0] - before

    def count(self, key):
        """How many records of the segment are acknowledged."""
        entry = self._bits.get(key)
        return entry[0] if entry else 0

    def total(self):
        """How many records are acknowledged."""
        return sum(entry[0] for entry in self._bits.values())

    def has(self, key, seq):
        """Whether record `seq` of the segment `key` is acknowledged."""
        entry = self._bits.get(key)
        i = seq - key
        return entry is not None and bool(entry[1][i >> 3] >> (i & 7) & 1)

    def next_clear(self, key, seq, end):
        """The first of seq..end-1 that is not acknowledged, or `end`."""
        entry = self._bits.get(key)
        if entry is None:
            return seq
        bits = entry[1]
        i = seq - key
        end -= key
        while i < end and bits[i >> 3] >> (i & 7) & 1:
            i += 8 if not i & 7 and bits[i >> 3] == 0xFF else 1
        return min(i, end) + key

    def forget(self, key):
        """The segment `key` is deleted."""
        self._bits.pop(key, None)
