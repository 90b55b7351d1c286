"""What each detector is, so that the judge asks them all in one way."""

from ..chip.compat import const

MOST = const(0x3FFFFFFF)


class Detector:
    """score(reading) says how strange a Reading is: a small int, 0 while it cannot know. A reading is
    abnormal when its score is above `threshold`, at most `most`, and at least `warm` good ones came before.

    The judge calls score() and then learn() for each good reading. score() counts what the reading belongs to
    (a run, a stay, a block); learn() takes it into what the next ones are measured against. Name, flag and
    threshold are in table.py.
    """

    threshold = 0
    most = MOST
    warm = 0

    def learn(self, reading):
        """Nothing to learn, unless a detector says otherwise."""
