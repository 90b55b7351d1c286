"""The whole chain, from the broker to the majority write and the board's ack, in processes of its own."""

import random
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import joblib
import msgspec
import numpy as np
import paho.mqtt.client as mqtt
from sklearn.ensemble import IsolationForest

from cloud.contract.messages import Ack, topic_of
from cloud.read.reader import Reader
from tools.bench.cloud.naive import SAMPLES, TREES
from tools.bench.cloud.workload import SITE, BenchBoard, interleaved
from tools.bench.rig import Rig, memory_mb
from tools.local.users import BACKEND_USER
from tools.process.child import Child, ToolFailed

PATIENCE = 120.0  # s without a single new reading stored
AGAIN = 20.0  # s without a new reading, then boards resend what is not acknowledged
IN_FLIGHT = 2000  # messages that are published and not yet stored


@dataclass(frozen=True)
class Cost:
    """What a run took: CPU seconds of the ingest processes, the broker, mongod; seconds by the clock."""

    readings: int
    messages: int
    ingest: float
    broker: float
    database: float
    wall: float
    memory_mb: float  # of the first ingest process, at the end

    @property
    def readings_a_core_second(self) -> float:
        return self.readings / self.ingest

    @property
    def all_in(self) -> float:
        """CPU seconds of ingest, broker and database together."""
        return self.ingest + self.broker + self.database


class Bench(Rig):
    """Runs one chain after the other, each with an empty database."""

    def vigie(
        self,
        boards: list[BenchBoard],
        models: list[dict[str, Any]],
        *,
        a_message: int,
        workers: int,
        repeats: float = 0.0,
    ) -> Cost:
        """Send all readings of `boards` through `workers` processes, then look each up in the database.

        `models`: the documents of those that judged them. The first message of each board makes a worker load
        its model, and with the first model all that forests need: they are not counted. `repeats`: share of
        messages that are sent twice, all of them in disorder then.
        """
        with self.database() as database, ExitStack() as running:
            database["models"].insert_many(models)
            children = []
            for k in range(workers):
                named = {"MQTT_CLIENT_ID": f"{database.name}-{k}"}
                if workers > 1:
                    named["MQTT_SHARE"] = database.name
                child = self.backend(f"worker-{k}", ["cloud", "ingest"], database.name, **named)
                running.callback(child.stop)
                children.append(child)
            messages = list(interleaved(boards, a_message))
            first, messages = messages[: len(boards)], messages[len(boards) :]
            if repeats:
                chance = random.Random(1)  # noqa: S311
                messages += chance.sample(messages, int(repeats * len(messages)))
                chance.shuffle(messages)
            boards_side = _Publisher(self, {board.name: board.stream for board in boards})
            running.callback(boards_side.close)
            total = sum(map(len, boards))
            boards_side.send(first, len(first) * a_message)
            counts = total - len(first) * a_message, len(messages)
            cost = self._cost(children, *counts, lambda: boards_side.send(messages, total))
            verify(Reader(database), boards)
        return cost

    def naive(self, board: BenchBoard, count: int, history: np.ndarray[Any, Any]) -> Cost:
        """Send `count` messages of one reading each through the naive chain."""
        forest = IsolationForest(n_estimators=TREES, max_samples=SAMPLES, random_state=0).fit(history)
        file = self.folder / "forest.joblib"
        joblib.dump(forest, file)
        with self.database() as database, ExitStack() as running:
            child = self.backend("naive", ["tools.bench.cloud.naive", str(file)], database.name)
            running.callback(child.stop)
            publisher = _Publisher(self, {})
            running.callback(publisher.close)
            stored = database["naive"]

            def send() -> None:
                for first in range(count):
                    publisher.publish(board.topic, board.message(first, first + 1))
                _await(lambda: stored.count_documents({}), count, step=0.2)

            cost = self._cost([child], count, count, send)
            temperatures = {document["seq"]: document["temperature"] for document in stored.find()}
            if temperatures != {seq: board.x[seq, 0] / 100 for seq in range(count)}:
                raise ToolFailed("the naive chain lost or changed readings")
        return cost

    def _cost(
        self, children: Sequence[Child], readings: int, messages: int, work: Callable[[], None]
    ) -> Cost:
        before, began = self.spent(children), time.monotonic()
        work()
        ingest, broker, database = (b - a for a, b in zip(before, self.spent(children), strict=True))
        wall = time.monotonic() - began
        return Cost(readings, messages, ingest, broker, database, wall, memory_mb(children[0]))


