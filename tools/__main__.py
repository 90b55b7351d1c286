"""`python -m tools COMMAND`: the commands that the Makefile's targets run."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from tools.process.child import ToolFailed

# Each is a module with main(argv) -> exit code, imported late: most need only a part of the packages.
COMMANDS = {
    "demo": ("tools.run.demo", "all of Vigie on this machine, until Ctrl-C"),
    "demo-board": (
        "tools.run.demo_board",
        "a real board joins the demo: a login and a settings file",
    ),
    "smoke": ("tools.run.smoke", "the demo for 90 s, then every reading is accounted for"),
    "hivemq": ("tools.local.hivemq", "HiveMQ CE on port 8883, until Ctrl-C"),
    "compose": ("tools.local.compose", "what compose.yaml needs: certificates, passwords, users"),
    "roles": ("tools.local.roles", "users of a MongoDB of one's own: backend and dashboard"),
    "chaos": ("tools.run.chaos.command", "faults of every kind, then every reading is accounted for"),
    "doctor": ("tools.board.doctor", "look at a board, its cable and its port; changes no file"),
    "flash": ("tools.board.flash", "MicroPython onto a board, then deploy"),
    "deploy": ("tools.board.deploy", "Vigie onto a board: what changed; then watch it start"),
    "provision": ("tools.board.provision", "tell a board its name, network, broker and sensor"),
    "model": ("tools.board.model", "a model onto a board, tested there before it is used"),
    "repl": ("tools.board.repl", "talk to a board"),
    "bench-board": ("tools.bench.board", "what a board takes: heap, start, one reading, one message"),
    "logs": ("tools.board.logs", "follow what a board says"),
}


def main(argv: Sequence[str]) -> int:
    if not argv or argv[0] not in COMMANDS:
        print("usage: python -m tools COMMAND\n")
        print("\n".join(f"  {name:<10} {text}" for name, (_, text) in COMMANDS.items()))
        return 2
    try:
        return int(importlib.import_module(COMMANDS[argv[0]][0]).main(argv[1:]))
    except ToolFailed as failed:
        print(f"{argv[0]}: {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
