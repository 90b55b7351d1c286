"""`python -m tools.bench.edge`: what a forest costs on a board, as m2cgen writes it, as integers, and packed.

All forms are of the same forests, trained on three days of the simulated room and run on the hours after, in
turn, compiled, under MicroPython. Every ratio is to plain m2cgen in the same run. Prints a table (Markdown)
and, as the last line, JSON.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from m2cgen.interpreters import PythonInterpreter
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from cloud.training import bundle, params
from cloud.training.features import features
from cloud.training.forest.assemble import SCALE, IsolationForestAssembler
from cloud.training.forest.interpret_packed import PackedForest, PackedInterpreter
from cloud.training.forest.interpret_python import ReadablePythonInterpreter
from cloud.training.thresholds import envelope
from tools.local.sensor.sensor_choice import room
from tools.mpy import build
from tools.process.child import ToolFailed
from tools.process.exit_code import exit_code
from tools.process.places import ROOT
from tools.proofs.forest import KEY
from tools.virtual_board.virtual_board import architecture, find_micropython

SIZES = ((32, 128), (64, 256))
PERIOD_S = 10
DAY = 86400 // PERIOD_S
TRAINED, RUN = 3 * DAY, 1000  # readings
FASTER = 10  # times as fast as plain m2cgen, where the table lies in memory
TURNS = 3  # each form is timed in this many processes, in turn, and the best counts
BOARD = ROOT / "tools" / "bench" / "on_board" / "bench_form.py"
NOTE = """\
RAM is the garbage-collected heap that a form holds once loaded, its code included. This MicroPython is
64-bit: objects take twice a board's bytes, which is most of plain m2cgen and little of the table, whose bytes
are the same there. Native code (the table's walker, about 0.4 KB) is in executable memory besides. An ESP32
has 163 KB of heap after boot, 119 KB with Wi-Fi and TLS up: plain m2cgen at 64x256 does not fit it."""
PLAIN, READABLE, PACKED = "plain m2cgen", "readable integers", "packed table"
Int16 = NDArray[np.int16]


@dataclass(frozen=True)
class Form:
    """One form of one forest. `mpy`: bytes of its code for xtensawin; `data`: bytes of its table."""

    name: str
    size: str
    command: list[str]  # what bench_form.py is to load
    mpy: int = 0
    data: int = 0
    failure: str = ""


@dataclass(frozen=True)
class EdgeMeasured:
    heap: int
    alloc: float
    us: float
    total: int | float


def history() -> Int16:
    """Features of the simulated room: TRAINED readings to train on and then RUN to run on."""
    rows = room(1, PERIOD_S, 60 + TRAINED + RUN)
    x: Int16 = features(rows[:, 0], rows[:, 1])[60:]
    return x


def forms(forest: IsolationForest, size: str, folder: Path, walker: int) -> tuple[list[Form], PackedForest]:
    """The three forms of a forest, written to `folder`. `walker`: bytes of the packed table's code."""
    floats = IsolationForestAssembler(forest, scale=None).assemble()
    integers = IsolationForestAssembler(forest).assemble()
    packed = PackedInterpreter().interpret(integers)
    section = folder / f"packed_{size}.frst"
    section.write_bytes(packed.section(0))
    made = [
        _module(PLAIN, size, f"plain_{size}", PythonInterpreter().interpret(floats), folder),
        _module(READABLE, size, f"readable_{size}", ReadablePythonInterpreter().interpret(integers), folder),
        Form(PACKED, size, ["table", str(section)], walker, section.stat().st_size),
    ]
    return made, packed


def _module(form: str, size: str, module: str, source: str, folder: Path) -> Form:
    path = folder / f"{module}.txt"
    path.write_text(source)
    try:
        return Form(form, size, ["module", module], compiled(path, folder / f"{module}.mpy"))
    except ToolFailed as error:
        return Form(form, size, [], failure=str(error))


def package(folder: Path) -> int:
    """Compiles device/ into `folder`, as boards get it; bytes of the forest's two modules for xtensawin."""
    sizes = {}
    for source in sorted((ROOT / "device").rglob("*.py")):
        target = folder / source.relative_to(ROOT).with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        sizes[source.stem] = compiled(source, target)
    return sizes["forest"] + sizes["walk_viper"]


def compiled(source: Path, target: Path) -> int:
    """Compiles `source` for this machine to `target`; bytes of the same for xtensawin. Raises ToolFailed."""
    build.compile_file(source, target, "xtensawin", target.name)
    size = target.stat().st_size
    if target.read_bytes()[2] >> 2:  # native code: once more
        build.compile_file(source, target, architecture(find_micropython()), target.name)
    return size


def run(command: list[str], count: str, folder: Path) -> dict[str, Any]:
    """What bench_form.py measured. Raises ToolFailed when it could not."""
    ran = subprocess.run(
        [find_micropython(), "-X", "heapsize=64M", str(BOARD), str(folder), *command, count],
        capture_output=True, text=True, cwd=folder, timeout=300, check=False,
    )  # fmt: skip
    if ran.returncode:
        raise ToolFailed(f"does not load: {(ran.stderr or ran.stdout).strip().splitlines()[-1]}")
    measured: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return measured


def measure(made: list[Form], readings: Path, folder: Path) -> tuple[dict[str, EdgeMeasured], dict[str, str]]:
    """Best of TURNS processes a form, in turn so that a busy machine meets all alike; and the failures."""
    results: dict[str, EdgeMeasured] = {}
    failures = {form.name: form.failure for form in made if form.failure}
    for _ in range(TURNS):
        for form in made:
            if form.name in failures:
                continue
            try:
                now = EdgeMeasured(**run(form.command, str(readings), folder))
            except ToolFailed as failed:
                failures[form.name] = str(failed)
                continue
            before = results.get(form.name, now)
            results[form.name] = min(now, before, key=lambda each: each.us)
    return results, failures


def loop(x: Int16, packed: PackedForest, folder: Path) -> dict[str, Any]:
    """The whole reading loop, sensor to verdict, with every detector and the larger forest."""
    shape = envelope.fit(x)
    body = params.pack(params.DEFAULT, shape.means, shape.weights)
    model = folder / "model.bin"
    model.write_bytes(bundle.build(KEY, forest=packed, threshold=0, params=body, x=x, meta={}))
    return run(["loop", str(model)], "5000", folder)


def row(form: Form, measured: dict[str, EdgeMeasured], failures: dict[str, str]) -> str:
    if form.name in failures:
        return f"| {form.size} | {form.name} | {failures[form.name]} |" + " |" * 6
    own, plain = measured[form.name], measured.get(PLAIN)
    code = f"{form.mpy:,}" + (f" + {form.data:,} table" if form.data else "")
    ram, speed = (f"1/{plain.heap / own.heap:.1f}", f"{plain.us / own.us:.1f} x") if plain else ("", "")
    return (
        f"| {form.size} | {form.name} | {own.heap:,} | {ram} | {code} | {own.us:.2f} | {speed} "
        f"| {own.alloc:.0f} | {own.total / RUN / (1 if form.name == PLAIN else SCALE):.6f} |"
    )


def main() -> int:
    x = history()
    before, after = x[:TRAINED], x[TRAINED:]
    lines = [
        "| trees x samples | form | RAM, bytes | of plain | .mpy for xtensawin | us a score "
        "| faster than plain | bytes allocated a score | mean score |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    summary: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        walker = package(folder)
        readings = folder / "readings.bin"
        readings.write_bytes(after.astype("<i2").tobytes())
        for trees, samples in SIZES:
            size = f"{trees}x{samples}"
            print(f"{size}: training, compiling (plain m2cgen takes a while), running …", file=sys.stderr)
            forest = IsolationForest(n_estimators=trees, max_samples=samples, random_state=0)
            forest.fit(before.astype(np.float32))
            made, packed = forms(forest, size, folder, walker)
            measured, failures = measure(made, readings, folder)
            lines += [row(form, measured, failures) for form in made]
            plain, table = measured.get(PLAIN), measured[PACKED]
            if plain:
                summary[f"packed_speedup_{size}"] = round(plain.us / table.us, 2)
                summary[f"packed_ram_ratio_{size}"] = round(plain.heap / table.heap, 2)
            summary[f"packed_heap_{size}_bytes"] = table.heap
            summary[f"packed_us_{size}"] = round(table.us, 3)
            per_node = max(summary.get("packed_bytes_per_node", 0), round(packed.size / packed.nodes, 3))
            summary["packed_bytes_per_node"] = per_node
            summary["packed_alloc_bytes"] = max(summary.get("packed_alloc_bytes", 0), table.alloc)
        print("running the whole reading loop …", file=sys.stderr)
        whole = loop(before, packed, folder)
    summary |= {"loop_alloc_bytes": whole["alloc"], "loop_us": round(whole["us"], 2)}
    print("\n".join(lines))
    print(
        f"\nWhole reading loop (simulated sensor, features, all detectors, {size} forest): "
        f"{whole['us']:.1f} us, {whole['alloc']:.0f} bytes allocated a reading.\n"
    )
    print(NOTE)
    print(json.dumps(summary))
    faster = summary["packed_speedup_32x128"]
    if faster < FASTER:
        print(f"✗ the packed table is {faster} times as fast as plain m2cgen, not {FASTER}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(exit_code("bench-edge", main))
