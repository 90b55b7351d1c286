"""One worker without the network: what is acknowledged when, and that nothing in a message can stop it."""

import json
import threading
from dataclasses import replace

import pytest
from pymongo.errors import AutoReconnect, PyMongoError

from cloud.contract import keys
from cloud.ingest.puback import PUBACK, Pubacks
from cloud.ingest.recent import RecentReadings
from cloud.ingest.rescore import Models, Rescorer
from cloud.ingest.worker import BATCH, SHARE, Inbox, Ingest, Received
from cloud.read.reader import Reader
from cloud.store.writer import STREAMS_A_DAY, Store
from tests.cloud.conftest import MASTER, entry, said_by, up
from tools.proofs import fuzz


class Wire:
    """The broker's side: messages in, PUBACKs and acks out."""

    def __init__(self, database):
        self.inbox = Inbox()
        self.pubacks, self.acks = [], []
        self.store = Store(database)
        self.ingest = Ingest(self.inbox, self.store, Rescorer(Models(database, MASTER)), MASTER, self.publish)

    def publish(self, topic, payload):
        self.acks.append((topic, json.loads(payload)))

    def message(self, payload, topic="vigie/1/demo/C001/up"):
        _, _, site, device, leaf = topic.split("/")
        body = payload if isinstance(payload, bytes) else said_by(device, payload, leaf, site)
        return Received(topic, body, lambda: self.pubacks.append(body))

    def acked(self, device="C001", stream="9f3a1c07"):
        runs = [
            run for topic, ack in self.acks for run in ack.get("runs", ())
            if topic == f"vigie/1/demo/{device}/ack" and ack["stream"] == stream
        ]  # fmt: skip
        return {seq for first, last in runs for seq in range(first, last + 1)}


@pytest.fixture
def wire(database):
    return Wire(database)


def test_an_ack_names_exactly_the_seqs_that_came(wire):
    wire.ingest.handle([wire.message(up([1, 2, 9])), wire.message(up([3, 5])), wire.message(up([2, 9]))])
    ((topic, ack),) = wire.acks
    assert topic == "vigie/1/demo/C001/ack"
    assert ack["runs"] == [[1, 3], [5, 5], [9, 9]]
    key = keys.device_key(MASTER, "demo", "C001")
    assert ack["mac"] == keys.ack_mac(key, "9f3a1c07", [(1, 3), (5, 5), (9, 9)])


def test_the_pubacks_of_a_batch_leave_in_one_packet(wire):
    sent = []
    pubacks = Pubacks(sent.append)
    batch = [replace(wire.message(up([number])), puback=pubacks.expect(number)) for number in range(1, 6)]
    wire.ingest.handle(batch)
    assert sent == [b"".join(bytes((PUBACK, 2, 0, number)) for number in range(1, 6))]


def test_repeats_and_conflicts_are_acknowledged_too(wire, database):
    wire.ingest.handle([wire.message(up([1, 2]))])
    wire.acks.clear()
    different = up([1], x=[[9, 9, 0, 0, 0, 0, 5, 20]])
    wire.ingest.handle([wire.message(up([1, 2])), wire.message(different)])
    assert wire.acked() == {1, 2}
    assert (wire.ingest.totals.repeats, wire.ingest.totals.conflicts) == (2, 1)
    assert database["quarantine"].count_documents({}) == 1


def test_a_refused_message_is_put_aside_but_its_seqs_are_not_acknowledged(wire, database):
    bad = {**up([1, 2]), "v": 9}
    wire.ingest.handle([wire.message(bad), wire.message(up([3]))])
    assert wire.acked() == {3} and len(wire.pubacks) == 2
    assert database["quarantine"].count_documents({"seq": None}) == 1


def test_a_message_for_another_device_stays_with_the_topic(wire, database):
    wire.ingest.handle([wire.message(up([1]), "vigie/1/demo/C002/up")])
    assert wire.acked("C002") == {1} and wire.acked("C001") == set()
    assert len(Reader(database).readings("demo", "C001")) == 0


def test_dropped_runs_are_kept_and_then_acknowledged(wire, database):
    state = {"v": 2, "stream": "9f3a1c07", "boot": 7, "state": "online", "dropped": [[4, 9], [2, 4]]}
    wire.ingest.handle([wire.message(state, "vigie/1/demo/C001/state")])
    assert Reader(database).streams("demo", "C001")["9f3a1c07"]["dropped"] == [[2, 9]]
    ((topic, ack),) = wire.acks
    assert topic == "vigie/1/demo/C001/ack" and ack["dropped"] == [[2, 9]] and "runs" not in ack
    key = keys.device_key(MASTER, "demo", "C001")
    assert ack["mac"] == keys.ack_mac(key, "9f3a1c07", [(2, 9)], "drop")
    assert ack["mac"] != keys.ack_mac(key, "9f3a1c07", [(2, 9)])  # no board takes it for readings stored


def test_nothing_is_acknowledged_before_the_write_succeeds(wire, monkeypatch):
    write = wire.store.write
    failures = [AutoReconnect("gone"), AutoReconnect("gone")]
    seen = []

    def failing(entries):
        seen.append((len(wire.acks), len(wire.pubacks)))
        if failures:
            raise failures.pop()
        return write(entries)

    monkeypatch.setattr(wire.store, "write", failing)
    monkeypatch.setattr("cloud.ingest.worker.FIRST_PAUSE", 0.01)
    wire.ingest.settle([wire.message(up([1, 2]))], threading.Event())
    assert seen == [(0, 0)] * 3 and wire.acked() == {1, 2} and len(wire.pubacks) == 1


