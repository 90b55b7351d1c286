"""`make deploy`: device/ onto the board, only what changed; then the board's start is watched."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import typer

from device import VERSION
from tools.board import build, command, port, screen
from tools.board.startup import Line, Start
from tools.board.wire import Wire

# Prints "PATH HASH" for each file that is ours. Everything else on the board is somebody's: it stays.
SURVEY = """
import os, hashlib
from binascii import hexlify
def digest(path):
    h = hashlib.sha256()
    b = bytearray(512)
    m = memoryview(b)
    with open(path, 'rb') as f:
        while True:
            n = f.readinto(b)
            if not n:
                break
            h.update(m[:n])
    print(path, hexlify(h.digest()).decode())
def walk(folder):
    for entry in os.ilistdir(folder):
        path = folder + '/' + entry[0]
        if entry[1] & 0x4000:
            print(path + '/', '-')
            walk(path)
        else:
            digest(path)
for path in ('/boot.py', '/main.py'):
    try:
        digest(path)
    except OSError:
        pass
try:
    walk('/device')
    print('/device/', '-')
except OSError:
    pass
"""
IDENTIFY = """
import sys, os, gc
gc.collect()
i = sys.implementation
print(getattr(i, '_mpy', 0))
print('%d.%d.%d' % i[1][:3])
print(getattr(i, '_machine', sys.platform))
v = os.statvfs('/')
print(v[0] * v[3], v[0] * v[2])
print(gc.mem_free())
"""
WATCH_S = 90.0


@dataclass(frozen=True)
class Firmware:
    """What runs on the board. Sizes in bytes."""

    mpy: int
    version: str
    machine: str
    flash_free: int
    flash_size: int
    heap_free: int

    @classmethod
    def ask(cls, wire: Wire) -> Firmware:
        mpy, version, machine, flash, heap = wire.run(IDENTIFY).splitlines()[-5:]
        free, size = flash.split()
        return cls(int(mpy), version, machine, int(free), int(size), int(heap))


@dataclass(frozen=True)
class Plan:
    """What a deployment changes, paths on the board in order. `old`: the bytes of files to be overwritten."""

    folders: tuple[str, ...]
    copy: tuple[str, ...]
    delete: tuple[str, ...]
    same: tuple[str, ...]


def plan(built: Mapping[str, bytes], present: Mapping[str, str]) -> Plan:
    """Compare what is built with what lies on the board ({path: SHA-256 hex}, folders end in "/").

    boot.py comes first and main.py last: a board that is cut off in between can always be reached, and the
    next deployment finds by its hash what is half a file.
    """
    wanted = {_parent(path) for path in built} - {"/"}
    folders = sorted(wanted - set(present))
    changed = [path for path in built if hashlib.sha256(built[path]).hexdigest() != present.get(path)]
    order = sorted(changed, key=lambda path: (path != "/boot.py", path == "/main.py", path))
    strays = [path for path in present if path not in built and path not in wanted]
    strays.sort(key=lambda path: (path.endswith("/"), -len(path)))  # files first, inner folders first
    same = tuple(path for path in built if path not in changed)
    return Plan(tuple(folders), tuple(order), tuple(strays), same)


def _parent(path: str) -> str:
    return path.rpartition("/")[0] + "/"


def survey(wire: Wire) -> dict[str, str]:
    """{path: SHA-256 hex} of our files on the board; folders end in "/"."""
    lines = (line.rsplit(" ", 1) for line in wire.run(SURVEY, timeout=60).splitlines() if " " in line)
    return {line[0]: line[1] for line in lines}


def apply(wire: Wire, todo: Plan, built: Mapping[str, bytes]) -> None:
    """Carry out the plan. Strays go first: an old .py would win over a new .mpy."""
    for path in todo.delete:
        wire.run(f"import os\nos.{'rmdir' if path.endswith('/') else 'remove'}({path.rstrip('/')!r})")
    for folder in todo.folders:
        wire.run(f"import os\nos.mkdir({folder.rstrip('/')!r})")
    size = sum(len(built[path]) for path in todo.copy)
    with screen.progress("copying", size) as advance:
        for path in todo.copy:
            wire.put(path, built[path], advance, whole=path in build.PLAIN)


def deploy(wire: Wire, *, dry_run: bool = False) -> None:
    """Bring the board behind `wire` (stopped) to this tree. Raises Failed."""
    firmware = Firmware.ask(wire)
    arch = build.arch_of(firmware.mpy)
    built = build.files(arch)
    todo = plan(built, survey(wire))
    screen.tick("board", f"{firmware.machine}, MicroPython {firmware.version}")
    screen.tick("compiled", f"{len(built)} files, {build.total(built) // 1024} KB, for {arch or 'bytecode'}")
    if dry_run:
        for verb, paths in (("make", todo.folders), ("copy", todo.copy), ("delete", todo.delete)):
            for path in paths:
                size = f"  {len(built[path])} bytes" if path in built else ""
                screen.tick(verb, path + size, "plain")
        screen.tick("dry run", f"{len(todo.same)} files are the same; nothing was written", "plain")
        return
    apply(wire, todo, built)
    screen.tick(
        "copied", f"{len(todo.copy)} changed, {len(todo.same)} the same, {len(todo.delete)} old ones deleted"
    )


def watch(wire: Wire, seconds: float = WATCH_S) -> bool:
    """Restart the board and tell its start, tick by tick. True when all six came."""
    wire.reset()
    start = Start()
    end = time.monotonic() + seconds
    told = None
    with screen.waiting("the board starts …"):
        for line in wire.lines(0.5):
            step = start.feed(line) if line else None
            if step and line:
                screen.tick(step.name, Line.parse(line).text)
            if start.trouble != told:
                told = start.trouble
                if told:
                    screen.tick("", told, "warn")
            if start.complete or start.ended or time.monotonic() > end:
                break
    if start.complete:
        return True
    name, cure = start.missing
    screen.tick(name, cure, "bad")
    return False


def is_provisioned(wire: Wire) -> bool:
    return wire.run("import os\nprint('config.json' in os.listdir('/'))") == "True"


@command.run
def main(
    port_name: command.PortOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, write nothing.")
    ] = False,
    no_watch: Annotated[bool, typer.Option("--no-watch", help="Do not wait for the start.")] = False,
) -> int:
    """Compile device/, copy what changed, and watch the board start."""
    began = time.monotonic()
    found = port.find(port_name)
    screen.tick("port", f"{found.device} ({found.about})")
    with Wire(found) as wire:
        wire.stop()
        deploy(wire, dry_run=dry_run)
        if dry_run:
            return 0
        if not is_provisioned(wire):
            screen.tick("next", "make provision DEVICE=C001: tells the board its Wi-Fi and broker", "plain")
            return 0
        good = True
        if no_watch:
            wire.reset()
        else:
            good = watch(wire)
    screen.tick("done", f"Vigie {VERSION} in {time.monotonic() - began:.0f} s", "good" if good else "warn")
    return 0 if good else 1
