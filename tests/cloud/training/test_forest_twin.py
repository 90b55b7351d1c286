"""The cloud's twin: what it says, and that nothing unauthentic is unpacked."""

import pickle

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from cloud.training import bundle
from cloud.training.forest.assemble import IsolationForestAssembler
from cloud.training.forest.interpret_packed import PackedInterpreter
from cloud.training.forest.twin import CloudModel, ModelRefused
from tools.bench.edge import history

MASTER = bytes(32)
DEVICE = b"\1" * 32


@pytest.fixture(scope="module")
def x():
    return history()[:10000]


@pytest.fixture(scope="module")
def full(x):
    return IsolationForest(n_estimators=300, max_samples=256, random_state=1).fit(x.astype(np.float32))


@pytest.fixture(scope="module")
def board(x):
    return IsolationForest(n_estimators=64, max_samples=256, random_state=0).fit(x.astype(np.float32))


@pytest.fixture(scope="module")
def model(board, full):
    envelope = {"mean": np.arange(8, dtype=np.int32), "matrix": np.eye(8, dtype=np.int64)}
    return CloudModel.of(
        model_id="0123abcd", board=board, threshold=400_000, full=full, full_threshold=-0.6, envelope=envelope
    )


def test_the_full_forests_scores_are_scikit_learns(model, full, x):
    assert np.abs(model.full_scores(x) - full.score_samples(x.astype(np.float32))).max() < 1e-12


def test_a_stored_model_says_the_same(model, x):
    blob = model.dumps(MASTER)
    assert len(blob) < 1_000_000
    loaded = CloudModel.loads(blob, MASTER)
    assert (loaded.model_id, loaded.threshold, loaded.full_threshold) == ("0123abcd", 400_000, -0.6)
    assert (loaded.twin_scores(x) == model.twin_scores(x)).all()
    assert loaded.twin_scores(x).dtype == np.int32
    assert (loaded.full_scores(x) == model.full_scores(x)).all()
    assert {name: each.tolist() for name, each in loaded.envelope.items()} == {
        name: each.tolist() for name, each in model.envelope.items()
    }


def test_forests_of_fewer_features_are_stored_too(x):
    few = IsolationForest(n_estimators=9, max_features=0.5, random_state=0).fit(x.astype(np.float32))
    made = CloudModel.of(model_id="0", board=few, threshold=0, full=few, full_threshold=0.0)
    loaded = CloudModel.loads(made.dumps(MASTER), MASTER)
    assert np.abs(loaded.full_scores(x) - few.score_samples(x.astype(np.float32))).max() < 1e-12


def test_nothing_is_unpacked_without_the_right_key(model, monkeypatch):
    blob = model.dumps(MASTER)

    def unpacked(*_args, **_options):
        raise AssertionError("unpacked before it was authentic")

    monkeypatch.setattr(np, "load", unpacked)
    for bad in (
        blob[:-1],
        blob[:40],
        b"",
        blob[:50] + bytes([blob[50] ^ 1]) + blob[51:],
        pickle.dumps("VGC2"),
    ):
        with pytest.raises(ModelRefused):
            CloudModel.loads(bad, MASTER)
    with pytest.raises(ModelRefused, match="VIGIE_KEY"):
        CloudModel.loads(blob, DEVICE)


def test_an_authentic_model_of_another_version_is_refused(model, monkeypatch):
    import cloud.training.forest.twin as twin

    monkeypatch.setattr(twin.json, "dumps", lambda head: '{"model_id": "0", "nothing": 1}')
    with pytest.raises(ModelRefused, match="version"):
        CloudModel.loads(model.dumps(MASTER), MASTER)


def test_a_bundle_is_written_as_the_board_reads_it(board, x):
    packed = PackedInterpreter().interpret(IsolationForestAssembler(board).assemble())
    blob = bundle.build(
        DEVICE,
        forest=packed,
        threshold=400_000,
        params=b"detectors",
        x=x,
        meta={"device": "C001", "température": 1},
    )
    assert bundle.verify(blob, DEVICE) == bundle.model_id(blob)
    assert bundle.meta(blob) == {"device": "C001", "température": 1}
    with pytest.raises(ValueError, match="another device"):
        bundle.verify(blob, MASTER)
