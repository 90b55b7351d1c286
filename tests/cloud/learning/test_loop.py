"""A board gets its first model by itself, and its next one by answers: real database, real training."""

import logging
import secrets
import threading
import time
from functools import partial

import numpy as np
import pytest

from cloud.alerts.courier import Post
from cloud.alerts.letters import LetterContext
from cloud.alerts.links import Links
from cloud.alerts.mail_writer import MailWriter, letter_of
from cloud.contract.messages import Reading, Verdict
from cloud.learning import asking, learn_command
from cloud.learning.book import KEPT, MEANT, READY, REFUSED, Book
from cloud.learning.loop import DAY, Learning
from cloud.read.causes import answer
from cloud.read.reader import Reader
from cloud.settings import AlertSettings
from cloud.store import database as databases
from cloud.store.entries import JudgedReading
from cloud.store.writer import Store
from cloud.training import bundle
from cloud.updates.wanted import Wanted
from cloud.words import Words
from device import codes
from tests.cloud.conftest import MASTER, ROOT

PERIOD = 30
A_DAY = 2880  # readings
BOARD = ("home", "C001")
DOOR = (3, 7, 10, 11, 9, 12, 10, 8, 11, 10, 9, 10, 11, 10, 8, 9, 7, 5, 3, 1)  # tenths
HOURS = 96
DOORS = (9300, 10600)
KEPT_OF = []  # what the first of the tests has learned
FIRST = 8700  # readings that the first model learns from


def history(database, device, hours, now, doors=(), rows=slice(None)):
    """Store `hours` of a calm room, two readings a minute, and a door left open from each row of `doors`."""
    noise = np.random.default_rng(3)
    count = hours * A_DAY // 24 + 1
    warm = 2 * np.sin(np.arange(count) / A_DAY * 2 * np.pi)
    t = np.rint(2100 + 100 * warm + noise.normal(0, 2, count)).astype(int)
    h = np.rint(4000 * np.exp(-0.045 * warm) + noise.normal(0, 5, count)).astype(int)
    for row in doors:
        t[row : row + len(DOOR)] -= 9 * np.array(DOOR)
        h[row : row + len(DOOR)] += 25 * np.array(DOOR)
    entries = []
    for seq in range(count):
        ts = int(now) - (count - 1 - seq) * PERIOD
        x = (int(t[seq]), int(h[seq]), 0, 0, 0, 0, 0, 0)
        reading = Reading(seq, 1, ts, seq * PERIOD, x, 0, None, None, None)
        entries.append(JudgedReading("home", device, "0123abcd", reading, Verdict(0, None)))
    Store(database).write(entries[rows])


def episode(database, first, last, cause=None):
    """An episode of C001, and what a person said of it."""
    name = f"home/C001/0123abcd/{int(first)}"
    database["episodes"].insert_one({
        "_id": name, "d": "home/C001", "site": "home", "device": "C001", "severity": "severe",
        "kind": "anomaly", "abnormal": 9, "agreed": 3, "opened": first, "last": last, "closed": last,
        "edge_flags": codes.ZSCORE, "cloud_flags": 1, "late": False, "why": None,
        "t_min": 2, "t_max": 2, "h_min": 4, "h_max": 4,
    })  # fmt: skip
    if cause:
        label = {"_id": secrets.token_hex(4), "episodes": [name], "at": last, "by": "x", **answer(cause, "")}
        database["labels"].insert_one(label)


def settle(monkeypatch, mongod, name, folder):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("MONGODB_URI", mongod.uri)
    monkeypatch.setenv("MONGODB_DATABASE", name)
    monkeypatch.setenv("VIGIE_KEY", MASTER.hex())


@pytest.fixture
def learning(database, mongod, monkeypatch, tmp_path):
    settle(monkeypatch, mongod, database.name, tmp_path)
    return Learning(database, MASTER, "yes", lambda: True)


