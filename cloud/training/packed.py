"""The packed table walked for many readings at once, in numpy: the board's sums for a replay of years."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.training.interpret_packed import FEATURES, LEFT_IS_NODE, RIGHT_IS_NODE, PackedForest

CHUNK = 2048  # readings at once: their state stays in the processor's cache


def packed_scores(forest: PackedForest, x: NDArray[np.int16]) -> NDArray[np.int32]:
    """Path-length sums of int16[n, 8] (int32[n]): what device/forest.py gives for each row.

    It walks the same words in the same way; tests/cloud/test_forest_exact.py holds the two equal.
    """
    if x.dtype != np.int16 or x.ndim != 2 or x.shape[1] != FEATURES:
        raise ValueError(f"expected int16[n, {FEATURES}], not {x.dtype}{list(x.shape)}")
    node = (forest.words & 0xFFFF).astype(np.int32)
    threshold = (forest.words >> 16).astype(np.int32) - 32768
    table = (node & 7, threshold, node & LEFT_IS_NODE != 0, node & RIGHT_IS_NODE != 0, node >> 5)
    values = forest.values.astype(np.int32)
    starts = values[FEATURES : FEATURES + forest.trees]
    sums = np.empty(len(x), np.int32)
    for at in range(0, len(x), CHUNK):
        sums[at : at + CHUNK] = _walk(table, values, starts, x[at : at + CHUNK])
    return sums


def _walk(
    table: tuple[NDArray[Any], ...],
    values: NDArray[np.int32],
    starts: NDArray[np.int32],
    x: NDArray[np.int16],
) -> NDArray[np.int64]:
    feature, threshold, left_is_node, right_is_node, argument = table
    rows = np.repeat(np.arange(len(x)), len(starts))
    at = np.tile(starts, len(x))
    sums = np.zeros(len(x), np.int64)
    while len(at):
        right = x[rows, feature[at]] > threshold[at]
        stays = np.where(right, right_is_node[at], left_is_node[at])
        done = ~stays
        sums += np.bincount(
            rows[done], weights=values[argument[at[done]] + right[done]], minlength=len(x)
        ).astype(np.int64)
        rows, at, right = rows[stays], at[stays], right[stays]
        at = at + np.where(right & left_is_node[at], argument[at], 1)
    return sums
