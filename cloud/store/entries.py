"""What the store receives and counts: readings with their verdicts, and what goes into quarantine."""

import hashlib
from dataclasses import dataclass, field
from typing import NamedTuple

from cloud.contract import messages
from cloud.contract.messages import Reading, Verdict
from cloud.store import packing
from device import codes

PAYLOAD_KEPT = 4096  # bytes of a refused message that are kept
NOBODY = "?"  # in place of a board's key, when the topic names no board, or one that was never heard


class JudgedReading(NamedTuple):
    """One reading with the cloud's verdict, to be stored."""

    site: str
    device: str
    stream: str
    reading: Reading
    verdict: Verdict


class Quarantined(NamedTuple):
    """One reading or one whole message that cannot be stored, with the reason."""

    site: str | None
    device: str | None
    stream: str | None
    seq: int | None  # None = a whole message
    reason: str
    content: bytes | str


@dataclass
class Counts:
    """The outcome of storing one batch."""

    kept: int = 0  # stored now, or already stored with the same values
    conflicts: int = 0  # already stored with other values: these go into quarantine
    expired: int = 0  # below the floor of their stream
    events: int = 0
    periods: dict[str, float] = field(default_factory=dict)  # s between two readings, by device key


@dataclass
class Bucket:
    """The readings of one batch that go into one bucket; `number`: seq // 360."""

    site: str
    device: str
    stream: str
    number: int
    mask: int = codes.ABNORMAL  # the board's flag bits that count as abnormal
    readings: dict[int, JudgedReading] = field(default_factory=dict)  # by position

    def packed(self) -> dict[int, bytes]:
        return {
            position: packing.pack(entry.reading, *entry.verdict) for position, entry in self.readings.items()
        }


def refused_item(topic: str, payload: bytes, reason: str) -> Quarantined:
    """A message that is refused as a whole. Of a large one, its beginning, length and digest are kept."""
    reason = with_size(reason, payload)
    try:
        site, device, _ = messages.parse_topic(topic)
    except messages.MessageRefused:
        return Quarantined(None, None, None, None, f"{reason}; topic {topic[:200]!r}", payload)
    return Quarantined(site, device, None, None, reason, payload)


def with_size(reason: str, payload: bytes) -> str:
    """`reason`, with length and digest of a message that is too large to be kept whole."""
    if len(payload) <= PAYLOAD_KEPT:
        return reason
    return f"{reason} ({len(payload)} bytes, SHA-256 {hashlib.sha256(payload).hexdigest()})"
