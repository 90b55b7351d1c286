"""`python -m tools bench-board`: what a provisioned board takes, in numbers; docs/board.md has them."""

import json
import time
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from tools.board import arguments
from tools.board.cable import port, screen
from tools.board.cable.raw_repl import RawRepl
from tools.board.cable.startup import STEPS, Start
from tools.board.deploy import Firmware
from tools.process.child import ToolFailed

SCRIPT = Path(__file__).parent / "on_board" / "bench_board.py"
# Unloads the prompt; prints bytes of heap free and taken, and the longest block for the network.
FREE = """
import gc, sys
for name in sys.modules["device.console"].Console(None).names():
    del globals()[name]
del sys.modules["device.console"], sys.modules["device"].console, name
gc.collect()
try:
    import esp32
    block = max(region[2] for region in esp32.idf_heap_info(esp32.HEAP_DATA))
except ImportError:
    block = 0
print(gc.mem_free(), gc.mem_alloc(), block)
"""
START_S = 90.0
SCRIPT_S = 300.0  # of silence: twenty readings of a slow sensor


def await_ack(wire: RawRepl) -> dict[str, float]:
    """Seconds from reset to each step of a start, up to the first ack. Raises ToolFailed."""
    start = Start()
    wire.reset()
    began = time.monotonic()
    steps: dict[str, float] = {}
    for line in wire.lines(0.1):
        step = start.feed(line) if line else None
        if step:
            steps[step.name] = round(time.monotonic() - began, 1)
        if STEPS[-1].name in steps:
            return steps
        if start.ended or time.monotonic() - began > START_S:
            name, cure = start.missing
            raise ToolFailed(
                f"the board does not get as far as its first acknowledged reading ({name}): {cure}"
            )
    raise AssertionError("a wire has lines for ever")


def measure(wire: RawRepl, seconds: float) -> dict[str, Any]:
    """The numbers of a board: sizes in bytes, times in s, ms or us as their names say. Raises ToolFailed."""
    steps = await_ack(wire)
    end = time.monotonic() + seconds
    for _ in wire.lines(0.1):  # the board works; its lines are read, so that none fills the bridge
        if time.monotonic() > end:
            break
    wire.pause()
    free, taken, block = map(int, wire.run(FREE).split()[-3:])
    printed = wire.run(SCRIPT.read_text(), timeout=SCRIPT_S).splitlines()[-1]
    return {"start_s": steps, "free": free, "taken": taken, "block": block, **json.loads(printed)}


@partial(arguments.run, name="bench-board")
def main(
    port_name: arguments.PortOption = None,
    seconds: Annotated[float, typer.Option("--seconds", help="At work before it is looked at.")] = 60.0,
) -> int:
    """Free heap, longest block, start, one reading, one message; the last line is JSON.

    Restarts the board twice, and takes twenty readings beside its grid.
    """
    device = port.find(port_name)
    screen.tick("port", f"{device.device} ({device.about})")
    with RawRepl(device) as wire:
        wire.pause()
        board = Firmware.ask(wire)
        screen.tick("board", f"{board.machine}, MicroPython {board.version}")
        with screen.waiting("it starts, and works for a while …"):
            numbers = measure(wire, seconds)
    block, steps = numbers["block"], numbers["start_s"]
    screen.tick("start", f"{steps['ack']} s from reset to the first acknowledged reading")
    screen.tick("heap", f"{numbers['free'] / 1000:.1f} KB free, {numbers['taken'] / 1000:.1f} KB taken")
    screen.tick(
        "network", f"the longest block is {block / 1000:.1f} KB" if block else "shares no memory with it"
    )
    screen.tick("reading", f"{numbers['reading_us'] / 1000:.1f} ms from the sensor to flash (median)")
    mac = f"{numbers['mac_us'] / 1000:.2f} ms and {numbers['mac_bytes']} bytes of heap"
    screen.tick("message", f"{mac} for the mac of a long one")
    print(json.dumps(numbers))
    return 0
