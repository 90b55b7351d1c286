"""The cloud's opinion: twin, larger forest, envelope, Z-score, with a model that was really trained."""

from dataclasses import replace

import numpy as np
import pytest

from cloud.contract import keys
from cloud.contract.messages import TWIN_DIFFERS, TWIN_RAN, Reading
from cloud.ingest.rescore import ASK_AGAIN, Models, Rescorer, z_abnormal
from cloud.process import memory
from cloud.store import packing
from device import codes
from device.judge.params import Params
from device.judge.zscore import FLOOR_H, FLOOR_T, ZScore
from tests.cloud.conftest import MASTER
from tests.device.judge.detector_alone import Asked

QUIET = (2100, 4500, 0, 0, 0, 0, 5, 20)


def reading(x=QUIET, **more):
    values = {"seq": 1, "boot": 1, "ts": None, "up": 1, "flags": 0, "score": None, "why": None, "model": None}
    return Reading(**{**values, "x": x, **more})


@pytest.fixture(scope="module")
def trained():
    from cloud.training.fit import train

    noise = np.random.default_rng(3)
    n = 9500
    ts = 1_790_000_000 + 10 * np.arange(n)
    day = np.sin(np.arange(n) / n * 4 * np.pi)
    t = (2100 + 200 * day + noise.normal(0, 4, n)).astype(np.int16)
    h = (4500 - 300 * day + noise.normal(0, 10, n)).astype(np.int16)
    key = keys.device_key(MASTER, "demo", "C001")
    return train("demo", "C001", key, ts, t / 100, h / 100), (t, h)


@pytest.fixture
def models(database, trained):
    model = trained[0].model
    database["models"].insert_one({"_id": model.model_id, "cloud": model.dumps(MASTER)})
    return Models(database, MASTER)


@pytest.fixture(scope="module")
def history(trained):
    """Features of the history, as the board computes them."""
    from cloud.training.features import features

    t, h = trained[1]
    return np.asarray(features(t, h))[100:400]


def test_the_twin_agrees_with_the_board_to_the_bit(models, trained, history):
    model = trained[0].model
    sums = model.twin_scores(history)
    board = [
        reading(
            tuple(row),
            score=int(total),
            model=model.model_id,
            flags=codes.FOREST if total < model.threshold else 0,
        )
        for row, total in zip(history.tolist(), sums)
    ]
    flags = [verdict.flags for verdict in Rescorer(models).verdicts(board)]
    assert all(flag & TWIN_RAN and not flag & TWIN_DIFFERS for flag in flags)


@pytest.mark.parametrize("off, flip", [(1, 0), (0, codes.FOREST)])
def test_another_sum_or_another_verdict_is_a_disagreement(models, trained, history, off, flip):
    model = trained[0].model
    total = int(model.twin_scores(history[:1])[0])
    right = codes.FOREST if total < model.threshold else 0
    wrong = reading(tuple(history[0].tolist()), score=total + off, model=model.model_id, flags=right ^ flip)
    verdict = Rescorer(models).verdicts([wrong])[0]
    assert verdict.flags & TWIN_DIFFERS and verdict.twin_off == -off


def test_a_batch_of_many_boards_keeps_its_order(models, trained, history):
    model_id = trained[0].model.model_id
    batch = [
        reading(tuple(row), model=model_id if k % 3 else None, flags=codes.WARMING_UP if k % 5 == 0 else 0)
        for k, row in enumerate(history[:50].tolist())
    ]
    batch[7] = reading(None, why="no answer", flags=codes.SENSOR_ERROR)
    together = Rescorer(models).verdicts(batch)
    assert together == [Rescorer(models).verdicts([each])[0] for each in batch]
    assert together[7].flags == codes.SENSOR_ERROR and together[7].score is None
    assert together[5].flags == codes.WARMING_UP and together[5].score is None
    assert together[3].score is None and 0 < together[4].score < 1


def test_something_far_off_is_abnormal_to_all(models, trained):
    far = reading((6000, 9000, 4000, 4500, 4000, 4500, 5, 20), model=trained[0].model.model_id)
    flags = Rescorer(models).verdicts([far])[0].flags
    assert flags & codes.FOREST and flags & codes.ENVELOPE and flags & codes.ZSCORE


def test_a_quiet_window_counts_as_noisy_as_the_floor():
    x = np.array([QUIET] * 4, np.int16)
    x[:, 4] = [40, 41, -41, 41]
    x[:, 6] = [0, 0, 0, 6]
    assert z_abnormal(x, np.full(4, 64)).tolist() == [False, True, True, False]


@pytest.mark.parametrize("column, floor", [(4, FLOOR_T), (5, FLOOR_H)])
def test_without_a_model_the_cloud_draws_the_line_where_the_board_does(database, column, floor):
    judge = Rescorer(Models(database, MASTER))
    limit = Params().zscore
    names = set()
    for deviation in range(floor, 20 * floor):
        detector = ZScore()
        detector.threshold = limit
        board = Asked(detector, fresh=0)
        for _ in range(60):
            board.score(2000, 4000)
        x = list(QUIET)
        x[column] = deviation
        cloud = bool(judge.verdicts([reading(tuple(x))])[0].flags & codes.ZSCORE)
        assert cloud == (
            board.score(2000 + deviation * (column == 4), 4000 + deviation * (column == 5)) > limit
        )
        names.add(cloud)
    assert names == {False, True}


def test_an_unknown_model_leaves_the_z_score_and_is_asked_for_again(database, trained):
    model = trained[0].model
    time = [0.0]
    models = Models(database, MASTER, clock=lambda: time[0])
    batch = [reading(model=model.model_id)]
    assert Rescorer(models).verdicts(batch)[0].score is None
    database["models"].insert_one({"_id": model.model_id, "cloud": model.dumps(MASTER)})
    assert Rescorer(models).verdicts(batch)[0].score is None
    time[0] = ASK_AGAIN + 1
    assert Rescorer(models).verdicts(batch)[0].score is not None


def test_a_model_under_another_key_is_not_used(database, trained, caplog):
    model = trained[0].model
    database["models"].insert_one({"_id": model.model_id, "cloud": model.dumps(bytes(32))})
    assert Rescorer(Models(database, MASTER)).verdicts([reading(model=model.model_id)])[0].score is None
    assert "is not used" in caplog.text


def test_the_score_survives_storage_in_thousandths(models, trained):
    verdict = Rescorer(models).verdicts([reading(model=trained[0].model.model_id)])[0]
    stored = packing.plain(packing.pack(reading(), verdict.flags, verdict.score))["cloud_score"]
    assert abs(stored - verdict.score) <= 0.0005


def test_only_so_many_models_stay_in_memory_and_the_others_come_back(database, trained):
    names = ["00000001", "00000002", "00000003"]
    for name in names:
        model = replace(trained[0].model, model_id=name)
        database["models"].insert_one({"_id": name, "cloud": model.dumps(MASTER)})
    models = Models(database, MASTER, room=2)
    for name in [*names, *names]:  # each comes when the one before it went
        assert models.get(name).model_id == name
        assert len(models._known) <= 2


def test_a_containers_limit_counts_and_no_limit_is_the_whole_machine(tmp_path):
    whole = memory.available(limits=())
    assert whole > 2**28
    for text, limit in (("268435456\n", 2**28), ("max\n", whole), ("9223372036854771712\n", whole)):
        (tmp_path / "memory.max").write_text(text)
        assert memory.available((tmp_path / "none", tmp_path / "memory.max")) == limit
