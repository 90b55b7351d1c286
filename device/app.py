"""Runs a board: what start.py put together, until something breaks."""

import os

from .borrow import let_go
from .compat import const

_GOOD_S = const(60)  # a start that lives so long was a good one
_STOPPED_S = const(3600)  # time for a person, or a deployment, at the REPL
STARTS = "/boot/starts"  # boot.py counts starts in it
CRASH = "/last_error.txt"  # main.py writes what ended the last start
stopped = None


def main():
    """Run until something breaks; a wrong configuration is told, and leads to the REPL."""
    from .start import start

    node = start()
    let_go("start", "model", "forest_load", "sensors")
    if node is None:
        _remove(STARTS)  # another start would not help
        return
    run(node)


def run(node):
    """Let `node` work until something breaks, or Ctrl-C stops it: then `stopped` is it, for the console."""
    global stopped
    stopped = None
    sleeper = node.sleeper
    good = told = bool(sleeper)  # which sees to both itself
    try:
        while True:
            node.step()
            if sleeper:
                sleeper.rest(node)
            if not good and node.clock.uptime() >= _GOOD_S:
                good = True
                good_start()
            if good and not told and node.link.ready():
                told = True
                forget_crash(node)
    except KeyboardInterrupt:
        stopped = node
        watch_stopped(node.board)
        raise
    finally:
        node.close()


def watch_stopped(board):
    """Leave the prompt to a person for an hour."""
    board.watch(_STOPPED_S)


def good_start():
    """This start was a good one: boot.py may forget those before it."""
    _remove(STARTS)


def forget_crash(node):
    """`state` has carried what ended the last start."""
    node.crash = None
    _remove(CRASH)


def _remove(path):
    try:
        os.remove(path)
    except OSError:
        pass  # it was not there
