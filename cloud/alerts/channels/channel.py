"""What all channels have in common: the mail that they take, and the outcomes of sending it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal, Protocol

from cloud.process.printable import printable

ErrorKind = Literal[
    "key",  # refused: a person must correct key, user or password
    "sender",  # refused: MAIL_FROM is not allowed to send
    "quota",  # the mails of the plan are used up
    "budget",  # the mails of our own daily limit are used up
    "rate",  # too many mails in a short time
    "size",  # the mail is too large
    "server",  # a problem of the mail service
    "network",  # the mail service cannot be reached
    "refused",  # the service does not take this mail
    "no answer",  # the mail was handed over, but no answer came
    "unwritten",  # an error of ours while writing or sending it
    "stopped",  # the backend stopped while handing it over
]
NAME = "Vigie"
REFUSED_PAUSE = 300.0  # s until a refused key or address is tried again: a person has to act


@dataclass(frozen=True)
class Mail:
    """One mail, ready for any sender."""

    to: tuple[str, ...]
    subject: str
    text: str
    html: str
    picture: bytes | None = None  # PNG, shown in `html` as cid:chart
    categories: tuple[str, ...] = ()  # for the sender's statistics
    tags: dict[str, str] = field(default_factory=dict)  # names and values for the channel's log
    thread: str = ""  # mail programs group mails with the same thread
    data: dict[str, object] = field(default_factory=dict)  # for a template of the user's own

    def __post_init__(self) -> None:
        object.__setattr__(self, "subject", printable(self.subject))  # it becomes a header


@dataclass(frozen=True)
class Sent:
    """The service took the mail, except for the recipients in `refused`: (address, why)."""

    id: str
    refused: tuple[tuple[str, Later | Failed], ...] = ()


@dataclass(frozen=True)
class Later:
    """The service did not take the mail; trying again can help. `after`: s, None = the usual back-off."""

    kind: ErrorKind
    reason: str
    after: float | None = None

    @property
    def for_all(self) -> bool:
        """Whether other mails would fail in the same way."""
        return self.kind in ("key", "sender", "quota", "rate", "network")


@dataclass(frozen=True)
class Failed:
    """The service did not take the mail, and never will in this form."""

    kind: ErrorKind
    reason: str


@dataclass(frozen=True)
class Unknown:
    """The mail was handed over, but no answer came: another try could send it twice."""

    kind: ErrorKind
    reason: str


SendOutcome = Sent | Later | Failed | Unknown


class MailSender(Protocol):
    """Anything that can hand over a mail."""

    def send(self, mail: Mail) -> SendOutcome:
        """Try once. Raises nothing for what a network or the service can do."""


def thread_id(thread: str) -> str:
    """The message id to which all mails of one thread refer."""
    return f"<{hashlib.sha256(thread.encode()).hexdigest()[:32]}@vigie>"
