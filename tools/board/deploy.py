"""`make deploy`: copies the changed files of the artefact to the board, then watches the board start."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated

import typer

from device import VERSION
from tools.board import command, port, screen
from tools.board.raw_repl import RawRepl
from tools.board.startup import ConsoleLine, Start
from tools.mpy import build

RESCUE = (*build.PLAIN, *(f"/{name}.mpy" for name in build.RESCUE))
ASIDE = ".old"
# Prints "PATH SHA-256" for each of our files; folders end in "/". It reads each file, because a copied file
# may be damaged since. Everything else on the board belongs to somebody else and stays.
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
    return hexlify(h.digest()).decode()
def tell(path):
    try:
        print(path, digest(path))
    except OSError:
        print(path, '?')
def walk(folder):
    for entry in os.ilistdir(folder):
        path = folder + '/' + entry[0]
        if entry[1] & 0x4000:
            print(path + '/', '-')
            walk(path)
        else:
            tell(path)
for path in {rescue}:
    try:
        os.stat(path)
        tell(path)
    except OSError:
        pass
try:
    walk('/device')
    print('/device/', '-')
except OSError:
    pass
"""
IDENTIFY = """
import sys
i = sys.implementation
print(getattr(i, '_mpy', 0))
print('%d.%d.%d' % i[1][:3])
print(getattr(i, '_machine', sys.platform))
"""
WATCH_S = 90.0


@dataclass(frozen=True)
class Firmware:
    """What runs on the board."""

    mpy: int
    version: str
    machine: str

    @classmethod
    def ask(cls, wire: RawRepl) -> Firmware:
        mpy, version, machine = wire.run(IDENTIFY).splitlines()[-3:]
        return cls(int(mpy), version, machine)


@dataclass(frozen=True)
class DeployPlan:
    """The changes of a deployment, as paths on the board, in order."""

    folders: tuple[str, ...]
    copy: tuple[str, ...]
    delete: tuple[str, ...]
    same: tuple[str, ...]

    @property
    def changes(self) -> int:
        return len(self.folders) + len(self.copy) + len(self.delete)


def plan(built: Mapping[str, bytes], present: Mapping[str, str]) -> DeployPlan:
    """Compare the build with the files on the board ({path: SHA-256 hex}, folders end in "/").

    boot.py and the files of safe mode come first and main.py last, so that a board stays reachable when the
    copying is cut off. Its list of hashes shows old and half-written files to it and to the next deployment.
    """
    wanted = {_parent(path) for path in built} - {"/"}
    folders = sorted(wanted - set(present))
    changed = [path for path in built if hashlib.sha256(built[path]).hexdigest() != present.get(path)]
    first = ("/boot.py", *RESCUE[len(build.PLAIN) :], build.LIST)
    order = sorted(
        changed, key=lambda path: (first.index(path) if path in first else 9, path == "/main.py", path)
    )
    strays = [path for path in present if path not in built and path not in wanted]
    strays.sort(key=lambda path: (path.endswith("/"), -len(path)))  # files first, inner folders first
    same = tuple(path for path in built if path not in changed)
    return DeployPlan(tuple(folders), tuple(order), tuple(strays), same)


def _parent(path: str) -> str:
    return path.rpartition("/")[0] + "/"


def survey(wire: RawRepl) -> dict[str, str]:
    """{path: SHA-256 hex} of our files on the board; folders end in "/", "?": it cannot be read."""
    return _table(wire.run(SURVEY.format(rescue=RESCUE)))


def _table(text: str) -> dict[str, str]:
    """The table in our lines of `text`; the board printed the other lines."""
    matches = (re.fullmatch(r"(/.*) ([0-9a-f]{64}|[?-])\s*", line) for line in text.splitlines())
    return {line[1]: line[2] for line in matches if line}


def apply(wire: RawRepl, todo: DeployPlan, built: Mapping[str, bytes]) -> None:
    """Carry out the plan. It deletes strays first, because an old .py would win over a new .mpy."""
    if not todo.changes:
        return
    for path in todo.delete:
        wire.run(f"import os\nos.{'rmdir' if path.endswith('/') else 'remove'}({path.rstrip('/')!r})")
    for folder in todo.folders:
        wire.run(f"import os\nos.mkdir({folder.rstrip('/')!r})")
    size = sum(len(built[path]) for path in todo.copy)
    with screen.progress("copying", size) as advance:
        for path in todo.copy:
            wire.put(path, built[path], advance, whole=path in RESCUE)


