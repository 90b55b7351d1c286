"""The real parts with a proxy in every wire, and what the faults need to know of them."""

from __future__ import annotations

import subprocess
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from tools.chaos.proxy import Proxies, Proxy
from tools.ntp_server import NtpServer
from tools.stack import Plan, Stack
from tools.terminal import say

TIME_SERVERS = 3


class World(Stack):
    """A stack without models and dashboard. `wires`: a proxy for each board, "backend" and "database"."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan, on_board_line=self._said, on_board_event=self._heard, on_death=self._revive)
        self.proxies = Proxies()
        self.times: list[NtpServer] = []
        self.frozen: dict[str, list[tuple[float, float]]] = defaultdict(list)  # Unix seconds, by board
        self.backend_wanted = False
        self.revived = 0  # times that the backend ended by itself and was started anew
        self.surprises: list[str] = []  # what a board did that no fault explains
        self._events = Events()

    @property
    def wires(self) -> dict[str, Proxy]:
        return self.proxies.all

    def _start(self) -> None:
        super()._start()
        self.backend_wanted = True

    def _start_broker_and_database(self) -> None:
        super()._start_broker_and_database()
        self._parts.enter_context(self.proxies)
        self.proxies.to("database", self.ports["database"])
        self.proxies.to("backend", self.broker.backend_port)
        for name in self.plan.boards:
            self.proxies.to(name, self.ports["broker"])

    def _start_mail_and_time(self) -> None:
        super()._start_mail_and_time()
        self.times = [self.ntp, *(NtpServer().start() for _ in range(TIME_SERVERS - 1))]
        for server in self.times[1:]:
            self._parts.callback(server.stop)

    def _make_models(self) -> None:
        """None: rules and Z-score judge alone, which is as good for losing readings."""

    def environment(self) -> dict[str, str]:
        here, there = str(self.ports["database"]), str(self.wires["database"].port)
        return {
            **super().environment(),
            "MQTT_PORT": str(self.wires["backend"].port),
            "MONGODB_URI": self.database.uri.replace(f":{here}/", f":{there}/"),
        }

    def board_config(self, name: str) -> dict[str, Any]:
        config = super().board_config(name)
        config["broker"]["port"] = self.wires[name].port
        config["ntp"] = [f"127.0.0.1:{server.port}" for server in self.times]
        return config

    def _revive(self, name: str) -> None:
        if name == "backend" and self.backend_wanted:
            self.revived += 1
            say(name, "ended by itself; started anew", "warning")
            threading.Thread(target=lambda: self.start_backend(wait=False), daemon=True).start()

    # What boards do

    def _said(self, name: str, line: str) -> None:
        error = line[9:10] == "E" and "flash refuses" not in line  # that is a fault of ours
        if error or line.startswith(("Safe mode", "Traceback")):
            self.surprises.append(f"{name}: {line}")

    def _heard(self, name: str, event: str) -> None:
        self._events.add(name, event)
        if event in ("watchdog", "ended", "boot hard") or event.startswith("crashed"):
            self.surprises.append(f"{name}: {event}")

    def await_event(self, name: str, begin: str, after: int, timeout: float) -> str | None:
        """The first event of board `name` that begins so, past the `after` first; None at the timeout."""
        return self._events.wait(name, begin, after, timeout)

    def events(self, name: str) -> int:
        """How many events of board `name` there were."""
        return self._events.count(name)

    def outbox(self, name: str, timeout: float = 5.0) -> tuple[int, int] | None:
        """(readings in RAM, readings on flash that are not acknowledged); None when the board is silent."""
        before = self.events(name)
        self.boards[name].tell("outbox")
        answer = self.await_event(name, "outbox ", before, timeout)
        if answer is None:
            return None
        pending, waiting = answer.split()[1:]
        return int(pending), int(waiting)


@dataclass
class Events:
    """What the boards told, to be waited for."""

    _all: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _news: threading.Condition = field(default_factory=threading.Condition)

    def add(self, name: str, event: str) -> None:
        with self._news:
            self._all[name].append(event)
            self._news.notify_all()

    def count(self, name: str) -> int:
        with self._news:
            return len(self._all[name])

    def wait(self, name: str, begin: str, after: int, timeout: float) -> str | None:
        def found() -> str | None:
            return next((event for event in self._all[name][after:] if event.startswith(begin)), None)

        with self._news:
            return self._news.wait_for(found, timeout)


def is_stopped(pid: int) -> bool:
    """Whether the process is stopped by a signal."""
    command = ["/bin/ps", "-o", "state=", "-p", str(pid)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return said.stdout.strip().startswith("T")


def until(question: Any, timeout: float) -> bool:
    """Ask every 50 ms; whether the answer became true in time."""
    deadline = time.monotonic() + timeout
    while not (answer := bool(question())) and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer
