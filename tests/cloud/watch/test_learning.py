"""A board with a day of history gets its first model, and a person hears what to run."""

import logging
import threading
import time

import numpy as np
import pytest

from cloud.contract.messages import Reading, Verdict
from cloud.read.reader import Reader
from cloud.store.entries import JudgedReading
from cloud.store.writer import Store
from cloud.watch.learning import Learning
from tests.cloud.conftest import MASTER, ROOT

PERIOD = 60


def history(database, device, hours, now):
    """Store `hours` of a calm room, one reading a minute."""
    noise = np.random.default_rng(3)
    count = hours * 60 + 1
    swing = 200 * np.sin(np.arange(count) / 1440 * 2 * np.pi)
    t = (2100 + swing + noise.normal(0, 4, count)).astype(int)
    h = (4500 - swing + noise.normal(0, 15, count)).astype(int)
    entries = []
    for seq in range(count):
        ts = int(now) - (count - 1 - seq) * PERIOD
        x = (int(t[seq]), int(h[seq]), 0, 0, 0, 0, 0, 0)
        reading = Reading(seq, 1, ts, seq * PERIOD, x, 0, None, None, None)
        entries.append(JudgedReading("home", device, "0123abcd", reading, Verdict(0, None)))
    Store(database).write(entries)


@pytest.fixture
def learning(database, mongod, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("MONGODB_URI", mongod.uri)
    monkeypatch.setenv("MONGODB_DATABASE", database.name)
    monkeypatch.setenv("VIGIE_KEY", MASTER.hex())
    return Learning(database, lambda: True)


def test_only_a_board_with_a_day_of_history_and_no_model_is_due(database, learning):
    now = time.time()
    history(database, "C001", 24, now)
    history(database, "C002", 23, now)
    history(database, "C003", 24, now)
    database["models"].insert_one({"_id": "00000001", "site": "home", "device": "C003", "created": now})
    assert learning.due() == [("home", "C001")]


def test_the_first_model_is_trained_stored_and_told_in_one_line(database, learning, caplog, tmp_path):
    caplog.set_level(logging.INFO)
    history(database, "C001", 24, time.time())
    assert learning.train("home", "C001", threading.Event())
    model = Reader(database).model("home", "C001")
    bundle = f"var/models/home-C001-{model['_id']}.bin"
    assert f"make model DEVICE=C001 BUNDLE={bundle}" in caplog.text
    assert (tmp_path / bundle).read_bytes() == database["models"].find_one({"_id": model["_id"]})["bundle"]
    assert learning.due() == []


def test_a_history_that_does_not_do_is_told_and_left_alone_for_a_day(database, learning, caplog):
    first = int(time.time()) - 90000
    readings = [
        Reading(seq, 1, first + 86400 * seq, 0, (1, 1, 0, 0, 0, 0, 0, 0), 0, None, None, None)
        for seq in range(2)
    ]
    entries = [JudgedReading("home", "C001", "0123abcd", reading, Verdict(0, None)) for reading in readings]
    Store(database).write(entries)
    assert learning.due() == [("home", "C001")]
    assert not learning.train("home", "C001", threading.Event())
    assert "home/C001 could not be trained: train: " in caplog.text
    assert learning.due() == []
