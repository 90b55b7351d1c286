"""What commands print: one line for each event, and what goes on now."""

import os
import sys
import threading
import time

_lock = threading.Lock()
_COLOURS = {"trouble": "31", "warning": "33", "good": "32", "quiet": "2"}


def say(part: str, text: str, colour: str | None = None) -> None:
    """Print one line, with the local time; several threads may call it."""
    stamp = time.strftime("%H:%M:%S")
    if colour and sys.stdout.isatty() and not os.environ.get("NO_COLOR"):  # no-color.org
        text = f"\033[{_COLOURS[colour]}m{text}\033[0m"
    first, *rest = text.split("\n")
    with _lock:
        print(f"{stamp}  {part:<10} {first}", *(f"{'':>20} {line}" for line in rest), sep="\n", flush=True)


def progress(text: str) -> None:
    """Print what goes on now over the line before; nothing when the output is no terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
