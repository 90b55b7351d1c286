"""What senders have in common: the mail that they take, and what can become of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from cloud.process.printable import printable

ErrorKind = Literal[
    "key",  # refused: a person has to put right key, user or password
    "sender",  # refused: MAIL_FROM is not allowed to send
    "quota",  # the plan's mails are used up
    "budget",  # our own limit of the day is
    "rate",  # too fast
    "size",  # too large
    "server",  # a problem on their side
    "network",  # nobody there
    "refused",  # this mail is not taken as it is
    "no answer",  # handed over, and then silence
    "unwritten",  # an error of ours
    "stopped",  # the backend stopped in the middle
]
NAME = "Vigie"


@dataclass(frozen=True)
class Mail:
    """One mail, ready for any sender."""

    to: tuple[str, ...]
    subject: str
    text: str
    html: str
    picture: bytes | None = None  # PNG, shown in `html` as cid:chart
    categories: tuple[str, ...] = ()  # for the sender's statistics
    tags: dict[str, str] = field(default_factory=dict)  # the same, one by one
    thread: str = ""  # mails with the same one belong together in a mail program
    data: dict[str, object] = field(default_factory=dict)  # for a template of the user's own

    def __post_init__(self) -> None:
        object.__setattr__(self, "subject", printable(self.subject))  # it stands in a header


@dataclass(frozen=True)
class Sent:
    """It was taken, but not for those in `refused`: (address, why)."""

    id: str
    refused: tuple[tuple[str, Later | Failed], ...] = ()


@dataclass(frozen=True)
class Later:
    """It was not taken; trying again can help. `after`: s, None = the usual back-off."""

    kind: ErrorKind
    reason: str
    after: float | None = None

    @property
    def for_all(self) -> bool:
        """Whether other mails would fare no better."""
        return self.kind in ("key", "sender", "quota", "rate", "network")


@dataclass(frozen=True)
class Failed:
    """It was not taken and never will be as it is."""

    kind: ErrorKind
    reason: str


@dataclass(frozen=True)
class Unknown:
    """It was handed over but no answer came: sending again could send it twice."""

    kind: ErrorKind
    reason: str


Outcome = Sent | Later | Failed | Unknown


class Sender(Protocol):
    """Anything that can hand over a mail."""

    def send(self, mail: Mail) -> Outcome:
        """One try. Never raises for what a network or the other side can do."""
