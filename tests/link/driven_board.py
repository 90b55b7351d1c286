"""A board whose Link runs under MicroPython, for tests: commands go in, events come out."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from pathlib import Path
from typing import Any

from tools.virtual_board.virtual_board import find_micropython

HERE = Path(__file__).parent
LONGEST_STEP_MS = 1000  # of link.step(20); the promise for the whole pause between two samples is 2 s


class Board:
    """Starts at once. `expect` waits for an event, `do` sends a command; leaving the block ends it."""

    def __init__(self, folder: Path, umqtt: Path, broker: dict[str, Any], **test: Any) -> None:
        config = {
            "site": "demo",
            "device": "C001",
            "wifi": {"ssid": "home", "password": "wifi-secret"},
            "broker": {"host": "localhost", "user": "demo/C001", "password": "secret", "name": None} | broker,
            "test": test,
        }
        file = folder / "config.json"
        file.write_text(json.dumps(config))
        self.log: list[dict[str, Any]] = []
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._process = subprocess.Popen(
            [find_micropython(), "-X", "heapsize=512K", str(HERE / "driver.py"), str(file), str(umqtt)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",  # what a killed board wrote last may end inside a character
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                event = {"event": "trace", "text": line.rstrip()}
            self.log.append(event)
            self._events.put(event)
        self._events.put({"event": "gone"})

    def __enter__(self) -> Board:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """As a power cut would."""
        self._process.kill()
        self._process.wait()

    def do(self, *words: object) -> None:
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()

    def expect(self, event: str, timeout: float = 60.0, **fields: Any) -> dict[str, Any]:
        """The next such event (those before it are passed over); AssertionError with what came instead."""
        while True:
            try:
                reported = self._events.get(timeout=timeout)
            except queue.Empty:
                raise AssertionError(f"no {event} {fields}; so far: {self.log}") from None
            if reported["event"] == event and all(
                reported.get(key) == value for key, value in fields.items()
            ):
                return reported
            assert reported["event"] != "gone", f"ended before {event}: {self.log}"

    def troubles(self) -> list[str]:
        return [event["text"] for event in self.log if event["event"] == "warn"]

    def end(self) -> dict[str, Any]:
        """Quit and give the counts; every test holds the bound on one step here."""
        self.do("quit")
        end = self.expect("end")
        assert end["longest_ms"] <= LONGEST_STEP_MS, end
        return end
