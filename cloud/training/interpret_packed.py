"""The m2cgen interpreter that boards use: an integer forest as one packed table (docs/forest.md).

One 32-bit word for each inner node, trees in preorder, so that a left child that is a node is the next word:

    bits 0-2    feature
    bit  3      the left child is a node (else a leaf)
    bit  4      the right child is a node (else a leaf)
    bits 5-15   both nodes: words to the right child; else the left leaf's place in `values`, before the right's
    bits 16-31  threshold + 32768: go left when x + 32768 <= it

and one uint16 array `values`: eight places for the reading being walked, the first word of each tree, and the
leaf values, in an order in which neighbours serve as many (left, right) pairs as possible.
"""

from __future__ import annotations

import struct
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from m2cgen import ast
from m2cgen.interpreters.interpreter import BaseInterpreter
from numpy.typing import NDArray

from cloud.training.assemble import SCALE, terms

FEATURES = 8
LEFT_IS_NODE = 0x08
RIGHT_IS_NODE = 0x10
ARGUMENT_LIMIT = 1 << 11
WORD_LIMIT = 1 << 15
VALUE_LIMIT = 1 << 16
SUM_LIMIT = ARGUMENT_LIMIT * VALUE_LIMIT  # 2^27: every sum is a small integer on a board (2^30)
HEADER = struct.Struct("<HHHHi")  # trees, units of one edge, values, words, threshold


class PackError(ValueError):
    """The forest does not fit the table; says which limit and what to change."""


@dataclass(frozen=True)
class PackedForest:
    """The table: `words` uint32[inner nodes], `values` uint16[8 + trees + leaf values]."""

    trees: int
    nodes: int  # inner nodes and leaves
    words: NDArray[np.uint32]
    values: NDArray[np.uint16]

    @property
    def size(self) -> int:
        """Bytes on the board's heap, the eight places for the reading included."""
        return self.words.nbytes + self.values.nbytes

    @property
    def bytes_per_node(self) -> float:
        return self.size / self.nodes

    def section(self, threshold: int) -> bytes:
        """The bundle's FRST section. A reading is abnormal when its sum is less than `threshold`."""
        if not 0 <= threshold < SUM_LIMIT:
            raise PackError(f"the threshold {threshold} is not in 0..{SUM_LIMIT - 1}")
        kept = self.values[FEATURES:]
        head = HEADER.pack(self.trees, SCALE, len(kept), len(self.words), threshold)
        return head + kept.astype("<u2").tobytes() + self.words.astype("<u4").tobytes()


class PackedInterpreter(BaseInterpreter):  # type: ignore[misc]
    """`interpret(expression of IsolationForestAssembler(forest)) -> PackedForest`, or PackError."""

    def interpret(self, expr: ast.Expr) -> PackedForest:
        forest = [_fold(tree) for tree in terms(expr)]
        first = FEATURES + len(forest)
        leaves, places = _arrange([node.leaves for tree in forest for node in tree], first)
        if len(leaves) + first > ARGUMENT_LIMIT:
            raise PackError(
                f"{len(forest)} trees and {len(leaves)} places of leaf values are more than "
                f"{ARGUMENT_LIMIT - FEATURES}: use fewer trees or a smaller max_samples"
            )
        words: list[int] = []
        starts: list[int] = []
        for tree in forest:
            starts.append(len(words))
            words.extend(_word(node, places) for node in tree)
        if len(words) >= WORD_LIMIT:
            raise PackError(f"{len(words)} inner nodes are more than {WORD_LIMIT - 1}: use fewer trees")
        return PackedForest(
            trees=len(forest),
            nodes=sum(_count(tree) for tree in terms(expr)),
            words=np.array(words, np.uint32),
            values=np.array([0] * FEATURES + starts + leaves, np.uint16),
        )


Pair = tuple[int | None, int | None]


@dataclass(frozen=True)
class _Node:
    feature: int
    threshold: int
    leaves: Pair  # None where the child is a node
    skip: int  # words to the right child when both are nodes


