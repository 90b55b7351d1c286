"""Watches a board start: derives six ticks, or the obstacle, from the lines of its console."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

LINE = re.compile(r"^(?P<stamp>.{8}) (?P<mark>[ !E]) (?P<area>\w+) +(?P<text>.*)$")


class StartStep(NamedTuple):
    """A tick: the line that earns it (area, first words), and the cure when it does not come."""

    name: str
    area: str
    words: str
    cure: str


STEPS = (
    StartStep("start", "boot", "Vigie", "nothing heard: `make logs` shows whether anything comes"),
    StartStep("Wi-Fi", "link", "Wi-Fi up", "check wifi.ssid and wifi.password; an ESP32 hears 2.4 GHz only"),
    StartStep(
        "clock", "clock", "set by NTP", "no NTP server answers: may this network send UDP to port 123?"
    ),
    StartStep("TLS", "link", "connected to", "check broker.host, port, user, password and ca"),
    StartStep("publish", "node", "first readings sent", "no reading was sent: `make logs` tells more"),
    StartStep(
        "ack",
        "node",
        "first readings acknowledged",
        "the cloud does not answer: is `python -m cloud run` running, on the same broker, and with the\n"
        "VIGIE_KEY that made this board's key?",
    ),
)
# What the board says (device/link/explain.py) when the broker refuses for good: a second try would not help.
REFUSED = (
    "refuses user or password",
    "does not authorize this user",
    "hangs up instead of a welcome",
    "does not let this user",
)

SAFE = """\
{}
it tries again in ten minutes. Or mend it now: `make provision` where the configuration is wrong,
`make deploy` where the code is"""


@dataclass(frozen=True)
class ConsoleLine:
    """One line of the console. `mark`: " ", "!" a warning, "E" an error; None for what is not Vigie's."""

    text: str
    stamp: str = ""
    mark: str | None = None
    area: str = ""

    @classmethod
    def parse(cls, text: str) -> ConsoleLine:
        match = LINE.match(text)
        if not match:
            return cls(text)
        return cls(match["text"], match["stamp"].strip(), match["mark"], match["area"])


@dataclass
class Start:
    """Feed it lines. `done`: the ticks' names. `trouble`: the newest warning since the last tick."""

    done: set[str] = field(default_factory=set)
    trouble: str | None = None
    ended: str | None = None  # why the board will not get further without a person
    _traceback: deque[str] = field(default_factory=lambda: deque(maxlen=20))  # since a traceback began
    _crash: str = ""

    def feed(self, text: str) -> StartStep | None:
        """The tick that this line earns."""
        line = ConsoleLine.parse(text)
        if text.startswith("Traceback"):
            self._traceback.clear()
        if text.startswith("Restart in ") and not self.ended:
            *where, self._crash = self._traceback or [""]
            self.trouble = "\n".join([f"it crashed: {self._crash}", *where])
        self._traceback.append(text)
        if line.mark in ("!", "E") and not line.text.startswith("ABNORMAL"):  # a verdict stops no start
            self.trouble = f"{line.area}: {line.text}"
            if line.area == "config" or (line.area == "link" and any(no in line.text for no in REFUSED)):
                self.ended = line.text
        if text.startswith("Safe mode"):
            why = text.partition(".")[0]
            crash = f", the last with {self._crash or 'what /last_error.txt says'}"
            self.ended = SAFE.format(f"{why}\n{self.trouble}" if "damaged" in why else why + crash)
        for step in STEPS:
            if (line.mark, line.area) == (" ", step.area) and line.text.startswith(step.words):
                self.trouble = None
                if step.name not in self.done:
                    self.done.add(step.name)
                    return step
        return None

    @property
    def complete(self) -> bool:
        return len(self.done) == len(STEPS)

    @property
    def missing(self) -> tuple[str, str]:
        """(the first tick that did not come, what to do): in the board's own words when it said something."""
        step = next(step for step in STEPS if step.name not in self.done)
        return "crash" if self.ended and self._crash else step.name, self.ended or self.trouble or step.cure
