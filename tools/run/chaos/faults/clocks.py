"""Clocks that are wrong: a board's own, those of time servers."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from tools.process.files import write
from tools.run.chaos.faults.fault import Observed, fixed
from tools.run.chaos.faults.flash import by_harness
from tools.run.chaos.world import World

DAY = 86400
GREAT_LIES = (-400 * DAY, -35 * DAY, 35 * DAY, 365 * DAY, 4000 * DAY)
LIES = (-400 * DAY, -3600, -120, 90, 240, 3600, DAY, 4000 * DAY)  # s

chip_jumps = by_harness(lambda random: f"rtc {random.choice(LIES)}", "")


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
def servers_agree(world: World, name: str, random: Random) -> Iterator[Observed]:
    """All of them are wrong by the same months or years."""
    before = [server.answered for server in world.times]
    lie = random.choice(GREAT_LIES)
    for server in world.times:
        server.offset = lie
    try:
        world.ask_for_time()
        yield lambda: [server.answered for server in world.times] != before
    finally:
        for server in world.times:
            server.offset = 0.0
        world.ask_for_time()


@contextmanager
def worker_wrong(world: World, name: str, random: Random) -> Iterator[Observed]:
    """The clock of a worker's machine is wrong, in the middle of a run."""
    clock = world.worker_clock(name)
    write(clock, str(random.choice((*LIES, *GREAT_LIES, -600, 600))))
    try:
        yield fixed(world.workers[name].running)
    finally:
        write(clock, "0")


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
