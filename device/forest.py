"""The isolation forest on the board: one packed table from the model's bundle, walked without an allocation.

The format, byte by byte, is in docs/forest.md; cloud/training/interpret_packed.py writes it.
"""

import struct
from array import array

from .compat import const

try:
    from .forest_viper import walk
except (ImportError, SyntaxError, ValueError):  # CPython; no native emitter; an .mpy of another architecture
    from .forest_plain import walk

_HEADER = "<HHIi"  # trees, units of one edge, entries after the reading, threshold
_HEADER_SIZE = const(12)
_READING = const(16)  # places at the head of the table for the reading being walked


class Forest:
    """`score(x)`: the sum of path lengths of a reading's features; below `threshold` it is abnormal."""

    def __init__(self, table, threshold, walk=walk):
        self.threshold = threshold
        self._table = table
        self._walk = walk

    def score(self, x):
        """Path-length sum (int < 2^26) of `x` (array('h') of the 8 features). Not re-entrant."""
        return self._walk(self._table, x)


def read(file, length, walk=walk):
    """The forest of a FRST section of `length` bytes at the file's position; ValueError says what is wrong.

    The table is read in place, never copied, and every offset is checked: a walk cannot leave it or hang.
    """
    if length < _HEADER_SIZE:
        raise ValueError("the forest is cut short")
    trees, _, entries, threshold = struct.unpack(_HEADER, file.read(_HEADER_SIZE))
    if length != _HEADER_SIZE + 2 * entries or entries >= 65536 - _READING or not 0 < trees < entries:
        raise ValueError("the forest's lengths disagree")
    # `array('H', range(n))` is MicroPython's way to n places without a copy: range tells its length.
    table = array("H", range(_READING + entries))
    if file.readinto(memoryview(table)[_READING:]) != 2 * entries:
        raise ValueError("the forest is cut short")
    _check(table, trees)
    return Forest(table, threshold, walk)


def _check(table, trees):
    size = len(table)
    leaves = _READING + trees + 1
    nodes = table[_READING]
    if table[leaves - 1] or not leaves <= nodes < size or (size - nodes) & 1:
        raise ValueError("the forest's trees do not begin where they must")
    tree = _READING
    end = nodes
    for i in range(nodes, size, 2):
        if i == end:  # a tree begins here and ends where the next one begins
            tree += 1
            end = table[tree] or size
            if not i < end <= size or (end - i) & 1:
                raise ValueError("tree %d of the forest has no end" % (tree - _READING))
        node = table[i]
        argument = node >> 6
        kind = node & 48
        if kind == 48:
            good = 2 <= argument and i + 2 * argument < end
        elif kind == 16:
            good = leaves <= argument + 1 < nodes and i + 2 < end
        else:
            good = kind == 0 and leaves <= argument < nodes - 1
        if not good:
            raise ValueError("node %d of the forest points outside of its tree" % i)
    if tree != leaves - 1:
        raise ValueError("the forest has fewer trees than it says")
