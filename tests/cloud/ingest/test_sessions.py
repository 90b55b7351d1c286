"""A session at the broker belongs to the user that made it: nobody can take it, nor hear what waits in it."""

import re
import secrets

import pytest

from cloud.read.reader import Reader
from cloud.store.database import client_id as own_id
from tests.cloud.conftest import USERS, brokers_with_rules, wait_for
from tests.cloud.login import Login, logins
from tests.needed import need
from tools.local import pki
from tools.local import users as rights
from tools.local.broker.broker import Broker
from tools.local.users import BACKEND_USER

OTHERS = "vigie/1/+/+/up"


class Client(Login):
    """A login with a persistent session, under any client id. `payloads`: what it heard."""

    def __init__(self, broker, user, client_id, *filters, port=None):
        self.lost = []
        self.resumed = self.inside = False
        super().__init__(
            broker, user, port=port, client_id=client_id, clean_session=False, reconnect_on_failure=False
        )
        assert self.connected.wait(10)
        if filters:
            self.subscribe(filters)

    @property
    def payloads(self):
        return [payload for _, payload in self.heard]

    def on_connect(self, client, userdata, flags, reason, properties):
        self.inside, self.resumed = not reason.is_failure, flags.session_present
        self.connected.set()

    def on_disconnect(self, *reason):
        self.lost.append(reason)


@pytest.fixture
def client(broker):
    yield from logins(Client, broker)


@brokers_with_rules
def test_a_board_cannot_push_the_backend_off_by_its_client_id(
    backend, board, client, environment, broker, database
):
    running = backend("ingest")
    running.wait_for_line("listening")
    for port in {broker.port, broker.backend_port}:
        for _ in range(3):
            client("demo/C001", own_id(database, environment["MQTT_CLIENT_ID"]), port=port).close()
    c002 = board("C002")
    c002.send([1])
    wait_for(lambda: c002.acked == {1}, "its ack")
    assert running.stop() == 0
    assert not [line for line in running.lines if "gone" in line]


def test_the_backends_client_id_cannot_be_guessed_and_stays(database):
    first, second = own_id(database, "vigie-a"), own_id(database, "vigie-b")
    assert re.fullmatch("vigie-a-[0-9a-f]{16}", first) and first[-16:] != second[-16:]
    assert own_id(database, "vigie-a") == first


@brokers_with_rules
def test_two_processes_under_one_client_id_are_told_why_they_push_each_other_off(backend):
    workers = [backend("ingest"), backend("ingest")]
    for worker in workers:
        worker.wait_for_line("does another process use this MQTT_CLIENT_ID")


@brokers_with_rules
def test_what_waits_for_an_absent_backend_is_delivered_to_nobody_else(
    backend, board, client, environment, database
):
    first = backend("ingest")
    first.wait_for_line("listening")
    first.stop()
    c002 = board("C002")
    c002.send([1, 2])
    intruder = client("demo/C001", own_id(database, environment["MQTT_CLIENT_ID"]), "vigie/1/demo/C001/ack")
    c002.send([3])
    later = client("demo/C001", "elsewhere", "vigie/1/demo/C001/ack")  # a login later nothing is on its way
    assert intruder.payloads == [] and later.payloads == []
    backend("ingest").wait_for_line("listening")
    stored = lambda: sorted(Reader(database).readings("demo", "C002").seq.tolist())  # noqa: E731
    wait_for(lambda: stored() == [1, 2, 3], "what waited")


@brokers_with_rules
def test_a_board_cannot_push_another_board_off(client):
    name = f"vigie-demo-{secrets.token_hex(4)}"
    c002 = client("demo/C002", name, "vigie/1/demo/C002/ack")
    intruder = client("demo/C001", name, "vigie/1/demo/C001/ack")
    sender = client(BACKEND_USER, secrets.token_hex(8))
    sender.publish("vigie/1/demo/C002/ack", b"for C002")
    wait_for(lambda: c002.payloads == [b"for C002"], "its message")
    assert not c002.lost and intruder.payloads == []


@brokers_with_rules
def test_several_workers_of_the_backend_keep_their_sessions(client):
    names = [secrets.token_hex(8) for _ in range(3)]
    workers = [client(BACKEND_USER, name, OTHERS) for name in names]
    client("demo/C001", "any").publish("vigie/1/demo/C001/up", b"one")
    wait_for(lambda: all(worker.payloads == [b"one"] for worker in workers), "it in each session")
    assert not any(worker.lost for worker in workers)
    for worker in workers:
        worker.close()
    client("demo/C002", "any").publish("vigie/1/demo/C002/up", b"two")
    again = [client(BACKEND_USER, name) for name in names]
    wait_for(lambda: all(worker.payloads == [b"two"] for worker in again), "what waited for each")
    assert all(worker.resumed for worker in again)


@pytest.mark.parametrize("kind", ["mosquitto", "hivemq"])
def test_a_right_that_was_taken_away_ends_what_an_earlier_session_subscribed(kind, tmp_path, monkeypatch):
    need(kind)
    made = pki.ensure(tmp_path / "pki")
    rules = rights.acl
    monkeypatch.setattr(
        rights, "acl", lambda users: rules(users) + "user demo/C001\ntopic read vigie/1/demo/C002/up\n"
    )
    broker = Broker(tmp_path / "broker", tmp_path / "log", made, USERS, kind=kind)
    broker.start()
    try:
        before = Client(broker, "demo/C001", "any", "vigie/1/demo/C002/up", "vigie/1/demo/C001/ack")
        sender = Client(broker, "demo/C002", "any")
        sender.publish("vigie/1/demo/C002/up", b"allowed then")
        wait_for(lambda: before.payloads == [b"allowed then"], "what it may hear")
        before.close()
        sender.publish("vigie/1/demo/C002/up", b"waiting")
        sender.close()
        broker.stop()
        monkeypatch.setattr(rights, "acl", rules)
        broker.start()
        after = Client(broker, "demo/C001", "any")
        sender = Client(broker, "demo/C002", "any")
        sender.publish("vigie/1/demo/C002/up", b"secret")
        backend = Client(broker, BACKEND_USER, "any")
        backend.publish("vigie/1/demo/C001/ack", b"its own")
        wait_for(lambda: b"its own" in after.payloads, "its own ack")
        assert after.resumed and after.payloads == [b"its own"]
        for each in (after, sender, backend):
            each.close()
    finally:
        broker.stop()