def test_a_stop_while_the_database_is_away_acknowledges_nothing(wire, monkeypatch):
    stop = threading.Event()

    def away(entries):
        stop.set()
        raise AutoReconnect("gone")

    monkeypatch.setattr(wire.store, "write", away)
    wire.ingest.settle([wire.message(up([1]))], stop)
    assert wire.acks == [] and wire.pubacks == []


@pytest.mark.parametrize("problem", [RuntimeError("a bug"), PyMongoError("this document, never")])
def test_one_poisonous_message_does_not_hold_up_the_others(wire, database, monkeypatch, problem):
    write = wire.store.write

    def choking(entries):
        if any(each.reading.seq == 666 for each in entries):
            raise problem
        return write(entries)

    monkeypatch.setattr(wire.store, "write", choking)
    monkeypatch.setattr("cloud.ingest.worker.FIRST_PAUSE", 0.01)
    batch = [wire.message(up([seq])) for seq in (1, 666, 2)]
    wire.ingest.settle(batch, threading.Event())
    assert wire.acked() == {1, 2} and len(wire.pubacks) == 3
    assert "not stored" in database["quarantine"].find_one({"seq": None})["reason"]


def test_a_full_inbox_lets_go_without_a_puback_and_asks_again(wire):
    wire.ingest.inbox = small = Inbox(messages=3)
    assert [small.put(wire.message(up([seq]))) for seq in range(5)] == [True] * 3 + [False] * 2
    stop, asked = threading.Event(), []

    def ask_again():
        asked.append(len(wire.pubacks))
        stop.set()

    wire.ingest.run(stop, ask_again)
    assert asked == [3] and small.let_go == 2


def test_the_inbox_is_bounded_in_bytes():
    inbox = Inbox(size=1000)
    big = Received("x", b"x" * 600, lambda: None)
    assert inbox.put(big) and not inbox.put(big)
    assert inbox.take(0.01) == [big]
    assert inbox.put(big)


def test_a_batch_has_at_most_forty_messages():
    inbox = Inbox()
    for number in range(100):
        inbox.put(Received(f"vigie/1/demo/C{number:03}/up", b"", lambda: None))
    assert [len(inbox.take(0.01)) for _ in range(3)] == [BATCH, BATCH, 100 - 2 * BATCH]


def test_boards_take_turns():
    """One that floods delays another's message by one of its own, not by all."""
    inbox = Inbox()
    for board in ("C001",) * 30 + ("C002", "C003", "C002"):
        inbox.put(Received(f"vigie/1/demo/{board}/up", board.encode(), lambda: None))
    assert [each.payload for each in inbox.take(0.01)][:6] == [
        b"C001", b"C002", b"C003", b"C001", b"C002", b"C001"
    ]  # fmt: skip


def test_what_is_beyond_a_boards_share_is_held_back_without_an_ack_and_takes_no_place_at_the_broker():
    pubacks = []
    inbox = Inbox()
    taken = [inbox.put(Received("vigie/1/demo/C001/up", b"x", lambda: pubacks.append(1))) for _ in range(300)]
    assert sum(taken) == SHARE and len(pubacks) == inbox.held_back == 300 - SHARE and inbox.let_go == 0
    big = [inbox.put(Received("vigie/1/demo/C002/up", b"x" * 250_000, lambda: None)) for _ in range(100)]
    assert sum(big) == 32 * 1024 * 1024 // 8 // 250_000
    assert inbox.put(Received("vigie/1/demo/C003/up", b"x", lambda: None))


def test_messages_of_streams_that_are_too_many_are_held_back(wire, database):
    for k in range(40):
        wire.ingest.handle([wire.message(up([1], stream=f"{k:08x}"))])
        state = {"v": 2, "stream": f"{k + 100:08x}", "boot": 7, "state": "online", "dropped": [[4, 9]]}
        wire.ingest.handle([wire.message(state, "vigie/1/demo/C001/state")])
    assert len(wire.pubacks) == 80 and len(wire.acks) == STREAMS_A_DAY
    assert database["streams"].count_documents({}) == STREAMS_A_DAY
    assert wire.ingest.totals.surplus == 80 - STREAMS_A_DAY
    assert database["events"].find_one({"kind": "flood"})["why"] == "streams"
    wire.ingest.handle([wire.message(up([1]), "vigie/1/demo/C002/up")])
    assert wire.acked("C002") == {1}


def test_the_window_of_recent_readings_is_bounded_and_knows_values():
    recent, stream = RecentReadings(size=10), ("a", "b", "c")
    first, second = entry(1, t=1).reading, entry(1, t=2).reading
    recent.add(stream, [first])
    recent.add(stream, [second])  # the first value wins
    assert recent.unknown(stream, [first]) == [] and recent.unknown(stream, [second, first]) == [second]
    assert recent.unknown(("a", "b", "d"), [first]) == [first]
    for seq in range(100, 130):
        recent.add(stream, [entry(seq).reading])
    assert recent.unknown(stream, [first]) == [first] and not recent.unknown(stream, [entry(129).reading])
    assert sum(len(values) for part in (recent._new, recent._old) for values in part.values()) <= 20


def test_fuzzed_messages_are_stored_or_put_aside_and_never_stop_it():
    """`make prove` does the same with a million."""
    outcome = fuzz.prove_all(lambda text: None, 4000)
    assert outcome.holds, outcome.text
