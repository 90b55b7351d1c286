"""The methods that a Pull seldom needs: it begins with a thing, uses it, or gives it up."""

import os

from ..chip import log
from ..chip.lazy import borrow
from ..starts import at, remove

_MOST = {"config": 8192, "model": 131072, "app": 262144}


def begin(pull, node, due):
    pull.over = False
    pull.due = due
    pull._topic = node.topic(b"get")
    pull._held = None  # a part that comes just now
    pull._next(node)


def _next(pull, node):
    """Begin with the first thing that is due."""
    pull.over = not pull.due
    if pull.over:
        return
    pull.what, pull.name = pull.due[0]
    pull._path = at("/update/%s-%s" % (pull.what, pull.name))
    pull._total = pull._install = None
    pull._ready(node.clock.uptime())
    try:
        pull._have = os.stat(pull._path)[6]
    except OSError:
        pull._have = 0
        _tidy(pull.what)
    if pull.what == "model" and borrow("update.slots").find(pull.name):
        pull._total = pull._have  # it is in the idle slot
    if pull.what == "app":
        pull._install = borrow("update.install").Install(pull._path, pull.name)


def _fits(pull, total):
    """Raises ValueError when a thing of `total` bytes cannot be used."""
    if not total:
        raise ValueError("the cloud does not have it")
    room = total if pull._install else borrow("update.notes").free() + pull._have  # a release looks itself
    if total > min(_MOST[pull.what], room):
        raise ValueError("%d bytes are more than fits" % total)


def _finish(pull, node):
    """The whole is on flash: check it, and use it."""
    if pull._install:
        pull._install.take(node)
    elif pull.what == "model":
        borrow("update.slots").take(node, pull._path, pull.name)
    else:
        borrow("update.settings_file").take(node, pull._path, pull.name)
    pull._report(node, "")


def _fail(pull, node, why, again=False):
    """Give it up, and say why. `again`: a later try may succeed."""
    remove(pull._path)
    pull._report(node, why, again)


def _report(pull, node, text, again=False):
    try:
        borrow("update.notes").Notes().tell(pull.what, pull.name, text, again)
    except OSError:
        node._count("update: flash refuses")  # it is tried again after the next start
    if text:
        log.error("update", "%s %s: %s" % (pull.what, pull.name, text))
    else:
        log.info("update", "%s %s is in use" % (pull.what, pull.name))
    node.link.publish_state()
    pull.due.pop(0)
    pull._next(node)


def _tidy(what):
    """Remove what is left of another `what`; the folder is there afterwards."""
    try:
        for name in os.listdir(at("/update")):
            if name.startswith(what + "-"):
                os.remove(at("/update/" + name))
    except OSError:
        try:
            os.mkdir(at("/update"))
        except OSError:
            pass  # it is there: what follows will say what is wrong
