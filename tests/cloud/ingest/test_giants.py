"""A message that no board would send, by its size: refused before it takes room, and nothing stops."""

import pytest

from cloud import doctor
from cloud.contract.messages import MAX_BYTES
from cloud.ingest.worker import Inbox, received
from cloud.read.reader import Reader
from tests.cloud.conftest import USERS, wait_for
from tests.needed import need
from tools.local import pki
from tools.local.broker.broker import Broker
from tools.process.files import private_write

INBOX = 32 * 1024 * 1024  # bytes; one message more than fits into it stopped a backend for good


class Limitless(Broker):
    """mosquitto as somebody else runs it: packets of any size."""

    def _configure_mosquitto(self):
        command = super()._configure_mosquitto()
        config = self.folder / "mosquitto.conf"
        limits = ("max_packet_size", "max_inflight_bytes", "max_queued_bytes")
        lines = [line for line in config.read_text().splitlines() if not line.startswith(limits)]
        private_write(config, "\n".join(lines) + "\n")
        return command


@pytest.fixture
def broker(tmp_path):
    need("mosquitto")
    made = Limitless(
        tmp_path / "broker",
        tmp_path / "log",
        pki.ensure(tmp_path / "pki"),
        USERS,
        kind="mosquitto",
    )
    made.start()
    yield made
    made.stop()


def test_what_is_too_large_is_cut_before_it_is_queued():
    inbox = Inbox(messages=1, size=4096)
    acknowledged = []
    assert inbox.put(received("vigie/1/demo/C001/up", b"x" * (MAX_BYTES + 1), lambda: acknowledged.append(1)))
    (note,) = inbox.take(0.01)
    assert note.payload == b"x" * 4096 and f"{MAX_BYTES + 1} bytes, SHA-256" in note.refused
    note.puback()
    assert acknowledged == [1]
    assert received("vigie/1/demo/C001/up", b"x" * MAX_BYTES, lambda: None).refused == ""
    long = received("vigie/1/demo/C001/" + "u" * 60_000, b"x", lambda: None)
    assert len(long.topic) == 128 and "a topic of 60018 characters" in long.refused


@pytest.mark.parametrize("leaf", ["up", "state"])
def test_a_message_larger_than_the_whole_inbox_silences_nobody(backend, board, database, leaf):
    running = backend("ingest")
    running.wait_for_line("listening")
    c001, c002 = board("C001"), board("C002")
    c001.publish(b"x" * (INBOX + 1), leaf)
    c001.publish(b"y" * (MAX_BYTES + 1), leaf)
    c001.send([1])
    c002.send([1, 2])
    wait_for(lambda: c001.acked == {1} and c002.acked == {1, 2}, "the acks of both boards")
    notes = list(database["quarantine"].find().sort("at", 1))
    assert [(note["site"], note["device"]) for note in notes] == [("demo", "C001")] * 2
    assert f"at most {MAX_BYTES} bytes are read ({INBOX + 1} bytes, SHA-256 " in notes[0]["reason"]
    assert all(len(note["content"]) == 4096 for note in notes)
    assert running.stop() == 0
    assert not [line for line in running.lines if "gone" in line or "Traceback" in line]


def test_the_doctor_says_that_the_broker_has_no_limit(environment):
    (finding,) = [each for each in doctor.examine(environment, None, ["broker"]) if each.name == "packets"]
    assert finding.kind == "warn" and "limit them to 263168 bytes" in finding.text
    assert "1048576 bytes passed, and the broker names no limit" in finding.text


def test_a_backend_that_starts_before_a_queue_of_giants_works_through_it(backend, board, database, broker):
    first = backend("ingest")
    first.wait_for_line("listening")
    first.kill()
    c001, c002 = board("C001"), board("C002")
    for _ in range(3):
        c001.publish(b"x" * (INBOX // 2))
    c002.send([1, 2])
    broker.stop()
    broker.start()
    second = backend("ingest")
    wait_for(lambda: database["quarantine"].count_documents({}) == 3, "three notes", 60)
    wait_for(c002.is_connected, "the board, back after the broker's restart")
    c002.send([3])
    wait_for(lambda: 3 in c002.acked, "its ack", 30)
    assert sorted(Reader(database).readings("demo", "C002").seq.tolist()) == [1, 2, 3]
    second.kill()
    third = backend("ingest")
    third.wait_for_line("listening")
    c002.send([4])
    wait_for(lambda: 4 in c002.acked, "the ack after one more start")
    assert database["quarantine"].count_documents({}) == 3  # they had their PUBACK
