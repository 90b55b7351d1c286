"""Ingest: one worker or many judge, store and acknowledge what boards send, in micro-batches.

What the worker promises, and when:
- it sends a board an `ack` only for readings that a majority-committed, journaled write has stored (or put
  into quarantine);
- it sends the broker a PUBACK only after that too, so the broker repeats what a killed worker had in hand;
- while the database is slow, the network thread waits, and so does the broker; while it is away, the worker
  acknowledges nothing. It drops messages that do not fit into the bounded inbox, without a PUBACK, and
  reconnects once the database is back to get them again. The board keeps them all the while;
- boards take turns, and the worker holds back what a board sends beyond its share (share.py): it sends the
  PUBACK at once, so that the message takes no place among the few that a broker keeps in flight, but never an
  `ack`, so the board keeps the readings and sends them again.

The network runs in paho's thread, which only puts messages into the inbox. If that thread ends, the process
ends.
"""

import logging
import threading
import time
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from pymongo.errors import PyMongoError

from cloud.contract import messages
from cloud.contract.messages import Forged, Get, Message, MessageRefused, Reading, State
from cloud.ingest.authentication import Authenticator, Origin, Whose
from cloud.ingest.recent import RecentReadings
from cloud.ingest.rescore import Rescorer
from cloud.ingest.share import Allowances, FloodReport
from cloud.process.failure import brief, is_general
from cloud.store.entries import PAYLOAD_KEPT, JudgedReading, Quarantined, refused_item, with_size
from cloud.store.writer import STREAMS_A_DAY, Store
from cloud.updates.serve import Answers

log = logging.getLogger("ingest")

BATCH = 40  # messages; HiveMQ keeps at most 50 unacknowledged ones on the way
LINGER = 0.25  # s that a message may wait for others
HOLD = 5.0  # s that the network may wait for room in the inbox; well below the keep-alive
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0  # s between two tries while the database is away
TRIES_TOGETHER = 3  # after these, if the database answers, the worker tries each message alone
COMPLAINTS = 20  # lines about bad messages in that time
LONGEST_TOPIC = 128  # characters; the longest of the contract has 82
REPORT = 60.0  # s between two lines that say how much was stored
# Messages of one board that may wait: it has at most 12 in flight, and HiveMQ's 50 must not all be its own.
SHARE = 32
SHARE_OF_SIZE = 8  # ... and they may take an eighth of the bytes
FLOODS = 15.0  # s between two looks at who sends too much


@dataclass(frozen=True)
class Received:
    """One message as it came from the broker. `puback` tells the broker not to send it again.

    `refused`: why the worker does not decode it; then it has only the beginning of topic and payload.
    """

    topic: str
    payload: bytes
    puback: Callable[[], None] = field(repr=False)
    refused: str = ""


def received(topic: str, payload: bytes, puback: Callable[[], None]) -> Received:
    """A message for the queue: one that is too large is cut here, before it takes any room."""
    if len(topic) > LONGEST_TOPIC:
        reason = f"a topic of {len(topic)} characters: at most {LONGEST_TOPIC} are read"
    elif len(payload) > messages.MAX_BYTES:
        reason = f"at most {messages.MAX_BYTES} bytes are read"
    else:
        return Received(topic, payload, puback)
    begin = bytes(payload[:PAYLOAD_KEPT])
    return Received(topic[:LONGEST_TOPIC], begin, puback, with_size(reason, payload))


class _Queue(deque[Received]):
    """The waiting messages of one board."""

    size = 0  # bytes


