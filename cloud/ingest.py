"""Ingest: what boards send is judged, stored and acknowledged, in micro-batches, by one worker or many.

What is promised to whom, and when:
- a board hears `ack` only for readings that a majority-committed, journaled write has stored (or put into
  quarantine);
- the broker hears PUBACK only after that too, so that what a killed worker had in hand comes again;
- while the database is slow the network thread waits, and so the broker; while it is away nothing is
  acknowledged; what does not fit into the bounded inbox is let go without a PUBACK, and fetched anew by a
  reconnect once the database is back. The board keeps it all the while.

The network lives in a thread of paho's; it only puts messages into the inbox. Should it end, the process
ends.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from pymongo.errors import ConnectionFailure, PyMongoError

from cloud import contract, keys
from cloud.contract import Message, Reading, Refused
from cloud.failure import brief
from cloud.rescore import Rescorer
from cloud.seen import Seen
from cloud.store import PAYLOAD_KEPT, Entry, Quarantined, Store, refused_item, unfit_item, with_size

log = logging.getLogger("ingest")

BATCH = 40  # messages; HiveMQ keeps at most 50 unacknowledged ones on the way
LINGER = 0.25  # s that a message may wait for others
HOLD = 5.0  # s that the network may be held up for want of room; well below the keep-alive
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0  # s between two tries while the database is away
TRIES_TOGETHER = 3  # then, if the database does answer, each message is tried alone
COMPLAINTS = 20  # lines about bad messages in that time
LONGEST_TOPIC = 128  # characters; the longest of the contract has 82
REPORT = 60.0  # s between two lines that say how much was stored


@dataclass(frozen=True)
class Received:
    """One message as the broker gave it. `puback` tells the broker that it need not come again.

    `refused`: why it is not looked into; of its topic and payload only the beginning is here then.
    """

    topic: str
    payload: bytes
    puback: Callable[[], None] = field(repr=False)
    refused: str = ""


def received(topic: str, payload: bytes, puback: Callable[[], None]) -> Received:
    """A message as it may be queued: what is too large is cut here, before it takes anybody's room."""
    if len(payload) <= contract.MAX_BYTES and len(topic) <= LONGEST_TOPIC:
        return Received(topic, payload, puback)
    if len(topic) > LONGEST_TOPIC:
        reason = f"a topic of {len(topic)} characters: at most {LONGEST_TOPIC} are read"
    else:
        reason = f"at most {contract.MAX_BYTES} bytes are read"
    begin = bytes(payload[:PAYLOAD_KEPT])
    return Received(topic[:LONGEST_TOPIC], begin, puback, with_size(reason, payload))


class Inbox:
    """What was received and not yet worked on: bounded in messages and in bytes."""

    def __init__(self, messages: int = 2000, size: int = 32 * 1024 * 1024) -> None:
        self._waiting: deque[Received] = deque()
        self._messages, self._room = messages, size
        self._changed = threading.Condition()
        self.let_go = 0  # messages that found no room

    def put(self, received: Received, patience: float = 0.0) -> bool:
        """False when there is no room for `patience` s: the message is let go and never acknowledged."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._fits(received), patience):
                self.let_go += 1
                return False
            self._waiting.append(received)
            self._room -= len(received.payload)
            if len(self._waiting) in (1, BATCH):  # what `take` waits for
                self._changed.notify_all()
        return True

    def take(self, patience: float) -> list[Received]:
        """Up to BATCH messages; waits `patience` for the first and LINGER for the rest. [] when none came."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting, patience):
                return []
            self._changed.wait_for(lambda: len(self._waiting) >= BATCH, LINGER)
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            self._room += sum(len(received.payload) for received in batch)
            self._changed.notify_all()
        return batch

    def __len__(self) -> int:
        return len(self._waiting)

    def _fits(self, received: Received) -> bool:
        return len(self._waiting) < self._messages and len(received.payload) <= self._room


@dataclass
class Totals:
    """What this worker has done since its start."""

    messages: int = 0
    readings: int = 0  # kept: stored now or found stored
    repeats: int = 0  # known from the window of what was stored lately
    conflicts: int = 0
    expired: int = 0
    unfit: int = 0
    refused: int = 0
    acks: int = 0
    retries: int = 0
    received_bytes: int = 0  # payloads and topics
    sent_bytes: int = 0


