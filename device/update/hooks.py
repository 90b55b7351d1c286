"""What a node does when something about updates happens. Borrowed for each."""

from ..chip import log
from ..chip.lazy import borrow


def meant(node, payload):
    """The cloud says what this board should have."""
    try:
        node.update = borrow("update.want").begin(node, payload) or node.update
    except (ValueError, OSError) as error:
        name = "wants refused: %s" % error
        node.counts[name] = node.counts.get(name, 0) + 1


def fetched(node):
    """There is nothing left to fetch."""
    node.update = None
    node.link.listens(0)


def proven(node):
    """The cloud has a reading that was taken during the trial: keep what is on trial."""
    try:
        node.trial.keep()
    except OSError:
        return  # the next acknowledgement tries again
    log.info("update", node.trial.what + " kept")
    node.trial = None
    node.link.publish_state()


def doubt(node):
    """After too long a trial, go back to what ran before."""
    why = node.trial.late(node)
    if why:
        node.trial.back(why)
        log.error("update", "%s taken back: %s" % (node.trial.what, why))
        node.close()
        node.board.reset(node.trial.what + " taken back")
