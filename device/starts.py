"""What is known of starts and crashes, and the time that a person has at the prompt."""

import os

from .chip.compat import const

STARTS = const("/boot/starts")  # starts are counted in it; removed after a good one
CRASH = const("/last_error.txt")  # main.py writes what ended the last start
STOPPED_S = const(3600)  # time for a person, or a deployment, at the REPL

root = ""  # of flash; a test has one of its own


def at(path):
    """`path` on this board's flash."""
    return root + path


def remove(path):
    try:
        os.remove(path)
    except OSError:
        pass  # it was not there