class Ingest:
    """One worker. `publish` sends an ack (topic, payload) without waiting for anything."""

    def __init__(
        self,
        inbox: Inbox,
        store: Store,
        rescorer: Rescorer,
        key: bytes,
        publish: Callable[[str, bytes], None],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.inbox = inbox
        self.totals = Totals()
        self._store = store
        self._rescorer = rescorer
        self._key = key
        self._publish = publish
        self._clock = clock
        self._seen = Seen()
        self._device_keys: dict[tuple[str, str], bytes] = {}
        self._complaints = 0
        self._online: dict[tuple[str, str], tuple[str, int]] = {}
        self._busy_since: float | None = None

    @property
    def boards(self) -> int:
        """How many different boards were heard."""
        return len(self._device_keys)

    def busy(self) -> float:
        """For how many seconds the batch in hand has been worked on; 0 = none is."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def run(self, stop: threading.Event, caught_up: Callable[[], None] = lambda: None) -> None:
        """Work until `stop`. `caught_up` is called when messages were let go and there is room again."""
        let_go = 0
        report = time.monotonic() + REPORT
        reported = 0
        while not stop.is_set():
            batch = self.inbox.take(patience=0.5)
            if batch:
                self._busy_since = time.monotonic()
                self.settle(batch, stop)
                self._busy_since = None
            elif self.inbox.let_go > let_go:
                log.info(
                    "%d messages found no room meanwhile: asking for them again", self.inbox.let_go - let_go
                )
                let_go = self.inbox.let_go
                caught_up()
            if time.monotonic() >= report:
                report = time.monotonic() + REPORT
                self._complaints = 0
                if self.totals.readings > reported:
                    log.info("%d readings stored (%s)", self.totals.readings - reported, self._report())
                    reported = self.totals.readings

    def settle(self, batch: list[Received], stop: threading.Event) -> None:
        """Bring a batch to its end, however long the database is away; give up only when `stop` is set."""
        pause = FIRST_PAUSE
        tries = 0
        while not stop.is_set():
            try:
                if tries >= TRIES_TOGETHER and self._store.answers():
                    self._one_by_one(batch)
                else:
                    self.handle(batch)
            except PyMongoError as problem:
                tries += 1
                self.totals.retries += 1
                log.warning(
                    "the database did not store %d messages (%s), next try in %.1f s",
                    len(batch),
                    brief(problem),
                    pause,
                )
                stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            except Exception:  # whatever a message may hold, it must not stop the others
                log.exception(
                    "a batch of %d messages could not be worked on, each is tried alone", len(batch)
                )
                tries = TRIES_TOGETHER
            else:
                if tries:
                    log.info("the database stores again")
                return

    def handle(self, batch: Iterable[Received]) -> None:
        """Decode, judge, store, acknowledge. May be repeated. Raises PyMongoError when it was not stored."""
        batch = list(batch)
        aside: list[Quarantined] = []
        messages: list[Message] = []
        for received in batch:
            try:
                message = self._decode(received)
            except Refused as reason:
                aside.append(refused_item(received.topic, received.payload, str(reason)))
                self._complain(f"{printable(received.topic)} refused: {reason}")
                continue
            if message is not None:
                messages.append(message)
        refused = len(aside)
        for message in messages:
            aside += [
                unfit_item(message.site, message.device, message.stream, unfit) for unfit in message.unfit
            ]
            for unfit in message.unfit[:1]:
                who = f"{message.site}/{message.device} seq {unfit.seq}"
                self._complain(f"{who} put aside: {unfit.reason}")
        new = [
            (message, self._seen.unknown((message.site, message.device, message.stream), message.readings))
            for message in messages
        ]
        if aside:
            self._store.quarantine(aside)
        judged = self._judged(new)
        counts = self._store.write(judged)
        for message, readings in new:
            self._seen.add((message.site, message.device, message.stream), readings)

        totals = self.totals
        totals.messages += len(batch)
        totals.received_bytes += sum(len(received.topic) + len(received.payload) for received in batch)
        totals.readings += counts.kept
        totals.repeats += sum(len(message.readings) for message in messages) - len(judged)
        totals.conflicts += counts.conflicts
        totals.expired += counts.expired
        totals.unfit += len(aside) - refused
        totals.refused += refused
        self._acknowledge(messages)
        for received in batch:
            received.puback()

    def _decode(self, received: Received) -> Message | None:
        """An `up` message, or None when it was a `state`, which is kept at once."""
        if received.refused:
            raise Refused(received.refused)
        site, device, leaf = contract.parse_topic(received.topic)
        if leaf == "up":
            return contract.decode_up(site, device, received.payload, self._clock())
        if not received.payload:
            return None  # a retained state was cleared
        state = contract.decode_state(received.payload)
        self._store.state(site, device, state)
        if state.dropped:  # the cloud knows now that these will never come: the board may stop telling
            self._send_acks(site, device, state.stream, contract.merge_runs(state.dropped))
        if self._online.get((site, device)) != (state.state, state.boot):
            self._online[site, device] = (state.state, state.boot)
            log.info(
                "%s/%s %s (boot %d, model %s)", site, device, state.state, state.boot, state.model or "none"
            )
        return None

    def _judged(self, new: list[tuple[Message, Sequence[Reading]]]) -> list[Entry]:
        verdicts = iter(self._rescorer.verdicts([reading for _, readings in new for reading in readings]))
        return [
            Entry(message.site, message.device, message.stream, reading, verdict)
            for message, readings in new
            for reading, verdict in zip(readings, verdicts, strict=False)
        ]

    def _acknowledge(self, messages: Iterable[Message]) -> None:
        """Name exactly the seqs that these messages carried; all of them are written by now."""
        seqs: dict[tuple[str, str, str], set[int]] = defaultdict(set)
        for message in messages:
            key = (message.site, message.device, message.stream)
            seqs[key].update(reading.seq for reading in message.readings)
            seqs[key].update(unfit.seq for unfit in message.unfit)
        for (site, device, stream), found in seqs.items():
            self._send_acks(site, device, stream, contract.runs_of(found))

    def _send_acks(self, site: str, device: str, stream: str, runs: list[tuple[int, int]]) -> None:
        key = self._device_keys.get((site, device))
        if key is None:
            if len(self._device_keys) > 100_000:  # made-up names must not fill the memory
                self._device_keys.clear()
            key = self._device_keys[site, device] = keys.device_key(self._key, site, device)
        for payload in contract.acks(key, stream, runs):
            topic = contract.ack_topic(site, device)
            self._publish(topic, payload)
            self.totals.acks += 1
            self.totals.sent_bytes += len(topic) + len(payload)

    def _one_by_one(self, batch: list[Received]) -> None:
        """Find the message that cannot be worked on and put it aside; the board will say so and halve it."""
        for received in batch:
            try:
                self.handle([received])
            except Exception as problem:
                if isinstance(problem, ConnectionFailure) or (
                    isinstance(problem, PyMongoError) and problem.timeout
                ):
                    raise  # that says nothing about the message
                log.exception("%s could not be worked on", printable(received.topic))
                self._store.quarantine(
                    [refused_item(received.topic, received.payload, f"not stored: {brief(problem)}")]
                )
                self.totals.refused += 1
                received.puback()

    def _complain(self, text: str) -> None:
        """A flood of bad messages must not become a flood of lines; quarantine and totals have them all."""
        self._complaints += 1
        if self._complaints <= COMPLAINTS:
            log.warning("%s", text)
        elif self._complaints == COMPLAINTS + 1:
            log.warning("more were put aside; the rest of this minute is counted only")

    def _report(self) -> str:
        totals = self.totals
        return (
            f"{totals.messages} messages in all, {totals.repeats} repeats, {totals.conflicts} conflicts, "
            f"{totals.unfit + totals.refused} put aside"
        )


def printable(topic: str) -> str:
    return topic if topic.isprintable() and len(topic) < 100 else repr(topic)[:100]
