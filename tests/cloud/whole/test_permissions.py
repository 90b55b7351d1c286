"""What a board's credentials allow at the broker: its own five topics, each in one direction, and no more."""

import json
import secrets

import pytest

from tests.cloud.conftest import USERS, brokers_with_rules, wait_for
from tests.cloud.login import Login, logins
from tools.local.broker.broker import login
from tools.local.users import BACKEND_USER

OWN, OTHER = "vigie/1/demo/C001", "vigie/1/demo/C002"


class Client(Login):
    """Any client with any credentials."""

    def __init__(self, broker, user, *filters, will=None):
        self.granted = []
        super().__init__(broker, user, will=will, client_id=f"t-{secrets.token_hex(4)}")
        if filters:
            self.subscribe(filters)

    def on_subscribe(self, client, userdata, mid, reasons, properties):
        self.granted = [not reason.is_failure for reason in reasons]
        self.subscribed.set()

    def publish(self, topic, payload, patience=2):
        super().publish(topic, payload, patience)  # what is forbidden may have no answer


@pytest.fixture
def client(broker):
    yield from logins(Client, broker)


@brokers_with_rules
@pytest.mark.parametrize(
    "topic",
    [
        *(f"{OTHER}/{leaf}" for leaf in ("up", "state", "get", "ack", "part")),
        *(f"{OWN}/ack", f"{OWN}/part", "elsewhere"),
    ],
)
def test_a_board_cannot_publish_as_another_nor_forge_acks(client, topic):
    backend = client(BACKEND_USER, "vigie/1/#")
    backend.heard.clear()  # what is retained of other tests
    intruder = client("demo/C001")
    assert intruder.connected.wait(10)
    intruder.publish(topic, b"forged")
    intruder.close()  # one user, one session: the next one would push it off
    mark = secrets.token_bytes(8)
    honest = client("demo/C001")
    assert honest.connected.wait(10)
    for leaf in ("up", "get"):
        honest.publish(f"{OWN}/{leaf}", mark)
        wait_for(lambda leaf=leaf: (f"{OWN}/{leaf}", mark) in backend.heard, "what is allowed")
    assert not [each for each in backend.heard if each[1] == b"forged"]


@brokers_with_rules
def test_a_last_will_cannot_speak_for_another_board(client, broker):
    backend = client(BACKEND_USER, "vigie/1/#")
    backend.heard.clear()
    intruder = client("demo/C001", will=f"{OTHER}/state")
    intruder.connected.wait(2)  # some brokers refuse it at once
    intruder.client.loop_stop()
    intruder.client._sock_close()  # gone without a goodbye: now the broker would send the will
    honest = client("demo/C001", will=f"{OWN}/state")
    assert honest.connected.wait(10)
    honest.client.loop_stop()
    honest.client._sock_close()
    wait_for(lambda: (f"{OWN}/state", b"forged") in backend.heard, "one's own will")
    assert (f"{OTHER}/state", b"forged") not in backend.heard


@brokers_with_rules
@pytest.mark.parametrize(
    "watched",
    [f"{OTHER}/ack", f"{OTHER}/part", "vigie/1/demo/+/ack", "#", f"{OTHER}/up", "$share/x/vigie/1/#"],
)
def test_a_board_cannot_read_what_is_not_its_own(client, watched):
    own = client("demo/C002", watched.replace("C002", "C003"), f"{OTHER}/part", f"{OTHER}/ack")
    backend = client(BACKEND_USER)
    assert backend.connected.wait(10) and own.granted[1:] == [True, True]
    secret, mark = secrets.token_bytes(8), secrets.token_bytes(8)
    for leaf in ("ack", "part", "up"):
        backend.publish(f"vigie/1/demo/C003/{leaf}", secret)
    backend.publish(f"{OTHER}/ack", mark)
    wait_for(lambda: own.heard, "its own ack")
    later = client("demo/C003", "vigie/1/demo/C003/ack")  # a whole login later nothing can be on its way
    backend.publish("vigie/1/demo/C003/ack", mark)
    wait_for(lambda: later.heard, "the other's own ack")
    assert own.heard == [(f"{OTHER}/ack", mark)]


@brokers_with_rules
def test_without_the_right_password_there_is_no_login(broker):
    attempts = {"demo/C001": "x", "demo/C002": USERS["demo/C001"], "nobody": "x", BACKEND_USER: ""}
    for user, password in attempts.items():
        assert not login("localhost", broker.port, broker.pki.ca_pem, user=user, password=password)


@brokers_with_rules
def test_an_ack_reaches_only_the_board_it_names(backend, board, client):
    backend().wait_for_line("listening")
    c001, c002 = board("C001"), board("C002")
    c001.send([1, 2])
    wait_for(lambda: c001.acked == {1, 2}, "its ack")
    c002.send([7])
    wait_for(lambda: c002.acked == {7}, "its ack")
    assert [json.dumps(ack["runs"]) for ack in c001.acks] == ["[[1, 2]]"]
