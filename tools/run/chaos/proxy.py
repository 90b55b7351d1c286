"""TCP proxies that fail as networks do: black holes, delays, connections cut in a packet, changed bytes.

    with Proxies() as proxies:
        wire = proxies.to("C001", 8883)
        wire.cut()

Each proxy is used from any thread; all of them run in one thread with an asyncio loop.
"""

import asyncio
import random as randoms
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Self

CHUNK = 4096
EARS_TIMEOUT = 10.0


class Proxy:
    """Listens on `port` and relays to `target`, both on loopback.

    `seen` counts the effects: chunks "held" or "delayed", connections "cut", and the scars (see `scar`).
    """

    def __init__(self, name: str, target: int, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self.name, self.target = name, target
        self.seen: Counter[str] = Counter()
        self._run = run
        self._random = randoms.Random(name)
        self._delay = 0.0
        self._scar: str | None = None
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self._open = asyncio.Event()
        self._open.set()
        run(self._listen())

    def carries(self) -> bool:
        """Whether a connection is open that a fault can harm."""
        return bool(self._pairs)

    # Faults

    def black_hole(self) -> None:
        """Let nothing through, and refuse nothing."""
        self._run(self._set(self._open.clear))

    def delay(self, seconds: float) -> None:
        """Deliver each chunk `seconds` late."""
        self._delay = seconds

    def refuse(self) -> None:
        """End all connections and stop listening."""
        self._run(self._refuse())

    def scar(self, kind: str) -> None:
        """Harm the next chunk: "cut" (and its connection), "flip", "drop" or "duplicate"."""
        self._scar = kind

    def heal(self, *, forget: bool = False) -> None:
        """Relay everything again; `forget`: connections that were there are cut, as by a restarted router."""
        self._run(self._heal(forget))

    # In the loop

    async def _set(self, change: Callable[[], None]) -> None:
        change()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=CHUNK)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _refuse(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        self._abort()

    async def _heal(self, forget: bool) -> None:
        if self._server is None:
            await self._listen()
        if forget:
            self._abort()
        self._delay, self._scar = 0.0, None
        self._open.set()

    def _abort(self) -> None:
        for pair in self._pairs:
            self.seen["cut"] += 1
            for writer in pair:
                reset(writer)

    async def close(self) -> None:
        """End the proxy for good; runs in the loop."""
        await self._refuse()
        self._open.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, on = await asyncio.open_connection("127.0.0.1", self.target, limit=CHUNK)
        except OSError:
            reset(writer)
            return
        pair = (writer, on)
        self._pairs.add(pair)
        try:
            await asyncio.gather(self._relay(reader, on, pair), self._relay(there, writer, pair))
        finally:
            self._pairs.discard(pair)
            for end in pair:
                reset(end)

    async def _relay(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        pair: tuple[asyncio.StreamWriter, ...],
    ) -> None:
        try:
            while data := await reader.read(CHUNK):
                if not self._open.is_set():
                    self.seen["held"] += 1
                    await self._open.wait()
                if self._delay:
                    self.seen["delayed"] += 1
                    await asyncio.sleep(self._delay)
                kind, self._scar = self._scar, None
                writer.write(self._scarred(kind, data))
                await writer.drain()
                if kind == "cut":
                    break
            else:
                writer.write_eof()
                return
        except OSError:
            pass  # one end is gone: so is the other
        for end in pair:
            reset(end)

    def _scarred(self, kind: str | None, data: bytes) -> bytes:
        if kind is None:
            return data
        self.seen[kind] += 1
        at = self._random.randrange(len(data))
        return {
            "cut": data[:at],
            "flip": data[:at] + bytes((data[at] ^ 1 << self._random.randrange(8),)) + data[at + 1 :],
            "drop": b"",
            "duplicate": data + data,
        }[kind]


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection as a crash or a firewall does: with RST, not with a goodbye."""
    if not writer.transport.is_closing():
        wire = writer.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Proxies:
    """The thread in which the proxies live."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self.all: dict[str, Proxy] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        for proxy in self.all.values():
            self._run(proxy.close())
        self._run(self._finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _finish(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def to(self, name: str, target: int) -> Proxy:
        """A new proxy to the port `target`."""
        self.all[name] = proxy = Proxy(name, target, self._run)
        return proxy

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(EARS_TIMEOUT)
