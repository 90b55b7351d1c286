"""`python -m tools COMMAND`, which the Makefile's targets call; `vigie COMMAND` where the wheel is installed.

Exit codes: 0 = done, 1 = something is wrong, 2 = the command was used wrongly, 130 = Ctrl-C.
"""

import importlib
import sys
from collections.abc import Mapping, Sequence

from device import VERSION
from tools.process.exit_code import exit_code

# Each is a module with main(argv) -> exit code, imported late: most need only a part of the packages.
BOARD = {
    "doctor": ("tools.board.doctor", "look at a board, its cable and its port; change no file"),
    "flash": ("tools.board.flash", "put MicroPython and Vigie onto a board"),
    "deploy": ("tools.board.deploy", "copy what changed of Vigie onto a board, then watch it start"),
    "provision": ("tools.board.provision", "tell a board its name, network, broker and sensor"),
    "model": ("tools.board.model", "put a model onto a board, which tests it before it uses it"),
    "release": ("tools.board.release", "sign this tree's application for updates over the air"),
    "repl": ("tools.board.repl", "talk to a board"),
    "logs": ("tools.board.logs", "follow what a board says"),
    "bench-board": ("tools.bench.board", "measure what a board takes: heap, start, one reading, one message"),
}
HERE = {
    "demo": ("tools.run.demo", "run all of Vigie on this machine until Ctrl-C"),
    "demo-board": (
        "tools.run.demo_board",
        "let a real board join the demo: make a login and a settings file",
    ),
    "smoke": ("tools.run.smoke", "run the demo for 90 s, then account for every reading"),
    "chaos": ("tools.run.chaos.chaos", "break every part in turn, then account for every reading"),
    "replay": ("tools.replay", "say what Vigie would have said about a history of yours"),
    "plan": ("tools.plan", "say what the free plans carry, and which limit comes first"),
    "hivemq": ("tools.local.broker.hivemq_command", "run HiveMQ CE on port 8883 until Ctrl-C"),
    "compose": ("tools.local.compose", "make what compose.yaml needs: certificates, passwords, users"),
    "roles": ("tools.local.database.roles", "make the users of a MongoDB of your own: backend and dashboard"),
}
COMMANDS = BOARD | HERE
HELP = {"-h", "--help"}
# These take their few words without a parser: what they say of themselves is their help.
PLAIN = ("demo", "smoke", "plan", "hivemq", "compose", "roles")


def main(
    argv: Sequence[str], prog: str = "python -m tools", commands: Mapping[str, tuple[str, str]] = COMMANDS
) -> int:
    """Run one of `commands`, which the user calls as `prog` COMMAND."""
    usage = f"usage: {prog} [-h] [--version] COMMAND …\n\n" + "\n".join(
        f"  {name:<12} {text}" for name, (_, text) in commands.items()
    )
    if not argv:
        print(usage, file=sys.stderr)
        return 2
    name, *words = argv
    if name in HELP:
        print(usage)
        return 0
    if name == "--version":
        print(f"vigie {VERSION}")
        return 0
    if name not in commands:
        print(f"{name} is no command\n\n{usage}", file=sys.stderr)
        return 2
    return run(name, words)


def run(name: str, words: Sequence[str]) -> int:
    """The exit code of the command `name`."""

    def command() -> int:
        module = importlib.import_module(COMMANDS[name][0])
        if name in PLAIN and HELP & set(words):
            print((module.__doc__ or "").strip())
            return 0
        return int(module.main(words))

    return exit_code(name, command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
