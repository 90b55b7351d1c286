"""`make bench-cloud`: the table for people, JSON on the last line; at full size it goes into docs/cloud.md.

READINGS=50000 for a quick look.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import bson

from tools.bench.asked import whole
from tools.bench.cloud import store, workload
from tools.bench.cloud.chain import Bench, Cost
from tools.bench.docs_table import write
from tools.process.child import WrongUse
from tools.process.exit_code import exit_code
from tools.process.places import ROOT
from tools.process.terminal import progress

READINGS = 1_000_000
QUERIED = 10  # times as many in the query bench
LEAST_QUERIED = 9000  # of each board there: a day, and some more
BOARDS = 190
NAIVE = 300  # messages
DOCUMENT = ROOT / "docs" / "cloud.md"
HEAD = (
    "| chain | readings | messages / core-s: ingest | all in | readings / core-s: ingest | all in "
    "| CPU s: ingest | broker | mongod | wall s | MB |\n|---|" + "---:|" * 10
)
CHAINS = (  # readings a message, workers, share of repeats, part of READINGS
    (10, 1, 0.0, 0.2),
    (10, 2, 0.0, 0.2),
    (10, 4, 0.0, 0.2),
    (10, 1, 0.1, 0.2),
    (1, 1, 0.0, 0.03),
    (1, 2, 0.0, 0.03),
    (1, 4, 0.0, 0.03),
)


def main(argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    if argv:
        raise WrongUse("usage: [READINGS=50000] python -m tools.bench.cloud")
    readings = whole(environment, "READINGS", READINGS, least=10_000)
    folder = Path("var/bench-cloud")
    shutil.rmtree(folder, ignore_errors=True)
    progress("training a model")
    model = workload.trained()
    numbers: dict[str, float] = {"readings": readings}
    rows = [HEAD]
    with Bench(folder, workload.MASTER) as bench:
        print(f"broker: {bench.broker.kind}; {readings:,} readings of {BOARDS} boards\n")
        numbers |= _size(bench, model, readings)
        numbers |= _chains(bench, model, readings, rows)
        numbers |= _query(bench, model, max(readings * QUERIED, BOARDS * LEAST_QUERIED))
    progress("")
    if readings == READINGS:
        write(DOCUMENT, "bench-cloud", "\n".join(rows))
    print(json.dumps(numbers))
    return 0


def _size(bench: Bench, model: workload.BenchModel, readings: int) -> dict[str, float]:
    boards = workload.boards(BOARDS, -(-readings // BOARDS), model, int(time.time()) - 20 * 86400)
    with bench.database() as database:
        measured = store.bytes_a_reading(database, boards, model)
    progress("")
    print(
        f"sealed: {measured['bytes_per_reading']} bytes a reading by M0's rule "
        f"(data {measured['data_bytes_per_reading']}, indexes {measured['index_bytes_per_reading']}): "
        f"{measured['boards_m0']:.0f} boards at 10 s for 30 days\n"
    )
    return measured


def _chains(bench: Bench, model: workload.BenchModel, readings: int, rows: list[str]) -> dict[str, float]:
    """Appends the table's rows to `rows`."""
    print(HEAD)
    numbers: dict[str, float] = {}
    for a_message, workers, repeats, part in CHAINS:
        each = -(-int(readings * part) // BOARDS)
        each += -each % a_message
        boards = workload.boards(BOARDS, each, model, int(time.time()) - each * workload.PERIOD - 60)
        title = f"{a_message} a message, {workers} worker{'s' * (workers > 1)}"
        if repeats:
            title += f", {repeats:.0%} repeats in disorder"
        progress(title)
        cost = bench.vigie(boards, [model.document], a_message=a_message, workers=workers, repeats=repeats)
        rows.append(_row(title, cost))
        if not repeats:
            numbers[f"readings_per_core_s_{a_message}x{workers}"] = round(cost.readings_a_core_second)
            numbers[f"readings_per_core_s_all_in_{a_message}x{workers}"] = round(cost.readings / cost.all_in)
    numbers |= _own_models(bench, model, readings, rows)
    first = workload.boards(1, workload.TRAINED_ON, model, int(time.time()) - 90_000)[0]
    progress("the naive chain")
    naive = bench.naive(first, NAIVE, first.x)
    rows.append(_row("naive: predict and insert_one for each", naive))
    numbers["readings_per_core_s"] = numbers["readings_per_core_s_10x1"]
    numbers["naive_readings_per_core_s"] = round(naive.readings_a_core_second, 1)
    numbers["ratio"] = round(numbers["readings_per_core_s"] / naive.readings_a_core_second)
    print(f"\n{numbers['ratio']:.0f} times the naive chain; every reading was then found in the database\n")
    return numbers


def _own_models(bench: Bench, model: workload.BenchModel, readings: int, rows: list[str]) -> dict[str, float]:
    """One worker and a model for each board, as it is once all boards are trained."""
    each = -(-int(readings * 0.2) // BOARDS // 10) * 10
    boards = workload.boards(BOARDS, each, model, int(time.time()) - each * workload.PERIOD - 60)
    progress("a model for each board")
    boards, models = workload.with_own_models(boards, model)
    cost = bench.vigie(boards, models, a_message=10, workers=1)
    rows.append(_row("10 a message, 1 worker, a model for each board", cost))
    return {
        "readings_per_core_s_own_models": round(cost.readings_a_core_second),
        "memory_mb_own_models": round(cost.memory_mb),
        "model_bytes": round(sum(len(bson.encode(each)) for each in models) / len(models)),
    }


def _query(bench: Bench, model: workload.BenchModel, readings: int) -> dict[str, float]:
    each = readings // BOARDS
    boards = workload.boards(BOARDS, min(each, 5000), model, int(time.time()) - each * workload.PERIOD)
    with bench.database() as database:
        newest = store.fill(database, boards, readings)
        measured = store.day_query_ms(database, boards, newest)
    progress("")
    print(f"a day of one board at one minute, {readings:,} readings stored: {measured['day_query_ms']} ms\n")
    return {"queried_readings": readings, **measured}


def _row(title: str, cost: Cost) -> str:
    progress("")
    row = (
        f"| {title} | {cost.readings:,} "
        f"| {cost.messages / cost.ingest:,.0f} | {cost.messages / cost.all_in:,.0f} "
        f"| {cost.readings_a_core_second:,.0f} | {cost.readings / cost.all_in:,.0f} "
        f"| {cost.ingest:.1f} | {cost.broker:.1f} | {cost.database:.1f} | {cost.wall:.1f} "
        f"| {cost.memory_mb:.0f} |"
    )
    print(row, flush=True)
    return row


if __name__ == "__main__":
    sys.exit(exit_code("bench-cloud", lambda: main(sys.argv[1:])))
