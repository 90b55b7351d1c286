"""Clocks that are wrong: a board's own, those of time servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from tools.chaos.faults.fault import Observed
from tools.chaos.faults.flash import told
from tools.chaos.world import World

DAY = 86400
LIES = (-400 * DAY, -3600, -120, 90, 240, 3600, DAY, 4000 * DAY)  # s

chip_jumps = told(lambda random: f"rtc {random.choice(LIES)}", "")


@contextmanager
def server_lies(world: World, name: str, random: Random) -> Iterator[Observed]:
    """One of the servers is wrong, and every board asks for the time. Boards that start meanwhile ask too."""
    liar = random.choice(world.times)
    before = liar.answered
    liar.offset = random.choice(LIES)
    try:
        world.ask_for_time()
        yield lambda: liar.answered > before
    finally:
        liar.offset = 0.0


@contextmanager
def server_silent(world: World, name: str, random: Random) -> Iterator[Observed]:
    mute = random.choice(world.times)
    before = mute.asked
    mute.silent = True
    try:
        world.ask_for_time()
        yield lambda: mute.asked > before
    finally:
        mute.silent = False
