"""No connection without a certificate that satisfies CA, name and date: told plainly, and tried again."""

from __future__ import annotations

import datetime as dt
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.link.conftest import Certificates
from tests.link.driven_board import Board
from tests.link.server import Peer, Server, message, welcome
from tools.local import pki

Start = Callable[..., Board]


def never(peer: Peer, n: int) -> None:
    raise AssertionError("a board spoke to a server that it must not trust")


def today() -> str:
    now = dt.datetime.now(dt.UTC)
    return f"{now.year}-{now.month:02}-{now.day:02}"


def refused(board: Start, server: Server, ca: Path | None = None, **broker: str) -> str:
    """What a board tells about `server`; it was refused in the handshake, and more than once."""
    with board(server.port, speed=20, broker={"ca": str(ca)} if ca else broker) as client:
        line = client.expect("warn")["text"]
        deadline = time.monotonic() + 10
        while server.connections < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        end = client.end()
    assert end["counts"]["tls errors"] >= 2
    assert end["last_error"] == line
    assert client.troubles() == [line]
    assert server.handshakes == 0
    assert not any(event["event"] == "ready" for event in client.log)
    return line


def test_another_ca_is_refused(certificates: Certificates, board: Start, tmp_path: Path) -> None:
    other = pki.ensure(tmp_path / "other", ["localhost"])
    with Server(*certificates.server, never) as server:
        refusal = refused(board, server, ca=other.ca_der)
    assert "is not signed by the CA on this board: put the right CA (DER) at broker.ca;" in refusal


def test_a_self_signed_certificate_is_refused(
    certificates: Certificates, board: Start, tmp_path: Path
) -> None:
    other = pki.ensure(tmp_path / "other", ["localhost"])
    with Server(other.server_pem, other.server_key, never) as server:
        assert "is not signed by the CA" in refused(board, server)


def test_another_host_is_refused(certificates: Certificates, board: Start) -> None:
    with Server(*certificates.make("other.example"), never) as server:
        refusal = refused(board, server)
    assert refusal.endswith("is for another host: set broker.name to the name that it carries")


def test_an_expired_certificate_is_refused(certificates: Certificates, board: Start) -> None:
    with Server(*certificates.make("localhost", -20, -1), never) as server:
        refusal = refused(board, server)
    assert refusal.endswith(f"has expired: renew it (if the date here, {today()}, is right)")


def test_a_certificate_of_tomorrow_is_refused(certificates: Certificates, board: Start) -> None:
    with Server(*certificates.make("localhost", 1, 20), never) as server:
        refusal = refused(board, server)
    assert refusal.endswith(f"is not valid yet: is the date here, {today()}, right?")


def test_a_refusal_is_reported_once_online_again(certificates: Certificates, board: Start) -> None:
    states = []

    def script(peer: Peer, n: int) -> None:
        states.append(peer.welcome())
        peer.send(message(b"now"))
        peer.hold()

    with Server(*certificates.make("localhost", -20, -1), script) as server:
        with board(server.port, speed=10) as client:
            client.expect("warn")
            server.context.load_cert_chain(*certificates.server)
            client.expect("ack", text="now")
            client.end()
    assert b"has expired: renew it" in states[0]


def test_the_name_of_the_certificate_may_differ_from_the_host(
    certificates: Certificates, board: Start
) -> None:
    names = []

    with Server(*certificates.make("broker.example"), welcome) as server:
        server.context.sni_callback = lambda wire, name, context: names.append(name)
        with board(server.port, broker={"host": "127.0.0.1", "name": "broker.example"}) as client:
            client.expect("ready")
            client.end()
    assert names == ["broker.example"]


def test_without_a_date_nobody_is_even_called(certificates: Certificates, board: Start) -> None:
    with Server(*certificates.server, welcome) as server:
        with board(server.port, dated=False, speed=30) as client:
            line = client.expect("warn")["text"]
            assert line == "no date yet, so no certificate can be verified: waiting for NTP"
            assert server.connections == 0
            client.do("date")
            client.expect("ready")
            client.end()
    assert server.connections == 1


def test_the_date_comes_before_the_call_though_one_of_an_earlier_boot_is_known(
    certificates: Certificates, board: Start
) -> None:
    with Server(*certificates.server, welcome) as server:
        with board(server.port, dated=False, earlier=True) as client:
            client.do("publish", "early")  # twenty steps of 20 ms
            assert client.expect("published")["id"] is None
            assert server.connections == 0
            client.do("date")
            client.expect("ready")
            client.end()


def test_the_date_of_an_earlier_boot_serves_where_no_new_one_comes(
    certificates: Certificates, board: Start
) -> None:
    with Server(*certificates.server, welcome) as server:
        with board(server.port, dated=False, earlier=True, speed=30) as client:
            client.expect("ready")
            assert not client.troubles()
            client.end()


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nno DER\n"])
def test_an_unusable_ca_file_is_told(
    certificates: Certificates, board: Start, tmp_path: Path, content: bytes | None
) -> None:
    ca = tmp_path / "bad.der"
    if content is not None:
        ca.write_bytes(content)
    with Server(*certificates.server, never) as server:
        with board(server.port, broker={"ca": str(ca)}) as client:
            line = client.expect("warn")["text"]
            client.end()
        assert line.startswith("cannot use broker.ca (")
        assert line.endswith("copy the broker's CA certificate, as DER, to the board")
        assert server.connections == 0


@pytest.mark.parametrize("alert", [40, 70, 112], ids=["handshake failure", "version", "unknown name"])
def test_a_broker_that_speaks_tls_but_not_with_this_board_is_told_as_that(board: Start, alert: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    wire, _ = listener.accept()
                    wire.recv(5000)
                    wire.sendall(b"\x15\x03\x03\0\2\2" + bytes([alert]))
                    wire.close()
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        with board(listener.getsockname()[1], speed=20) as client:
            assert "refuses the TLS handshake: it must speak TLS 1.2" in client.expect("warn")["text"]
            client.end()