def _fold(tree: ast.Expr) -> list[_Node]:
    """Inner nodes in preorder, leaves folded into their parents. A tree that is one leaf becomes a node
    that always goes left."""
    if isinstance(tree, ast.NumVal):
        value = _leaf(tree)
        return [_Node(0, 32767, (value, value), 0)]
    left = [] if isinstance(tree.body, ast.NumVal) else _fold(tree.body)
    right = [] if isinstance(tree.orelse, ast.NumVal) else _fold(tree.orelse)
    leaves = (None if left else _leaf(tree.body), None if right else _leaf(tree.orelse))
    skip = 1 + len(left)
    if left and right and skip >= ARGUMENT_LIMIT:
        raise PackError(
            f"a right child is {skip} words away, at most {ARGUMENT_LIMIT - 1}: lower max_samples"
        )
    return [_Node(*_test(tree.test), leaves, skip), *left, *right]


def _test(test: ast.CompExpr) -> tuple[int, int]:
    if not (isinstance(test.left, ast.FeatureRef) and test.op is ast.CompOpType.LTE):
        raise PackError(f"a test must be feature <= threshold, not {test}")
    feature, threshold = int(test.left.index), _integer(test.right.value, "a threshold")
    if not 0 <= feature < FEATURES:
        raise PackError(f"the forest uses feature {feature}; a reading has {FEATURES}")
    if not -32768 <= threshold <= 32767:
        raise PackError(
            f"threshold {threshold} of feature {feature} is outside int16: train on int16 features"
        )
    return feature, threshold


def _leaf(leaf: ast.NumVal) -> int:
    value = _integer(leaf.value, "a leaf")
    if not 0 <= value < VALUE_LIMIT:
        raise PackError(
            f"the path length {value}/{SCALE} is past {VALUE_LIMIT - 1}/{SCALE}: lower max_samples"
        )
    return value


def _integer(value: object, what: str) -> int:
    if not isinstance(value, int | np.integer):
        raise PackError(f"{what} is the float {value}: assemble the forest with a scale")
    return int(value)


def _count(tree: ast.Expr) -> int:
    return 1 if isinstance(tree, ast.NumVal) else 1 + _count(tree.body) + _count(tree.orelse)


def _arrange(wanted: Iterable[Pair], first: int) -> tuple[list[int], dict[Pair, int]]:
    """Leaf values, the first one at `first`, and where each (left, right) stands.

    Pairs are the edges of a directed graph over the values; walking it edge after edge writes each pair once
    and shares the value between two: about half of what separate pairs take.
    """
    counted = Counter(wanted)
    pairs = sorted(pair for pair in counted if None not in pair)
    ahead: dict[int, list[int]] = defaultdict(list)
    surplus: Counter[int] = Counter()
    for left, right in pairs:
        assert left is not None and right is not None
        ahead[left].append(right)
        surplus[left] += 1
        surplus[right] -= 1
    values: list[int] = []
    # Trails begin where more edges leave than arrive; what is left after them are circles.
    begin = [value for value in sorted(ahead) for _ in range(max(0, surplus[value]))]
    for start in [*begin, *sorted(ahead)]:
        while ahead[start]:
            here = start
            values.append(here)
            while ahead[here]:
                here = ahead[here].pop()
                values.append(here)
    singles = {leaf for pair in counted for leaf in pair if leaf is not None}
    values.extend(sorted(singles - set(values)))
    places: dict[Pair, int] = {(None, None): 0}
    for place, value in enumerate(values, first):
        places.setdefault((value, None), place)
        places.setdefault((None, value), place - 1)
        if place > first:
            places.setdefault((values[place - 1 - first], value), place - 1)
    return values, places


def _word(node: _Node, places: dict[Pair, int]) -> int:
    left, right = node.leaves
    argument = node.skip if left is None and right is None else places[node.leaves]
    word = node.feature | (argument << 5) | (node.threshold + 32768) << 16
    if left is None:
        word |= LEFT_IS_NODE
    if right is None:
        word |= RIGHT_IS_NODE
    return word
