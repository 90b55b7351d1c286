"""The packed table walked for many readings at once, in numpy: the board's sums for a replay of years."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cloud.training.forest.interpret_packed import (
    FEATURES,
    FIRST_IS_NODE,
    READING,
    SECOND_IS_NODE,
    PackedForest,
)

CHUNK = 2048  # readings at once: their state stays in the processor's cache


def packed_scores(forest: PackedForest, x: NDArray[np.int16]) -> NDArray[np.int32]:
    """Path-length sums of int16[n, 8] (int32[n]): what device/model/forest.py gives for each row.

    It walks the same table in the same way; `python -m tools.proofs` holds the two equal.
    """
    if x.dtype != np.int16 or x.ndim != 2 or x.shape[1] != FEATURES:
        raise ValueError(f"expected int16[n, {FEATURES}], not {x.dtype}{list(x.shape)}")
    table = forest.table.astype(np.int32)
    starts = table[READING : READING + forest.trees]
    sums = np.empty(len(x), np.int32)
    for at in range(0, len(x), CHUNK):
        sums[at : at + CHUNK] = _walk(table, starts, x[at : at + CHUNK])
    return sums


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
