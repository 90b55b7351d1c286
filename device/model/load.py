"""Reads a forest out of a bundle and checks it once: a walk can then neither leave its table nor hang.

Imported when a model is loaded, and let go. The format is in docs/forest.md.
"""

import struct
from array import array

from ..chip.compat import const
from .forest import BYTES, END, READING, TREE, Forest

_HEADER = const("<HHIi")  # trees, units of one edge, entries after the reading, threshold
_SMALL = const(3072)  # entries: a forest of so many is read once and stays in RAM
_BUFFER = const(512)  # for a larger one: some three trees of 256 samples; a larger tree gets what it needs


def read(file, length):
    """The forest of a FRST section of `length` bytes at the file's position; ValueError if lengths disagree.

    The file stays in use. Call check() on the forest before its first score.
    """
    header = file.read(12)
    trees, _, entries, threshold = struct.unpack(_HEADER, header) if len(header) == 12 else (0, 0, 0, 0)
    if length != 12 + 2 * entries or not 0 < trees < entries < 65520:
        raise ValueError("the forest's lengths disagree")
    starts = _read(file, array("H", range(trees + 1)))
    nodes = starts[0]
    starts[trees] += READING + entries  # the 0 after them; else the last tree's end is nonsense
    for i in range(trees):
        if not READING + trees < nodes <= starts[i] < starts[i + 1] or (starts[i + 1] - starts[i]) & 1:
            raise ValueError("the forest's tree %d has no end" % i)
    if starts[trees] != READING + entries:
        raise ValueError("the forest's lengths disagree")
    groups = []
    first = 0
    room = starts[trees] - nodes
    if room > _SMALL:
        room = _BUFFER
    for i in range(1, trees + 1):
        if i == trees or starts[i + 1] - starts[first] > room:
            groups.append((starts[i] - starts[first], first, i))
            first = i
    # `array('H', range(n))` is MicroPython's way to n places without a copy: range tells its length.
    table = array("H", range(nodes + max(groups)[0]))
    view = memoryview(table)
    _read(file, view[READING + trees + 1 : nodes])
    parts = []
    for size, first, end in groups:
        parts.append((view[nodes : nodes + size], 2 * size, READING + first, READING + end))
        for i in range(first, end):
            table[READING + i] = nodes + starts[i] - starts[first]
    return Forest(file, table, parts, threshold)


def _read(file, entries):
    if file.readinto(entries) != 2 * len(entries):
        raise ValueError("the forest is cut short")
    return entries


def check(forest):
    """ValueError unless every node of every tree points inside; forest.read has checked where trees begin.

    OSError when flash cannot be read.
    """
    table = forest.table
    nodes = forest.nodes
    leaves = forest.parts[-1][END] + 1
    for part in forest.parts:
        forest.fill(part)
        size = nodes + part[BYTES] // 2
        tree = part[TREE]
        end = nodes
        for i in range(nodes, size, 2):
            if i == end:  # a tree begins here and ends where the next one begins
                tree += 1
                end = table[tree] if tree < part[END] else size
            node = table[i]
            argument = node >> 6
            kind = node & 48
            if kind == 48:  # two nodes
                good = 2 <= argument and i + 2 * argument < end
            elif kind == 16:  # a node, then a leaf
                good = leaves <= argument + 1 < nodes and i + 2 < end
            else:  # two leaves
                good = kind == 0 and leaves <= argument < nodes - 1
            if not good:
                raise ValueError("a node of the forest's tree %d points outside" % (tree - 17))