def verify(reader: Reader, boards: list[BenchBoard]) -> None:
    """Every reading must be stored once, with its values and both verdicts. Raises ToolFailed."""
    for board in boards:
        readings = reader.readings(SITE, board.name)
        same = (
            np.array_equal(readings.seq, np.arange(len(board)))
            and np.array_equal(readings.t, board.x[:, 0] / 100)
            and np.array_equal(readings.h, board.x[:, 1] / 100)
            and np.array_equal(readings.edge_flags, board.flags)
            and not np.isnan(readings.cloud_score).any()
        )
        if not same:
            raise ToolFailed(
                f"{board.name}: {len(readings)} of {len(board)} readings are stored, or not as sent"
            )


class _SentMessage(msgspec.Struct):
    """What an `up` message says of the readings in it."""

    stream: str
    seq: list[int]


class _Publisher:
    """Plays all boards at once: publishes their messages, hears their acks."""

    def __init__(self, bench: Bench, streams: Mapping[str, str]) -> None:
        self._streams = streams
        self._acked: dict[str, set[int]] = {stream: set() for stream in streams.values()}
        self._count = 0
        self._heard = threading.Event()  # an ack has come
        self._ack = msgspec.json.Decoder(Ack)
        self._sent = msgspec.json.Decoder(_SentMessage)
        ready = threading.Event()
        self._client = bench.broker.client(BACKEND_USER, "boards")
        self._client.max_queued_messages_set(0)
        self._client.max_inflight_messages_set(IN_FLIGHT)
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.connect("localhost", bench.broker.backend_port)
        self._client.subscribe(topic_of(f"{SITE}/+", "ack"), 0)
        self._client.loop_start()
        if not ready.wait(60):
            raise ToolFailed("the broker does not let the boards in")

    def _on_message(self, client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
        ack = self._ack.decode(message.payload)
        known = self._acked[ack.stream]
        for first, last in ack.runs:
            known.update(range(first, last + 1))
        self._count = sum(map(len, self._acked.values()))
        self._heard.set()

    def publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1)

    def send(self, messages: Sequence[tuple[str, bytes]], readings: int) -> None:
        """Publish all messages, then wait until every reading is acknowledged as stored.

        At most IN_FLIGHT messages are on their way: the broker drops what its queue cannot hold, and a bench
        would count readings once that it had to send twice.
        """
        due, new = float(self._count), set(messages)
        each = (readings - due) / len(new)
        for message in messages:
            if message in new:
                new.remove(message)
                due += each
            self.publish(*message)
            while due - self._count > IN_FLIGHT * each and self._heard.wait(AGAIN):
                self._heard.clear()
        _await(lambda: self._count, readings, step=0.05, again=lambda: self._send_again(messages))

    def _send_again(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Send unacknowledged messages again, as a board does: an ack may get lost."""
        sent = [(self._sent.decode(payload), topic, payload) for topic, payload in messages]
        missing = [each for each in sent if not self._acked[each[0].stream].issuperset(each[0].seq)]
        print(f"{len(missing)} messages are not acknowledged: sent again", file=sys.stderr)
        for _, topic, payload in missing:
            self.publish(topic, payload)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def _await(
    count: Callable[[], int], wanted: int, *, step: float, again: Callable[[], object] = lambda: None
) -> None:
    """Wait until `count` is `wanted`; call `again` whenever it stands still for AGAIN. Raises ToolFailed."""
    last, since, tries = -1, time.monotonic(), 0
    while (now := count()) < wanted:
        still = time.monotonic() - since
        if now != last:
            last, since, tries = now, time.monotonic(), 0
        elif still > PATIENCE:
            raise ToolFailed(f"{now} of {wanted} readings are stored, and no more come")
        elif still > AGAIN * (tries + 1):
            tries += 1
            again()
        time.sleep(step)
