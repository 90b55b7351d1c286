"""`make flash`: puts MicroPython onto the chip, checked before and after; then it deploys Vigie."""

import time
from pathlib import Path
from typing import Annotated

import typer

from tools.board import arguments, deploy
from tools.board.cable import firmware, port, screen
from tools.board.cable.port import Port
from tools.board.cable.raw_repl import RawRepl
from tools.board.cable.rom_loader import FAST, SLOW, Chip, ChipLost
from tools.process.child import ToolFailed

RESET_S = 60.0


def choose(chip: str, own: Path | None) -> tuple[firmware.FirmwareEntry, bytes]:
    """The manifest's entry for `chip`, and its firmware: the file `own` or a download. Raises ToolFailed."""
    entry = firmware.entry_for(chip, firmware.manifest())
    if own:
        data = firmware.local(own, entry)
        screen.tick("firmware", f"{own}, {len(data) // 1024} KB, sound, for {entry.chip}")
        return entry, data
    with screen.progress("download", None) as advance:
        data = firmware.fetched(entry, advance)
    screen.tick("firmware", f"MicroPython {entry.version}, {len(data) // 1024} KB, sound, for {entry.chip}")
    return entry, data


def put(device: Port, own: Path | None, erase: bool, baud: int) -> bool:
    """Flash the chip at `baud`; True when it restarts by itself. Raises ToolFailed."""
    with Chip(device, baud) as chip:
        screen.tick("chip", f"{chip.about}, {chip.size}", "good" if chip.flash else "warn")
        entry, data = choose(chip.name, own)
        if chip.flash and entry.offset + len(data) > chip.flash:
            raise ToolFailed(f"{entry.file} does not fit into {chip.flash >> 20} MB of flash")
        new = not chip.holds_files()
        if erase or new:
            with screen.waiting("erasing …"):
                chip.erase()
            screen.tick("erased", "as you asked" if erase else "it was new")
        else:
            screen.tick(
                "kept", "its files stay (readings, model, configuration); ERASE=1 deletes them", "plain"
            )
        began = time.monotonic()
        with screen.waiting(f"writing {len(data) // 1024} KB at {baud} baud …"):
            chip.write(entry.offset, data)
        screen.tick("written", f"at 0x{entry.offset:x} and verified ({time.monotonic() - began:.0f} s)")
        return chip.restart()


def put_somehow(device: Port, own: Path | None, erase: bool) -> bool:
    """`put` at the baud that cable and bridge carry. Raises ToolFailed."""
    if not device.has_reset:
        return put(device, own, erase, SLOW)  # a bare socket's other end has the baud that it was given
    try:
        return put(device, own, erase, FAST)
    except ChipLost as lost:
        why = port.trouble(device)
        if why:
            raise ToolFailed(why) from None
        screen.tick("slower", f"{lost}\nnow at {SLOW} baud", "warn")
        return put(device, own, erase, SLOW)


def wake(device: Port) -> RawRepl:
    """The board's REPL after its first start. Raises ToolFailed."""
    end = time.monotonic() + RESET_S
    while True:
        wire = None
        try:
            wire = RawRepl(device)
            wire.stop()
            return wire
        except ToolFailed:
            if wire:
                wire.close()
            if time.monotonic() > end:
                raise


@arguments.run
def main(
    own: Annotated[
        Path | None, typer.Option("--firmware", envvar="FIRMWARE", help="A .bin of your own, offline.")
    ] = None,
    erase: Annotated[
        bool, typer.Option("--erase", envvar="ERASE", help="Erase all of the flash first.")
    ] = False,
    port_name: arguments.PortOption = None,
) -> int:
    """Put MicroPython and Vigie onto a board."""
    device = port.find(port_name)
    screen.tick("port", f"{device.device} ({device.about})")
    why = port.trouble(device)
    if why:
        raise ToolFailed(why)
    restarts = put_somehow(device, own, erase)
    if not restarts:
        screen.tick("RESET", "press the board's RESET now: over a network nothing else can", "warn")
    with screen.waiting("waiting for MicroPython …"):
        wire = wake(device)
    with wire:
        deploy.deploy(wire)
        if deploy.is_provisioned(wire):
            return 0 if deploy.watch(wire) else 1
    screen.tick("next", "make provision DEVICE=C001: tells the board its Wi-Fi and broker", "plain")
    return 0
