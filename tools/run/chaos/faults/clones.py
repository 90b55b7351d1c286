"""A copied flash: two boards that both say they are the same one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from tools.run.chaos.faults.fault import Observed
from tools.run.chaos.world import World


@contextmanager
def cloned(world: World, name: str, random: Random) -> Iterator[Observed]:
    """Its effect is the alarm; then the copy is taken away with what it has not sent."""
    board = world.boards[name]
    board.power_off()
    copy = world.clone(name)
    board.power_on()
    copy.power_on()
    about = {"site": world.site, "device": name, "kind": "claim"}
    try:
        yield lambda: world.reader.database["episodes"].find_one(about) is not None
    finally:
        copy.power_off()
