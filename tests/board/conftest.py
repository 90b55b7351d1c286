"""A virtual board on a pseudo-terminal, and what a start needs: TLS broker, clock, a cloud that acks."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from cloud.contract.keys import ack_mac, device_key
from tests.board.serial_board import SerialBoard
from tools.board.cable.port import Port
from tools.board.cable.raw_repl import RawRepl
from tools.board.provisioning import board_settings
from tools.local import pki, ports
from tools.local.broker.broker import Broker
from tools.local.ntp_server import NtpServer
from tools.local.users import BACKEND_USER

MASTER = bytes(range(32))
PASSWORDS = {BACKEND_USER: "a-long-word", "home/C001": "another-word"}


@pytest.fixture
def serial_board(tmp_path: Path) -> Iterator[SerialBoard]:
    with SerialBoard(tmp_path / "board") as board:
        yield board


@pytest.fixture
def wire(serial_board: SerialBoard) -> Iterator[RawRepl]:
    with RawRepl(Port(serial_board.device, "virtual")) as opened:
        opened.stop()
        yield opened


@dataclass(frozen=True)
class Cloud:
    """`toml`: the settings of board home/C001, for a broker that a chip would find in the network.

    A virtual board finds it, and the clock at `ntp`, on this machine; `make provision` refuses that.
    """

    toml: Path
    environment: dict[str, str]
    ntp: str
    ca_der: bytes
    ca_pem: Path
    backend_port: int
    silent: threading.Event  # while it is set, nothing is acknowledged

    def config(self) -> dict[str, Any]:
        """config.json of that board."""
        return self.wanted().config

    def wanted(self) -> board_settings.Provision:
        """What `make provision` would write, for a virtual board."""
        made = board_settings.gather("C001", self.toml, self.environment, None)
        made.config["broker"]["host"] = "localhost"
        made.config["ntp"] = [self.ntp]
        return made

    def client(self, on_message: Callable[..., None], topic: str) -> paho.Client:
        """A client with the backend's rights, on its way to `topic`."""
        client = paho.Client(CallbackAPIVersion.VERSION2, "listener-of-test")
        client.username_pw_set(BACKEND_USER, PASSWORDS[BACKEND_USER])
        client.tls_set_context(ssl.create_default_context(cafile=str(self.ca_pem)))
        client.on_connect = lambda *_: client.subscribe(topic, 1)
        client.on_message = on_message
        client.connect("localhost", self.backend_port)
        client.loop_start()
        return client


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """The least that answers a board: what arrives on `up` is acknowledged, and forgotten."""
    made = pki.ensure(tmp_path / "pki", ["localhost", "127.0.0.1"])
    port = ports.free()
    broker = Broker(tmp_path / "broker", tmp_path / "broker.log", made, PASSWORDS, port=port)
    broker.start()
    ntp = NtpServer().start()
    client = paho.Client(CallbackAPIVersion.VERSION2, "backend-of-test")
    client.username_pw_set(BACKEND_USER, PASSWORDS[BACKEND_USER])
    client.tls_set_context(ssl.create_default_context(cafile=str(made.ca_pem)))
    client.on_connect = lambda *_: client.subscribe("vigie/1/+/+/up")
    silent = threading.Event()
    client.on_message = lambda _, __, message: None if silent.is_set() else _acknowledge(client, message)
    client.connect("localhost", broker.backend_port)
    client.loop_start()
    toml = tmp_path / "c001.toml"
    toml.write_text(
        f"""
site = "home"
period_ms = 500
[wifi]
ssid = "net"
password = "wifi-secret"
[broker]
host = "broker.test"
port = {port}
user = "home/C001"
password = "{PASSWORDS["home/C001"]}"
ca = "pki/ca.pem"
[limits]
t_max = 8.0
for_minutes = 10
"""
    )
    key = {"VIGIE_KEY": MASTER.hex()}
    where = f"127.0.0.1:{ntp.port}"
    yield Cloud(toml, key, where, made.ca_der.read_bytes(), made.ca_pem, broker.backend_port, silent)
    client.disconnect()
    client.loop_stop()
    ntp.stop()
    broker.stop()


def _acknowledge(client: paho.Client, message: paho.MQTTMessage) -> None:
    up = json.loads(message.payload)
    _, _, site, device, _ = message.topic.split("/")
    runs = [(seq, seq) for seq in up["seq"]]
    mac = ack_mac(device_key(MASTER, site, device), up["stream"], runs)
    ack = {"stream": up["stream"], "runs": runs, "mac": mac}
    client.publish(message.topic.removesuffix("up") + "ack", json.dumps(ack))
