"""`make doctor`: prints one line for each thing that must be right, with a tick or the cure.

It changes no file. It stops Vigie for some seconds; then Vigie starts again.
"""

import json
import os

from device import VERSION
from device.config import config
from tools.board import arguments
from tools.board.cable import port, screen
from tools.board.cable.port import Port
from tools.board.cable.raw_repl import RawRepl
from tools.board.cable.rom_loader import Chip
from tools.board.deploy import APPLICATION, Firmware, compare
from tools.board.provisioning import pins
from tools.mpy import build
from tools.mpy.join import PACKAGE
from tools.process.child import ToolFailed

LEAST_FLASH = 256 * 1024  # bytes free for the outbox on a 2 MB file system
OLDEST = (1, 23, 0)
# Bytes free for files, of how many; of the heap; of the whole flash chip, 0 when it does not say.
ROOM = """
import os, gc
gc.collect()
v = os.statvfs('/')
print(v[0] * v[3], v[0] * v[2], gc.mem_free())
try:
    import esp
    print(esp.flash_size())
except ImportError:
    print(0)
"""


def examine_repl(device: Port) -> bool | None:
    """Whether everything that the REPL shows is well; None when there is no REPL."""
    try:
        with RawRepl(device) as wire:
            wire.stop()
            good = firmware(wire)
            good &= application(wire)
            good &= configuration(wire)
            return good
    except ToolFailed as failed:
        screen.tick("REPL", str(failed), "bad")
        return None


def firmware(wire: RawRepl) -> bool:
    """MicroPython, its age, and the room on flash and heap."""
    there = Firmware.ask(wire)
    free, size, heap, chip = map(int, wire.run(ROOM).split()[-4:])
    flash = f", {chip >> 20} MB of flash" if chip else ""
    screen.tick("chip", there.machine + flash)
    version = tuple(int(part) for part in there.version.split("."))
    good = version >= OLDEST
    cure = "" if good else ": older than 1.23; `make flash` puts a newer one on it"
    screen.tick("firmware", f"MicroPython {there.version}{cure}", "good" if good else "bad")
    arch = build.arch_of(there.mpy)
    screen.tick("compiler", f".mpy {there.mpy & 0xFF} for {arch or 'bytecode'}: what this computer writes")
    room = free >= LEAST_FLASH
    text = f"{free // 1024} of {size // 1024} KB free for files"
    cure = "" if room else ": too little for the outbox; delete files of yours or `make flash ERASE=1`"
    screen.tick("files", text + cure, "good" if room else "bad")
    screen.tick("heap", f"{heap // 1024} KB free at the prompt")
    return good and room


def application(wire: RawRepl) -> bool:
    """Which Vigie is on the board, compared with this tree."""
    there = Firmware.ask(wire)
    todo, _, present = compare(wire, build.arch_of(there.mpy))
    if not any(path.endswith(f"/{PACKAGE}/") for path in present):
        screen.tick("Vigie", "not on the board yet: make deploy", "warn")
        return True
    try:
        version = wire.run(f"{APPLICATION}from device import VERSION\nprint(VERSION)")
    except ToolFailed as failed:
        screen.tick("Vigie", f"broken ({failed}): make deploy", "bad")
        return False
    if todo.differ:
        text = (
            f"{version}; {todo.differ} files differ from this tree ({VERSION}): make deploy brings them over"
        )
        screen.tick("Vigie", text, "warn")
    else:
        screen.tick("Vigie", f"{version}, the same as this tree")
    return True


def configuration(wire: RawRepl) -> bool:
    """config.json as a start would find it."""
    data = wire.get("/config.json")
    if data is None:
        screen.tick("config", "none yet: make provision DEVICE=C001", "warn")
        return True
    try:
        values = json.loads(data)
        checked = config.check(values)
        problems = pins.problems(values, Firmware.ask(wire).machine)
    except config.ConfigError as error:
        problems = error.problems
    except ValueError as error:
        problems = [str(error)]
    if problems:
        screen.tick("config", "\n".join([*problems, "make provision writes it again"]), "bad")
        return False
    screen.tick("config", f"{checked['site']}/{checked['device']}, {checked['sensor']['kind']} sensor")
    crash = wire.get("/last_error.txt")
    if crash:
        screen.tick(
            "crash",
            f"{crash.decode(errors='replace')}: ended an earlier start; "
            "this line disappears once the cloud has heard of it",
            "warn",
        )
    return True


def examine_chip(device: Port) -> bool:
    """When no REPL answers, test whether there is a chip at all."""
    try:
        with Chip(device) as chip:
            screen.tick("chip", f"{chip.about}, {chip.size}, in download mode")
            files = chip.holds_files()
            text = "a MicroPython with files is on it; press RESET" if files else "no MicroPython: make flash"
            screen.tick("flash", text, "warn")
            chip.restart()
            return True
    except ToolFailed as failed:
        screen.tick("chip", str(failed), "bad")
        return False


def examine_port(device: Port) -> bool:
    """Driver, permission, and who else holds it."""
    if not device.remote:
        name = port.driver(device)
        screen.tick(
            "driver",
            name or "this system does not tell which; the port is there",
            "good" if name else "plain",
        )
        if not os.access(device.device, os.R_OK | os.W_OK) and os.name != "nt":
            screen.tick("access", f"no permission: {port.permission(device.device)}", "bad")
            return False
        screen.tick("access", "you may use it")
    why = port.trouble(device)
    screen.tick("free", why or "nobody else holds it", "bad" if why else "good")
    return not why


@arguments.run
def main(port_name: arguments.PortOption = None) -> int:
    """Check the port, the chip, and what is on it. Changes no file; Vigie starts again afterwards."""
    device = port.find(port_name)
    screen.tick("port", f"{device.device} ({device.about})")
    if not examine_port(device):
        return 1
    good = examine_repl(device)
    if good is None:
        examine_chip(device)
    return 0 if good else 1
