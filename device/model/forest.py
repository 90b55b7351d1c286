"""The isolation forest on the board: a packed table in the model's bundle, walked without an allocation.

Its head (where trees begin, leaf values) stays in RAM; its nodes pass through one buffer, a few trees at a
time, for each score. So a large forest takes 4 KB of heap however many trees it has; one of 6 KB or less is
read once and stays. The format is in docs/forest.md; cloud/training/forest/interpret_packed.py writes it.
"""

from ..chip.compat import const
from ..chip.lazy import borrow

try:
    walk = borrow("model.walk_viper").walk
except (ImportError, SyntaxError, ValueError):  # CPython; no native emitter; an .mpy of another architecture
    walk = borrow("model.walk_plain").walk

READING = const(16)  # places at the head of the table for the reading being walked
# What stands in a part of a forest, see there.
VIEW = const(0)
BYTES = const(1)
TREE = const(2)
END = const(3)


class Model:
    """What a bundle holds. `id`: 4 bytes. `threshold`: a reading is abnormal when forest.score(x) is less.
    `params`: the bytes of the PARM section. `stays`: an excursion.Stays, and `bands`: a rhythm.Bands, each
    None where it does not watch."""

    constant = True  # a snapshot leaves it out

    def __init__(self, model_id, forest, params, stays=None, bands=None):
        self.id = model_id
        self.forest = forest
        self.threshold = forest.threshold
        self.params = params
        self.stays = stays
        self.bands = bands


class Forest:
    """`score(x)`: the sum of path lengths of a reading's features; below `threshold` it is abnormal.

    `table`: the head, then the buffer from place `nodes` on. `parts`: (view of the buffer, bytes of it, first
    tree, the tree after the last). Trees begin in `table` where they stand in the buffer.
    """

    constant = True  # a snapshot leaves it out

    def __init__(self, file, table, parts, threshold):
        self.file = file
        self.table = table
        self.nodes = table[READING]
        self.parts = parts
        self.threshold = threshold
        self.failures = 0  # scores that failed because flash could not be read
        self.walk = walk
        self._place = file.tell()
        self._held = 0  # where the trees end, once all of them are in the buffer

    def score(self, x):
        """Path-length sum (int < 2^26) of `x` (array('h') of the 8 features). Not re-entrant.

        -1, and counted in `failures`, when flash cannot be read.
        """
        if self._held:
            return self.walk(self.table, x, READING, self._held)
        total = 0
        try:
            for part in self.parts:
                self.fill(part)
                total += self.walk(self.table, x, part[TREE], part[END])
        except OSError:
            self.failures += 1
            return -1
        if len(self.parts) == 1:
            self._held = self.parts[0][END]
        return total

    def fill(self, part):
        """Read the trees of `part` into the buffer; parts in their order. OSError."""
        if part[TREE] == READING:
            self.file.seek(self._place)
        if self.file.readinto(part[VIEW]) != part[BYTES]:
            raise OSError(5)  # EIO
