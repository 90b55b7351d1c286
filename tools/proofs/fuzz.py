"""A million damaged messages into real workers with a real database: they stay up, and account for each."""

import json
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from cloud.contract import messages
from cloud.contract.keys import device_key
from cloud.ingest.rescore import Models, Rescorer
from cloud.ingest.worker import BATCH, Inbox, Ingest, Received, Totals
from cloud.process import memory
from cloud.read.reader import Reader
from cloud.store import database as databases
from cloud.store.writer import QUARANTINE_KEPT, Store
from tools.local.database.mongod import Database
from tools.local.up_message import CALM, up
from tools.proofs import Progress, ProofResult

MESSAGES = 1_000_000
SEED = 7
WORKERS = 4  # side by side, as on a shared subscription
STREAMS = 4
SEQS = 30_000  # of each stream: few enough that seqs repeat, with the same and with other values
SETTLED = 0.2  # share of the run after which memory must not grow any more
GROWTH = 64 * 1024 * 1024  # bytes that memory may grow by: windows of recent readings fill up
KEY = bytes(range(32))

ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**15, 2**31, 2**32, 2**40, 2**63, 2**64, 10**30, 1.5, 1e308),
    *("", "x" * 500, "\0$a.b", "😀", "9f3a1c07", [], {}, [[]], [1] * 8, [1] * 41, {"$gt": 1}),
)
TOPICS = (
    *["vigie/1/demo/C001/up"] * 16,
    *("vigie/1/demo/C002/up", "vigie/1/demo/C001/state", "vigie/1/demo/C001/ack", "vigie/2/demo/C001/up"),
    *("vigie/1/é/C001/up", "vigie/1/demo/C001/up/", "vigie/1/a.b/$c/up", "", "/" * 200),
)


def _altered(count: int, seed: int = SEED) -> Iterator[tuple[str, bytes]]:
    """(topic, payload): messages of the contract with fields exchanged, bytes changed, and mere noise."""
    chance = random.Random(seed)  # noqa: S311
    now = int(time.time()) - 86400
    for _ in range(count):
        topic = chance.choice(TOPICS)
        if chance.random() < 0.02:
            yield topic, chance.randbytes(chance.randrange(200))
            continue
        message = _state(chance) if topic.endswith("state") else _up(chance, now)
        for _ in range(chance.choice((0, 0, 1, 1, 2, 3))):
            name = chance.choice(list(message))
            value = message[name]
            if isinstance(value, list) and value and chance.random() < 0.7:
                value[chance.randrange(len(value))] = deepcopy(chance.choice(ODD))
            elif chance.random() < 0.2:
                del message[name]
                break
            else:
                message[name] = deepcopy(chance.choice(ODD))
        body = json.dumps(message).encode()
        if chance.random() < 0.15:
            body = _damaged(chance, body)
        body = _answer(topic, body)
        if chance.random() < 0.05:
            body = _damaged(chance, body)
        yield topic, body


def _damaged(chance: random.Random, body: bytes) -> bytes:
    place = chance.randrange(len(body))
    return body[:place] + chance.randbytes(chance.randrange(3)) + body[place + chance.randrange(4) :]


def _answer(topic: str, body: bytes) -> bytes:
    """`body`, signed as its board would, so that the worker must read it; as it is on any other topic."""
    try:
        site, device, _ = messages.parse_topic(topic)
    except messages.MessageRefused:
        return body
    return messages.signed(device_key(KEY, site, device), topic, body)


def _up(chance: random.Random, now: int) -> dict[str, Any]:
    count = chance.choice((1, 1, 2, 6, 10, 40))
    first = chance.randrange(SEQS - count)
    seqs = list(range(first, first + count))
    stream, x = f"{chance.randrange(STREAMS):08x}", [[2100 + seq % 7, *CALM[1:]] for seq in seqs]
    return up(stream, seqs, ts=[now + seq for seq in seqs], up=list(seqs), x=x)


def _state(chance: random.Random) -> dict[str, Any]:
    return {
        "v": 2,
        "stream": f"{chance.randrange(STREAMS):08x}",
        "boot": chance.randrange(5),
        "state": chance.choice(("online", "offline")),
        "dropped": [[chance.randrange(100), chance.randrange(200)]],
        "counts": {"reconnects": chance.randrange(9)},
    }


