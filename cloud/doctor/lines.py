"""The lines that Vigie's doctors print: one for each test, with a tick, or what is wrong and the cure.

✓ broker     connected to broker.example.org:8883
"""

import os
import sys
from typing import Literal, NamedTuple

from cloud.process.printable import printable

Kind = Literal["good", "bad", "warn", "plain"]
MARKS = {"good": ("green", "✓"), "bad": ("red", "✗"), "warn": ("yellow", "!"), "plain": ("dim", "·")}
NAME_WIDTH = 10
_CODES = {"green": "32", "red": "31", "yellow": "33", "dim": "2"}


class Finding(NamedTuple):
    """`text`: the result of a test, with the cure when something is wrong. Further lines are indented."""

    name: str
    text: str
    kind: Kind = "good"


def line(finding: Finding, *, colour: bool = False) -> str:
    name, text, kind = finding.name, printable(finding.text, keep="\n"), finding.kind
    hue, mark = MARKS[kind]
    if colour:
        mark = f"\033[{_CODES[hue]}m{mark}\033[0m"
    return f"{mark} {name:<{NAME_WIDTH}} " + text.replace("\n", "\n" + " " * (NAME_WIDTH + 3))


def show(finding: Finding) -> None:
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    print(line(finding, colour=colour), flush=True)
