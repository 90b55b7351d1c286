"""The m2cgen interpreter that boards use: an integer forest as one packed table (docs/forest.md).

The table is one uint16 array:

    16 places    the reading being walked: u = x + 32768 of each feature, then 65535 - u, its mirror image
    trees + 1    where each tree begins, then 0
    leaf values  path lengths, in an order in which neighbours serve as many pairs of leaves as possible
    nodes        two entries for each inner node, trees in preorder, leaves folded into their parents:
                 bits 0-3 a place of the reading; bit 4 the first child is a node, the next one; bit 5
                 the second child is a node too; bits 6-15 nodes to the second child when both are nodes,
                 else where the first leaf stands, the second one next to it
                 threshold: the first child when reading[place] <= threshold, else the second

Either child can come first: `u > t` is `65535 - u <= 65534 - t`. A child that is a node comes before a leaf,
and of two nodes the one with more training samples: that keeps the walk short and its jumps predictable.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from m2cgen import ast
from m2cgen.interpreters.interpreter import BaseInterpreter
from numpy.typing import NDArray

from cloud.training.forest.assemble import SCALE, samples, terms

FEATURES = 8
READING = 2 * FEATURES
FIRST_IS_NODE = 0x10
SECOND_IS_NODE = 0x20
ARGUMENT_LIMIT = 1 << 10
TABLE_LIMIT = 1 << 16
VALUE_LIMIT = 1 << 16  # with at most 1,007 trees every sum is below 2^26: a small integer on a board
CHUNK = 2048  # readings that are scored at once: their state stays in the processor's cache
HEADER = struct.Struct("<HHIi")  # trees, units of one edge, entries after the reading, threshold


class PackError(ValueError):
    """The forest does not fit the table; says which limit and what to change."""


@dataclass(frozen=True)
class PackedForest:
    """The table, uint16[16 + trees + 1 + leaf values + 2 * inner nodes]."""

    trees: int
    nodes: int  # inner nodes and leaves
    table: NDArray[np.uint16]

    @property
    def size(self) -> int:
        """Bytes on the board's heap, the places for the reading included."""
        return self.table.nbytes

    def scores(self, x: NDArray[np.int16]) -> NDArray[np.int32]:
        """Path-length sums of int16[n, 8] (int32[n]): what device/model/forest.py gives for each row.

        It walks the same table in the same way, many readings at once; `python -m tools.proofs` holds the two
        equal.
        """
        if x.dtype != np.int16 or x.ndim != 2 or x.shape[1] != FEATURES:
            raise ValueError(f"expected int16[n, {FEATURES}], not {x.dtype}{list(x.shape)}")
        table = self.table.astype(np.int32)
        starts = table[READING : READING + self.trees]
        sums = np.empty(len(x), np.int32)
        for at in range(0, len(x), CHUNK):
            sums[at : at + CHUNK] = _walk(table, starts, x[at : at + CHUNK])
        return sums

    def section(self, threshold: int) -> bytes:
        """The bundle's FRST section. A reading is abnormal when its sum is less than `threshold`."""
        if not 0 <= threshold < self.trees * VALUE_LIMIT:
            raise PackError(f"the threshold {threshold} is not a sum of {self.trees} path lengths")
        kept = self.table[READING:].astype("<u2")
        return HEADER.pack(self.trees, SCALE, len(kept), threshold) + kept.tobytes()


def _walk(table: NDArray[np.int32], starts: NDArray[np.int32], x: NDArray[np.int16]) -> NDArray[np.int64]:
    upright = x.astype(np.int32) + 32768
    reading = np.concatenate([upright, 65535 - upright], axis=1)
    rows = np.repeat(np.arange(len(x)), len(starts))
    at = np.tile(starts, len(x))
    sums = np.zeros(len(x), np.int64)
    while len(at):
        node = table[at]
        second = reading[rows, node & 15] > table[at + 1]
        stays = node & np.where(second, SECOND_IS_NODE, FIRST_IS_NODE) != 0
        done = ~stays
        values = table[(node[done] >> 6) + second[done]]
        sums += np.bincount(rows[done], weights=values, minlength=len(x)).astype(np.int64)
        at = at + 2 * np.where(second, node >> 6, 1)
        rows, at = rows[stays], at[stays]
    return sums


class PackedInterpreter(BaseInterpreter):  # type: ignore[misc]
    """`interpret(expression of IsolationForestAssembler(forest)) -> PackedForest`, or PackError."""

    def interpret(self, expr: ast.Expr) -> PackedForest:
        forest = [_fold(tree, 0).nodes for tree in terms(expr)]
        first = READING + len(forest) + 1
        leaves = _arrange({node.leaves for tree in forest for node in tree})
        if first + len(leaves) > ARGUMENT_LIMIT:
            raise PackError(
                f"{len(forest)} trees and {len(leaves)} places for leaf values are more than "
                f"{ARGUMENT_LIMIT - READING - 1}: use fewer trees or a smaller max_samples"
            )
        places = _places(leaves, first)
        starts: list[int] = []
        nodes: list[int] = []
        for tree in forest:
            starts.append(first + len(leaves) + len(nodes))
            for node in tree:
                nodes.extend(_entries(node, places))
        table = [*[0] * READING, *starts, 0, *leaves, *nodes]
        if len(table) >= TABLE_LIMIT:
            raise PackError(
                f"a table of {len(table)} entries is more than {TABLE_LIMIT - 1}: use fewer trees"
            )
        counted = sum(_count(tree) for tree in terms(expr))
        return PackedForest(len(forest), counted, np.array(table, np.uint16))


