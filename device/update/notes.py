"""What the board must remember of updates: the highest number it was told, and what became of each thing.

/update/notes is written beside itself and renamed over: a power cut leaves the old one or the new one.
"""

import json
import os

from ..starts import at

_PATH = "/update/notes"


class Notes:
    """`n`: no older word counts. `told`: what -> [id, text]; the text is empty where it is in use."""

    def __init__(self):
        self.n = 0
        self.told = {}
        try:
            with open(at(_PATH)) as file:
                kept = json.load(file)
            self.n, self.told = int(kept["n"]), dict(kept["told"])
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):
            pass  # there are none yet, or they are damaged: what is tried again does no harm

    def tell(self, what, name, text):
        """This became of `what` with the id `name`. OSError when flash refuses."""
        self.told[what] = [name, text[:200]]
        self.save()

    def save(self):
        """Onto flash. OSError when it refuses."""
        try:
            os.mkdir(at("/update"))
        except OSError:
            pass  # it is there
        with open(at(_PATH + ".new"), "w") as file:
            file.write(json.dumps({"n": self.n, "told": self.told}))
        os.rename(at(_PATH + ".new"), at(_PATH))
