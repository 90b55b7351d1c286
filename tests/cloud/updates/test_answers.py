"""What a board is told to have, and what it gets when it asks: from any worker, out of the database."""

import json
import struct
import time

import pytest

from cloud.contract import keys, messages
from cloud.ingest.rescore import Models, Rescorer
from cloud.ingest.worker import Inbox, Ingest, Received
from cloud.store.writer import Store
from cloud.updates import settings
from cloud.updates.wanted import Wanted
from tests.cloud.conftest import MASTER, said_by, up

BOARD = ("demo", "C001")
KEY = keys.device_key(MASTER, *BOARD)
STATE = {"v": 2, "stream": "9f3a1c07", "boot": 7, "state": "online", "config": 0, "model": "00000001"}
WHOLE = bytes(range(256)) * 10  # of a model


class Worker:
    """An ingest worker without the network: what it publishes, in order."""

    def __init__(self, database):
        self.sent = []
        store = Store(database)
        self.ingest = Ingest(
            Inbox(), store, Rescorer(Models(database, MASTER)), MASTER, lambda *sent: self.sent.append(sent)
        )

    def hear(self, message, leaf, device="C001"):
        body = message if isinstance(message, bytes) else said_by(device, message, leaf)
        self.ingest.handle([Received(f"vigie/1/demo/{device}/{leaf}", body, lambda: None)])

    def last_want(self):
        """The last `want`, once its mac is right."""
        (wants,) = [json.loads(payload) for topic, payload in self.sent if b'"want"' in payload] or [None]
        self.sent.clear()
        if wants is None:
            return None
        assert wants["mac"] == keys.want_mac(KEY, wants["stream"], wants["want"])
        return wants["want"]

    def get(self, what, name, offset, device="C001"):
        """(total, data) of the part that answers; None when nothing does."""
        self.sent.clear()
        self.hear({"v": 2, "what": what, "id": name, "offset": offset}, "get", device)
        if not self.sent:
            return None
        ((topic, payload),) = self.sent
        assert topic == f"vigie/1/demo/{device}/part"
        number, identity, at, total = struct.unpack(">B3x4sII", payload[:16])
        assert (number, identity.hex(), at) == (messages.WHATS[what], name, offset)
        return total, payload[16:]


@pytest.fixture
def workers(database):
    return Worker(database), Worker(database)


@pytest.fixture
def wanted(database):
    return Wanted(database)


def test_a_board_is_told_in_the_answer_to_its_state_and_no_more_once_it_has_or_has_tried(workers, wanted):
    worker = workers[0]
    worker.hear(STATE, "state")
    assert worker.last_want() is None
    n = wanted.want(BOARD, "model", "00000002", time.time())
    worker.hear(STATE, "state")
    assert worker.last_want() == {"n": n, "model": "00000002"}
    worker.hear({**STATE, "model": "00000002"}, "state")
    assert worker.last_want() is None
    worker.hear({**STATE, "updates": [["model", "00000002", "its self-test failed"]]}, "state")
    assert worker.last_want() is None
    higher = wanted.want(BOARD, "model", "00000003", time.time())
    worker.hear({**STATE, "updates": [["model", "00000002", "its self-test failed"]]}, "state")
    assert worker.last_want() == {"n": higher, "model": "00000003"} and higher > n


@pytest.mark.parametrize("state", ["offline", "sleeping"])
def test_a_board_that_does_not_listen_is_not_told(workers, wanted, state):
    wanted.want(BOARD, "model", "00000002", time.time())
    workers[0].hear({**STATE, "state": state}, "state")
    assert workers[0].last_want() is None


def test_any_worker_tells_a_board_that_is_online_soon_after_a_change(workers, wanted, monkeypatch):
    first, second = workers
    first.hear(STATE, "state")
    monkeypatch.setattr("cloud.updates.serve.LOOK_EVERY", 0.0)
    for worker in workers:
        worker.ingest._answers._look_at = 0.0
        worker.ingest._answers.changes()
        assert worker.last_want() is None
    n = wanted.want(BOARD, "model", "00000002", time.time())
    for worker in workers:
        worker.ingest._answers.changes()
        assert worker.last_want() == {"n": n, "model": "00000002"}
        worker.ingest._answers.changes()
        assert worker.last_want() is None
    first.ingest._answers._again_at = 0.0  # a minute later: the word may have been lost
    first.ingest._answers.changes()
    assert first.last_want() == {"n": n, "model": "00000002"}


