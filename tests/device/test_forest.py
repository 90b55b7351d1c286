"""The packed forest against trees walked as they are; the packer here knows docs/forest.md alone."""

import gc
import io
import struct
import sys
from array import array

from device import forest
from device.forest_check import check
from device.forest_plain import walk as plain_walk

MICROPYTHON = sys.implementation.name == "micropython"


class Random:
    """A small linear congruential generator: the same trees on every interpreter."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state >> 8) % n


def tree(random, depth):
    """A leaf (int) or (feature, threshold, left, right)."""
    if depth == 0 or random.below(5) == 0:
        return random.below(65536)
    threshold = (-32768, 32766, random.below(65535) - 32768, random.below(9) - 4)[random.below(4)]
    return random.below(8), threshold, tree(random, depth - 1), tree(random, depth - 1)


def walked(node, x):
    while not isinstance(node, int):
        feature, threshold, left, right = node
        node = left if x[feature] <= threshold else right
    return node


def packed(trees, random):
    """The table of docs/forest.md; where the format leaves the order of children open, at random."""
    leaves, nodes, starts = [], [], []

    def put(node):
        feature, threshold, first, second = node
        u = threshold + 32768
        turn = isinstance(first, int) and not isinstance(second, int)
        if turn or (isinstance(first, int) == isinstance(second, int) and random.below(2)):
            first, second, feature, u = second, first, feature + 8, 65534 - u
        at = len(nodes)
        nodes.append(None)
        if isinstance(first, int):
            nodes[at] = (feature, len(leaves), u, True)
            leaves.extend((first, second))
            return
        put(first)
        if isinstance(second, int):
            nodes[at] = (feature | 16, len(leaves) - 1, u, True)
            leaves.append(second)
        else:
            nodes[at] = (feature | 48, len(nodes) - at, u, False)
            put(second)

    for each in trees:
        starts.append(len(nodes))
        put(each if not isinstance(each, int) else (0, 0, each, each))
    first_leaf = 16 + len(trees) + 1
    first_node = first_leaf + len(leaves)
    table = array("H", [0] * 16 + [first_node + 2 * start for start in starts] + [0] + leaves)
    for feature, argument, u, is_leaf in nodes:
        table.append(feature | (argument + (first_leaf if is_leaf else 0)) << 6)
        table.append(u)
    return table


def sample(random, trees):
    """A reading with extremes and values at and beside thresholds."""
    x = array("h", (random.below(65536) - 32768 for _ in range(8)))
    for _ in range(6):
        x[random.below(8)] = (-32768, 32767, random.below(9) - 4)[random.below(3)]
    node = trees[random.below(len(trees))]
    while not isinstance(node, int):
        near = node[1] + random.below(3) - 1
        if -32768 <= near <= 32767:
            x[node[0]] = near
        node = node[2 + random.below(2)]
    return x


def forests(count):
    random = Random(20261122)
    for _ in range(count):
        trees = [tree(random, random.below(7)) for _ in range(1 + random.below(12))]
        yield random, trees, packed(trees, random)


def test_sums_equal_those_of_the_trees_by_both_walkers():
    for random, trees, table in forests(40):
        check(table, len(trees))
        for _ in range(50):
            x = sample(random, trees)
            expected = sum(walked(each, x) for each in trees)
            assert forest.walk(table, x) == expected, (list(x), trees)
            assert plain_walk(table, x) == expected, (list(x), trees)


def test_micropython_walks_natively_and_cpython_does_not():
    assert (forest.walk is plain_walk) == (not MICROPYTHON)


def test_a_score_allocates_nothing():
    if not MICROPYTHON:
        return
    for random, trees, table in forests(3):
        x = sample(random, trees)
        for walk in (forest.walk, plain_walk):
            trained = forest.Forest(table, len(trees), 0, walk)
            trained.score(x)
            gc.collect()
            before = gc.mem_alloc()
            trained.score(x)
            trained.score(x)
            assert gc.mem_alloc() == before


def test_a_section_reads_back_as_its_table():
    for _, trees, table in forests(5):
        kept = bytes(table)[32:]
        section = struct.pack("<HHIi", len(trees), 1024, len(kept) // 2, 7000) + kept
        file = io.BytesIO(b"before" + section + b"behind")
        file.seek(6)
        read = forest.read(file, len(section))
        assert read.table[16:] == table[16:]
        assert (read.trees, read.threshold) == (len(trees), 7000)
        assert file.read() == b"behind"


def test_a_section_whose_lengths_disagree_is_refused():
    for trees, entries, body in ((1, 5, 8), (0, 4, 8), (4, 4, 8), (1, 4, 6), (1, 70000, 8)):
        section = struct.pack("<HHIi", trees, 1024, entries, 0) + bytes(body)
        for length in (len(section), 3, 0, 12 + 2 * entries):
            try:
                forest.read(io.BytesIO(section), length)
            except ValueError:
                continue
            raise AssertionError((trees, entries, length))


def test_no_damaged_table_that_passes_the_check_leads_a_walk_astray():
    random = Random(7)
    refused = 0
    for _, trees, table in forests(12):
        for _ in range(100):
            damaged = array("H", table)
            for _ in range(1 + random.below(2)):
                damaged[16 + random.below(len(damaged) - 16)] ^= 1 << random.below(16)
            try:
                check(damaged, len(trees))
            except ValueError:
                refused += 1
                continue
            # Not refused: then the walk ends, inside of the table (IndexError otherwise).
            assert plain_walk(damaged, sample(random, trees)) >= 0
    assert refused > 300
