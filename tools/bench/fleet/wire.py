"""One MQTT 3.1.1 connection over TLS, small enough that a process holds thousands of them, as boards do."""

import asyncio
import ssl
from asyncio import sslproto
from collections.abc import Callable

KEEPALIVE = 300  # s
HANDSHAKE = 120.0  # s; thousands log in at once
# asyncio keeps 256 KB for each connection; a board's packets are small.
sslproto.SSLProtocol.max_size = 16 * 1024

OnMessage = Callable[[bytes], None]
Will = tuple[str, bytes]  # topic, payload


class ConnectionRefused(Exception):
    """The broker refuses this login."""


class MqttConnection(asyncio.Protocol):
    """Publishes with QoS 1; `unacked` counts what the broker has not acknowledged."""

    def __init__(self, login: tuple[str, str, str], on_message: OnMessage, will: Will | None) -> None:
        self._login, self._on_message, self._will = login, on_message, will
        self._buffer = bytearray()
        self._next = 0
        self._answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._room = asyncio.Event()
        self._room.set()
        self.unacked = 0
        self.gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        client, user, password = self._login
        flags, will = 0xC2, b""
        if self._will is not None:
            topic, payload = self._will
            flags, will = 0xEE, _text(topic) + len(payload).to_bytes(2, "big") + payload  # retained, QoS 1
        fields = _text(client) + will + _text(user) + _text(password)
        self._send(0x10, _text("MQTT") + bytes((4, flags)) + KEEPALIVE.to_bytes(2, "big") + fields)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (packet := _packet(self._buffer)) is not None:
            kind, body, end = packet
            del self._buffer[:end]
            if kind & 0xF0 == 0x40:
                self.unacked -= 1
                self._room.set()
            elif kind & 0xF0 == 0x30:
                size = int.from_bytes(body[:2], "big")
                self._on_message(body[2 + size :] if kind & 0x06 == 0 else body[4 + size :])
                if kind & 0x06:
                    self._send(0x40, body[2 + size : 4 + size])
            elif kind in (0x20, 0x90) and not self._answered.done():
                self._answered.set_result(body[-1])

    def connection_lost(self, problem: Exception | None) -> None:
        self.gone = True
        self._room.set()
        if not self._answered.done():
            self._answered.set_exception(ConnectionRefused("the broker hung up"))

    def publish(self, topic: str, payload: bytes) -> None:
        self._next = self._next % 65535 + 1
        self.unacked += 1
        self._send(0x32, _text(topic) + self._next.to_bytes(2, "big") + payload)

    async def room(self, most: int) -> None:
        """Wait until less than `most` messages are on their way."""
        while self.unacked >= most and not self.gone:
            self._room.clear()
            await self._room.wait()

    async def subscribe(self, topic: str) -> None:
        self._answered = asyncio.get_running_loop().create_future()
        self._send(0x82, b"\0\1" + _text(topic) + b"\0")
        await self._answered

    async def accepted(self) -> None:
        if code := await self._answered:
            raise ConnectionRefused(f"the broker refuses {self._login[1]}: code {code}")

    def _send(self, kind: int, body: bytes) -> None:
        size, length = len(body), bytearray()
        while True:
            size, part = size >> 7, size & 0x7F
            length.append(part | 0x80 if size else part)
            if not size:
                break
        self._transport.write(bytes((kind,)) + length + body)


async def connect(
    port: int,
    context: ssl.SSLContext,
    login: tuple[str, str, str],
    on_message: OnMessage = lambda body: None,
    will: Will | None = None,
) -> MqttConnection:
    """`login`: client id, user, password. Raises Refused, OSError."""
    loop = asyncio.get_running_loop()
    _, wire = await loop.create_connection(
        lambda: MqttConnection(login, on_message, will),
        "localhost",
        port,
        ssl=context,
        ssl_handshake_timeout=HANDSHAKE,
    )
    await wire.accepted()
    return wire


def _text(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2, "big") + data


def _packet(buffer: bytearray) -> tuple[int, bytes, int] | None:
    """(kind, body, bytes it takes) of the first packet; None while it is not whole."""
    size = shift = 0
    for place in range(1, min(len(buffer), 5)):
        size |= (buffer[place] & 0x7F) << shift
        shift += 7
        if buffer[place] < 0x80:
            end = place + 1 + size
            return (buffer[0], bytes(buffer[place + 1 : end]), end) if len(buffer) >= end else None
    return None