def test_a_board_gets_a_model_in_parts_of_1024_bytes_from_any_worker(workers, database):
    database["models"].insert_one({"_id": "0000000a", "site": "demo", "device": "C001", "bundle": WHOLE})
    received = b""
    while len(received) < len(WHOLE):
        total, data = workers[len(received) // 1024 % 2].get("model", "0000000a", len(received))
        assert total == len(WHOLE) and 0 < len(data) <= 1024
        received += data
    assert received == WHOLE
    assert workers[0].get("model", "0000000a", len(WHOLE) + 5) == (len(WHOLE), b"")
    assert workers[0].get("model", "0000000b", 0) == (0, b"")


def test_a_board_does_not_get_what_is_anothers(workers, database, wanted):
    database["models"].insert_one({"_id": "0000000a", "site": "demo", "device": "C002", "bundle": WHOLE})
    number = wanted.next_number(("demo", "C002"))
    sealed = settings.seal(keys.device_key(MASTER, "demo", "C002"), number, {"period_ms": 5000})
    wanted.want_settings(("demo", "C002"), number, {"number": number, "sealed": sealed}, time.time())
    assert workers[0].get("model", "0000000a", 0) == (0, b"")
    assert workers[0].get("config", f"{number:08x}", 0) == (0, b"")
    assert workers[0].get("config", f"{number:08x}", 0, "C002") == (len(sealed), sealed)


def test_a_get_without_the_boards_mac_is_put_aside_and_not_answered(workers, database):
    database["models"].insert_one({"_id": "0000000a", "site": "demo", "device": "C001", "bundle": WHOLE})
    asked = {"v": 2, "what": "model", "id": "0000000a", "offset": 0}
    for forged in (
        messages.encode(asked),
        messages.encode({**asked, "v": 1}),
        messages.signed(keys.device_key(MASTER, "demo", "C002"), "vigie/1/demo/C001/get", asked),
        messages.signed(KEY, "vigie/1/demo/C001/state", asked),
    ):
        workers[0].hear(forged, "get")
    assert workers[0].sent == []
    assert workers[0].ingest.totals.forged == 4 and database["quarantine"].count_documents({}) == 4


@pytest.mark.parametrize("wrong", [{"what": "../x"}, {"id": "x" * 8}, {"offset": -1}, {"offset": 1 << 32}])
def test_a_get_that_cannot_be_is_put_aside(workers, wrong):
    workers[0].hear({"v": 2, "what": "model", "id": "0000000a", "offset": 0, **wrong}, "get")
    assert workers[0].sent == [] and workers[0].ingest.totals.refused == 1


def test_readings_are_acknowledged_before_a_part_goes_out(workers, database):
    worker = workers[0]
    asked = said_by("C001", {"v": 2, "what": "model", "id": "0000000a", "offset": 0}, "get")
    worker.ingest.handle(
        [
            Received("vigie/1/demo/C001/get", asked, lambda: None),
            Received("vigie/1/demo/C001/up", said_by("C001", up([1])), lambda: None),
        ]
    )
    assert [topic.rpartition("/")[2] for topic, _ in worker.sent] == ["ack", "part"]


def test_a_database_that_does_not_answer_costs_no_acknowledgement(workers, monkeypatch):
    from pymongo.errors import AutoReconnect

    def unreachable(*_):
        raise AutoReconnect("gone")

    worker = workers[0]
    monkeypatch.setattr(worker.ingest._answers, "_stored", unreachable)
    asked = said_by("C001", {"v": 2, "what": "model", "id": "0000000a", "offset": 0}, "get")
    worker.ingest.handle(
        [
            Received("vigie/1/demo/C001/get", asked, lambda: None),
            Received("vigie/1/demo/C001/up", said_by("C001", up([1])), lambda: None),
        ]
    )
    assert [topic.rpartition("/")[2] for topic, _ in worker.sent] == ["ack"]


SILENT = ["model", "00000002", "it cannot be kept now: [Errno 28] ENOSPC", 1, True]


def test_the_same_command_asks_a_board_again_for_what_it_refused(workers, wanted):
    worker = workers[0]
    n = wanted.want(BOARD, "model", "00000002", time.time())
    refused = {**STATE, "updates": [["model", "00000002", "its self-test failed", n, False]]}
    worker.hear(refused, "state")
    assert worker.last_want() is None
    higher = wanted.want(BOARD, "model", "00000002", time.time())
    worker.hear(refused, "state")
    assert worker.last_want() == {"n": higher, "model": "00000002"} and higher > n
    again = {**STATE, "updates": [["model", "00000002", "its self-test failed", higher, False]]}
    worker.hear(again, "state")
    assert worker.last_want() is None


def test_what_a_board_gave_up_for_no_fault_of_the_thing_is_asked_for_once_more_after_an_hour(
    workers, wanted, database
):
    n = wanted.want(BOARD, "model", "00000002", time.time() - 3500)
    workers[0].hear({**STATE, "updates": [SILENT]}, "state")
    assert workers[0].last_want() is None, "not at once"
    database["wanted"].update_one({}, {"$inc": {"at": -200}})
    workers[0].hear({**STATE, "updates": [SILENT]}, "state")
    assert workers[0].last_want() == {"n": n + 1, "model": "00000002"}
    workers[1].hear({**STATE, "updates": [SILENT]}, "state")
    assert workers[1].last_want() == {"n": n + 1, "model": "00000002"}, "the same word, by another worker"
    database["wanted"].update_one({}, {"$inc": {"at": -9000}})
    workers[1].hear({**STATE, "updates": [[*SILENT[:3], n + 1, True]]}, "state")
    assert workers[1].last_want() is None, "once, not for ever"
    assert database["wanted"].find_one()["n"] == n + 1


def test_what_is_asked_for_once_more_also_reaches_a_board_that_stays_online(workers, wanted, database):
    n = wanted.want(BOARD, "model", "00000002", time.time() - 3700)
    worker = workers[0]
    worker.hear({**STATE, "updates": [[*SILENT[:3], n, False]]}, "state")
    database["latest"].update_one({}, {"$set": {"state.updates": [SILENT]}})
    answers = worker.ingest._answers
    answers._look_at = answers._again_at = 0.0
    answers.changes()
    assert worker.last_want() == {"n": n + 1, "model": "00000002"}


def test_a_board_with_older_software_is_not_asked_again(workers, wanted):
    wanted.want(BOARD, "model", "00000002", time.time())
    wanted.want(BOARD, "model", "00000002", time.time())
    workers[0].hear({**STATE, "updates": [["model", "00000002", "its self-test failed"]]}, "state")
    assert workers[0].last_want() is None
