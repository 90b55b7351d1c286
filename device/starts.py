"""Good starts, crashes, and the time that a person has at the prompt."""

import os

from .chip.compat import const

STARTS = const("/boot/starts")  # boot.py counts starts in it
CRASH = const("/last_error.txt")  # main.py writes what ended the last start
_STOPPED_S = const(3600)  # time for a person, or a deployment, at the REPL

root = ""  # of flash; a test has one of its own


def at(path):
    """`path` on this board's flash."""
    return root + path


def watch_stopped(board):
    """Leave the prompt to a person for an hour."""
    board.watch(_STOPPED_S)


def good_start():
    """This start was a good one: boot.py may forget those before it."""
    remove(STARTS)


def forget_crash(node):
    """`state` has carried what ended the last start."""
    node.crash = None
    remove(CRASH)


def remove(path):
    try:
        os.remove(path)
    except OSError:
        pass  # it was not there
