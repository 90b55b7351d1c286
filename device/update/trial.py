"""New settings are on trial while those from before lie beside them; a release, while /app/active says so.

They stay once the cloud has acknowledged a reading that was taken with them. Without that, the old ones come
back after half an hour or with the fourth start, which choice.py counts for a release. A wake from deep sleep
is no start.
"""

import json
import os

from ..chip.compat import const
from ..chip.lazy import borrow
from ..starts import CRASH, STARTS as COUNTED, at, remove

notes = borrow("update.notes")
Notes = notes.Notes

OLD = const("/config.old")
STARTS = const("/update/starts")
CONFIG = const("/config.json")
_MOST_STARTS = const(4)
_MOST_S = const(1800)
_PERIODS = const(4)  # of a board that seldom measures
# What is taken back for this need not be at fault. The release that runs then finds it in /app/active, so the
# words stay as they are.
_SILENCE = "no reading was acknowledged"


def begin():
    """The Trial that is under way, or None. What choice.py has taken back is noted."""
    words = notes.active()
    if words and words[1] == "trial":
        return ReleaseTrial(words[0], words[2])
    if words and words[1] == "back":
        try:
            Notes().tell("app", words[2], words[3], words[3].startswith(_SILENCE))
            slot = at("/app/%s/" % notes.other(words[0]))
            remove(slot + "sha256.txt")  # nothing must choose that slot any more
            if words[3].startswith("damaged"):
                remove(slot + "number")  # all of it comes anew, if it is asked for once more
            notes.activate(words[0])
        except OSError:
            pass  # flash refuses: at the next start
    try:
        os.stat(at(OLD))
    except OSError:
        return None
    return Trial()


class Trial:
    """`over`: it came to its end. `what` is on trial. `again`: the cloud may be at fault."""

    release = False

    def __init__(self):
        self.over = False
        self.again = False
        self.what = "settings %d" % number()

    def starts(self):
        """Count one more start. Why the old settings must come back now, or None."""
        starts = 1 + _starts()
        try:
            with open(at(STARTS), "w") as file:
                file.write("%d" % starts)
        except OSError:
            pass  # flash is full: half an hour is the limit then
        if starts < _MOST_STARTS:
            return None
        try:
            with open(at(CRASH)) as file:
                crash = ": " + file.read(120)
        except (OSError, ValueError):
            crash = ""
        return "%d starts without an acknowledgement%s" % (starts - 1, crash)

    def late(self, node):
        """Why the trial has failed, or None."""
        if node.clock.uptime() < max(_MOST_S, _PERIODS * node.period_ms // 1000):
            return None
        minutes = node.clock.uptime() // 60
        if node._was_ready:
            self.again = True
            return "%s in %d minutes, though the broker was there" % (_SILENCE, minutes)
        return "%s in %d minutes: %s" % (_SILENCE, minutes, node.link.last_error() or "no connection")

    def keep(self):
        """The new settings are good. OSError: flash refuses, and the trial goes on."""
        Notes().tell("config", "%08x" % number(), "")
        os.remove(at(OLD))
        self.over = True
        remove(at(STARTS))

    def back(self, why):
        """Put the old settings in place again; `state` will say why. OSError: flash refuses."""
        Notes().tell("config", "%08x" % number(), why, self.again)
        os.rename(at(OLD), at(CONFIG))
        self.over = True
        remove(at(STARTS))
        remove(COUNTED)  # those that failed were the new settings'


class ReleaseTrial(Trial):
    """The trial of the release `name` in `slot`. The other slot holds the release before it."""

    release = True

    def __init__(self, slot, name):
        self.over = False
        self.what = "release %d" % int(name, 16)
        self._slot = slot
        self._name = name

    def starts(self):
        """choice.py counts these starts."""

    def keep(self):
        results = Notes()
        results.app = max(results.app, int(self._name, 16))
        results.tell("app", self._name, "")
        notes.activate(self._slot)
        self.over = True

    def back(self, why):
        notes.activate("%s back %s %s" % (notes.other(self._slot), self._name, why[:150]))
        self.over = True
        remove(COUNTED)


def number():
    """The number of the settings in use; 0: they came by cable, or cannot be read."""
    try:
        with open(at(CONFIG)) as file:
            return int(json.load(file).get("number", 0))
    except (OSError, ValueError, TypeError, AttributeError):
        return 0


def _starts():
    try:
        with open(at(STARTS)) as file:
            return int(file.read(8))
    except (OSError, ValueError):
        return 0