class Inbox:
    """The waiting messages of all boards: bounded in messages and bytes, in all and for each board.

    Boards take turns: a board with a hundred messages delays another board by one message, not by a hundred.
    """

    def __init__(self, messages: int = 2000, size: int = 32 * 1024 * 1024) -> None:
        self._turns: OrderedDict[str, _Queue] = OrderedDict()  # by board; the first is next
        self._count, self._messages = 0, messages  # waiting, and what fits
        self._room = size  # bytes that still fit
        self._share = size // SHARE_OF_SIZE
        self._allowances = Allowances(time.monotonic())
        self._changed = threading.Condition()
        self.let_go = 0  # messages that found no room
        self.held_back = 0  # messages beyond the share of their board

    def put(self, received: Received, patience: float = 0.0) -> bool:
        """False when the inbox did not take it: held back, or dropped after `patience` s without room."""
        owner = received.topic.rpartition("/")[0]
        with self._changed:
            if fair := self._is_fair(owner, received):
                if not self._changed.wait_for(lambda: self._fits(received), patience):
                    self.let_go += 1
                    return False
                queue = self._turns.setdefault(owner, _Queue())
                queue.append(received)
                queue.size += len(received.payload)
                self._count += 1
                self._room -= len(received.payload)
                if len(self) in (1, BATCH):  # what `take` waits for
                    self._changed.notify_all()
            else:
                self.held_back += 1
        if not fair:
            received.puback()
        return fair

    def take(self, patience: float) -> list[Received]:
        """Up to BATCH messages, one of each board in turn; [] when none came.

        It waits `patience` s for the first and LINGER s for the rest.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._turns, patience):
                return []
            self._changed.wait_for(lambda: len(self) >= BATCH, LINGER)
            batch: list[Received] = []
            while self._turns and len(batch) < BATCH:
                owner, queue = self._turns.popitem(last=False)
                batch.append(queue.popleft())
                queue.size -= len(batch[-1].payload)
                if queue:
                    self._turns[owner] = queue
            self._count -= len(batch)
            self._room += sum(len(received.payload) for received in batch)
            self._changed.notify_all()
        return batch

    def learn(self, owner: str, period: float) -> None:
        """`owner` ("vigie/1/site/device") measures every `period` s."""
        with self._changed:
            self._allowances.learn(owner, period)

    def floods(self) -> list[FloodReport]:
        """Who sent far more than it may since the last call."""
        with self._changed:
            return self._allowances.floods(time.monotonic())

    def __len__(self) -> int:
        return self._count

    def _is_fair(self, owner: str, received: Received) -> bool:
        queue = self._turns.get(owner)
        size = len(received.payload)
        fits = queue is None or (len(queue) < SHARE and queue.size + size <= self._share)
        if self._allowances.take(owner, time.monotonic()) and fits:
            return True
        self._allowances.hold_back(owner)
        return False

    def _fits(self, received: Received) -> bool:
        return self._count < self._messages and len(received.payload) <= self._room


@dataclass
class Totals:
    """What this worker has done since its start."""

    messages: int = 0
    readings: int = 0  # kept: stored now, or stored before with the same values
    repeats: int = 0  # known from the window of recently stored readings
    conflicts: int = 0
    expired: int = 0
    unfit: int = 0
    doubted: int = 0  # of the readings that are kept, those with an impossible date: stored undated
    refused: int = 0
    forged: int = 0  # of those refused: the board itself did not send them
    surplus: int = 0  # messages held back because their board began too many streams that day
    acks: int = 0
    retries: int = 0
    received_bytes: int = 0  # payloads and topics
    sent_bytes: int = 0
    parts: int = 0  # sent of models, settings and releases that boards asked for


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
        hear: Callable[[str, float], None] = lambda board, date: None,
    ) -> None:
        self.inbox = inbox
        self.totals = Totals()
        self._store = store
        self._rescorer = rescorer
        self._authenticator = Authenticator(store, key)
        self._publish = publish
        self._clock = clock
        self._hear = hear  # takes the date that a board gives
        self._answers = Answers(store.database, self._authenticator.key, publish)
        self._recent = RecentReadings()
        self._complaints = 0
        self._online: dict[tuple[str, str], tuple[str, int]] = {}
        self._busy_since: float | None = None

    @property
    def boards(self) -> int:
        """How many different boards were heard."""
        return self._authenticator.boards

    def busy(self) -> float:
        """For how many seconds the batch in hand has been worked on; 0 = none is."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def run(self, stop: threading.Event, caught_up: Callable[[], None] = lambda: None) -> None:
        """Work until `stop`. `caught_up` is called when messages were let go and there is room again."""
        let_go = 0
        report = time.monotonic() + REPORT
        floods = time.monotonic() + FLOODS
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
            self._answers.changes()
            if time.monotonic() >= floods:
                floods = time.monotonic() + FLOODS
                self._tell_floods()
            if time.monotonic() >= report:
                report = time.monotonic() + REPORT
                self._complaints = 0
                if self.totals.readings > reported:
                    log.info("%d readings stored (%s)", self.totals.readings - reported, self._report())
                    reported = self.totals.readings

    def settle(self, batch: list[Received], stop: threading.Event) -> None:
        """Handle a batch until it is done, however long the database is away; give up only at `stop`."""
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
                text = "the database did not store %d messages (%s), next try in %.1f s"
                log.warning(text, len(batch), brief(problem), pause)
                stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            except Exception:  # one bad message must not stop the others
                trouble = f"a batch of {len(batch)} messages could not be worked on, each is tried alone"
                self._complain(trouble, trace=True)
                tries = TRIES_TOGETHER
            else:
                if tries:
                    log.info("the database stores again")
                return

    def handle(self, batch: Iterable[Received]) -> None:
        """Decode, judge, store, acknowledge; safe to repeat. Raises PyMongoError when it stored nothing."""
        batch = list(batch)
        aside: list[Quarantined] = []
        uplinks: list[Message] = []
        states: list[tuple[str, str, State]] = []
        gets: list[tuple[str, str, Get]] = []
        forged = 0
        origins = self._authenticator.examine([(received.topic, received.payload) for received in batch])
        for received, origin in zip(batch, origins, strict=True):
            try:
                message = self._decode(received, origin)
            except MessageRefused as reason:
                forged += isinstance(reason, Forged)
                aside.append(refused_item(received.topic, received.payload, str(reason)))
                self._complain(f"{received.topic} refused: {reason}")
                continue
            if isinstance(message, Message):
                uplinks.append(message)
            elif message is not None:
                site, device, said_or_asked = message
                if isinstance(said_or_asked, State):
                    states.append((site, device, said_or_asked))
                else:
                    gets.append((site, device, said_or_asked))
        unsigned = {origin[:2] for origin in origins if isinstance(origin, Origin) and origin.version == 1}
        uplinks, states = self._without_surplus(uplinks, states, unsigned)
        self._keep(states)
        refused, counted = len(aside), 0
        for message in uplinks:
            aside += [Quarantined(*message.key, each.seq, each.reason, each.values) for each in message.unfit]
            for unfit in message.unfit[:1]:
                self._complain(f"{message.site}/{message.device} seq {unfit.seq} put aside: {unfit.reason}")
            dates = [date for reading in message.readings if (date := reading.said or reading.ts) is not None]
            if dates:
                self._hear(f"{message.site}/{message.device}", max(dates))
            if doubted := [reading for reading in message.readings if reading.said is not None]:
                self._complain(_doubted(message, doubted[0], self._clock()))
                counted += len(doubted)
        new = [(message, self._recent.unknown(message.key, message.readings)) for message in uplinks]
        if aside:
            self._store.quarantine(aside)
        judged = self._judged(new)
        counts = self._store.write(judged)
        for owner, period in counts.periods.items():
            self.inbox.learn(f"{messages.TOPICS}/{owner}", period)
        for message, readings in new:
            self._recent.add(message.key, readings)

        totals = self.totals
        totals.messages += len(batch)
        totals.received_bytes += sum(len(received.topic) + len(received.payload) for received in batch)
        totals.readings += counts.kept
        totals.repeats += sum(len(message.readings) for message in uplinks) - len(judged)
        totals.conflicts += counts.conflicts
        totals.expired += counts.expired
        totals.unfit += len(aside) - refused
        totals.doubted += counted
        totals.refused += refused
        totals.forged += forged
        self._acknowledge(uplinks)
        for received in reversed(batch):  # each waits for those before it: all of them leave in one packet
            received.puback()
        self._answers.states(states)
        self._answers.gets(gets)
        totals.parts = self._answers.parts

    def _decode(
        self, received: Received, origin: Origin | MessageRefused
    ) -> Message | tuple[str, str, State | Get] | None:
        """The decoded message and its board; None when a retained state was cleared, or the doctor asked for
        nothing. Raises MessageRefused."""
        if received.refused:
            raise MessageRefused(received.refused)
        if not received.payload and received.topic.endswith(("/state", "/get")):
            return None
        if isinstance(origin, MessageRefused):
            raise origin
        site, device, leaf, version = origin
        if leaf == "up":
            return messages.decode_up(site, device, received.payload, self._clock(), version)
        if leaf == "get":
            return site, device, messages.decode_get(received.payload, version)
        return site, device, messages.decode_state(received.payload, version)

    def _without_surplus(
        self, uplinks: list[Message], states: list[tuple[str, str, State]], unsigned: set[Whose]
    ) -> tuple[list[Message], list[tuple[str, str, State]]]:
        """The messages without those of surplus streams, which are held back without an ack."""
        streams = {each.key for each in uplinks}
        streams |= {(site, device, state.stream) for site, device, state in states}
        surplus = self._store.surplus(streams, unsigned)
        if not surplus:
            return uplinks, states
        for site, device in {(site, device) for site, device, _ in surplus}:
            self._complain(f"{site}/{device} began more than {STREAMS_A_DAY} streams in a day: held back")
            self._store.flood(site, device, "streams", 1.0)
        fair = [each for each in uplinks if each.key not in surplus]
        kept = [each for each in states if (each[0], each[1], each[2].stream) not in surplus]
        self.totals.surplus += len(uplinks) - len(fair) + len(states) - len(kept)
        return fair, kept

    def _keep(self, states: list[tuple[str, str, State]]) -> None:
        self._store.states(states)
        for site, device, state in states:
            if state.dropped and state.v > 1:  # the ack ends their repetition; version 1 has none
                key, runs = self._authenticator.key(site, device), messages.merge_runs(state.dropped)
                self._send(site, device, messages.drop_acks(key, state.stream, runs))
            if self._online.get((site, device)) != (state.state, state.boot):
                self._online[site, device] = (state.state, state.boot)
                log.info(
                    "%s/%s %s (boot %d, model %s)",
                    site, device, state.state, state.boot, state.model or "none",
                )  # fmt: skip

    def _judged(self, new: list[tuple[Message, Sequence[Reading]]]) -> list[JudgedReading]:
        verdicts = iter(self._rescorer.verdicts([reading for _, readings in new for reading in readings]))
        return [
            JudgedReading(*message.key, reading, verdict)
            for message, readings in new
            for reading, verdict in zip(readings, verdicts, strict=False)
        ]

    def _acknowledge(self, uplinks: Iterable[Message]) -> None:
        """Send acks that name exactly the seqs of these messages, all of which are stored by now."""
        seqs: dict[tuple[str, str, str], set[int]] = defaultdict(set)
        for message in uplinks:
            seqs[message.key].update(reading.seq for reading in message.readings)
            seqs[message.key].update(unfit.seq for unfit in message.unfit)
        for (site, device, stream), stored in seqs.items():
            runs = messages.runs_of(stored)
            self._send(site, device, messages.acks(self._authenticator.key(site, device), stream, runs))

    def _send(self, site: str, device: str, payloads: Iterable[bytes]) -> None:
        topic = messages.topic_of(f"{site}/{device}", "ack")
        for payload in payloads:
            self._publish(topic, payload)
            self.totals.acks += 1
            self.totals.sent_bytes += len(topic) + len(payload)

    def _tell_floods(self) -> None:
        for flood in self.inbox.floods():
            self._complain(
                f"{flood.owner} sends {flood.times:.0f} times what its period allows: "
                f"{flood.held} messages held back"
            )
            try:
                site, device, _ = messages.parse_topic(flood.owner + "/up")
                self._store.flood(site, device, "messages", flood.times)
            except MessageRefused:  # this is no board's topic: the line above says so
                continue
            except PyMongoError as problem:
                log.warning("a flood could not be stored (%s): the next report tries again", brief(problem))

    def _one_by_one(self, batch: list[Received]) -> None:
        """Try each message alone and put the bad one into quarantine; the board then sends it in halves."""
        for received in batch:
            try:
                self.handle([received])
            except Exception as problem:
                if is_general(problem):
                    raise  # that says nothing about the message
                self._complain(f"{received.topic} could not be worked on: {brief(problem)}")
                item = refused_item(received.topic, received.payload, f"not stored: {brief(problem)}")
                self._store.quarantine([item])
                self.totals.refused += 1
                received.puback()

    def _complain(self, text: str, *, trace: bool = False) -> None:
        """Log at most COMPLAINTS lines a minute; quarantine and totals have every bad message."""
        self._complaints += 1
        if self._complaints <= COMPLAINTS:
            log.warning("%s", text, exc_info=trace)
        elif self._complaints == COMPLAINTS + 1:
            log.warning("more were put aside; the rest of this minute is counted only")

    def _report(self) -> str:
        totals = self.totals
        return (
            f"{totals.messages} messages in all, {totals.repeats} repeats, {totals.conflicts} conflicts, "
            f"{totals.unfit + totals.refused} put aside"
        )


def _doubted(message: Message, reading: Reading, now: float) -> str:
    date = reading.said or 0
    off = f"{date - now:.0f} s ahead of this clock" if date > now else "before 2020"
    who = f"{message.site}/{message.device} seq {reading.seq}"
    return (
        f"{who} stored undated: the date it gave, {date}, is {off} (python -m cloud doctor asks whose clock)"
    )
