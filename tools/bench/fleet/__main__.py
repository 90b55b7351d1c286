"""`make bench-fleet`: the table for people, JSON on the last line; at full size it goes into docs/cloud.md.

BOARDS=100 SECONDS=60 WORKERS=1 for a quick look.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tools.bench.asked import whole
from tools.bench.docs_table import write
from tools.bench.fleet.publishers import MASTER, PERIOD, password, user
from tools.bench.rig import Rig, memory_mb
from tools.local.broker.broker import Broker
from tools.process.child import ToolFailed, WrongUse
from tools.process.exit_code import exit_code
from tools.process.places import ROOT
from tools.process.terminal import progress

BOARDS, WORKERS, SECONDS = "100 1000 5000", "1 3", "180"
A_PROCESS = 2500  # boards
SILENCE = 100.0  # s after a power cut of all boards in which mails are counted
CARRIED = 0.99  # share of messages acknowledged at which a fleet counts as carried
DOCUMENT = ROOT / "docs" / "cloud.md"
HEAD = (
    "| boards | workers | messages / s | acknowledged | publish to ack: median | p99 | CPU all in, of a core "
    "| ingest | broker | mongod | publishers | MB a worker | mails when all fall silent |\n"
    "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
)


@dataclass(frozen=True)
class Run:
    """What one fleet cost."""

    boards: int
    workers: int
    seconds: float
    sent: int
    waits: list[int]  # ms
    ingest: float  # CPU s, likewise below
    broker: float
    database: float
    publishers: float
    memory: float  # MB, the largest worker
    mails: int

    def row(self) -> str:
        def core(spent: float) -> str:
            return f"{100 * spent / self.seconds:.0f} %"

        median, p99 = _percentiles(self.waits)
        return (
            f"| {self.boards:,} | {self.workers} | {self.sent / self.seconds:,.0f} "
            f"| {len(self.waits) / max(self.sent, 1):.1%} | {median:,.0f} ms | {p99:,.0f} ms "
            f"| {core(self.ingest + self.broker + self.database)} | {core(self.ingest)} "
            f"| {core(self.broker)} | {core(self.database)} | {core(self.publishers)} "
            f"| {self.memory:.0f} | {self.mails} |"
        )


def _percentiles(waits: list[int]) -> tuple[float, float]:
    if len(waits) < 2:
        return float("nan"), float("nan")
    return statistics.median(waits), statistics.quantiles(waits, n=100)[98]


def main(argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    if argv:
        raise WrongUse("usage: [BOARDS=100] [SECONDS=60] [WORKERS=1] python -m tools.bench.fleet")
    fleets = _numbers(environment, "BOARDS", BOARDS)
    teams = _numbers(environment, "WORKERS", WORKERS)
    (seconds,) = _numbers(environment, "SECONDS", SECONDS)
    folder = Path("var/bench-fleet")
    shutil.rmtree(folder, ignore_errors=True)
    print(f"each board sends a reading every {PERIOD:.0f} s, for {seconds} s\n\n{HEAD}", flush=True)
    rows, numbers = [], {}
    for boards in fleets:
        for workers in teams:
            fleet = run(folder / f"{boards}-{workers}", boards, workers, seconds)
            progress("")
            rows.append(fleet.row())
            print(rows[-1], flush=True)
            median, p99 = _percentiles(fleet.waits)
            numbers[f"{boards}x{workers}"] = {
                "sent": fleet.sent, "acknowledged": len(fleet.waits), "median_ms": median, "p99_ms": p99,
                "mails": fleet.mails,
            }  # fmt: skip
    if (environment.get("BOARDS") or BOARDS) == BOARDS and (environment.get("WORKERS") or WORKERS) == WORKERS:
        write(DOCUMENT, "bench-fleet", "\n".join([HEAD, *rows]))
    print(json.dumps(numbers))
    return 0 if all(row["acknowledged"] >= CARRIED * row["sent"] for row in numbers.values()) else 1


def run(folder: Path, boards: int, workers: int, seconds: int) -> Run:
    """Run one fleet from its first login to its power cut."""
    with Rig(folder, MASTER, {user(k): password(k) for k in range(boards)}) as rig, ExitStack() as parts:
        share = {"MQTT_SHARE": "fleet"} if workers > 1 else {}
        children = []
        for k in range(workers):
            command = "run" if k == 0 else "ingest"
            words = ["cloud", command]
            children.append(
                rig.backend(f"{command}-{k}", words, "fleet", MQTT_CLIENT_ID=f"fleet-{k}", **share)
            )
        publishers = _publishers(parts, rig.broker, boards, seconds)
        progress(f"{boards} boards are logged in")
        before, began = rig.spent(children), time.monotonic()
        for publisher in publishers:
            print("go", file=publisher.stdin, flush=True)
        reports = [json.loads(_line(publisher)) for publisher in publishers]
        lasted = time.monotonic() - began
        ingest, broker, database = (b - a for a, b in zip(before, rig.spent(children), strict=True))
        memory = max(memory_mb(child) for child in children)
        mails = len(rig.sendgrid.mails)
        for publisher in publishers:
            publisher.kill()
        progress(f"{boards} boards have lost their power")
        time.sleep(SILENCE)
        waits = [wait for report in reports for wait in report["waits"]]
        sent, publishing = (sum(report[name] for report in reports) for name in ("sent", "cpu"))
        mails = len(rig.sendgrid.mails) - mails
        return Run(boards, workers, lasted, sent, waits, ingest, broker, database, publishing, memory, mails)


def _publishers(parts: ExitStack, broker: Broker, boards: int, seconds: int) -> list[subprocess.Popen[str]]:
    made = []
    for first in range(0, boards, A_PROCESS):
        arguments = [first, min(A_PROCESS, boards - first), broker.port, broker.pki.ca_pem, seconds]
        publisher = subprocess.Popen(
            [sys.executable, "-m", "tools.bench.fleet.publishers", *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        parts.callback(publisher.kill)
        made.append(publisher)
    for publisher in made:
        if _line(publisher) != "ready\n":
            raise ToolFailed(f"not all of {boards} boards could log in: see {broker.log}")
    return made


def _line(publisher: subprocess.Popen[str]) -> str:
    assert publisher.stdout is not None
    return publisher.stdout.readline()


def _numbers(environment: Mapping[str, str], name: str, default: str) -> list[int]:
    words = (environment.get(name, "").strip() or default).split()
    return [whole({name: word}, name, 0) for word in words]


if __name__ == "__main__":
    sys.exit(exit_code("bench-fleet", lambda: main(sys.argv[1:])))
