"""`make logs`: shows the board's console in colour until you end it, also after the board was unplugged."""

import time
from datetime import datetime
from typing import Annotated

import typer
from rich.markup import escape

from tools.board import arguments
from tools.board.cable import port, screen
from tools.board.cable.raw_repl import RawRepl
from tools.board.cable.startup import ConsoleLine
from tools.process.child import ToolFailed

COLOURS = {" ": "default", "!": "yellow", "E": "bold red", None: "dim"}
AGAIN_S = 1.0
QUIET_S = 3.0
QUIET = "nothing yet; a board that is well says one line a minute, and others when something happens"


def show(text: str, now: datetime) -> None:
    """One line of the board, with this computer's time in front; the board's own time stamp stays."""
    line = ConsoleLine.parse(text)
    body = f"{line.area:<7} {line.text}" if line.mark is not None else line.text
    stamp = f"{now:%H:%M:%S}"
    own = f"[dim]{escape(line.stamp):>8}[/] " if line.stamp else " " * 9
    colour = COLOURS[line.mark]
    screen.console.print(f"[dim]{stamp}[/] {own}[{colour}]{escape(body)}[/]")


@arguments.run
def main(
    port_name: arguments.PortOption = None,
    seconds: Annotated[float, typer.Option("--seconds", help="End after so long; 0 = with Ctrl-C.")] = 0.0,
) -> int:
    """Follow the board's console until Ctrl-C. Sends nothing to it."""
    device = port.find(port_name)
    screen.say(f"{device.device} ({device.about}); first this computer's time, then the board's. Ctrl-C ends")
    end = time.monotonic() + seconds if seconds else float("inf")
    speak_by = time.monotonic() + QUIET_S
    away = False
    while time.monotonic() < end:
        try:
            with RawRepl(device) as wire:
                if away:
                    screen.tick("back", device.device, "plain")
                    away = False
                for text in wire.lines(0.2):
                    if text:
                        show(text, datetime.now())
                        speak_by = float("inf")
                    elif time.monotonic() > speak_by:
                        screen.tick("quiet", QUIET, "plain")
                        speak_by = float("inf")
                    if time.monotonic() > end:
                        break
        except ToolFailed as error:
            if not away:
                screen.tick("away", f"{error}; waiting for it …", "warn")
                away = True
            time.sleep(AGAIN_S)
    return 0
