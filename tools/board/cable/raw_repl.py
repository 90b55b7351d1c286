"""A board's REPL for programs: stops what runs, runs code, moves files. mpremote speaks the raw REPL."""

import contextlib
import io
import struct
import time
from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Callable, Iterator
from typing import Any, Self

import serial
from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

from tools.board.cable import port as ports
from tools.board.cable import screen
from tools.board.cable.port import Port
from tools.process.child import ToolFailed

PROMPT = b"raw REPL; CTRL-B to exit\r\n"
CHUNK = 1536  # bytes of a file in one command: two copies of it fit any heap
FLASH_S = 60.0  # of silence: a worn or full flash takes its time
BACK_S = 8.0  # a reset board's port may be away for so long
STOP_S = 15.0
AGAIN_S = 4.0
READ = """
from binascii import b2a_base64 as b
try:
    with open({path!r}, 'rb') as f:
        while True:
            p = f.read(768)
            if not p:
                break
            print(b(p).decode().strip())
except OSError as e:
    print('!', e.errno)
"""
NO_ANSWER = """\
{device} does not answer: could not enter the raw REPL. In this order, try:
    tap RESET, then hold BOOT for three seconds, and run this again: Vigie then leads to a REPL
    is it the right port, and does the cable carry data?
    is MicroPython on it at all? `make doctor` looks, `make flash` puts it there"""


class BoardError(ToolFailed):
    """Code that ran on the board raised; `traceback` is what it printed."""

    def __init__(self, traceback: str) -> None:
        super().__init__(
            traceback.strip().splitlines()[-1] if traceback.strip() else "the board's code failed"
        )
        self.traceback = traceback


