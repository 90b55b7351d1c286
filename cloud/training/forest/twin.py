"""The cloud's second opinion on a board's model: its twin, and a forest too big for a board.

The twin is scikit-learn's own trees, walked by scikit-learn, with the integer leaves of the bundle; so its
sums and verdicts equal the board's on every reading, by another road than the packed table.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cloud.contract import keys
from cloud.training.forest.assemble import SCALE, average_path_length, integer_path_lengths, path_lengths
from cloud.training.forest.interpret_packed import FEATURES

if TYPE_CHECKING:
    from sklearn.ensemble import IsolationForest
    from sklearn.tree._tree import Tree

Arrays = dict[str, NDArray[Any]]
Lengths = Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]  # of nodes by depth and samples


class ModelRefused(ValueError):
    """The stored cloud model is damaged, was written under another master key, or by another scikit-learn."""


class Trees:
    """scikit-learn's trees, each leaf with what it adds to the sum of a reading that falls into it.

    All are walked in one call, by the function with which scikit-learn adds up the trees of its gradient
    boosting: asking each tree for its leaf costs several times more, most of all for a few readings.
    """

    def __init__(self, trees: Sequence[Tree]) -> None:
        from sklearn.ensemble._gradient_boosting import predict_stages  # noqa: PLC0415  see assemble.py

        self._predict = predict_stages
        self._trees = trees
        self._stages = np.empty((len(trees), 1), object)
        self._stages[:, 0] = [SimpleNamespace(tree_=tree) for tree in trees]

    @classmethod
    def of(cls, forest: IsolationForest, lengths: Lengths) -> Trees:
        parts, deepest = [], []
        for estimator, columns in zip(forest.estimators_, forest.estimators_features_, strict=True):
            nodes = estimator.tree_.__getstate__()["nodes"].copy()
            inner = nodes["left_child"] >= 0
            nodes["feature"][inner] = columns[nodes["feature"][inner]]
            parts.append(nodes)
            deepest.append(estimator.tree_.max_depth)
        return cls(_grown(parts, deepest, lengths))

    def sums(self, x: NDArray[np.int16]) -> NDArray[np.float64]:
        """The leaves' values of each row of int16[n, 8], added up in the order of the trees (float64[n])."""
        order = np.argsort(x[:, 1])  # like by like: the processor guesses their ways through a tree better
        total = np.zeros((len(x), 1))
        self._predict(self._stages, x[order].astype(np.float32), 1.0, total)  # int16 fits in 24 bits
        sums = np.empty(len(x))
        sums[order] = total[:, 0]
        return sums

    def arrays(self, name: str) -> Arrays:
        """The trees as small integers: for integer readings `x <= threshold` is `x <= floor(threshold)`."""
        nodes = [tree.__getstate__()["nodes"] for tree in self._trees]
        joined = np.concatenate(nodes)
        place = np.concatenate([np.arange(len(each)) for each in nodes])
        inner = joined["left_child"] >= 0
        if (joined["left_child"][inner] != place[inner] + 1).any():
            raise AssertionError("scikit-learn numbers the nodes of a tree depth first")
        return {
            f"{name}.counts": np.array([len(each) for each in nodes], np.int32),
            f"{name}.depths": np.array([tree.max_depth for tree in self._trees], np.int32),
            f"{name}.feature": np.where(inner, joined["feature"], -1).astype(np.int8),
            f"{name}.threshold": np.floor(joined["threshold"][inner]).astype(np.int16),
            f"{name}.right": (joined["right_child"] - place)[inner].astype(np.int16),
            f"{name}.samples": joined["n_node_samples"][~inner].astype(np.int32),
        }

    @classmethod
    def from_arrays(cls, name: str, arrays: Mapping[str, NDArray[Any]], lengths: Lengths) -> Trees:
        """The trees of a stored model, whose arrays begin with `name`; the inverse of `arrays`."""
        from sklearn.tree._tree import NODE_DTYPE  # noqa: PLC0415

        counts = arrays[f"{name}.counts"]
        feature = arrays[f"{name}.feature"]
        inner = feature >= 0
        ends = np.cumsum(counts)
        place = np.arange(len(feature)) - np.repeat(ends - counts, counts)
        nodes = np.zeros(len(feature), NODE_DTYPE)
        nodes["left_child"] = np.where(inner, place + 1, -1)
        nodes["right_child"] = -1
        nodes["right_child"][inner] = place[inner] + arrays[f"{name}.right"]
        nodes["feature"] = feature
        nodes["threshold"][inner] = arrays[f"{name}.threshold"]
        nodes["n_node_samples"][~inner] = arrays[f"{name}.samples"]
        parts = [part.copy() for part in np.split(nodes, ends[:-1])]
        return cls(_grown(parts, arrays[f"{name}.depths"].tolist(), lengths))


