"""What the board must remember of updates: the highest number it was told, and what became of each thing.

/update/notes is written beside itself and renamed over: a power cut leaves the old one or the new one. So is
/app/active, which choice.py reads: which slot runs, and whether a release is on trial there.
"""

import json
import os
import sys

from ..chip.compat import const
from ..starts import at

_PATH = const("/update/notes")
_ACTIVE = const("/app/active")
_SPARE = const(65536)  # bytes of flash that an update leaves free


class Notes:
    """`n`: older requests do not count. `app`: the number of the newest release that was kept.

    `results` ("told" on flash): what -> [id, text, n, again]. `text` is empty when it is in use, `n` is the
    request that it answers, `again` says that a later try may succeed.
    """

    def __init__(self):
        self.n = self.app = 0
        self.results = {}
        try:
            with open(at(_PATH)) as file:
                kept = json.load(file)
            self.n, self.results, self.app = int(kept["n"]), dict(kept["told"]), int(kept.get("app", 0))
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):
            pass  # there are none yet, or they are damaged: what is tried again does no harm

    def tell(self, what, name, text, again=False):
        """Note what became of `what` with the id `name`. OSError when flash refuses."""
        self.results[what] = [name, text[:200], self.n, again]
        self.save()

    def tried(self, what, name, n):
        """Whether `name` was tried already: only a request with a newer `n` asks for it once more."""
        result = self.results.get(what, ("",))
        return result[0] == name and n <= (result[2] if len(result) > 2 else n)

    def save(self):
        """Write it onto flash. OSError when flash refuses."""
        try:
            os.mkdir(at("/update"))
        except OSError:
            pass  # it is there
        _put(_PATH, json.dumps({"n": self.n, "told": self.results, "app": self.app}))


def active():
    """[slot, "trial" or "back", the release's id, starts or the reason]; None when no such thing is noted."""
    try:
        with open(at(_ACTIVE)) as file:
            words = file.read(300).split(" ", 3)
        int(words[2], 16)
        return words if words[3] else None
    except (OSError, ValueError, IndexError):  # one slot for good, or the file is damaged
        return None


def activate(text):
    """`text` counts from the next start on. OSError when flash refuses."""
    _put(_ACTIVE, text)


def running():
    """The slot that this code is from: choice.py put it first."""
    folder = sys.path[0]
    return folder[-1] if folder.startswith(at("/app/")) else "a"


def other(slot):
    return "b" if slot == "a" else "a"


def number(folder):
    """The number of the release in the slot `folder`; 0: it came by cable."""
    try:
        with open(folder + "number") as file:
            return int(file.read(12))
    except (OSError, ValueError):
        return 0


def release():
    """The number of the release that runs."""
    return number(at("/app/%s/" % running()))


def free():
    """Bytes of flash that may be used."""
    try:
        stat = os.statvfs(at("/"))
    except (AttributeError, OSError):  # a virtual board's
        return 1 << 24
    return stat[0] * stat[3] - _SPARE


def _put(path, text):
    with open(at(path + ".new"), "w") as file:
        file.write(text)
    os.rename(at(path + ".new"), at(path))
