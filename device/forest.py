"""The isolation forest on the board: one packed table from the model's bundle, walked without an allocation.

The format, byte by byte, is in docs/forest.md; cloud/training/interpret_packed.py writes it.
"""

import struct
from array import array

try:
    from .forest_viper import walk
except (ImportError, SyntaxError, ValueError):  # CPython; no native emitter; an .mpy of another architecture
    from .forest_plain import walk

_HEADER = "<HHHHi"  # trees, units of one edge, values, words, threshold
_HEADER_SIZE = 12
_FEATURES = 8


class Forest:
    """`score(x)`: the sum of path lengths of a reading's features; below `threshold` it is abnormal."""

    def __init__(self, trees, words, values, threshold, walk=walk):
        self.trees = trees
        self.threshold = threshold
        self.words = words
        self.values = values
        self._walk = walk

    def score(self, x):
        """Path-length sum (int < 2^27) of `x` (array('h') of the 8 features). Not re-entrant: the reading
        being walked stands at the head of `values`."""
        return self._walk(self.trees, self.words, self.values, x)


def read(file, length):
    """The forest of a FRST section of `length` bytes at the file's position; ValueError says what is wrong.

    The table is read in place, never copied, and every offset is checked: a walk cannot leave it or hang.
    """
    if length < _HEADER_SIZE:
        raise ValueError("the forest is cut short")
    trees, _, count, size, threshold = struct.unpack(_HEADER, file.read(_HEADER_SIZE))
    if length != _HEADER_SIZE + 2 * count + 4 * size or not 0 < trees < count or not 0 < size < 32768:
        raise ValueError("the forest's lengths disagree")
    # `array('H', range(n))` is MicroPython's way to n places without a copy: range tells its length.
    values = array("H", range(_FEATURES + count))
    words = array("H", range(2 * size))
    if file.readinto(memoryview(values)[_FEATURES:]) != 2 * count or file.readinto(words) != 4 * size:
        raise ValueError("the forest is cut short")
    _check(trees, words, values)
    return Forest(trees, words, values, threshold)


def _check(trees, words, values):
    size = len(words) >> 1
    first = _FEATURES + trees
    last = len(values)
    if values[_FEATURES] != 0:
        raise ValueError("the first tree does not begin the table")
    tree = _FEATURES
    end = 0
    for i in range(size):
        if i == end:  # the tree that begins here ends where the next one begins
            tree += 1
            end = values[tree] if tree < first else size
            if not i < end <= size:
                raise ValueError("tree %d ends at %d of %d" % (tree - _FEATURES, end, size))
        node = words[2 * i]
        argument = node >> 5
        kind = node & 24
        if kind == 24:
            good = 2 <= argument < end - i
        elif kind == 8:  # the right child is the leaf
            good = first <= argument + 1 < last and i + 1 < end
        elif kind == 16:
            good = first <= argument < last and i + 1 < end
        else:
            good = first <= argument < last - 1
        if not good:
            raise ValueError("node %d of the forest points outside of its tree" % i)
    if tree != first:
        raise ValueError("the forest has fewer trees than it says")