def is_foreign(wire: RawRepl, path: str) -> bool:
    """Whether somebody wrote the board's boot.py or main.py: it is neither Vigie's nor MicroPython's own."""
    text = (wire.get(path) or b"").decode(errors="replace")
    lines = [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
    return bool(lines) and "Vigie" not in text


def set_aside(wire: RawRepl, foreign: Sequence[str]) -> None:
    """Rename somebody's boot.py or main.py before Vigie's file takes its name."""
    for path in foreign:
        wire.run(f"import os\nos.rename({path!r}, {path + ASIDE!r})")
        screen.tick("kept", f"your {path} is {path}{ASIDE} now", "warn")


def deploy(wire: RawRepl, *, dry_run: bool = False) -> None:
    """Bring the board behind `wire` (paused or stopped) to this tree. Raises ToolFailed."""
    firmware = Firmware.ask(wire)
    arch = build.arch_of(firmware.mpy)
    with screen.waiting("comparing …"), ThreadPoolExecutor(1) as beside:
        building = beside.submit(build.files, arch)  # while the board looks at its files
        present = survey(wire)
        built = building.result()
    todo = plan(built, present)
    foreign = [
        path for path in todo.copy if path in build.PLAIN and path in present and is_foreign(wire, path)
    ]
    screen.tick("board", f"{firmware.machine}, MicroPython {firmware.version}")
    screen.tick("compiled", f"{len(built)} files, {build.total(built) // 1024} KB, for {arch or 'bytecode'}")
    if dry_run:
        for path in foreign:
            screen.tick("keep", f"{path}, which is not Vigie's, as {path}{ASIDE}", "plain")
        for verb, paths in (("make", todo.folders), ("copy", todo.copy), ("delete", todo.delete)):
            for path in paths:
                size = f"  {len(built[path])} bytes" if path in built else ""
                screen.tick(verb, path + size, "plain")
        screen.tick("dry run", f"{len(todo.same)} files are the same; nothing was written", "plain")
        return
    if todo.changes:
        wire.stop()  # copying wants the heap for itself
        wire.stays_stopped = True
        try:
            set_aside(wire, foreign)
            apply(wire, todo, built)
        except BaseException:
            screen.tick(
                "stopped",
                "only half of the files are new, so the board does not measure: run make deploy again",
                "warn",
            )
            raise
        wire.stays_stopped = False
    screen.tick(
        "copied", f"{len(todo.copy)} changed, {len(todo.same)} the same, {len(todo.delete)} old ones deleted"
    )


def watch(wire: RawRepl, seconds: float = WATCH_S) -> bool:
    """Restart the board and print its start, tick by tick. True when all six ticks came."""
    wire.reset()
    start = Start()
    end = time.monotonic() + seconds
    shown = None
    with screen.waiting("the board starts …"):
        for line in wire.lines(0.5):
            step = start.feed(line) if line else None
            if step and line:
                screen.tick(step.name, ConsoleLine.parse(line).text)
            if start.trouble and start.trouble != shown:
                shown = start.trouble
                screen.tick("", shown, "warn")
            if start.complete or start.ended or time.monotonic() > end:
                break
    if start.complete:
        return True
    name, cure = start.missing
    screen.tick(name, cure, "bad")
    return False


def is_provisioned(wire: RawRepl) -> bool:
    return wire.run("import os\nprint('config.json' in os.listdir('/'))") == "True"


@command.run
def main(
    port_name: command.PortOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, change no file.")
    ] = False,
    no_watch: Annotated[bool, typer.Option("--no-watch", help="Do not wait for the start.")] = False,
) -> int:
    """Compile device/, copy what changed, and watch the board start."""
    began = time.monotonic()
    device = port.find(port_name)
    screen.tick("port", f"{device.device} ({device.about})")
    with RawRepl(device) as wire:
        wire.pause()
        deploy(wire, dry_run=dry_run)
        if dry_run:
            return 0
        if not is_provisioned(wire):
            screen.tick("next", "make provision DEVICE=C001: tells the board its Wi-Fi and broker", "plain")
            return 0
        good = no_watch or watch(wire)
    screen.tick("done", f"Vigie {VERSION} in {time.monotonic() - began:.0f} s", "good" if good else "warn")
    return 0 if good else 1
