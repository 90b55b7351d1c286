"""The assembler speaks for scikit-learn, and what does not fit the packed table is refused with a reason."""

import numpy as np
import pytest
from m2cgen import ast
from m2cgen.assemblers.utils import add, lte
from m2cgen.interpreters import PythonInterpreter
from sklearn.ensemble import IsolationForest, RandomForestRegressor

from cloud.contract.messages import FEATURE_NAMES
from cloud.training.forest.assemble import IsolationForestAssembler, samples
from cloud.training.forest.interpret_packed import PackedInterpreter, PackError
from cloud.training.forest.interpret_python import ReadablePythonInterpreter
from cloud.training.forest.twin import unit
from tools.bench.edge import history


@pytest.fixture(scope="module")
def x():
    return history()[:10000]


def fitted(x, **options):
    return IsolationForest(random_state=0, **options).fit(x.astype(np.float32))


def leaf(value):
    return ast.NumVal(value, dtype=np.int64)


def split(feature, threshold, left, right):
    return ast.IfExpr(lte(ast.FeatureRef(feature), leaf(threshold)), left, right)


@pytest.mark.parametrize("options", [{}, {"max_features": 0.5}, {"bootstrap": True}, {"max_samples": 2}])
def test_the_float_expression_is_scikit_learns_score(x, options):
    forest = fitted(x, n_estimators=20, **options)
    source = {}
    exec(PythonInterpreter().interpret(IsolationForestAssembler(forest, scale=None).assemble()), source)
    sums = np.array([source["score"](row) for row in x[:300].tolist()])
    assert np.allclose(
        -(2 ** -(sums / unit(forest))), forest.score_samples(x[:300].astype(np.float32)), atol=1e-12
    )


@pytest.mark.parametrize(("model", "message"), [
    (RandomForestRegressor(), "IsolationForest"),
    (IsolationForest(), "fit"),
    (IsolationForest(max_samples=1).fit([[1.0], [2.0]]), "max_samples"),
])  # fmt: skip
def test_only_a_fitted_isolation_forest_is_assembled(model, message):
    with pytest.raises((TypeError, ValueError), match=message):
        IsolationForestAssembler(model)


def test_a_leafs_samples_are_known_from_its_path_length(x):
    forest = fitted(x, n_estimators=10, max_samples=256)
    for estimator in forest.estimators_:
        tree = estimator.tree_
        lengths = np.rint(1024 * (tree.compute_node_depths() - 1 + _c(tree.n_node_samples))).astype(int)
        for node in np.flatnonzero(tree.children_left < 0):
            assert (
                samples(int(lengths[node]), tree.compute_node_depths()[node] - 1) == tree.n_node_samples[node]
            )


def _c(n):
    from sklearn.ensemble._iforest import _average_path_length

    return _average_path_length(n)


@pytest.mark.parametrize(("trees", "samples"), [(32, 128), (64, 256)])
def test_a_node_takes_at_most_two_bytes_and_a_fifth(x, trees, samples):
    forest = fitted(x, n_estimators=trees, max_samples=samples)
    packed = PackedInterpreter().interpret(IsolationForestAssembler(forest).assemble())
    assert packed.nodes == sum(estimator.tree_.node_count for estimator in forest.estimators_)
    assert packed.size / packed.nodes <= 2.2


def test_64_trees_of_256_samples_stay_below_24_kb(x):
    packed = PackedInterpreter().interpret(
        IsolationForestAssembler(fitted(x, n_estimators=64, max_samples=256)).assemble()
    )
    assert packed.size + 1200 <= 24000  # and the objects and the code around it


def test_the_readable_source_names_the_features(x):
    source = ReadablePythonInterpreter().interpret(
        IsolationForestAssembler(fitted(x, n_estimators=2)).assemble()
    )
    assert all(name in source for name in FEATURE_NAMES)
    assert "if x[" in source
    assert "    return " in source


def test_a_tree_that_is_one_leaf_packs():
    packed = PackedInterpreter().interpret(add(leaf(5), split(3, -7, leaf(10), leaf(20))))
    x = np.zeros((3, 8), np.int16)
    x[:, 3] = (-8, -7, -6)
    assert packed.scores(x).tolist() == [15, 15, 25]


def chain(depth):
    tree = leaf(0)
    for i in range(depth):
        tree = split(0, i, tree, leaf(i % 3))
    return tree


def wide(depth):
    return leaf(0) if depth == 0 else split(0, depth, wide(depth - 1), wide(depth - 1))


@pytest.mark.parametrize(("expression", "message"), [
    (split(8, 0, leaf(1), leaf(2)), "feature 8"),
    (split(0, 32767, leaf(1), leaf(2)), "int16"),
    (split(0, -32769, leaf(1), leaf(2)), "int16"),
    (split(0, 0, leaf(65536), leaf(2)), "max_samples"),
    (split(0, 0, leaf(-1), leaf(2)), "max_samples"),
    (ast.NumVal(1.5), "float"),
    (ast.BinNumExpr(leaf(1), leaf(1), ast.BinNumOpType.MUL), "MUL"),
    (wide(12), "nodes away"),
])  # fmt: skip
def test_a_limit_of_the_table_is_named(expression, message):
    with pytest.raises(ValueError, match=message):
        PackedInterpreter().interpret(expression)


def test_too_many_trees_or_leaf_values_are_refused():
    def forest(trees):
        return (
            trees[0]
            if len(trees) == 1
            else add(forest(trees[: len(trees) // 2]), forest(trees[len(trees) // 2 :]))
        )

    with pytest.raises(PackError, match="fewer trees"):
        PackedInterpreter().interpret(forest([leaf(1)] * 1100))
    with pytest.raises(PackError, match="leaf values"):
        PackedInterpreter().interpret(forest([split(0, 0, leaf(2 * i), leaf(2 * i + 1)) for i in range(600)]))
    with pytest.raises(PackError, match="a table of"):
        PackedInterpreter().interpret(forest([chain(400)] * 90))


def test_a_threshold_that_no_sum_reaches_is_refused():
    packed = PackedInterpreter().interpret(leaf(1))
    for threshold in (-1, 65536):
        with pytest.raises(PackError, match="threshold"):
            packed.section(threshold)


def test_readings_of_another_type_are_refused(x):
    packed = PackedInterpreter().interpret(leaf(1))
    with pytest.raises(ValueError, match="int16"):
        packed.scores(x.astype(np.int32))
    with pytest.raises(ValueError, match="int16"):
        packed.scores(x[:, :4])
