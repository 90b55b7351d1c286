"""Settings that were fetched are tried: the old ones are kept, the new ones put in place, the board starts.

What follows is trial.py's. Each step is one rename: a power cut leaves the old settings in use, or the new
ones with the old ones beside them. The next start says whether they are right, as of any settings: the heap
is still empty then.
"""

import json
import os

from ..chip.lazy import borrow
from ..starts import STARTS, at, remove
from ..chip.compat import const

settings = borrow("update.settings")
trial = borrow("update.trial")

NEXT = const("/config.next")


def take(node, path, name):
    """Start with the settings sealed in the file `path`, number `name` (hex). ValueError says why not."""
    with open(path, "rb") as file:
        number, change = settings.opened(file.read(), node.key)
    if "%08x" % number != name:
        raise ValueError("these are settings %d" % number)
    with open(at(trial.CONFIG)) as file:
        old = json.load(file)
    if number <= old.get("number", 0):
        raise ValueError("older than those in use")
    new = settings.merged(old, change)
    new["number"] = number
    put(old, new)
    node.close()
    node.board.reset("settings %d" % number)


def put(old, new):
    """Both onto flash, `new` in place; STARTS goes first, for it counts those of this trial."""
    remove(at(trial.STARTS))
    remove(STARTS)  # no start from before counts towards safe mode: three of the new settings' may fail
    for path, values in ((NEXT, new), (trial.OLD + ".new", old)):
        with open(at(path), "w") as file:
            file.write(json.dumps(values))
    os.rename(at(trial.OLD + ".new"), at(trial.OLD))
    os.rename(at(NEXT), at(trial.CONFIG))
