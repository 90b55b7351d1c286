"""What commands print: one line for each thing that happened, and what goes on now."""

from __future__ import annotations

import sys
import threading
import time

_lock = threading.Lock()
_COLOURS = {"trouble": "31", "warning": "33", "good": "32", "quiet": "2"}


def say(part: str, text: str, colour: str | None = None) -> None:
    """One line; several threads may speak. Local time: who reads it has a clock on the wall."""
    stamp = time.strftime("%H:%M:%S")
    if colour and sys.stdout.isatty():
        text = f"\033[{_COLOURS[colour]}m{text}\033[0m"
    first, *rest = text.split("\n")
    with _lock:
        print(f"{stamp}  {part:<10} {first}", *(f"{'':>20} {line}" for line in rest), sep="\n", flush=True)


def progress(text: str) -> None:
    """What goes on now, in place of what was said before; nothing where nobody watches."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