def prove_all(progress: Progress, count: int = MESSAGES) -> ProofResult:
    """Feed `count` messages to the workers; see that all are accounted for and that memory stays flat."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with Database(place / "db", place / "log") as mongod:
            return _prove(mongod.uri, count, progress)


def _prove(uri: str, count: int, progress: Progress) -> ProofResult:
    database = databases.connect(uri, "fuzz", timeout=60)
    databases.prepare(database)
    acked: set[tuple[str, str, int]] = set()
    pubacks = 0
    lock = threading.Lock()

    def publish(topic: str, payload: bytes) -> None:
        ack = json.loads(payload)
        device = topic.split("/")[3]
        for first, last in ack.get("runs", ack.get("dropped")):
            acked.update((device, ack["stream"], seq) for seq in range(first, min(last + 1, SEQS)))

    def puback() -> None:
        nonlocal pubacks
        with lock:
            pubacks += 1

    workers = [
        Ingest(Inbox(), Store(database), Rescorer(Models(database, KEY)), KEY, publish)
        for _ in range(WORKERS)
    ]
    stop = threading.Event()
    received = (Received(topic, payload, puback) for topic, payload in _altered(count))
    settled = 0
    done = 0
    with ThreadPoolExecutor(WORKERS) as pool:
        while batches := [batch for _ in workers if (batch := list(islice(received, BATCH)))]:
            list(pool.map(lambda worker, batch: worker.settle(batch, stop), workers, batches))
            done += sum(map(len, batches))
            if done % 10_000 < BATCH * WORKERS:
                progress(f"fuzz: {done:,} of {count:,} messages")
            if not settled and done >= SETTLED * count:
                settled = memory.used()
    growth = memory.used() - settled

    totals = Totals(
        **{name: sum(getattr(worker.totals, name) for worker in workers) for name in asdict(Totals())}
    )
    reader = Reader(database)
    known: set[tuple[str, str, int]] = set()
    boards = len(reader.devices())
    for site, device in reader.devices():
        known |= {(device, s, seq) for s, seqs in reader.stored(site, device) for seq in seqs.tolist()}
        for stream, about in reader.streams(site, device).items():
            known |= {(device, stream, seq) for seq in about.get("quarantined", [])}
            known |= {
                (device, stream, seq)
                for first, last in about.get("dropped", [])
                for seq in range(first, min(last + 1, SEQS))
            }
    # Of each stream only so many quarantined seqs are remembered; seqs beyond a board's are not looked for.
    unaccounted = {each for each in acked - known if each[2] < SEQS}
    quarantined = database["quarantine"].estimated_document_count()
    size = database.command("collStats", "quarantine")["size"]
    database.client.close()
    rows = {
        "messages": totals.messages,
        "readings stored, or found stored": totals.readings + totals.repeats,
        "readings put aside (unfit)": totals.unfit,
        "readings put aside (another value is stored)": totals.conflicts,
        "messages refused": totals.refused,
        "of them not the board's own": totals.forged,
        "messages not acknowledged to the broker": count - pubacks,
        "acknowledged readings that are nowhere": len(unaccounted),
        "tries again": totals.retries,
        "growth of the memory, MB": round(max(0, growth) / 2**20),
        "quarantine, MB": round(size / 2**20, 1),
    }
    table = "\n".join(["| | |", "|---|---:|", *(f"| {name} | {value:,} |" for name, value in rows.items())])
    holds = (
        totals.messages == count == pubacks
        and not unaccounted
        and totals.retries == 0
        and growth < GROWTH
        and min(totals.refused, totals.forged, totals.unfit, totals.conflicts, totals.readings, quarantined)
        > 0
        and quarantined <= QUARANTINE_KEPT * (2 * boards + 1)
    )
    text = (
        f"{count:,} messages from a fixed seed, each one whole, damaged or noise, to {WORKERS} workers side "
        f"by side.\n\n{table}"
    )
    return ProofResult(text, rows, holds)
