"""A chip behind the bridge of a development board, reached over RFC 2217: RTS and DTR reset it as there.

Two transistors make EN low while RTS alone is asserted and BOOT low while DTR alone is. A capacitor lets EN
rise late: here, once RTS is let go. So BOOT is sampled when both lines have settled, however slow the way is.
A bare socket has no such lines: a person presses the buttons.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from serial.rfc2217 import PortManager


class Lines:
    """The serial port that the bridge is to its client, as pyserial's PortManager wants one."""

    bytesize, parity, stopbits = 8, "N", 1
    xonxoff = rtscts = break_condition = False
    cts = dsr = ri = cd = False

    def __init__(self, changed: Callable[[], None]) -> None:
        self.baudrate = 115200
        self._changed = changed
        self._dtr = self._rts = False

    @property
    def dtr(self) -> bool:
        return self._dtr

    @dtr.setter
    def dtr(self, on: bool) -> None:
        self._dtr = on
        self._changed()

    @property
    def rts(self) -> bool:
        return self._rts

    @rts.setter
    def rts(self, on: bool) -> None:
        self._rts = on
        self._changed()

    def reset_input_buffer(self) -> None:
        pass  # what was sent was sent

    def reset_output_buffer(self) -> None:
        pass


class Bench:
    """`url` is the port. `power_on(boot held)` starts the chip and gives a descriptor of its UART;
    `power_off()` ends it. Serves one client after the other, as long as the `with` lasts.
    """

    def __init__(
        self,
        power_on: Callable[[bool], int],
        power_off: Callable[[], None],
        *,
        port: int = 0,
        kind: str = "rfc2217",
        boot: bool = False,
    ) -> None:
        self.power_on, self.power_off = power_on, power_off
        self.lines = Lines(self._changed)
        self.resets = 0
        self._kind = kind
        self._uart = power_on(boot)
        self._held = False
        self._lock = threading.RLock()
        self._client: _Client | None = None
        self._ending = threading.Event()
        self._server = socket.create_server(("127.0.0.1", port))
        self.url = f"{kind}://127.0.0.1:{self._server.getsockname()[1]}"
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._accept, self._pump)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self.unplug()
        self._server.close()
        for thread in self._threads:
            thread.join(5)
        self.power_off()

    def unplug(self) -> None:
        """The cable is pulled: the client's connection ends; the next one finds the board again."""
        if self._client:
            self._client.close()

    def press_reset(self, *, boot: bool = False) -> None:
        """A finger on RESET, and one on BOOT."""
        with self._lock:
            self.power_off()
            self._uart = self.power_on(boot)

    def _changed(self) -> None:
        lines = self.lines
        with self._lock:
            if lines.rts and not lines.dtr and not self._held:
                self._held = True
                self.power_off()
                self.resets += 1
            elif self._held and not lines.rts:
                self._uart = self.power_on(lines.dtr)
                self._held = False

    def _accept(self) -> None:
        while not self._ending.is_set():
            with contextlib.suppress(OSError):  # unplugged, or in the middle of a reset
                if not select.select([self._server], [], [], 0.1)[0]:
                    continue
                connection = self._server.accept()[0]
                self._client = client = _Client(connection, self.lines if self._kind == "rfc2217" else None)
                for data in client.data():
                    with self._lock:
                        if not self._held:
                            os.write(self._uart, data)
                client.close()

    def _pump(self) -> None:
        """From the chip to whoever listens; nobody: it is lost, as on a wire."""
        while not self._ending.is_set():
            with self._lock:
                data = b""
                with contextlib.suppress(OSError, ValueError):  # it is just being reset
                    if not self._held and select.select([self._uart], [], [], 0)[0]:
                        data = os.read(self._uart, 4096)
            if not data:
                time.sleep(0.002)
            elif self._client:
                with contextlib.suppress(OSError):
                    self._client.send(data)


class _Client:
    """Whoever opened the port; without `lines` the bytes travel as they are."""

    def __init__(self, connection: socket.socket, lines: Lines | None) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = connection
        self._lock = threading.Lock()
        self._manager = PortManager(lines, self) if lines else None

    def write(self, data: bytes) -> None:
        """What PortManager has to say."""
        with self._lock:
            self._connection.sendall(data)

    def send(self, data: bytes) -> None:
        self.write(b"".join(self._manager.escape(data)) if self._manager else data)

    def data(self) -> Iterator[bytes]:
        while received := self._connection.recv(4096):
            plain = b"".join(self._manager.filter(received)) if self._manager else received
            if plain:
                yield plain

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()
