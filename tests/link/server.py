"""A TLS server that speaks just enough MQTT to do everything wrong."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

CONNECT, SUBSCRIBE, PUBLISH, PINGREQ, DISCONNECT = 0x10, 0x82, 0x30, 0xC0, 0xE0
CONNACK = b"\x20\x02\0\0"
ACK_TOPIC = b"vigie/1/demo/C001/ack"
STATE_TOPIC = b"vigie/1/demo/C001/state"
UP_TOPIC = b"vigie/1/demo/C001/up"


class Gone(Exception):
    """The board hung up."""


def length(size: int) -> bytes:
    out = bytearray()
    while size > 127:
        out.append(size & 127 | 128)
        size >>= 7
    out.append(size)
    return bytes(out)


def message(payload: bytes, topic: bytes = ACK_TOPIC, first: int = PUBLISH, packet: bytes = b"") -> bytes:
    body = len(topic).to_bytes(2, "big") + topic + packet + payload
    return bytes((first,)) + length(len(body)) + body


def puback(packet: int) -> bytes:
    return b"\x40\x02" + packet.to_bytes(2, "big")


class Peer:
    """One connection of a board; raises Gone when it ends."""

    def __init__(self, wire: ssl.SSLSocket) -> None:
        self.wire = wire
        self.chunks: list[int] = []

    def send(self, data: bytes) -> None:
        try:
            self.wire.sendall(data)
        except OSError as error:
            raise Gone from error

    def _bytes(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                chunk = self.wire.recv(size - len(data))
            except OSError as error:
                raise Gone from error
            if not chunk:
                raise Gone
            data += chunk
        return data

    def read(self) -> tuple[int, bytes]:
        """First byte and body of the next packet."""
        first = self._bytes(1)[0]
        size = shift = 0
        while True:
            byte = self._bytes(1)[0]
            size |= (byte & 127) << shift
            if byte < 128:
                return first, self._bytes(size)
            shift += 7

    def expect(self, kind: int) -> bytes:
        """The body of the next packet of a kind; PINGs before it are answered."""
        while True:
            first, body = self.read()
            if first == PINGREQ and kind != PINGREQ:
                self.send(b"\xd0\0")
                continue
            assert first & 0xF0 == kind & 0xF0, f"expected {kind:02x}, got {first:02x} {body!r}"
            return body

    def published(self) -> tuple[bytes, int, bytes]:
        """Topic, packet id and payload of the next publish (QoS 1)."""
        body = self.expect(PUBLISH)
        size = int.from_bytes(body[:2], "big")
        return body[2 : 2 + size], int.from_bytes(body[2 + size : 4 + size], "big"), body[4 + size :]

    def welcome(self) -> bytes:
        """An orderly beginning: CONNECT, SUBSCRIBE, the first `state`, whose payload is given back."""
        self.expect(CONNECT)
        self.send(CONNACK)
        self.subscribed()
        topic, packet, payload = self.published()
        assert topic == STATE_TOPIC
        self.send(puback(packet))
        return payload

    def subscribed(self) -> None:
        body = self.expect(SUBSCRIBE)
        assert body[2:] == len(ACK_TOPIC).to_bytes(2, "big") + ACK_TOPIC + b"\0"
        self.send(b"\x90\x03" + body[:2] + b"\0")

    def hold(self) -> None:
        """Answer pings until the board goes."""
        while True:
            first, _ = self.read()
            if first == PINGREQ:
                self.send(b"\xd0\0")


def welcome(peer: Peer, n: int) -> None:
    """The script of a broker with nothing to say."""
    peer.welcome()
    peer.hold()


class Server:
    """Serves each connection by `script(peer, n)` (n = 0, 1, …) in a thread. What a script asserts is raised
    again when the block is left, so that a board's misbehaviour fails the test.
    """

    def __init__(self, certificate: Path, key: Path, script: Callable[[Peer, int], None]) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self._script = script
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.connections = 0
        self.handshakes = 0
        self._failures: list[BaseException] = []
        self._open: list[ssl.SSLSocket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            try:
                wire = self.context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
            except OSError:  # it has gone already
                continue
            self._open.append(wire)
            number = self.connections
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(wire, number), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, wire: ssl.SSLSocket, number: int) -> None:
        try:
            self._greet(wire)
            self._script(Peer(wire), number)
        except Gone:
            pass
        except BaseException as error:
            self._failures.append(error)
        finally:
            wire.close()

    def _greet(self, wire: ssl.SSLSocket) -> None:
        try:
            wire.do_handshake()
        except OSError as error:
            raise Gone from error
        self.handshakes += 1

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self.listener.close()
        # Each thread closes its own. OpenSSL knows a socket by its number only: closed from here, the number
        # may be the next test's pipe by the time the thread's last alert is written to it.
        for wire in self._open:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(wire, socket.SHUT_RDWR)  # SSLSocket's would forget its TLS, in use
        for thread in self._threads[1:]:
            thread.join()
        if self._failures and kind is None:
            raise self._failures[0]
