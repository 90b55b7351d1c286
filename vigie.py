"""`vigie`: one command for all of it.

    vigie cloud …       the backend and what is stored: run, doctor, export, train, backup …
    vigie board …       a board on USB: flash, deploy, provision, model, repl, logs …
    vigie demo          all of Vigie on this machine; also smoke, chaos, replay, plan, hivemq, compose, roles

`vigie cloud --help` and `vigie board --help` list the rest. In a wheel this file is the package `vigie`,
which has the folders of the repository in it; after `pip install -e .` Python finds them where they are.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HOUSE = str(Path(__file__).resolve().parent)  # where cloud/, device/ and tools/ are
HELP = ("-h", "--help")


def main() -> int:
    """The exit code: 0 = done, 1 = something is wrong, 2 = used wrongly, 130 = Ctrl-C."""
    others = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (HOUSE, others)))  # for the programs it starts
    sys.path.insert(0, HOUSE)
    room, *words = sys.argv[1:] or [""]
    if room == "cloud":
        from cloud.__main__ import main as cloud  # noqa: PLC0415  each part needs its own packages only

        return cloud(words, prog="vigie cloud")
    from tools import __main__ as tools  # noqa: PLC0415

    if room == "board":
        return tools.main(words, prog="vigie board", commands=tools.BOARD)
    if room in tools.HERE or room == "--version":
        return tools.main([room, *words], prog="vigie", commands=tools.HERE)
    print(__doc__.strip(), file=sys.stdout if room in HELP else sys.stderr)
    return 0 if room in HELP else 2


if __name__ == "__main__":
    sys.exit(main())
