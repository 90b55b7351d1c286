"""The cloud's second opinion on a board's model: its twin, and a forest too big for a board.

The twin is scikit-learn's own trees, asked through `apply`, with the integer leaves of the bundle; so its
sums and verdicts equal the board's on every reading, by another road than the packed table.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest
from sklearn.ensemble._iforest import _average_path_length
from sklearn.tree._tree import NODE_DTYPE, Tree

from cloud import keys
from cloud.training.assemble import SCALE, integer_path_lengths, path_lengths

Arrays = dict[str, NDArray[Any]]


class ModelRefused(ValueError):
    """The stored cloud model is damaged, was written under another master key, or by another scikit-learn."""


@dataclass(frozen=True)
class Trees:
    """scikit-learn's trees, the reading's columns that each one sees, and a value for each of its leaves."""

    trees: tuple[Tree, ...]
    columns: tuple[NDArray[np.int64], ...]
    leaves: tuple[NDArray[Any], ...]

    @classmethod
    def of(cls, forest: IsolationForest, lengths: Callable[[Tree], NDArray[Any]]) -> Trees:
        trees = tuple(estimator.tree_ for estimator in forest.estimators_)
        columns = tuple(np.asarray(columns, np.int64) for columns in forest.estimators_features_)
        return cls(trees, columns, tuple(lengths(tree) for tree in trees))

    def sums(self, x: NDArray[np.int16]) -> NDArray[Any]:
        """The leaves' values of each row of int16[n, 8], added up in the order of the trees ([n])."""
        single = np.ascontiguousarray(x, dtype=np.float32)  # exact: int16 fits in 24 bits
        total = np.zeros(len(x), self.leaves[0].dtype)
        for tree, columns, leaves in zip(self.trees, self.columns, self.leaves, strict=True):
            seen = single if len(columns) == single.shape[1] else np.ascontiguousarray(single[:, columns])
            total += leaves.take(tree.apply(seen))
        return total

    def arrays(self, name: str) -> Arrays:
        """The trees as plain arrays: what `apply` needs, and no more."""
        nodes = [tree.__getstate__()["nodes"] for tree in self.trees]
        joined = np.concatenate(nodes)
        return {
            f"{name}.counts": np.array([len(each) for each in nodes], np.int32),
            f"{name}.depths": np.array([tree.max_depth for tree in self.trees], np.int32),
            f"{name}.columns": np.array(self.columns, np.int16),
            f"{name}.left": joined["left_child"].astype(np.int32),
            f"{name}.right": joined["right_child"].astype(np.int32),
            f"{name}.feature": joined["feature"].astype(np.int16),
            f"{name}.threshold": joined["threshold"],
            f"{name}.leaves": np.concatenate(self.leaves),
        }

    @classmethod
    def from_arrays(cls, name: str, arrays: Mapping[str, NDArray[Any]]) -> Trees:
        counts = arrays[f"{name}.counts"]
        nodes = np.zeros(int(counts.sum()), NODE_DTYPE)
        nodes["left_child"] = arrays[f"{name}.left"]
        nodes["right_child"] = arrays[f"{name}.right"]
        nodes["feature"] = arrays[f"{name}.feature"]
        nodes["threshold"] = arrays[f"{name}.threshold"]
        ends = np.cumsum(counts)[:-1]
        columns = arrays[f"{name}.columns"].astype(np.int64)
        trees = []
        for part, depth, seen in zip(np.split(nodes, ends), arrays[f"{name}.depths"], columns, strict=True):
            tree = Tree(len(seen), np.array([1], np.intp), 1)
            values = np.zeros((len(part), 1, 1))
            tree.__setstate__(
                {"max_depth": int(depth), "node_count": len(part), "nodes": part.copy(), "values": values}
            )
            trees.append(tree)
        return cls(tuple(trees), tuple(columns), tuple(np.split(arrays[f"{name}.leaves"], ends)))


