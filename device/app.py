"""Runs a board: what start.py put together, until something breaks."""

from .chip.lazy import borrow
from .starts import STARTS, STOPPED_S, remove

stopped = None


def main():
    """Run until something breaks. With a wrong configuration the console says so, and the REPL follows."""
    node = borrow("start").start()
    if node is None:
        remove(STARTS)  # another start would not help
        return
    run(node)


def run(node):
    """Let `node` work until something breaks or Ctrl-C stops it; then `stopped` holds it for the console."""
    global stopped
    stopped = None
    try:
        while True:
            node.step()
            if node.sleeper:
                node.sleeper.rest(node)
    except KeyboardInterrupt:
        stopped = node
        node.board.watch(STOPPED_S)
        raise
    finally:
        node.close()
