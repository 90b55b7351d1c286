"""Events and streams have an end for each board; nothing of another board goes, nor what is still needed."""

import pytest

from cloud.read.reader import Reader
from cloud.store import trim
from cloud.store.trim import trim_episodes, trim_events, trim_streams
from cloud.store.writer import STREAMS_A_DAY, Store
from device import codes
from tests.cloud.conftest import entry


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(trim, "EVENTS_KEPT", 100)
    monkeypatch.setattr(trim, "EPISODES_KEPT", 40)
    monkeypatch.setattr(trim, "STREAMS_KEPT", 30)


def test_a_boards_oldest_events_go_once_watch_took_them_and_anothers_stay(database, small):
    store = Store(database)
    store.write([entry(seq, device="C002", flags=codes.ZSCORE) for seq in range(50)])
    for first in range(0, 300, 50):
        store.write([entry(seq, flags=codes.ZSCORE) for seq in range(first, first + 50)])
    assert trim_events(database) == 0  # watch has yet to look at them
    database["events"].update_many({}, {"$set": {"taken": True}})
    assert trim_events(database) == 200
    left = sorted(event["seq"] for event in database["events"].find({"device": "C001"}))
    assert left == list(range(200, 300))
    assert database["events"].count_documents({"device": "C002"}) == 50


def test_streams_without_readings_go_the_oldest_first(database, small):
    """A board that begins all that it may, day after day, and its own stream, which has readings."""
    now = [1.0e9]
    store = Store(database, clock=lambda: now[0])
    assert store.surplus([("demo", "C001", "9f3a1c07"), ("demo", "C002", "9f3a1c07")]) == set()
    store.write([entry(1)])
    for day in range(5):
        now[0] += 86401
        store.surplus([("demo", "C001", f"{day:04x}{k:04x}") for k in range(200)])
    assert trim_streams(database) == 5 * STREAMS_A_DAY + 1 - 30
    left = Reader(database).streams("demo", "C001")
    assert "9f3a1c07" in left and len(left) == 30 and "00040000" in left and "00000000" not in left
    assert len(Reader(database).streams("demo", "C002")) == 1


def test_a_boards_oldest_episodes_go_once_they_are_over_but_for_what_a_person_said_of_them(database, small):
    for device in ("C001", "C002"):
        made = [
            {"_id": f"demo/{device}/9f3a1c07/{k}", "d": f"demo/{device}", "opened": k, "closed": k + 1}
            for k in range(60 if device == "C001" else 40)
        ]
        database["episodes"].insert_many(made)
    database["episodes"].update_one({"_id": "demo/C001/9f3a1c07/0"}, {"$set": {"closed": None}})
    database["labels"].insert_one({"_id": "x", "episodes": ["demo/C001/9f3a1c07/1"], "label": "real"})
    assert trim_episodes(database) == 20 and trim_episodes(database) == 0
    left = sorted(episode["opened"] for episode in database["episodes"].find({"d": "demo/C001"}))
    assert left == [0, 1, *range(22, 60)]
    assert database["episodes"].count_documents({"d": "demo/C002"}) == 40
