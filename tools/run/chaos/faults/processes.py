"""Processes that are killed, or stopped for a while."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from tools.process.child import Child
from tools.run.chaos.faults.fault import Harm, Observed, fixed
from tools.run.chaos.world import World, is_stopped, until

Find = Callable[[World, str], Child | None]


def killed(find: Find, start: Callable[[World, str], None]) -> Harm:
    """SIGKILL, as a power cut; `start` starts it anew."""

    @contextmanager
    def harm(world: World, name: str, random: Random) -> Iterator[Observed]:
        child = find(world, name)
        there = child is not None and child.running
        if child is not None and there:
            child.kill()
        yield fixed(there and child is not None and child.exit_code == -signal.SIGKILL)
        start(world, name)

    return harm


def stopped(find: Find) -> Harm:
    """SIGSTOP, later SIGCONT: as a machine that swaps, or is suspended."""

    @contextmanager
    def harm(world: World, name: str, random: Random) -> Iterator[Observed]:
        child = find(world, name)
        if child is None or not child.running:
            yield fixed(False)
            return
        began = time.time()
        child.send(signal.SIGSTOP)
        try:
            seen = until(lambda: is_stopped(child.pid), 2)
            yield lambda: seen and child.running
        finally:
            child.send(signal.SIGCONT)
            world.frozen[name].append((began, time.time()))

    return harm


@contextmanager
def worker_killed(world: World, name: str, random: Random) -> Iterator[Observed]:
    worker = world.workers[name]
    worker.wanted = False
    there = worker.child.running
    worker.child.kill()
    yield fixed(there and worker.child.exit_code == -signal.SIGKILL)
    world.start_worker(name, wait=False)


@contextmanager
def board_killed(world: World, name: str, random: Random) -> Iterator[Observed]:
    board = world.boards[name]
    there = board.pid is not None
    board.power_off()
    yield fixed(there and board.pid is None)
    board.power_on()


@contextmanager
def broker_forgets(world: World, name: str, random: Random) -> Iterator[Observed]:
    """It is killed and has lost its disk: no session, no queue, nothing retained."""
    child = world.broker.child
    there = child is not None and child.running
    if child is not None:
        child.kill()
    for kept in ("mosquitto.db", "data"):
        path = world.broker.folder / kept
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    yield fixed(there)
    world.start_again(world.broker.start, world.broker.stop)


broker_killed = killed(
    lambda world, _: world.broker.child,
    lambda world, _: world.start_again(world.broker.start, world.broker.stop),
)
member_killed = killed(
    lambda world, name: world.member(name).child, lambda world, name: world.start_member(name)
)
broker_stopped = stopped(lambda world, _: world.broker.child)
member_stopped = stopped(lambda world, name: world.member(name).child)
worker_stopped = stopped(lambda world, name: world.workers[name].child)
board_stopped = stopped(lambda world, name: world.boards[name].child)
