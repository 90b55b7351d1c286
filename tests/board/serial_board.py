"""A virtual board on a serial line: a pseudo-terminal that any program takes for a chip's USB port.

The interpreter's own REPL answers, raw and friendly. Ctrl-C becomes an interrupt, the end of the interpreter
a soft reset, machine.reset() a new process.
"""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import threading
import time
import tty
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.virtual_board import umqtt
from tools.virtual_board.virtual_board import HEAP, HERE, find_micropython

AT_PROMPT = Path(__file__).with_name("at_prompt.py")
CTRL_A, CTRL_B, CTRL_C = b"\x01", b"\x02", b"\x03"
SOFT_REBOOT = b"MPY: soft reboot\r\n"
TURN_S = 0.1


class SerialBoard:
    """`device` is the port; `flash` the folder that is the board's flash. Lives as long as the `with`."""

    def __init__(self, folder: Path, name: str = "C001") -> None:
        self.name = name
        self.flash = folder / "flash"
        self.resets = 0
        self._firmware = folder / "firmware"
        self._interpreter = find_micropython()
        self._rtc = folder / "rtc"
        self._stopping = threading.Event()
        self._raw = False
        self.flash.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self._firmware, ignore_errors=True)
        shutil.copytree(HERE / "lib", self._firmware, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(umqtt.folder() / "umqtt", self._firmware / "umqtt")

    def __enter__(self) -> Self:
        self._line, self._port = pty.openpty()
        tty.setraw(self._port)
        self.device = os.ttyname(self._port)
        self._spawn("power on")
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join(5)
        self._end()
        os.close(self._line)
        os.close(self._port)

    def _spawn(self, cause: str) -> None:
        inner, outer = pty.openpty()
        tty.setraw(outer)
        self._events, write_end = os.pipe()
        if cause != "deep sleep":
            self._rtc.write_bytes(b"")
        command = [self._interpreter, "-X", f"heapsize={HEAP}", "-i", AT_PROMPT, HERE, self.flash]
        command += [self._firmware, self._rtc, f"/dev/fd/{write_end}", cause, self.name]
        command += ["boot" if self._raw else "all"]
        self._process = subprocess.Popen(
            [str(part) for part in command],
            stdin=outer,
            stdout=outer,
            stderr=outer,
            start_new_session=True,
            pass_fds=(write_end,),
        )
        os.close(outer)
        os.close(write_end)
        self._inner = inner
        if self._raw:
            os.write(inner, CTRL_A)

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._inner)
        os.close(self._events)

    def _serve(self) -> None:
        while not self._stopping.is_set():
            ready = select.select([self._line, self._inner, self._events], [], [], TURN_S)[0]
            if self._events in ready and self._reset_asked():
                continue
            if self._line in ready:
                self._from_host(os.read(self._line, 4096))
            if self._inner in ready:
                self._from_board()

    def _reset_asked(self) -> bool:
        output = os.read(self._events, 4096)
        slept = re.search(rb"sleep (\d+)", output)
        if slept:
            self._end()
            self._stopping.wait(int(slept[1]) / 1000)
            self._spawn("deep sleep")
            return True
        if b"reset" not in output:
            if not output:
                time.sleep(TURN_S)  # it ends; _from_board will see
            return False
        self._end()
        self.resets += 1
        self._raw = False
        self._spawn("hard" if b"reset hard" in output else "soft")
        return True

    def _from_host(self, data: bytes) -> None:
        if CTRL_C in data:
            self._process.send_signal(signal.SIGINT)
            data = data.replace(CTRL_C, b"")
            time.sleep(0.02)
        if CTRL_A in data and b"\x05A\x01" not in data:
            self._raw = True
        if CTRL_B in data:
            self._raw = False
        if data:
            os.write(self._inner, data)

    def _from_board(self) -> None:
        try:
            data = os.read(self._inner, 4096)
        except OSError:
            data = b""
        if data:
            os.write(self._line, data)
            return
        if self._stopping.is_set() or self._reset_asked():
            return
        self._end()
        os.write(self._line, SOFT_REBOOT)
        self._spawn("soft")
