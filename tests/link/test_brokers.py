"""The link on real brokers over verified TLS: passwords, restarts, the last will, the retained state."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from tests.link.conftest import Certificates
from tests.link.driven_board import Board
from tests.needed import need
from tools.local import pki
from tools.local.broker.broker import Broker

Start = Callable[..., Board]
USERS = {"backend": "backend-secret", "demo/C001": "secret"}


@pytest.fixture(params=["iotcore", "mosquitto"])
def broker(request: pytest.FixtureRequest, certificates: Certificates, tmp_path: Path) -> Iterator[Broker]:
    if request.param == "mosquitto":
        need("mosquitto")
    made = pki.Pki(certificates.folder)
    running = Broker(tmp_path / "broker", tmp_path / "broker.log", made, USERS, kind=request.param)
    running.start()
    yield running
    running.stop()


class Cloud:
    """Acknowledges each `up` as the backend does and remembers what it got."""

    def __init__(self, broker: Broker) -> None:
        self.states: list[tuple[str, bool]] = []
        self.up: list[bytes] = []
        self._news = threading.Condition()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="backend")
        self._client.username_pw_set("backend", USERS["backend"])
        self._client.tls_set(str(broker.pki.ca_pem), tls_version=ssl.PROTOCOL_TLS_CLIENT)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("vigie/1/#", 1)
        self._client.on_message = self._message
        self._client.connect("localhost", broker.backend_port)
        self._client.loop_start()

    def _message(self, client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        with self._news:
            if message.topic.endswith("/up"):
                self.up.append(message.payload)
                client.publish("vigie/1/demo/C001/ack", b"stored " + message.payload)
            elif message.topic.endswith("/state") and message.payload:
                self.states.append((json.loads(message.payload)["state"], message.retain))
            self._news.notify_all()

    def until(self, condition: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(condition, timeout=20), (self.states, self.up)

    def __enter__(self) -> Cloud:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def test_publish_and_ack_over_verified_tls(broker: Broker, board: Start, any_umqtt: Path) -> None:
    with Cloud(broker) as cloud, board(broker.port, umqtt=any_umqtt) as client:
        client.expect("ready")
        cloud.until(lambda: bool(cloud.states))
        client.do("publish grüße")
        client.expect("ack", text="stored grüße")
        client.do("flooding 300")
        client.expect("ack", text="stored flood 1")
        client.do("close")
        client.expect("closed")
        cloud.until(lambda: cloud.states[-1][0] == "offline")
        end = client.end()
    assert len(cloud.up) == 301
    assert end["counts"] == {"connects": 1, "oversize packets": 0, "strange packets": 0}


def test_a_wrong_password_is_told_and_tried_again(broker: Broker, board: Start) -> None:
    with board(broker.port, broker={"password": "wrong"}, speed=5) as client:
        line = client.expect("warn")["text"]
        assert "check broker.user" in line
        assert "broker.password" in line
        end = client.end()
    assert end["counts"]["login errors"] >= 1


def test_after_a_restart_of_the_broker_the_board_is_back_and_reads_its_acks(
    broker: Broker, board: Start, any_umqtt: Path
) -> None:
    with board(broker.port, umqtt=any_umqtt, speed=3) as client:
        client.expect("ready")
        for round_ in range(2):
            assert broker.child
            broker.child.kill()
            client.expect("down")
            broker.start()
            client.expect("ready")
            with Cloud(
                broker
            ) as early:  # the state may still be on its way, and is then not yet a retained one
                early.until(lambda early=early: "online" in dict(early.states))
            with Cloud(broker) as cloud:
                cloud.until(lambda cloud=cloud: ("online", True) in cloud.states)
                client.do("publish round", round_)
                client.expect("ack", text=f"stored round {round_}")
        assert client.end()["counts"]["connects"] == 3


def test_the_last_will_speaks_for_a_board_that_lost_power(broker: Broker, board: Start) -> None:
    with Cloud(broker) as cloud:
        with board(broker.port) as client:
            client.expect("ready")
            cloud.until(lambda: bool(cloud.states))
            client.kill()
            cloud.until(lambda: cloud.states[-1][0] == "offline")
    with Cloud(broker) as late:
        late.until(lambda: ("offline", True) in late.states)
