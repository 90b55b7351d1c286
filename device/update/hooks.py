"""What a node does when something about updates happens: each is read for the moment it takes."""

from ..chip import log
from ..chip.lazy import borrow


def meant(node, payload):
    """The cloud says what this board should have."""
    try:
        node.update = borrow("update.pull").begin(node, payload) or node.update
    except (ValueError, OSError) as error:
        name = "wants refused: %s" % error
        node.counts[name] = node.counts.get(name, 0) + 1


def fetched(node):
    """There is nothing left to fetch."""
    node.update = None
    node.link.listens(0)


def proven(node):
    """The cloud has a reading that was taken with the settings on trial."""
    try:
        node.trial.keep()
    except OSError:
        return  # at the next acknowledgement
    node.trial = None
    log.info("update", "settings %d are kept" % node.number)
    node.link.publish_state()


def doubt(node):
    """Settings on trial for too long: the old ones again."""
    why = node.trial.late(node)
    if why:
        node.trial.back(why)
        log.error("update", "settings %d taken back: %s" % (node.number, why))
        node.close()
        node.board.reset("settings %d taken back" % node.number)