@dataclass(frozen=True)
class CloudModel:
    """What the cloud knows of one board's model. `x` is int16[n, 8] everywhere, in the order of the features.

    `envelope`: arrays that the caller needs to compute the envelope's distance; they travel with the model.
    """

    model_id: str
    threshold: int
    twin: Trees
    full: Trees
    full_threshold: float
    full_unit: float  # trees times c(max_samples): what the full forest's sum of path lengths is measured in
    envelope: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        *,
        model_id: str,
        board: IsolationForest,
        threshold: int,
        full: IsolationForest,
        full_threshold: float,
        envelope: Mapping[str, NDArray[Any]] | None = None,
    ) -> CloudModel:
        """`board`: the forest in the bundle. `full_threshold`: abnormal when `full_scores` is less."""
        return cls(
            model_id=model_id,
            threshold=threshold,
            twin=Trees.of(board, integer_path_lengths),
            full=Trees.of(full, path_lengths),
            full_threshold=full_threshold,
            full_unit=unit(full),
            envelope=dict(envelope or {}),
        )

    def twin_scores(self, x: NDArray[np.int16]) -> NDArray[np.int32]:
        """The board's path-length sums, int32[n]."""
        sums: NDArray[np.int32] = self.twin.sums(x).astype(np.int32)
        return sums

    def twin_abnormal(self, scores: NDArray[np.int32]) -> NDArray[np.bool_]:
        """The board's forest verdict: short paths are abnormal, as in `predict`, where equal is normal."""
        verdicts: NDArray[np.bool_] = scores < self.threshold
        return verdicts

    def full_scores(self, x: NDArray[np.int16]) -> NDArray[np.float64]:
        """`score_samples` of the full forest, float64[n] in -1..0; lower is more abnormal."""
        scores: NDArray[np.float64] = -(2.0 ** -(self.full.sums(x) / self.full_unit))
        return scores

    def full_abnormal(self, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
        verdicts: NDArray[np.bool_] = scores < self.full_threshold
        return verdicts

    def dumps(self, key: bytes) -> bytes:
        """Compressed arrays (no pickle), authenticated with HMAC-SHA256 under the master key."""
        head = {
            "model_id": self.model_id,
            "threshold": self.threshold,
            "full_threshold": self.full_threshold,
            "full_unit": self.full_unit,
        }
        arrays: Arrays = {f"envelope.{name}": np.asarray(each) for name, each in self.envelope.items()}
        arrays |= self.twin.arrays("twin") | self.full.arrays("full")
        arrays["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, **arrays)
        return keys.sign_model(key, file.getvalue())

    @classmethod
    def loads(cls, blob: bytes, key: bytes) -> CloudModel:
        """Raises ModelRefused. Nothing is unpacked before the MAC is right."""
        if not blob.startswith(keys.MODEL):
            raise ModelRefused("this is not a cloud model of Vigie, or of a newer one: train it again")
        body = keys.open_model(blob, key)
        if body is None:
            raise ModelRefused(
                "the cloud model is damaged or was written under another VIGIE_KEY: train it again"
            )
        try:
            with np.load(io.BytesIO(body), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            return cls(
                **json.loads(arrays["head"].tobytes()),
                twin=Trees.from_arrays("twin", arrays),
                full=Trees.from_arrays("full", arrays),
                envelope={
                    name.removeprefix("envelope."): each
                    for name, each in arrays.items()
                    if name.startswith("envelope.")
                },
            )
        except (KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
            raise ModelRefused(f"the cloud model is of another version ({error}): train it again") from error


def unit(forest: IsolationForest) -> float:
    """Trees times c(max_samples): a sum of path lengths divided by it is scikit-learn's exponent."""
    return len(forest.estimators_) * float(_average_path_length([forest.max_samples_])[0])


def offset(forest: IsolationForest, threshold: int) -> float:
    """The `offset_` with which scikit-learn's `predict` draws the line where the board's `threshold` does.

    A score is -2^-(sum / unit), so `score < offset` is `sum < threshold / SCALE`. The board's rounded sum is
    at most trees / 2 away from SCALE times the exact one: outside that band the verdicts are the same.
    """
    return float(-(2.0 ** -(threshold / SCALE / unit(forest))))
