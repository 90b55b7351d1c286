"""What the store is given and what it counts: readings with their verdicts, and what is quarantined."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import NamedTuple

from cloud.contract import messages
from cloud.contract.messages import Reading, Unfit, Verdict
from cloud.store import packing
from device import codes

PAYLOAD_KEPT = 4096  # bytes of a refused message that are kept


NOBODY = "?"  # in place of a board's key, where the topic names none or one that was never heard


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
    """What became of one batch."""

    kept: int = 0  # stored now, or found stored with the same values
    conflicts: int = 0  # found stored with other values: quarantined
    expired: int = 0  # below the floor of their stream
    events: int = 0
    periods: dict[str, float] = field(default_factory=dict)  # s between two readings, by device key


@dataclass
class Bucket:
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


def conflict(entry: JudgedReading) -> Quarantined:
    reason = "this seq is stored with other sensor values"
    return Quarantined(entry.site, entry.device, entry.stream, entry.reading.seq, reason, str(entry.reading))


def unfit_item(site: str, device: str, stream: str, unfit: Unfit) -> Quarantined:
    """A reading that came in a readable message but cannot be stored."""
    return Quarantined(site, device, stream, unfit.seq, unfit.reason, unfit.values)


def refused_item(topic: str, payload: bytes, reason: str) -> Quarantined:
    """A message that cannot be read as a whole. Of a large one its beginning, length and digest are kept."""
    reason = with_size(reason, payload)
    try:
        site, device, _ = messages.parse_topic(topic)
    except messages.Refused:
        return Quarantined(None, None, None, None, f"{reason}; topic {topic[:200]!r}", payload)
    return Quarantined(site, device, None, None, reason, payload)


def with_size(reason: str, payload: bytes) -> str:
    """The reason, and for a message that is not kept whole its length and digest."""
    if len(payload) <= PAYLOAD_KEPT:
        return reason
    return f"{reason} ({len(payload)} bytes, SHA-256 {hashlib.sha256(payload).hexdigest()})"
