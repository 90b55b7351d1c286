"""`make repl` and `make logs`, whatever kind of PORT there is: a tty, a bare socket, RFC 2217."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
import serial
from serial.rfc2217 import PortManager

from tests.board.serial_board import SerialBoard
from tools.board.cable.port import Port
from tools.board.cable.raw_repl import RawRepl

ROOT = __file__.rpartition("/tests/")[0]


class _Tty(serial.Serial):
    """A pseudo-terminal has no modem lines."""

    cts = dsr = ri = cd = False

    def _update_dtr_state(self) -> None:
        pass

    def _update_rts_state(self) -> None:
        pass


class _Line:
    """One client of the bridge; for PortManager, what writes to it."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire

    def write(self, data: bytes) -> None:
        self._wire.sendall(data)


def _serve(listener: socket.socket, device: str, rfc2217: bool) -> None:
    while True:
        try:
            wire, _ = listener.accept()
        except OSError:
            return
        with wire, _Tty(device, timeout=0) as line:
            manager = PortManager(line, _Line(wire)) if rfc2217 else None
            with contextlib.suppress(OSError):
                while True:
                    for ready in select.select([wire, line.fileno()], [], [])[0]:
                        if ready is wire:
                            data = wire.recv(1024)
                            if not data:
                                raise ConnectionError
                            line.write(b"".join(manager.filter(data)) if manager else data)
                        else:
                            data = line.read(1024)
                            wire.sendall(b"".join(manager.escape(data)) if manager else data)


@pytest.fixture(params=["tty", "socket", "rfc2217"])
def port(request: pytest.FixtureRequest, serial_board: SerialBoard) -> Iterator[str]:
    if request.param == "tty":
        yield serial_board.device
        return
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serve = (listener, serial_board.device, request.param == "rfc2217")
        threading.Thread(target=_serve, args=serve, daemon=True).start()
        yield f"{request.param}://127.0.0.1:{listener.getsockname()[1]}"


def test_the_prompt_answers_and_the_terminal_can_be_left(port: str) -> None:
    keys, screen = pty.openpty()
    command = [sys.executable, "-m", "tools", "repl", "--port", port]
    with subprocess.Popen(command, stdin=screen, stdout=screen, stderr=screen, cwd=ROOT) as terminal:
        os.close(screen)
        output = b""

        def until(text: bytes, seconds: float = 40) -> None:
            nonlocal output
            end = time.monotonic() + seconds
            while text not in output:
                assert time.monotonic() < end, output
                if select.select([keys], [], [], 0.2)[0]:
                    try:
                        output += os.read(keys, 1024)
                    except OSError:
                        raise AssertionError(f"it ended: {output!r}") from None

        try:
            until(b"Ctrl-] leaves")
            os.write(keys, b"print(6*7)\r")  # the board reads it once its prompt is there
            until(b"42")
            os.write(keys, b"\x1d")
            assert terminal.wait(15) == 0
        finally:
            terminal.kill()
            os.close(keys)


def test_logs_says_something_within_five_seconds_although_the_board_is_quiet(
    port: str, serial_board: SerialBoard
) -> None:
    with RawRepl(Port(serial_board.device, "virtual")) as opened:
        opened.stop()  # it has said all that it says at a start
    command = [sys.executable, "-m", "tools", "logs", "--port", port, "--seconds", "4.5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "a board that is well says one line a minute" in done.stdout, done
