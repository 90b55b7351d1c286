"""The isolation forest on the board: a packed table in the model's bundle, walked without an allocation.

Its head (where trees begin, leaf values) stays in RAM; its nodes pass through one buffer, a few trees at a
time, for each score. So a forest takes 8 KB of heap however many trees it has; one that fits into the
buffer is read once. The format is in docs/forest.md; cloud/training/interpret_packed.py writes it.
"""

import struct
from array import array

from .compat import const

try:
    from .forest_viper import walk
except (ImportError, SyntaxError, ValueError):  # CPython; no native emitter; an .mpy of another architecture
    from .forest_plain import walk

_HEADER = "<HHIi"  # trees, units of one edge, entries after the reading, threshold
_READING = const(16)  # places at the head of the table for the reading being walked
_BUFFER = const(3072)  # entries; a single tree may need more


class Forest:
    """`score(x)`: the sum of path lengths of a reading's features; below `threshold` it is abnormal.

    `table`: the head, then the buffer from place `nodes` on. `parts`: (view of the buffer, bytes of it, first
    tree, the tree after the last). Trees begin in `table` where they stand in the buffer.
    """

    def __init__(self, file, table, parts, threshold):
        self.file = file
        self.table = table
        self.nodes = table[_READING]
        self.parts = parts
        self.threshold = threshold
        self.failures = 0  # scores that flash did not give
        self.walk = walk
        self._place = file.tell()
        self._held = False

    def score(self, x):
        """Path-length sum (int < 2^26) of `x` (array('h') of the 8 features). Not re-entrant.

        -1, and counted in `failures`, when flash cannot be read.
        """
        total = 0
        try:
            for part in self.parts:
                if not self._held:
                    self.fill(part)
                total += self.walk(self.table, x, part[2], part[3])
        except OSError:
            self.failures += 1
            return -1
        self._held = len(self.parts) == 1
        return total

    def fill(self, part):
        """Read the trees of `part` into the buffer; parts in their order. OSError."""
        if part[2] == _READING:
            self.file.seek(self._place)
        if self.file.readinto(part[0]) != part[1]:
            raise OSError(5)  # EIO


def read(file, length):
    """The forest of a FRST section of `length` bytes at the file's position; ValueError if lengths disagree.

    The file stays in use. Whoever did not write it runs forest_check.check on the forest first.
    """
    header = file.read(12)
    trees, _, entries, threshold = struct.unpack(_HEADER, header) if len(header) == 12 else (0, 0, 0, 0)
    if length != 12 + 2 * entries or not 0 < trees < entries < 65520:
        raise ValueError("the forest's lengths disagree")
    starts = _read(file, array("H", range(trees + 1)))
    nodes = starts[0]
    starts[trees] += _READING + entries  # the 0 after them; else the last tree's end is nonsense
    for i in range(trees):
        if not _READING + trees < nodes <= starts[i] < starts[i + 1] or (starts[i + 1] - starts[i]) & 1:
            raise ValueError("tree %d of the forest has no end" % i)
    if starts[trees] != _READING + entries:
        raise ValueError("the forest has no end")
    groups = []
    first = 0
    for i in range(1, trees + 1):
        if i == trees or starts[i + 1] - starts[first] > _BUFFER:
            groups.append((starts[i] - starts[first], first, i))
            first = i
    # `array('H', range(n))` is MicroPython's way to n places without a copy: range tells its length.
    table = array("H", range(nodes + max(groups)[0]))
    view = memoryview(table)
    _read(file, view[_READING + trees + 1 : nodes])
    parts = []
    for size, first, end in groups:
        parts.append((view[nodes : nodes + size], 2 * size, _READING + first, _READING + end))
        for i in range(first, end):
            table[_READING + i] = nodes + starts[i] - starts[first]
    return Forest(file, table, parts, threshold)


def _read(file, entries):
    if file.readinto(entries) != 2 * len(entries):
        raise ValueError("the forest is cut short")
    return entries
