"""Child processes that end when this process does, however that happens."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

GUARD = Path(__file__).with_name("guard.py")


class ToolFailed(Exception):
    """A tool or a part of the stack failed; `str()` tells the person at the terminal why, with the cure."""


class WrongUse(ToolFailed):
    """A command was called with arguments or settings that it cannot take; the text says what it takes."""


class Child:
    """One running command in a process group of its own, its output in `log` and, line by line, in `on_line`.

    `pid` is the command itself, so it can be killed or stopped like any process. `on_line` runs in a thread
    of this child. `on_exit` runs in the same thread once the output has ended.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        on_line: Callable[[str], None] | None = None,
        on_exit: Callable[[], None] | None = None,
        append: bool = False,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.log = log
        self.tail: deque[str] = deque(maxlen=12)
        self._on_line = on_line
        self._on_exit = on_exit
        log.parent.mkdir(parents=True, exist_ok=True)
        read_end, self._leash = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(GUARD), str(read_end), *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=None if env is None else dict(env),
                cwd=cwd,
                start_new_session=True,
                pass_fds=(read_end, *pass_fds),
            )
        except OSError:
            os.close(self._leash)
            raise
        finally:
            os.close(read_end)
        self.pid = self._process.pid
        self.exited = threading.Event()
        self._lock = threading.Lock()
        self._reader = threading.Thread(
            target=self._read, args=(log.open("ab" if append else "wb", 0),), daemon=True
        )
        self._reader.start()

    def _read(self, log: BinaryIO) -> None:
        assert self._process.stdout is not None
        with log, self._process.stdout as output:
            for raw in output:
                log.write(raw)
                line = raw.decode(errors="replace").rstrip("\r\n")
                self.tail.append(line)
                if self._on_line:
                    self._on_line(line)
        self._process.wait()
        self._let_go()
        self.exited.set()
        if self._on_exit:
            self._on_exit()

    def _let_go(self) -> None:
        with self._lock:
            if self._leash >= 0:
                os.close(self._leash)
                self._leash = -1

    @property
    def running(self) -> bool:
        return not self.exited.is_set()

    @property
    def exit_code(self) -> int | None:
        """The exit code as `subprocess` gives it (negative = signal); None while it runs."""
        return self._process.returncode if self.exited.is_set() else None

    def send(self, number: int) -> None:
        """Send a signal to the command; nothing happens when it is gone."""
        if self.running:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass

    def kill(self) -> None:
        """End the whole group at once, as a power cut would."""
        if self.running:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        self.exited.wait(5)

    def stop(self, grace: float = 8.0) -> None:
        """SIGTERM, then SIGKILL after `grace` seconds; returns when the whole group is gone."""
        self.send(signal.SIGTERM)
        self.send(signal.SIGCONT)
        if not self.exited.wait(grace):
            self.kill()
        self._let_go()  # the guard ends what the command itself may have started

    def wait_until(self, ready: Callable[[], bool], what: str, timeout: float) -> None:
        """Ask `ready` until it is true. Raises ToolFailed when the child ends first, or after `timeout` s."""
        deadline = time.monotonic() + timeout
        while not ready():
            if self.exited.wait(0.05):
                raise ToolFailed(
                    f"{self.name} ended before {what} (exit {self.exit_code})\n{self.last_words()}"
                )
            if time.monotonic() > deadline:
                raise ToolFailed(f"{self.name}: {what} took more than {timeout:.0f} s\n{self.last_words()}")

    def last_words(self) -> str:
        return "\n".join(f"    {line}" for line in self.tail) + f"\n    all of it: {self.log}"
