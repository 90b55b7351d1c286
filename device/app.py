"""Runs a board: what start.py put together, until something breaks."""

from .chip.lazy import borrow
from .chip.compat import const
from .starts import STARTS, forget_crash, good_start, remove, watch_stopped

_GOOD_S = const(60)  # a start that lives so long was a good one
stopped = None


def main():
    """Run until something breaks. With a wrong configuration the console says so, and the REPL follows."""
    node = borrow("start").start()
    if node is None:
        remove(STARTS)  # another start would not help
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
