"""What device/ may take of a chip: bytes of flash, bytes of heap. Both tables are printed when they fail."""

import subprocess

import pytest

from tools.board import build
from tools.virtual_board import umqtt
from tools.virtual_board.board import HERE, find_micropython

KB = 1024
ALL_KB = 62  # every .mpy, console, self-test and all sensors included; beside it, for sleep and safe mode:
APART_KB = 7
ONE_KB = 5
# Heap on this 64-bit interpreter; an ESP32 was seen to take about 75 KB.
# This only guards against growth: the aim is 30 KB on the chip.
RESIDENT_KB = 92
ON_DEMAND = {"config", "choices", "recovery", "console", "selftest", "words", "model", "forest_check"}
APART = {"sleep", "snapshot", "duty", "ticks", "safe"}  # no board that measures all the time loads these

MEASURE = """
import gc, sys
sys.path[:] = ["", ".frozen", {umqtt!r}, {lib!r}]
import chip
import umqtt.simple, machine, network, socket, ssl, select, json, struct, hashlib, os, errno, binascii
for name in {names!r}:
    gc.collect()
    before = gc.mem_alloc()
    __import__("device." + name)
    gc.collect()
    print(name, gc.mem_alloc() - before)
"""


def table(sizes):
    return "\n".join(f"{size:6} {name}" for name, size in sorted(sizes.items(), key=lambda item: -item[1]))


@pytest.mark.parametrize("arch", ["xtensawin", "rv32imc"])
def test_every_file_compiles_and_stays_small(arch):
    sizes = {path: len(data) for path, data in build.files(arch).items() if path.endswith(".mpy")}
    assert max(sizes.values()) <= ONE_KB * KB, table(sizes)
    apart = sum(size for path, size in sizes.items() if path.split("/")[-1][:-4] in APART)
    assert apart <= APART_KB * KB, f"{apart} bytes\n{table(sizes)}"
    rest = sum(sizes.values()) - apart
    assert rest <= ALL_KB * KB, f"{rest} bytes\n{table(sizes)}"


def test_what_stays_in_ram_fits(tmp_path):
    for path, data in build.files("x64").items():
        target = tmp_path / path[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    names = [
        path.stem
        for path in sorted((tmp_path / "device").glob("*.mpy"))
        if path.stem not in ON_DEMAND | APART
    ]
    script = MEASURE.format(
        names=[*names, "sensors.simulated"], umqtt=str(umqtt.folder()), lib=str(HERE / "lib")
    )
    run = subprocess.run(
        [find_micropython(), "-X", "heapsize=2M", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    sizes = {name: int(size) for name, size in (line.split() for line in run.stdout.splitlines())}
    assert sum(sizes.values()) <= RESIDENT_KB * KB, f"{sum(sizes.values())} bytes\n{table(sizes)}"
