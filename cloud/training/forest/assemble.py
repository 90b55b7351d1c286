"""From scikit-learn's IsolationForest to an m2cgen expression tree: the assembler that m2cgen lacks.

A tree's value for a reading is its path length, `depth + c(n)`: the depth of the leaf the reading falls into,
plus the average path length that a tree of the leaf's `n` training samples would add (Liu, Ting and Zhou,
Isolation Forest, ICDM 2008, equation 1; the numbers are scikit-learn's own). The expression is the sum over
the trees; short paths are abnormal.

With `scale` the expression is exact in integers: a threshold is floored (`x <= floor(t)` is `x <= t` for
every integer x) and a leaf is rounded to the nearest `1/scale`, which is the only error: at most half a unit
a tree.

scikit-learn takes two seconds of a processor to load: a backend without a model never needs it, so it is
imported where it is used, here and in the modules beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from m2cgen import ast
from m2cgen.assemblers import TreeModelAssembler
from m2cgen.assemblers.base import ModelAssembler
from m2cgen.assemblers.utils import add, lte
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sklearn.ensemble import IsolationForest
    from sklearn.tree._tree import Tree

SCALE = 1024  # units of one edge of a path in the integer forest: a power of two, so that depths stay exact


def average_path_length(samples: Any) -> NDArray[np.float64]:
    """c(n), scikit-learn's own."""
    from sklearn.ensemble._iforest import _average_path_length  # noqa: PLC0415

    lengths: NDArray[np.float64] = _average_path_length(samples)
    return lengths


@cache
def _integer_c() -> NDArray[np.float64]:
    """c(1), c(2), … in units of 1/SCALE."""
    return np.rint(average_path_length(np.arange(1, 1 << 14)) * SCALE)


def path_lengths(depth: NDArray[Any], samples: NDArray[Any]) -> NDArray[np.float64]:
    """`depth + c(n)` of nodes at these depths (0 = root), as score_samples adds it up at the leaves."""
    lengths: NDArray[np.float64] = depth + 1.0 + average_path_length(samples) - 1.0
    return lengths


def integer_path_lengths(depth: NDArray[Any], samples: NDArray[Any], scale: int = SCALE) -> NDArray[np.int64]:
    """`path_lengths` in units of `1/scale`, to the nearest."""
    return np.rint(path_lengths(depth, samples) * scale).astype(np.int64)


def depths(tree: Tree) -> NDArray[np.int64]:
    """The depth of every node of a scikit-learn tree; the root's is 0."""
    return np.asarray(tree.compute_node_depths() - 1)


def samples(length: int, depth: int) -> int:
    """Training samples of a leaf with this integer path length at this depth: c(n) the other way."""
    return int(np.searchsorted(_integer_c(), length - depth * SCALE)) + 1


class IsolationTreeAssembler(TreeModelAssembler):  # type: ignore[misc]
    """One tree. `columns[i]` is the reading's feature that the tree calls i."""

    def __init__(self, estimator: object, columns: Sequence[int], scale: int | None) -> None:
        super().__init__(estimator)
        self._columns = columns
        self._scale = scale
        nodes = depths(self._tree), self._tree.n_node_samples
        self._lengths = path_lengths(*nodes) if scale is None else integer_path_lengths(*nodes, scale)

    def _assemble_leaf(self, node_id: int) -> ast.NumVal:
        return ast.NumVal(self._lengths[node_id], dtype=self._lengths.dtype.type)

    def _assemble_cond(self, node_id: int) -> ast.CompExpr:
        feature = ast.FeatureRef(int(self._columns[self._tree.feature[node_id]]))
        threshold = self._tree.threshold[node_id]
        if self._scale is None:
            return lte(feature, ast.NumVal(threshold))
        return lte(feature, ast.NumVal(np.floor(threshold), dtype=np.int64))


class IsolationForestAssembler(ModelAssembler):  # type: ignore[misc]
    """A fitted IsolationForest as the sum of its path lengths (any `max_features`, `bootstrap`).

    `scale=None` keeps scikit-learn's floats; an integer gives the integer forest that boards walk.
    """

    def __init__(self, model: IsolationForest, scale: int | None = SCALE) -> None:
        from sklearn.ensemble import IsolationForest  # noqa: PLC0415

        if not isinstance(model, IsolationForest):
            raise TypeError(f"expected a scikit-learn IsolationForest, not {type(model).__name__}")
        if not hasattr(model, "estimators_"):
            raise ValueError("the IsolationForest has no trees yet: call fit first")
        if model.max_samples_ < 2:
            raise ValueError("trees of one sample tell nothing apart: max_samples must be at least 2")
        super().__init__(model)
        self._scale = scale

    def assemble(self) -> ast.Expr:
        trees = [
            IsolationTreeAssembler(estimator, columns, self._scale).assemble()
            for estimator, columns in zip(
                self.model.estimators_, self.model.estimators_features_, strict=True
            )
        ]
        return _sum(trees)


def _sum(trees: list[ast.Expr]) -> ast.Expr:
    """The sum, added pairwise: log2(trees) deep, where a chain of 300 would exhaust the recursion limit."""
    if len(trees) == 1:
        return trees[0]
    middle = (len(trees) + 1) // 2
    return add(_sum(trees[:middle]), _sum(trees[middle:]))


def terms(expr: ast.Expr) -> list[ast.Expr]:
    """The trees of an assembled forest, in order: what an interpreter visits one by one."""
    if isinstance(expr, ast.BinNumExpr):
        if expr.op is not ast.BinNumOpType.ADD:
            raise ValueError(f"a forest is a sum of trees, not {expr.op.name}")
        return terms(expr.left) + terms(expr.right)
    return [expr]
