"""`make repl`: the board's prompt, with a console for people on it. mpremote is the terminal."""

from __future__ import annotations

import subprocess
import sys

from tools.board import command, port, screen
from tools.child import Failed

HELP = """\
Ctrl-C stops Vigie and gives a prompt; then type: status() last(5) selftest() inject("spike") outbox() wifi()
model() and, to go on, go()
Ctrl-D starts the board's software again; Ctrl-] leaves this terminal and the board as it is"""


@command.run
def main(port_name: command.PortOption = None) -> int:
    """Talk to the board."""
    found = port.find(port_name)
    why = port.trouble(found)
    if why:
        raise Failed(why)
    screen.say(HELP)
    line = [sys.executable, "-m", "mpremote", "connect", found.device, "resume", "repl"]
    return subprocess.run(line, check=False).returncode
