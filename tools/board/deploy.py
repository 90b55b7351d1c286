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
from tools.board import arguments
from tools.board.cable import port, screen
from tools.board.cable.raw_repl import RawRepl
from tools.board.cable.startup import ConsoleLine, Start
from tools.mpy import build
from tools.mpy.join import PACKAGE

BEFORE_SLOTS = ("/memory.mpy", "/safe.mpy", f"/{PACKAGE}")  # what a board had from before there were slots
NUMBER = "number"  # in a slot that holds a release: which one
ASIDE = ".old"
# Prints "PATH SHA-256" for each file in the places that it is given; folders end in "/". It reads each file,
# because a copied file may be damaged since. Everything else on the board belongs to somebody else and stays.
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
    print(folder + '/', '-')
    for entry in os.ilistdir(folder):
        path = folder + '/' + entry[0]
        if entry[1] & 0x4000:
            walk(path)
        else:
            tell(path)
for path in {places}:
    try:
        mode = os.stat(path)[0]
    except OSError:
        continue
    if mode & 0x4000:
        walk(path)
    else:
        tell(path)
"""
MAKE = """
import os
try:
    os.mkdir({folder!r})
except OSError:
    pass  # it is there, and was empty: what follows will say what is wrong
"""
COPY = """
b = bytearray(1024)
m = memoryview(b)
with open({source!r}, 'rb') as f, open({target!r}, 'wb') as g:
    while True:
        n = f.readinto(b)
        if not n:
            break
        g.write(m[:n])
"""
# So that code on the board finds the application; nothing where there are no slots yet.
APPLICATION = """
import sys
try:
    sys.path[0] = '/app/' + open('/app/active').read(1)
except OSError:
    pass
"""
RUNNING = """
try:
    print(open('/app/active').read(1))
except OSError:
    print('')
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
    """The changes of a deployment, as paths on the board, in order. `slot`: the one that runs afterwards.

    `delete`: what is in the way; `folders`: to make; `take`: files to copy from others on the board; `copy`:
    files to send over the cable. Then comes the switch, which is one step. `late`: what chooses the slot,
    each file one step; `old`: what nothing needs any more.
    """

    slot: str
    folders: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    take: tuple[tuple[str, str], ...] = ()
    copy: tuple[str, ...] = ()
    switch: bool = False
    late: tuple[str, ...] = ()
    old: tuple[str, ...] = ()
    same: int = 0
    differ: int = 0  # files that are not as in this tree, on the board as it runs


def plan(
    built: Mapping[str, bytes], starter: Mapping[str, bytes], present: Mapping[str, str], running: str
) -> DeployPlan:
    """What to do on a board with the files `present` ({path: SHA-256 hex}, folders end in "/"), whose slot
    `running` ("" where there are no slots yet) runs. `built`: path in a slot -> contents.

    The slot that runs is not touched. So a deployment that breaks off leaves the board as it was.
    """
    late = tuple(path for path in starter if _differs(starter[path], present.get(path)))
    old = _strays(present, BEFORE_SLOTS)
    differ = len(_changed(built, present, running)) + len(_extra(built, present, running)) if running else 1
    if not differ:
        same = len(built) + len(starter) - len(late)
        return DeployPlan(running, late=late, old=old, same=same, differ=len(late) + len(old))
    slot = "b" if running == "a" else "a"
    there = {digest: path for path, digest in present.items() if digest not in "-?"}
    place = f"{build.SLOTS}/{slot}"
    changed = [f"{place}/{path}" for path in _changed(built, present, slot)]
    hashes = {f"{place}/{path}": hashlib.sha256(data).hexdigest() for path, data in built.items()}
    take = tuple((there[hashes[path]], path) for path in changed if hashes[path] in there)
    copy = [path for path in changed if hashes[path] not in there]
    copy.sort(key=lambda path: (path.endswith(build.LIST), path))  # the list comes last
    wanted = {_parent(path) for path in (build.ACTIVE, f"{place}/", *hashes, *starter)} - {"/"}
    folders = [each for each in wanted if not any(path.startswith(each) for path in present)]
    folders.sort(key=lambda path: (path.count("/"), path))
    delete = tuple(f"{place}/{path}" for path in _extra(built, present, slot))
    same = len(built) + len(starter) - len(copy) - len(late)
    differ += len(late) + len(old)
    return DeployPlan(slot, tuple(folders), delete, take, tuple(copy), True, late, old, same, differ)


def _changed(built: Mapping[str, bytes], present: Mapping[str, str], slot: str) -> list[str]:
    return [path for path in built if _differs(built[path], present.get(f"{build.SLOTS}/{slot}/{path}"))]


def _extra(built: Mapping[str, bytes], present: Mapping[str, str], slot: str) -> list[str]:
    """What lies in a slot and is not of it, inner files and folders first; the number of a release may stay
    where nothing else differs."""
    place = f"{build.SLOTS}/{slot}/"
    wanted = {"", *built, *(_parent(path)[1:] for path in (f"/{path}" for path in built))}
    inside_place = [path[len(place) :] for path in present if path.startswith(place)]
    extra = [path for path in inside_place if path not in wanted]
    if extra == [NUMBER] and not _changed(built, present, slot):
        return []
    return sorted(extra, key=lambda path: (path != NUMBER, path.endswith("/"), -len(path)))


