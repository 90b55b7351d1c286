"""The isolation forest on the board: one packed table from the model's bundle, walked without an allocation.

The format, byte by byte, is in docs/forest.md; cloud/training/interpret_packed.py writes it.
"""

import struct
from array import array

try:
    from .forest_viper import walk
except (ImportError, SyntaxError, ValueError):  # CPython; no native emitter; an .mpy of another architecture
    from .forest_plain import walk

_HEADER = "<HHIi"  # trees, units of one edge, entries after the reading, threshold
_READING = 16  # places at the head of the table for the reading being walked


class Forest:
    """`score(x)`: the sum of path lengths of a reading's features; below `threshold` it is abnormal."""

    def __init__(self, table, trees, threshold, walk=walk):
        self.table = table
        self.trees = trees
        self.threshold = threshold
        self._walk = walk

    def score(self, x):
        """Path-length sum (int < 2^26) of `x` (array('h') of the 8 features). Not re-entrant."""
        return self._walk(self.table, x)


def read(file, length):
    """The forest of a FRST section of `length` bytes at the file's position; ValueError if lengths disagree.

    The table is read in place, never copied. Whoever did not write it runs forest_check.check on it first.
    """
    header = file.read(12)
    trees, _, entries, threshold = struct.unpack(_HEADER, header) if len(header) == 12 else (0, 0, 0, 0)
    if length != 12 + 2 * entries or not 0 < trees < entries < 65520:
        raise ValueError("the forest's lengths disagree")
    # `array('H', range(n))` is MicroPython's way to n places without a copy: range tells its length.
    table = array("H", range(_READING + entries))
    if file.readinto(memoryview(table)[_READING:]) != 2 * entries:
        raise ValueError("the forest is cut short")
    return Forest(table, trees, threshold)