def _grown(parts: Sequence[NDArray[Any]], deepest: Sequence[int], lengths: Lengths) -> list[Tree]:
    """Trees of scikit-learn's with these nodes, whose features are the reading's columns."""
    from sklearn.tree._tree import Tree  # noqa: PLC0415

    counts = [len(nodes) for nodes in parts]
    first = np.repeat(np.cumsum(counts) - counts, counts)
    joined = np.concatenate(parts)
    depth = np.zeros(len(joined), np.int64)
    inner = np.flatnonzero(joined["left_child"] >= 0)
    parents = np.concatenate([inner, inner])
    children = np.concatenate([joined[side][inner] + first[inner] for side in ("left_child", "right_child")])
    for _ in range(max(deepest)):
        depth[children] = depth[parents] + 1
    values = lengths(depth, joined["n_node_samples"]).astype(np.float64).reshape(-1, 1, 1)
    trees = []
    for nodes, own, most in zip(parts, np.split(values, np.cumsum(counts)[:-1]), deepest, strict=True):
        tree = Tree(FEATURES, np.array([1], np.intp), 1)
        tree.__setstate__({"max_depth": most, "node_count": len(nodes), "nodes": nodes, "values": own.copy()})
        trees.append(tree)
    return trees


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
        """The board's path-length sums, int32[n]: abnormal when less than `threshold`."""
        sums: NDArray[np.int32] = self.twin.sums(x).astype(np.int32)
        return sums

    def full_scores(self, x: NDArray[np.int16]) -> NDArray[np.float64]:
        """`score_samples` of the full forest, float64[n] in -1..0: abnormal below `full_threshold`."""
        scores: NDArray[np.float64] = -(2.0 ** -(self.full.sums(x) / self.full_unit))
        return scores

    def dumps(self, key: bytes) -> bytes:
        """Compressed arrays (no pickle), authenticated with HMAC-SHA256 under the master key."""
        names = ("model_id", "threshold", "full_threshold", "full_unit")
        head = {name: getattr(self, name) for name in names}
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
            own = "envelope."
            envelope = {name.removeprefix(own): each for name, each in arrays.items() if name.startswith(own)}
            return cls(
                **json.loads(arrays["head"].tobytes()),
                twin=Trees.from_arrays("twin", arrays, integer_path_lengths),
                full=Trees.from_arrays("full", arrays, path_lengths),
                envelope=envelope,
            )
        except (KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
            raise ModelRefused(f"the cloud model is of another version ({error}): train it again") from error


def unit(forest: IsolationForest) -> float:
    """Trees times c(max_samples): a sum of path lengths divided by it is scikit-learn's exponent."""
    return len(forest.estimators_) * float(average_path_length([forest.max_samples_])[0])


def offset(forest: IsolationForest, threshold: int) -> float:
    """The `offset_` with which scikit-learn's `predict` draws the line where the board's `threshold` does.

    A score is -2^-(sum / unit), so `score < offset` is `sum < threshold / SCALE`. The board's rounded sum is
    at most trees / 2 away from SCALE times the exact one: outside that band the verdicts are the same.
    """
    return float(-(2.0 ** -(threshold / SCALE / unit(forest))))
