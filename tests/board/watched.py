"""A virtual board whose console and events can be awaited."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.virtual_board.virtual_board import VirtualBoard

CONFIG: dict[str, Any] = {
    "site": "home",
    "device": "C001",
    "key": "ab" * 32,
    "wifi": {"ssid": "net", "password": "secret"},
    "broker": {"host": "127.0.0.1", "port": 9},
    "ntp": ["127.0.0.1:9"],
    "period_ms": 200,
}


class Watched:
    """`lines`: what its console printed and its chip said, in order."""

    def __init__(self, folder: Path, config: dict[str, Any] = CONFIG, ca_der: bytes = b"") -> None:
        self.lines: list[str] = []
        self._more = threading.Condition()
        self.board = VirtualBoard(
            config["device"],
            folder,
            folder / "log",
            on_line=self._on_line,
            on_event=lambda name, event: self._on_line(name, event),
        )
        (folder / "ca.der").write_bytes(ca_der)
        self.board.install(config, folder / "ca.der")

    def _on_line(self, _: str, line: str) -> None:
        with self._more:
            self.lines.append(line)
            self._more.notify_all()

    def wait(self, text: str, seconds: float = 20, since: int = 0) -> str:
        """The first line with `text`, of those from `since` on, when it is there."""
        return self.wait_until(lambda lines: next((x for x in lines[since:] if text in x), None), seconds)

    def wait_until(self, ready: Callable[[list[str]], Any], seconds: float = 20) -> Any:
        """What `ready(lines)` answers once that is true; asked with each line, and in between, because what
        it looks at may be a file."""
        deadline = time.monotonic() + seconds
        with self._more:
            while not (answer := ready(self.lines)):
                assert time.monotonic() < deadline, "\n".join(self.lines)
                self._more.wait(0.1)
            return answer

    def reset(self) -> None:
        """As by the chip's reset button."""
        pid = self.board.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        self.wait("boot hard")

    def flash(self, name: str) -> Path:
        return self.board.flash / name

    def counted(self, starts: str) -> None:
        """So many starts have failed."""
        self.flash("boot").mkdir(exist_ok=True)
        self.flash("boot/starts").write_text(starts)
