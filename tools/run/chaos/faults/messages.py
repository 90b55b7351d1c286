"""What a broker may do to messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from tools.run.chaos.faults.fault import Observed, fixed
from tools.run.chaos.repeater import Repeater
from tools.run.chaos.world import World


@contextmanager
def repeated(world: World, name: str, random: Random) -> Iterator[Observed]:
    """For a while each message is delivered twice, and late."""
    repeater = Repeater(random)
    try:
        repeater.start(world.broker)
    except OSError:
        yield fixed(False)  # no broker just now
        return
    try:
        yield lambda: repeater.repeated > 0
    finally:
        repeater.stop()
