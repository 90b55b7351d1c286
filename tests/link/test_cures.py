"""Wi-Fi that comes and goes, and the cures when nothing is heard at all."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

import pytest

from tests.link.conftest import Certificates
from tests.link.driven_board import Board
from tests.link.server import Peer, Server, welcome
from tests.link.test_lookups import Udp, answer_to

Start = Callable[..., Board]


@pytest.fixture
def server(certificates: Certificates) -> Iterator[Server]:
    with Server(*certificates.server, welcome) as running:
        yield running


def test_without_wifi_the_cause_is_told_and_its_return_noticed_at_once(server: Server, board: Start) -> None:
    with board(server.port, wifi=False, speed=300) as client:
        line = client.expect("warn")["text"]
        assert line == (
            "no Wi-Fi (no such network in reach): check wifi.ssid and wifi.password in config.json"
        )
        for _ in range(2):
            client.expect("wifi off")
            client.expect("wifi on")
        client.do("speed 10")  # the rest after the eighth failure still takes 15 to 30 s
        client.do("wifi up")
        start = time.monotonic()
        client.expect("ready")
        assert time.monotonic() - start < 5
        end = client.end()
    assert end["counts"]["radio off"] == 2
    assert server.connections == 1


def test_two_networks_are_tried_in_turn(server: Server, board: Start) -> None:
    second = {"ssid": "cellar", "password": "another"}
    with board(server.port, wifi=False, speed=300, wifi2=second) as client:
        for _ in range(2):
            client.expect("wifi on", ssid="home", password="wifi-secret")
            client.expect("wifi off")
            client.expect("wifi on", **second)
            client.expect("wifi off")
        client.expect("wifi on", ssid="home", password="wifi-secret")
        client.do("speed 10")
        client.do("wifi up")
        client.expect("ready")
        client.end()


def test_silence_switches_the_radio_and_in_the_end_resets_the_board(board: Start) -> None:
    with board(1, wifi=False, speed=200, patience_s=600) as client:
        client.expect("wifi on")
        client.expect("wifi off")
        client.expect("wifi on")
        client.expect("wifi off")
        client.expect("wifi on")
        reason = client.expect("reset", timeout=30)["reason"]
        client.end()
    assert reason.startswith("link: no Wi-Fi (no such network in reach)")


def test_a_refusing_broker_never_costs_the_radio_or_a_reset(board: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with board(port, speed=200, patience_s=60) as client:
        client.expect("wifi on")
        time.sleep(3)  # ten minutes
        end = client.end()
    assert end["counts"]["tcp errors"] >= 6
    assert not [event for event in client.log if event["event"] in ("wifi off", "reset")]
    assert 1 <= len(client.troubles()) <= 2  # once, and after ten minutes again


@pytest.mark.parametrize(
    "where",
    [
        ("link/connecting", None, "trust"),
        ("net/dns", "Lookup", "__init__"),
        ("net/dns", "Lookup", "step"),
        ("net/dns", None, "address_of"),
        ("net/dns", None, "split"),
        ("net/dns", None, "_address"),
        ("link/connecting", None, "borrow"),
        ("link/connecting", None, "Transport"),
        ("link/handshake", None, "connected"),
        ("link/handshake", None, "_secure"),
        ("link/login", None, "connect"),
        ("link/transport", "Transport", "flush"),
        ("link/login", None, "_accepted"),
        ("link/login", None, "_subscribed"),
        ("link/connecting", None, "_up"),
        ("link/link", "Link", "_watch"),
        ("link/link", "Link", "publish"),
    ],
    ids=lambda where: ".".join(filter(None, where)),
)
def test_ctrl_c_at_any_stage_leaves_a_link_that_recovers(
    where: tuple[str, str | None, str], server: Server, board: Start
) -> None:
    def answers(question: bytes, n: int) -> list[bytes]:
        return [answer_to(question)]

    host = {"host": "broker.test"}
    with (
        Udp(answers) as dns,
        board(server.port, broker=host, dns=dns.name, speed=5, interrupt=where) as client,
    ):
        client.expect("interrupted")
        end = time.monotonic() + 12  # a minute of the board's
        while not any(event["event"] == "info" and "connected" in event["text"] for event in client.log):
            assert time.monotonic() < end, client.log
            time.sleep(0.02)
        assert not any("Traceback" in event.get("text", "") for event in client.log)
        client.end()


def test_a_radio_that_dies_is_told_as_that_and_back_within_a_minute(
    certificates: Certificates, board: Start
) -> None:
    def silent_at_first(peer: Peer, n: int) -> None:
        peer.welcome()
        if n:
            peer.hold()
        else:
            peer.wire.settimeout(20)
            while peer.wire.recv(1000):
                pass  # a PINGREQ, never answered

    speed = 10
    with Server(*certificates.server, silent_at_first) as server, board(server.port, speed=speed) as client:
        client.expect("ready")
        began = time.monotonic()
        client.do("radio dies")
        assert client.expect("warn")["text"].startswith("no Wi-Fi (")
        client.expect("wifi off")
        client.expect("ready")
        assert (time.monotonic() - began) * speed < 60
        assert not any("not MQTT" in text for text in client.troubles())
        client.end()
