"""An explanation must come to the verdict that was stored, from what is stored."""

import time

import numpy as np
import pytest

from cloud import __main__ as cloud
from cloud import settings
from cloud.commands import explain
from cloud.contract.messages import Reading, Verdict
from cloud.ingest.rescore import Models, Rescorer
from cloud.read.reader import Reader
from cloud.store.entries import JudgedReading
from cloud.store.writer import Store
from cloud.training.features import features
from device import codes
from tests.cloud.conftest import MASTER
from tools.bench.cloud import workload

SPIKE, FAILED = 150, 140


@pytest.fixture(scope="module")
def model():
    return workload.trained()


@pytest.fixture
def stored(database, model):
    """200 readings, one with a spike and one failed, judged and stored as a worker does."""
    database["models"].insert_one(model.document)
    chance = np.random.default_rng(1)
    t, h = 2100 + chance.integers(-8, 9, 200), 4500 + chance.integers(-20, 21, 200)
    t[SPIKE] = 3300
    good = np.arange(200) != FAILED
    x = np.zeros((200, 8), np.int16)
    x[good] = features(t[good], h[good])
    now = int(time.time()) - 4000
    readings = [
        Reading(
            k, 1, now + 10 * k, 10 * k, tuple(x[k].tolist()) if good[k] else None,
            codes.WARMING_UP if k < 60 else 0, 0 if k >= 60 and good[k] else None,
            None if good[k] else "no answer", model.twin.model_id,
        )
        for k in range(200)
    ]  # fmt: skip
    verdicts = Rescorer(Models(database, MASTER)).verdicts(readings)
    Store(database).write(
        [JudgedReading("demo", "C001", "9f3a1c07", r, v) for r, v in zip(readings, verdicts, strict=True)]
    )
    return Reader(database).readings("demo", "C001"), x


def test_it_finds_the_features_and_the_verdict_again(stored, model):
    readings, x = stored
    for row in (60, 100, SPIKE, 199):
        explained = explain.explain(readings, row, model.twin)
        assert explained.x == tuple(x[row].tolist())
        by = {each.detector: each.abnormal for each in explained.findings}
        flags = int(readings.cloud_flags[row])
        z = by["Z-score of temperature"] or by["Z-score of humidity"]
        assert (z, by["full forest"]) == (bool(flags & codes.ZSCORE), bool(flags & codes.FOREST))
        assert by.get("envelope", False) == bool(flags & codes.ENVELOPE)


def test_a_spike_is_told_with_detector_threshold_and_features(stored, model):
    readings, _ = stored
    text = "\n".join(explain.lines(explain.explain(readings, SPIKE, model.twin)))
    assert "Z-score of temperature" in text and "ABNORMAL (t-mean60" in text and "threshold" in text


@pytest.mark.parametrize(
    "row, words", [(FAILED, "the read failed: no answer"), (30, "30 of 60 good readings")]
)
def test_what_cannot_be_judged_again_says_why(stored, row, words):
    explained = explain.explain(stored[0], row, None)
    assert explained.x is None and words in explained.note


def test_a_gap_makes_the_window_incomplete(stored, database, model):
    database["buckets"].update_one({}, {"$unset": {"r.145": ""}})
    readings = explain.explain(Reader(database).readings("demo", "C001"), 180, model.twin)
    assert "window incomplete" in readings.note


def test_what_only_the_board_can_know_is_said_to_be_its_own(stored, database, model):
    readings, _ = stored
    readings.edge_flags[199] = codes.ZSCORE | codes.STUCK
    text = "\n".join(explain.lines(explain.explain(readings, 199, model.twin)))
    assert "only the board judges stuck (docs/detectors.md)" in text
    assert "how large the step from the reading before was" in text
    assert "docs/detectors.md" not in "\n".join(explain.lines(explain.explain(readings, 100, model.twin)))


@pytest.fixture
def command(database, mongod, monkeypatch, tmp_path, capsys):
    """What `python -m cloud explain …` says, with the database and VIGIE_KEY as its only settings."""
    monkeypatch.chdir(tmp_path)
    for name in settings.KEYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MONGODB_URI", mongod.uri)
    monkeypatch.setenv("MONGODB_DATABASE", database.name)
    monkeypatch.setenv("VIGIE_KEY", MASTER.hex())

    def run(*words):
        code = cloud.main(["explain", *words])
        shown = capsys.readouterr()
        return code, shown.out + shown.err

    return run


def test_the_command_needs_no_more_than_the_database_and_the_key(stored, command):
    code, text = command("C001", str(SPIKE))
    assert code == 0 and f"seq {SPIKE}: the board said" in text and "full forest" in text


def test_why_nothing_is_explained_is_told(stored, command, database):
    assert command("C002") == (1, "no readings of C002 are stored; there are demo/C001\n")
    assert command("C001", "900") == (1, "demo/C001: no reading 900 is stored; they go from 0 to 199\n")
    fine = Reading(0, 1, 1_790_000_000, 0, (2100, 4500, 0, 0, 0, 0, 5, 20), 0, 0, None, None)
    Store(database).write([JudgedReading("demo", "C003", "9f3a1c08", fine, Verdict(0, None, 0))])
    code, text = command("C003")
    assert code == 1 and "nobody has called any of its 1 stored readings abnormal" in text