Pair = tuple[int | None, int | None]


@dataclass(frozen=True)
class _Node:
    place: int
    threshold: int  # u <= threshold goes to the first child
    leaves: Pair  # None where the child is a node
    skip: int  # nodes to the second child

    def mirrored(self) -> _Node:
        """The same test with its children exchanged."""
        leaves = self.leaves[::-1]
        return _Node(self.place ^ FEATURES, 65534 - self.threshold, leaves, self.skip)


@dataclass(frozen=True)
class _Folded:
    """A subtree: its inner nodes in preorder (none for a leaf), its leaf's value, its training samples."""

    nodes: list[_Node]
    leaf: int | None
    samples: int


def _fold(tree: ast.Expr, depth: int) -> _Folded:
    if isinstance(tree, ast.NumVal):
        value = _leaf(tree)
        if depth == 0:  # a tree of one leaf: a node that comes to it either way
            return _Folded([_Node(0, 0, (value, value), 0)], None, 0)
        return _Folded([], value, samples(value, depth))
    place, threshold = _test(tree.test)
    first, second = _fold(tree.body, depth + 1), _fold(tree.orelse, depth + 1)
    heavier = (bool(second.nodes), second.samples) > (bool(first.nodes), first.samples)
    node = _Node(place, threshold, (first.leaf, second.leaf), 0)
    if heavier:
        first, second, node = second, first, node.mirrored()
    skip = 1 + len(first.nodes)
    if second.nodes and skip >= ARGUMENT_LIMIT:
        raise PackError(
            f"a child is {skip} nodes away, at most {ARGUMENT_LIMIT - 1}: use a smaller max_samples"
        )
    node = _Node(node.place, node.threshold, node.leaves, skip)
    return _Folded([node, *first.nodes, *second.nodes], None, first.samples + second.samples)


def _test(test: ast.CompExpr) -> tuple[int, int]:
    if not (isinstance(test.left, ast.FeatureRef) and test.op is ast.CompOpType.LTE):
        raise PackError(f"a test must be feature <= threshold, not {test}")
    feature, threshold = int(test.left.index), _integer(test.right.value, "a threshold")
    if not 0 <= feature < FEATURES:
        raise PackError(f"the forest uses feature {feature}; a reading has {FEATURES}")
    if not -32768 <= threshold < 32767:  # nothing lies above 32767: a split there was not trained on int16
        raise PackError(
            f"threshold {threshold} of feature {feature} splits no int16: train on int16 features"
        )
    return feature, threshold + 32768


def _leaf(leaf: ast.NumVal) -> int:
    value = _integer(leaf.value, "a leaf")
    if not 0 <= value < VALUE_LIMIT:
        raise PackError(f"a path of {value}/{SCALE} is past {VALUE_LIMIT - 1}/{SCALE}: lower max_samples")
    return value


def _integer(value: object, what: str) -> int:
    if not isinstance(value, int | np.integer):
        raise PackError(f"{what} is the float {value}: assemble the forest with a scale")
    return int(value)


def _count(tree: ast.Expr) -> int:
    return 1 if isinstance(tree, ast.NumVal) else 1 + _count(tree.body) + _count(tree.orelse)


def _arrange(wanted: Iterable[Pair]) -> list[int]:
    """Leaf values such that each wanted pair stands side by side, in either order.

    Pairs are the edges of a graph over the values; a walk along them writes each pair once and shares the
    value between two: about half of what separate pairs take.
    """
    beside: dict[int, set[int]] = defaultdict(set)
    singles: set[int] = set()
    for left, other in wanted:
        if left is not None and other is not None:
            beside[left].add(other)
            beside[other].add(left)
        singles.update(leaf for leaf in (left, other) if leaf is not None)
    values: list[int] = []
    # A walk from a value with an odd number of neighbours ends at another such; what is left are rounds.
    odd = [value for value in sorted(beside) if len(beside[value] - {value}) % 2]
    for start in [*odd, *sorted(beside)]:
        if not beside[start]:
            continue
        here = start
        values.append(here)
        while beside[here]:
            following = min(beside[here], key=lambda value: (value != here, -len(beside[value]), value))
            beside[here].discard(following)
            beside[following].discard(here)
            here = following
            values.append(here)
    return values + sorted(singles - set(values))


def _places(leaves: list[int], first: int) -> dict[Pair, int]:
    """What bits 6-15 say for each pair of leaves (None: a node) that stands in `leaves`."""
    places: dict[Pair, int] = {}
    for place, value in enumerate(leaves, first):
        places.setdefault((None, value), place - 1)
    for place, pair in enumerate(pairwise(leaves), first):
        places.setdefault(pair, place)
    return places


def _entries(node: _Node, places: dict[Pair, int]) -> tuple[int, int]:
    if node.leaves == (None, None):
        return node.place | FIRST_IS_NODE | SECOND_IS_NODE | node.skip << 6, node.threshold
    if node.leaves not in places:
        node = node.mirrored()
    flag = FIRST_IS_NODE if node.leaves[0] is None else 0
    return node.place | flag | places[node.leaves] << 6, node.threshold