class RawRepl:
    """An open port. `stop()` brings the board to its raw REPL; then `run`, `put`, `get` work.

    However the `with` ends, it starts a stopped board again, because the board must go on measuring.
    `stays_stopped`: do not start this one, because its files are incomplete.
    """

    def __init__(self, port: Port) -> None:
        self.port = port
        self.stays_stopped = False
        self._stopped = False
        self._transport: Any = None
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._stopped and not self.stays_stopped:
            with contextlib.suppress(ToolFailed, OSError, TransportError, serial.SerialException):
                self.pause(AGAIN_S)  # the connection may have ended in the middle of a command
                self.reset()
                if error[0]:
                    screen.tick("restarted", "the board goes on as before", "plain")
        self.close()

    def close(self) -> None:
        """Leave the REPL as a person expects it, and close the port."""
        with contextlib.suppress(OSError, TransportError, serial.SerialException):
            if self._transport.in_raw_repl:
                self._transport.exit_raw_repl()
        with contextlib.suppress(OSError, serial.SerialException):
            self._transport.close()

    def _open(self) -> None:
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                self._transport = SerialTransport(self.port.device, timeout=5)
        except (TransportError, serial.SerialException, OSError, ValueError):
            raise ToolFailed(
                ports.trouble(self.port) or f"{self.port.device} opened only now: try again"
            ) from None

    def _open_again(self) -> None:
        """After a reset: a board's own USB goes away and comes back."""
        end = time.monotonic() + BACK_S
        while True:
            try:
                with contextlib.suppress(OSError, serial.SerialException):
                    self._transport.close()
                self._open()
                return
            except ToolFailed:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    # The raw REPL

    def stop(self) -> None:
        """Stop what runs for good: no watchdog of Vigie will end the REPL. Raises ToolFailed."""
        self.pause()
        if self.run("import sys\nprint('device.app' in sys.modules)") != "True":
            return
        # Vigie ran, so its watchdog does too, and nothing but a reset ends that.
        self.reset()
        self.read_until(b"Vigie starts", 6)
        self.pause()

    def pause(self, seconds: float = STOP_S) -> None:
        """Interrupt what runs; Vigie's watchdog then waits for an hour. Raises ToolFailed."""
        end = time.monotonic() + seconds
        self._stopped = True
        while time.monotonic() < end:
            try:
                self._transport.serial.write(b"\r\x03\x03")
                time.sleep(0.1)
                self._transport.serial.write(b"\r\x01")
                if self.read_until(PROMPT, 1.5).endswith(PROMPT) and self._settled():
                    return
            except (OSError, serial.SerialException):
                self._open_again()
        raise ToolFailed(NO_ANSWER.format(device=self.port.device))

    def _settled(self) -> bool:
        """Whether exactly one prompt is left to read.

        A slow board may still send answers to earlier attempts. It answers in order, so this asks it to
        print a word now: everything before that word is old.
        """
        word = f"{time.monotonic_ns():x}"
        self._transport.serial.write(f"print({word!r}, end='')\x04".encode())
        ending = f"{word}\x04\x04".encode()
        settled = self.read_until(ending, 3).endswith(ending)
        self._transport.in_raw_repl = settled
        return settled

    def read_until(self, ending: bytes, seconds: float) -> bytes:
        """Read what the board sends until `ending`, for at most `seconds`."""
        line = self._transport.serial
        end = time.monotonic() + seconds
        data = b""
        while not data.endswith(ending) and time.monotonic() < end:
            waiting = line.in_waiting
            if waiting:
                data += line.read(1)
            else:
                time.sleep(0.005)
        return data

    def run(self, code: str, timeout: float = FLASH_S) -> str:
        """Run `code`; return what it prints. `timeout`: seconds of silence. Raises BoardError, Failed."""
        try:
            output, raised = self._transport.exec_raw(code, timeout=timeout)
        except (TransportError, serial.SerialException, OSError, struct.error) as error:
            raise ToolFailed(
                f"{self.port.device}: the connection to the board broke off ({error}): run it again"
            ) from None
        if raised:
            raise BoardError(raised.decode(errors="replace"))
        return str(output.decode(errors="replace")).strip()

    def reset(self) -> None:
        """Restart the chip; its first words can be read from now on."""
        with contextlib.suppress(TransportError, serial.SerialException, OSError):
            # Not at once: the prompt's own answer has to get through first.
            self._transport.exec_raw_no_follow("import machine, time\ntime.sleep_ms(100)\nmachine.reset()")
        self._transport.in_raw_repl = self._stopped = False
        time.sleep(0.2)
        try:
            _ = self._transport.serial.in_waiting
        except (serial.SerialException, OSError):
            self._open_again()

    def lines(self, timeout: float) -> Iterator[str | None]:
        """The console's lines as they come; None for each `timeout` seconds without one."""
        line = self._transport.serial
        rest = b""
        quiet = time.monotonic()
        while True:
            try:
                waiting = line.in_waiting
                data = line.read(min(waiting, 4096)) if waiting else b""
            except (serial.SerialException, OSError):
                self._open_again()
                line = self._transport.serial
                continue
            if not data:
                time.sleep(0.01)
                if time.monotonic() - quiet > timeout:
                    quiet = time.monotonic()
                    yield None
                continue
            quiet = time.monotonic()
            *whole, rest = (rest + data).split(b"\n")
            for text in whole:
                yield text.decode(errors="replace").rstrip("\r")

    # Files

    def put(
        self, path: str, data: bytes, progress: Callable[[int], None] | None = None, *, whole: bool = False
    ) -> None:
        """Write `data` to `path`. `whole`: a cut leaves the old file or the new one, never half of one."""
        target = path + ".new" if whole else path
        parts = [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)] or [b""]
        for number, part in enumerate(parts):  # each command is a round trip: one for a small file
            code = f"_ = f.write(a2b_base64({b64encode(part).decode()!r}))\n"
            if number == 0:
                code = f"from binascii import a2b_base64\nf = open({target!r}, 'wb')\n" + code
            if number == len(parts) - 1:
                code += "f.close()\ndel f, a2b_base64\n"
                if whole:
                    code += f"import os\nos.rename({target!r}, {path!r})\n"
            self.run(code)
            if progress:
                progress(len(part))

    def get(self, path: str) -> bytes | None:
        """The bytes of a file, or None when it is not there."""
        code = READ.format(path=path)
        output = self.run(code)
        if output.startswith("!"):
            return None
        try:
            return b"".join(a2b_base64(line) for line in output.split())
        except ValueError:
            raise BoardError(f"{path} came back garbled: is the cable loose? Try again") from None
