"""The packed forest against trees walked as they are; the packer here knows docs/forest.md alone."""

import gc
import io
import struct
import sys
from array import array

from device.model import forest
from device.model.load import check
from device.model.load import read as read_forest
from device.model.walk_plain import walk as plain_walk

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


def packed(trees, random, shared=False):
    """The table of docs/forest.md; where the format leaves the order of children open, at random.

    `shared`: leaf values, all below 8, stand once for every pair of them.
    """
    leaves, nodes, starts = [], [], []

    def place(first, second):
        if shared:
            return 16 * first + 2 * second
        leaves.extend((first, second) if first is not None else (second,))
        return len(leaves) - (2 if first is not None else 1)

    def put(node):
        feature, threshold, first, second = node
        u = threshold + 32768
        turn = isinstance(first, int) and not isinstance(second, int)
        if turn or (isinstance(first, int) == isinstance(second, int) and random.below(2)):
            first, second, feature, u = second, first, feature + 8, 65534 - u
        at = len(nodes)
        nodes.append(None)
        if isinstance(first, int):
            nodes[at] = (feature, place(first, second), u, True)
            return
        put(first)
        if isinstance(second, int):
            nodes[at] = (feature | 16, place(0, second) if shared else place(None, second) - 1, u, True)
        else:
            nodes[at] = (feature | 48, len(nodes) - at, u, False)
            put(second)

    if shared:
        leaves.extend(leaf for pair in range(64) for leaf in (pair >> 3, pair & 7))
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


def forests(count, most=12):
    random = Random(20261122)
    for _ in range(count):
        trees = [tree(random, random.below(7)) for _ in range(1 + random.below(most))]
        yield random, trees, packed(trees, random)


def section(trees, table, threshold=7000):
    kept = bytes(table)[32:]
    return struct.pack("<HHIi", len(trees), 1024, len(kept) // 2, threshold) + kept


def loaded(trees, table):
    data = section(trees, table)
    read = read_forest(io.BytesIO(data), len(data))
    check(read)
    return read


def test_sums_equal_those_of_the_trees_by_both_walkers():
    for random, trees, table in forests(40):
        native, plain = loaded(trees, table), loaded(trees, table)
        plain.walk = plain_walk
        for _ in range(50):
            x = sample(random, trees)
            expected = sum(walked(each, x) for each in trees)
            assert native.score(x) == expected, (list(x), trees)
            assert plain.score(x) == expected, (list(x), trees)


def test_a_forest_larger_than_the_buffer_passes_through_it_a_few_trees_at_a_time():
    random = Random(20261123)
    # Leaf values from a few only: their places are 1,023 at most.
    trees = [pruned(random, tree(random, 6)) for _ in range(300)]
    table = packed(trees, random, shared=True)
    large = loaded(trees, table)
    assert len(large.parts) > 2
    assert len(large.table) < len(table) // 2
    assert len(large.table) - large.nodes <= 512, "1 KB of RAM, however many trees"
    for _ in range(200):
        x = sample(random, trees)
        assert large.score(x) == sum(walked(each, x) for each in trees)


def pruned(random, node):
    if isinstance(node, int):
        return random.below(8)
    return node[0], node[1], pruned(random, node[2]), pruned(random, node[3])


def test_micropython_walks_natively_and_cpython_does_not():
    assert (type(forest.walk) is type(plain_walk)) == (not MICROPYTHON)


def test_a_score_allocates_nothing():
    if not MICROPYTHON:
        return
    for random, trees, table in forests(3):
        x = sample(random, trees)
        for walk in (forest.walk, plain_walk):
            trained = loaded(trees, table)
            trained.walk = walk
            trained.score(x)
            gc.collect()
            before = gc.mem_alloc()
            trained.score(x)
            trained.score(x)
            assert gc.mem_alloc() == before


def test_a_section_is_read_where_it_stands():
    for random, trees, table in forests(5):
        data = section(trees, table)
        file = io.BytesIO(b"before" + data + b"behind")
        file.seek(6)
        read = read_forest(file, len(data))
        x = sample(random, trees)
        assert read.score(x) == sum(walked(each, x) for each in trees)
        assert read.threshold == 7000


def test_flash_that_cannot_be_read_gives_no_score_is_counted_and_may_recover():
    class Flash(io.BytesIO):
        broken = False

        def readinto(self, buffer):
            if self.broken:
                raise OSError(5)
            return super().readinto(buffer)

    random = Random(5)
    trees = [(0, 0, 100, 200)]
    data = section(trees, packed(trees, random))
    file = Flash(data)
    read = read_forest(file, len(data))
    x = array("h", bytes(16))
    file.broken = True
    assert read.score(x) == -1
    assert read.failures == 1
    file.broken = False
    assert read.score(x) == 100


def test_a_section_whose_lengths_disagree_is_refused():
    for trees, entries, body in ((1, 5, 8), (0, 4, 8), (4, 4, 8), (1, 4, 6), (1, 70000, 8)):
        data = struct.pack("<HHIi", trees, 1024, entries, 0) + bytes(body)
        for length in (len(data), 3, 0, 12 + 2 * entries):
            try:
                read_forest(io.BytesIO(data), length)
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
                read = loaded(trees, damaged)
            except ValueError:
                refused += 1
                continue
            # Not refused: then the walk ends, inside of the table (IndexError otherwise).
            read.walk = plain_walk
            assert read.score(sample(random, trees)) >= 0
    assert refused > 300
