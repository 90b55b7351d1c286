"""What device/ may take of a chip: bytes of flash, bytes of heap. Both tables are printed when they fail."""

import subprocess

import pytest

from tools.mpy import build
from tools.virtual_board import umqtt
from tools.virtual_board.virtual_board import HERE, find_micropython

KB = 1024
# Every .mpy, all sensors included: as measured and a little more. What is borrowed (device/chip/lazy.py) is a
# file of its own: 5 KB of flash, of 2 MB, for 11 KB of heap. Names are those of the source, which costs
# 6 KB of flash and some 5 KB of a chip's heap, and lets a traceback be read.
# Files that flash cannot read, or that are not what they claim, are told apart and reported: 2 KB.
# A plant that fails (excursion.py, rhythm.py): 3 KB, in RAM only where a place cycles or has a rhythm.
# Settings and models over the air (device/update/): 9 KB, in RAM only while one is under way.
# The application over the air (release.py, install.py, trials of a release): 6 KB, in RAM only meanwhile.
ALL_KB = 94
SAFE_KB = 35  # safe mode needs no other file: it has a copy of its own of what it shares with the application
ONE_KB = 5  # of one source file
# Heap of the code that stays, on this 64-bit interpreter: objects take twice a chip's bytes. What counts is a
# chip at work: the network's longest block (24 KB and more, which this does not touch as long as Python's two
# pieces hold it) and 54 KB free in all, of which docs/board.md has the measurements.
RESIDENT_KB = 44
# Excursion, rhythm and a second stage of limits, numbers of the model included; 1.2 KB on 32 bits.
PLANT_BYTES = 1536

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
def test_every_file_compiles_and_stays_small(arch, tmp_path):
    target = tmp_path / "out.mpy"
    alone = {}
    for source in sorted((build.ROOT / "device").rglob("*.py")):
        name = source.relative_to(build.ROOT).as_posix()
        build.compile_file(source, target, arch, name)
        alone[name] = target.stat().st_size
    assert max(alone.values()) <= ONE_KB * KB, table(alone)
    sizes = {path: len(data) for path, data in build.application(arch).items() if path.endswith(".mpy")}
    assert sizes.pop("safe.mpy") <= SAFE_KB * KB
    assert sum(sizes.values()) <= ALL_KB * KB, f"{sum(sizes.values())} bytes\n{table(sizes)}\n{table(alone)}"


def test_what_stays_in_ram_fits(tmp_path):
    for path, data in build.application("x64").items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    stays = (path.stem for path in sorted((tmp_path / "device").glob("*.mpy")))
    apart = build.apart() - {"log"}
    names = [name for name in stays if name not in apart]
    script = MEASURE.format(names=[*names, "simulated"], umqtt=str(umqtt.folder()), lib=str(HERE / "lib"))
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


SHELF = """
import os, sys
sys.path[:] = [{root!r}, ".frozen", {umqtt!r}, {lib!r}]
import chip
from device.app import Shelf, borrow
package = sys.modules["device"]
Shelf.folder, package.__path__ = package.__path__, "/lent"
os.mount(Shelf(), "/lent")
loaded = sorted(sys.modules)
config = borrow("config")  # which borrows schema while it is being borrowed
print(config.__name__, config.__file__, config.schema.__name__, borrow("dating").begin.__name__)
print(hasattr(package, "lent"), sorted(sys.modules) == loaded)
import device.console
print(device.console.__file__)
try:
    borrow("nothing")
except (ImportError, OSError):
    print("none")
"""


def test_all_that_is_borrowed_shares_one_path_and_one_name(tmp_path):
    for path, data in build.application("x64").items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    script = SHELF.format(root=str(tmp_path), umqtt=str(umqtt.folder()), lib=str(HERE / "lib"))
    run = subprocess.run(
        [find_micropython(), "-X", "heapsize=2M", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.stdout.splitlines() == [
        "device.lent /lent/lent.mpy device.lent begin",
        "False True",
        "/lent/console.mpy",
        "none",
    ], run.stdout + run.stderr


PLANT = """
import gc, sys
sys.path[:] = [{root!r}]
from array import array
from device.judge.excursion import NUMBERS, Excursion, Stays
from device.judge.limits import Bounds
from device.judge.rhythm import NUMBERS as BANDS, Bands, Rhythm
stays, bands = (bytes(array("h", [9] * count)) for count in (NUMBERS, BANDS))
limits = dict(t_max=1000, for_s=60)
kept = []
for make in (lambda: Excursion(Stays(stays)), lambda: Rhythm(Bands(bands)), lambda: Bounds(limits)):
    sizes = []
    for _ in range(3):  # what the stack still points at may be counted too
        gc.collect()
        before = gc.mem_alloc()
        kept.append(make())
        gc.collect()
        sizes.append(gc.mem_alloc() - before)
    print(min(sizes))
"""


def test_what_the_judge_remembers_of_a_plant_fits():
    command = [find_micropython(), "-X", "heapsize=2M", "-c", PLANT.format(root=str(build.ROOT))]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    sizes = [int(size) for size in run.stdout.split()]
    assert sum(sizes) <= PLANT_BYTES, sizes