@pytest.fixture(scope="module")
def lived(mongod, tmp_path_factory):
    """(database, now): three days, two doors, a first model that is on the board."""
    made = databases.connect(mongod.uri, "test_" + secrets.token_hex(4))
    databases.prepare(made)
    now = time.time()
    history(made, "C001", HOURS, now, DOORS, slice(FIRST))
    for row in DOORS:
        at = int(now) - (HOURS * A_DAY // 24 - row) * PERIOD
        episode(made, float(at), float(at + len(DOOR) * PERIOD))
    with pytest.MonkeyPatch.context() as monkeypatch:
        settle(monkeypatch, mongod, made.name, tmp_path_factory.mktemp("learn"))
        learning = Learning(made, MASTER, "yes", lambda: True)
        assert learning.due() == [BOARD]
        assert learning.learn(BOARD, threading.Event(), "--anew")
        learning.advance()
    history(made, "C001", HOURS, now, DOORS, slice(FIRST, None))
    yield made, now
    made.client.drop_database(made.name)
    made.client.close()


@pytest.fixture
def taught(lived):
    """The same, and somebody has said that it was the door: its next model is ready."""
    database, now = lived
    for name in ("labels", "wanted", "alerts", "acknowledgements"):
        database[name].delete_many({})
    first = Reader(database).model(*BOARD)["_id"]
    for each in database["episodes"].find():
        label = {"_id": each["_id"], "episodes": [each["_id"]], "at": now, "by": "x", **answer("door", "")}
        database["labels"].insert_one(label)
    database["latest"].update_one({"_id": "home/C001"}, {"$set": {"reading.model": first}})
    if not KEPT_OF:
        assert learn_command.learn(database, MASTER, BOARD, anew=False, now=now)["state"] == READY
        KEPT_OF.append(database["learning"].find_one())
    (kept,) = KEPT_OF
    database["learning"].replace_one({"_id": "home/C001"}, kept, upsert=True)
    yield database, now, first, kept["model"]
    database["models"].delete_many({"_id": {"$ne": first}})


def wanted(database):
    return Wanted(database).of([BOARD]).get(BOARD, {}).get("want", {}).get("model")


def test_a_board_is_due_with_a_day_of_readings_and_no_model_or_one_of_half_its_history(database, learning):
    now = time.time()
    for device, hours in (("C001", 24), ("C002", 23), ("C003", 24), ("C004", 24), ("C005", 24)):
        history(database, device, hours, now)
    for device, days, age in (("C003", 1, 0.9), ("C004", 1, 1.1), ("C005", 30, 7.1)):
        made = {"_id": device, "site": "home", "device": device, "created": now - age * DAY}
        database["models"].insert_one({**made, "report": {"days": days}})
    assert learning.due() == [BOARD, ("home", "C004"), ("home", "C005")]
    Book(database).note(BOARD, tried=now)
    assert BOARD not in learning.due()


def test_the_first_model_is_trained_tried_and_meant_for_the_board_without_a_command(lived):
    database, _ = lived
    model = Reader(database).model(*BOARD)
    kept = Book(database).of(BOARD, whole=True)
    assert kept["result"]["faults"] > 10 and not kept["result"]["reasons"]
    stored = database["models"].find_one({"_id": model["_id"]})
    key = learn_command.device_key(MASTER, *BOARD)
    assert bundle.verify(bytes(stored["bundle"]), key) == model["_id"]
    assert Learning(database, MASTER, "yes", lambda: True).due() == []


def test_a_history_that_does_not_do_is_told_and_left_alone_for_a_day(database, learning, caplog):
    first = int(time.time()) - 90000
    readings = [
        Reading(seq, 1, first + 86400 * seq, 0, (1, 1, 0, 0, 0, 0, 0, 0), 0, None, None, None)
        for seq in range(2)
    ]
    entries = [JudgedReading("home", "C001", "0123abcd", reading, Verdict(0, None)) for reading in readings]
    Store(database).write(entries)
    assert learning.due() == [BOARD]
    assert not learning.learn(BOARD, threading.Event(), "--anew")
    assert "home/C001 could not be trained: learn: " in caplog.text
    assert learning.due() == []
    assert Learning(database, MASTER, "yes", lambda: True).due() == []  # not even after a restart
    assert Book(database).of(BOARD)["state"] == KEPT


def test_an_answer_gives_the_board_a_next_model_at_once_where_that_is_asked_for(taught):
    database, _, first, model = taught
    learning = Learning(database, MASTER, "now", lambda: True)
    learning.advance(look=False)
    assert wanted(database) == model != first
    kept = Book(database).of(BOARD)
    assert kept["state"] == MEANT and kept["raised"] and kept["lesson"]["answers"] == 2
    assert kept["result"]["silent"] == 2
    assert Wanted(database).of([BOARD])[BOARD]["before"] == first
    report = Reader(database).model(*BOARD)["report"]
    assert report["raised"] == kept["raised"]
    assert learning.answered() == []


def test_an_answer_is_looked_at_once_and_again_when_another_one_comes(taught):
    database, now, *_ = taught
    learning = Learning(database, MASTER, "yes", lambda: True)
    assert learning.answered() == []
    episode(database, now - 300, now - 200, "loading")
    assert learning.answered() == [BOARD]
    database["episodes"].delete_one({"opened": now - 300})


def test_a_next_model_judges_a_day_beside_the_running_one_before_it_is_meant(taught):
    database, now, _, model = taught
    clock = [now]
    learning = Learning(database, MASTER, "yes", lambda: True, clock=lambda: clock[0])
    learning.advance()
    assert wanted(database) is None and Book(database).of(BOARD)["state"] == READY
    Book(database).note(BOARD, at=now - 0.9 * DAY)
    learning.advance()
    assert wanted(database) is None and Book(database).of(BOARD)["shadow"]["days"] > 0.8
    Book(database).note(BOARD, at=now - 1.1 * DAY)
    learning.advance()
    assert wanted(database) == model and Book(database).of(BOARD)["shadow"]["over"]


def test_a_next_model_is_dropped_when_the_board_has_another_one_by_then(taught):
    database, now, *_ = taught
    database["latest"].update_one({"_id": "home/C001"}, {"$set": {"reading.model": "ffffffff"}})
    Book(database).note(BOARD, at=now - 1.1 * DAY)
    Learning(database, MASTER, "yes", lambda: True, clock=lambda: now).advance()
    assert wanted(database) is None and Book(database).of(BOARD)["state"] == REFUSED


def test_a_next_model_of_another_master_key_is_dropped(taught):
    database, *_ = taught
    Learning(database, bytes(32), "now", lambda: True).advance()
    assert wanted(database) is None and Book(database).of(BOARD)["state"] == REFUSED


def test_with_ask_one_mail_asks_and_one_click_gives(taught):
    database, now, _, model = taught
    bell = threading.Event()
    ask = partial(asking.ask, Post(database, ["a@example.org"], Words("en"), bell, lambda: now))
    Book(database).note(BOARD, shadow={"over": True})
    learning = Learning(database, MASTER, "ask", lambda: True, ask=ask)
    for _ in range(2):
        learning.advance()
    (alert,) = database["alerts"].find()
    assert bell.is_set() and alert["subject"] == "C001: may it have its next model?"
    assert letter_of(alert).next.model == model and wanted(database) is None
    links = Links(bytes(32), "https://v.example.org")
    context = LetterContext(Words("en"), links, AlertSettings())
    mail = MailWriter(database, context).write(alert, now).mail
    assert "Give it to C001" in mail.text and model in mail.html
    clicked = {"_id": f"{alert['_id']}/model", "episodes": [], "at": now, "by": "mail"}
    database["acknowledgements"].insert_one(clicked)
    learning.advance()
    assert wanted(database) == model


@pytest.mark.long  # the same is above, without the process of its own
def test_the_loop_hears_an_answer_within_seconds(taught, mongod, monkeypatch, tmp_path, caplog):
    """From the answer to what is meant for the board, with the process of its own."""
    database, *_ = taught
    settle(monkeypatch, mongod, database.name, tmp_path)
    caplog.set_level(logging.INFO)
    database["learning"].delete_one({"_id": "home/C001"})
    stop = threading.Event()
    learning = Learning(database, MASTER, "now", lambda: True)
    thread = threading.Thread(target=learning.run, args=(stop,))
    thread.start()
    deadline = time.monotonic() + 120
    while wanted(database) is None and time.monotonic() < deadline:
        time.sleep(0.2)
    stop.set()
    thread.join(20)
    assert wanted(database) is not None
    assert "home/C001 learns from answers" in caplog.text and "2 of 2 harmless ones silent" in caplog.text
