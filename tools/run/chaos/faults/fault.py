"""A fault: a harm that is done, observed to take effect, and mended."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from random import Random
from typing import Literal

from pymongo.errors import PyMongoError

from tools.process.waiting import until
from tools.run.chaos.world import World

PATIENCE = 10.0  # s in which an effect must show

Of = Literal["boards", "workers", "members", "house"]
Observed = Callable[[], bool]  # whether the effect has shown
# harm(world, name of the part, random): does the harm on entry, mends it on exit.
Harm = Callable[[World, str, Random], AbstractContextManager[Observed]]


@dataclass(frozen=True)
class ChaosFault:
    """One row of the table (tools.run.chaos.faults).

    `of`: it harms one of these; there is only one house. `part`: what of it no other fault may harm
    meanwhile. `often`: how many times it comes while most faults come once.
    """

    kind: str
    of: Of
    part: str
    harm: Harm
    often: int = 1
    patience: float = PATIENCE

    def act(self, world: World, name: str, random: Random, hold: float) -> bool:
        """Harm `name` for about `hold` seconds, and mend it; whether the effect was observed."""
        with self.harm(world, name, random) as observed:
            time.sleep(hold)
            return until(lambda: _seen(observed), self.patience)


def _seen(observed: Observed) -> bool:
    try:
        return observed()
    except PyMongoError:
        return False  # another fault harms the database just now


def fixed(answer: bool) -> Observed:
    """An effect that is known at once."""
    return lambda: answer
