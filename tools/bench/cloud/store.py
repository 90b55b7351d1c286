"""What the store takes and how fast it answers: bytes a reading by the rule of Atlas M0, a day's query."""

import statistics
import threading
import time
from typing import Any

import numpy as np
from pymongo import InsertOne
from pymongo.database import Database

from cloud.dashboard.draw import curve
from cloud.ingest.rescore import Models, Rescorer
from cloud.ingest.worker import BATCH, Inbox, Ingest, Received
from cloud.read.reader import Reader
from cloud.store import packing
from cloud.store.database import bucket_id, device_id
from cloud.store.packing import SIZE, Packed
from cloud.store.sealing import REST, Sealer, sealing
from cloud.store.writer import Store
from cloud.words import Words
from tools.bench.cloud.chain import verify
from tools.bench.cloud.workload import MASTER, PERIOD, SITE, BenchBoard, BenchModel, interleaved
from tools.process.child import ToolFailed
from tools.process.terminal import progress

M0_BYTES = 500_000_000  # "512 MB", counted as data and indexes, uncompressed
KEPT_FREE = 0.9  # the last tenth is for models, episodes, quarantine
A_MONTH = 30 * 86400 // PERIOD  # readings of one board
DAY = 86400.0


def bytes_a_reading(
    database: Database[dict[str, Any]], boards: list[BenchBoard], model: BenchModel
) -> dict[str, float]:
    """Store all readings as a worker would, sealing as time goes by, and ask mongod what they take."""
    database["models"].insert_one(model.document)
    now = float(boards[0].began)
    store = Store(database, clock=lambda: now)
    ingest = Ingest(
        Inbox(), store, Rescorer(Models(database, MASTER)), MASTER, lambda topic, ack: None,
        clock=lambda: now,
    )  # fmt: skip
    sealer = Sealer(database, clock=lambda: now)
    stop = threading.Event()
    batch: list[Received] = []
    total = sum(map(len, boards))
    a_round = len(boards) * 10
    done, seal_at = 0, a_round * SIZE // 10
    for topic, payload in interleaved(boards, 10):
        batch.append(Received(topic, payload, lambda: None))
        if len(batch) < BATCH:
            continue
        ingest.settle(batch, stop)
        batch.clear()
        done += BATCH * 10
        now = boards[0].began + done / len(boards) * PERIOD
        if done >= seal_at:
            sealer.seal()
            seal_at += a_round * SIZE // 10
            progress(f"size: {done:,} of {total:,} readings stored")
    ingest.settle(batch, stop)
    now += 2 * REST
    sealer.seal()
    verify(Reader(database), boards)
    if database["buckets"].count_documents({"r": {"$exists": True}}):
        raise ToolFailed("some buckets are not sealed")
    taken = database.command("collStats", "buckets")
    each = (taken["size"] + taken["totalIndexSize"]) / total
    return {
        "bytes_per_reading": round(each, 2),
        "data_bytes_per_reading": round(taken["size"] / total, 2),
        "index_bytes_per_reading": round(taken["totalIndexSize"] / total, 2),
        "boards_m0": int(KEPT_FREE * M0_BYTES / (each * A_MONTH)),
    }


def fill(database: Database[dict[str, Any]], boards: list[BenchBoard], readings: int) -> float:
    """Sealed buckets of `readings` in all, as the sealer writes them; returns when the newest was taken."""
    each = readings // len(boards)
    newest = 0.0
    units = {bytes.fromhex(boards[0].model): 671_000.0}
    for number, board in enumerate(boards):
        writes = []
        for first in range(0, each, SIZE):
            packed = _packed(board, first, min(SIZE, each - first))
            ts = packed.record["ts"].astype(np.int64)
            document = {
                "_id": bucket_id(SITE, board.name, board.stream, first // SIZE),
                "d": device_id(SITE, board.name),
                "v": SIZE // 10,
                "w": int(ts[-1]),
                "a": int(ts[0]),
                "z": int(ts[-1]),
                **sealing(packed, units)["$set"],
            }
            writes.append(InsertOne(document))
            newest = max(newest, float(ts[-1]))
        database["buckets"].bulk_write(writes, ordered=False)
        progress(f"query: {(number + 1) * each:,} of {readings:,} readings stored")
    return newest


def day_query_ms(
    database: Database[dict[str, Any]], boards: list[BenchBoard], newest: float
) -> dict[str, float]:
    """Milliseconds for 24 h of one board, from the database to one point a minute: median of warm queries."""
    reader = Reader(database)

    def ask(board: BenchBoard) -> int:
        readings = reader.readings(SITE, board.name, start=newest - DAY, end=newest + 1)
        drawn = curve.shape(Words("en"), readings, [], start=newest - DAY, end=newest, slices=1440)
        return drawn.readings

    times = []
    asked = boards[:: max(1, len(boards) // 40)]
    for warm in (False, True):
        for board in asked:
            began = time.perf_counter()
            count = ask(board)
            if warm:
                times.append((time.perf_counter() - began) * 1000)
            if count < DAY / PERIOD * 0.99:
                raise ToolFailed(f"{board.name}: a day has {count} readings")
    times.sort()
    return {
        "day_query_ms": round(statistics.median(times), 1),
        "day_query_worst_ms": round(times[-1], 1),
    }


def _packed(board: BenchBoard, first: int, count: int) -> Packed:
    """Readings first..first + count - 1 of a board; after the simulated ones they begin again."""
    seq = np.arange(first, first + count)
    row = seq % len(board)
    record = np.zeros(count, packing.RECORD)
    record["has"] = packing.DATED | packing.MEASURED | packing.SCORED | packing.RESCORED | packing.MODELLED
    record["ts"] = board.began + PERIOD * seq
    record["up"] = PERIOD * seq
    record["boot"] = 1
    record["t"], record["h"] = board.x[row, 0], board.x[row, 1]
    record["edge_flags"] = board.flags[row]
    record["edge_score"] = board.score[row]
    record["cloud_score"] = 400 + board.score[row] % 97
    record["model"] = bytes.fromhex(board.model)
    return Packed(seq % SIZE, record, [None] * count)