def _differs(data: bytes, digest: str | None) -> bool:
    return hashlib.sha256(data).hexdigest() != digest


def _strays(present: Mapping[str, str], places: Sequence[str]) -> tuple[str, ...]:
    """All that is in `places`, files first, inner folders first: an old .py would win over a new .mpy."""
    inside = tuple(f"{place}/" for place in places)
    stale = [path for path in present if path in places or path.startswith(inside)]
    return tuple(sorted(stale, key=lambda path: (path.endswith("/"), -len(path))))


def _parent(path: str) -> str:
    return path.rpartition("/")[0] + "/"


def survey(wire: RawRepl, *places: str) -> dict[str, str]:
    """{path: SHA-256 hex} of the files in `places` on the board; folders end in "/"; "?": cannot be read."""
    return _table(wire.run(SURVEY.format(places=places)))


def running(wire: RawRepl) -> str:
    """The slot that runs; "" where there are none yet."""
    slot = wire.run(RUNNING)[-1:]
    return slot if slot in ("a", "b") else ""


def compare(wire: RawRepl, arch: str) -> tuple[DeployPlan, dict[str, bytes], dict[str, str]]:
    """(the plan for the board behind `wire`, path in a slot -> contents, what is on the board).

    It reads the idle slot only where something has changed.
    """
    starter = build.starter()
    with ThreadPoolExecutor(1) as beside:
        building = beside.submit(build.application, arch)  # while the board looks at its files
        slot = running(wire)
        present = survey(wire, *starter, *BEFORE_SLOTS, *([f"{build.SLOTS}/{slot}"] if slot else []))
        built = building.result()
    todo = plan(built, starter, present, slot)
    if todo.switch:
        present |= survey(wire, f"{build.SLOTS}/{todo.slot}")
        todo = plan(built, starter, present, slot)
    return todo, built, present


def _table(text: str) -> dict[str, str]:
    """The table in our lines of `text`; the board printed the other lines."""
    matches = (re.fullmatch(r"(/.*) ([0-9a-f]{64}|[?-])\s*", line) for line in text.splitlines())
    return {line[1]: line[2] for line in matches if line}


def apply(wire: RawRepl, todo: DeployPlan, built: Mapping[str, bytes], starter: Mapping[str, bytes]) -> None:
    """Carry out the plan."""
    place = f"{build.SLOTS}/{todo.slot}/"
    _delete(wire, todo.delete)
    for folder in todo.folders:
        wire.run(MAKE.format(folder=folder.rstrip("/")))
    size = sum(len(built[path.removeprefix(place)]) for path in todo.copy)
    size += sum(len(starter[path]) for path in todo.late)
    with screen.progress("copying", size) as advance:
        for source, target in todo.take:
            wire.run(COPY.format(source=source, target=target))
        for path in todo.copy:
            wire.put(path, built[path.removeprefix(place)], advance)
        if todo.switch:
            wire.put(build.ACTIVE, todo.slot.encode(), whole=True)
        for path in todo.late:
            wire.put(path, starter[path], advance, whole=True)
    _delete(wire, todo.old)


def _delete(wire: RawRepl, paths: Sequence[str]) -> None:
    for path in paths:
        wire.run(f"import os\nos.{'rmdir' if path.endswith('/') else 'remove'}({path.rstrip('/')!r})")


def is_foreign(wire: RawRepl, path: str) -> bool:
    """Whether a person wrote the board's boot.py or main.py: neither Vigie nor MicroPython did."""
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
    with screen.waiting("comparing …"):
        todo, built, present = compare(wire, arch)
    starter = build.starter()
    foreign = [
        path for path in todo.late if path in build.PLAIN and path in present and is_foreign(wire, path)
    ]
    screen.tick("board", f"{firmware.machine}, MicroPython {firmware.version}")
    size = build.total(built) + build.total(starter)
    screen.tick("compiled", f"{len(built) + len(starter)} files, {size // 1024} KB, for {arch or 'bytecode'}")
    if dry_run:
        for path in foreign:
            screen.tick("keep", f"{path}, which is not Vigie's, as {path}{ASIDE}", "plain")
        copy, delete = (*todo.copy, *todo.late), (*todo.delete, *todo.old)
        for verb, paths in (("make", todo.folders), ("copy", copy), ("delete", delete)):
            for path in paths:
                screen.tick(verb, path, "plain")
        screen.tick("dry run", f"{todo.same} files are the same; nothing was written", "plain")
        return
    if todo.differ:
        wire.stop()  # copying needs the whole heap
        set_aside(wire, foreign)
        apply(wire, todo, built, starter)
    gone = len(todo.delete) + len(todo.old)
    screen.tick(
        "copied",
        f"{len(todo.copy) + len(todo.late)} changed, {todo.same} the same, {gone} old ones deleted; "
        f"slot {todo.slot} runs",
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


@arguments.run
def main(
    port_name: arguments.PortOption = None,
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
