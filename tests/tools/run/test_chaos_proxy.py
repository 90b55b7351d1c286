"""A fault of the proxy must be the one it says, be counted, and be over when it is healed."""

import socket
import threading
import time

import pytest

from tools.run.chaos.proxy import Proxies


@pytest.fixture
def wire():
    """A proxy to a server that echoes."""
    with socket.create_server(("127.0.0.1", 0)) as server, Proxies() as proxies:

        def serve():
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=echo, args=(peer,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield proxies.to("one", server.getsockname()[1])


def echo(peer):
    with peer:
        try:
            while data := peer.recv(4096):
                peer.sendall(data)
        except OSError:
            pass


def connect(wire):
    client = socket.create_connection(("127.0.0.1", wire.port), timeout=5)
    client.sendall(b"hello")
    assert client.recv(100) == b"hello"
    return client


def silent(client, seconds=0.3):
    client.settimeout(seconds)
    try:
        client.recv(100)
    except TimeoutError:
        return True
    finally:
        client.settimeout(5)
    return False


def test_a_black_hole_holds_what_it_takes_and_lets_it_go(wire):
    with connect(wire) as client:
        wire.black_hole()
        client.sendall(b"anybody?")
        assert silent(client)
        assert wire.seen["held"] == 1
        wire.heal()
        assert client.recv(100) == b"anybody?"


def test_a_black_hole_may_forget_its_connections(wire):
    with connect(wire) as client:
        wire.black_hole()
        client.sendall(b"anybody?")
        assert silent(client)
        wire.heal(forget=True)
        with pytest.raises(ConnectionResetError):
            client.recv(100)
    connect(wire).close()


def test_a_delay_is_as_long_as_it_says(wire):
    with connect(wire) as client:
        wire.delay(0.2)
        began = time.monotonic()
        client.sendall(b"slow")
        assert client.recv(100) == b"slow"
        assert time.monotonic() - began > 0.35  # there and back
        assert wire.seen["delayed"] == 2


def test_refusing_ends_what_is_there_and_takes_nothing_new(wire):
    with connect(wire) as client:
        wire.refuse()
        with pytest.raises(ConnectionResetError):
            client.recv(100)
        with pytest.raises(ConnectionRefusedError):
            connect(wire)
    assert wire.seen["cut"] == 1
    wire.heal()
    connect(wire).close()


def test_a_cut_in_a_packet_lets_only_a_part_through(wire):
    with connect(wire) as client:
        wire.scar("cut")
        client.sendall(b"0123456789" * 100)
        received = b""
        try:
            while data := client.recv(2000):
                received += data
        except ConnectionResetError:
            pass
        assert len(received) < 1000
    assert wire.seen["cut"] == 1


@pytest.mark.parametrize(
    ("kind", "arrives"),
    [("flip", None), ("drop", b"next"), ("duplicate", b"01234567890123456789next")],
)
def test_a_change_of_bytes_happens_once(wire, kind, arrives):
    with connect(wire) as client:
        wire.scar(kind)
        client.sendall(b"0123456789")
        await_count(wire, kind)
        client.sendall(b"next")
        received = b""
        while not received.endswith(b"next"):
            received += client.recv(100)
    if kind == "flip":
        pairs = zip(received, b"0123456789next", strict=True)
        assert sum((a ^ b).bit_count() for a, b in pairs) == 1
    else:
        assert received == arrives
    assert wire.seen[kind] == 1


def await_count(wire, kind):
    deadline = time.monotonic() + 5
    while not wire.seen[kind]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
