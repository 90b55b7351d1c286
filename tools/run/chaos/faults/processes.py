"""Processes that are killed, or stopped for a while."""

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from tools.process.child import Child
from tools.process.waiting import until
from tools.run.chaos.faults.fault import Harm, Observed, fixed
from tools.run.chaos.world import World, is_stopped

Find = Callable[[World, str], Child | None]


def killed(find: Find, start: Callable[[World, str], None]) -> Harm:
    """SIGKILL, as a power cut; `start` starts it anew."""

    @contextmanager
    def harm(world: World, name: str, random: Random) -> Iterator[Observed]:
        child = find(world, name)
        if child is None or not child.running:
            yield fixed(False)
        else:
            child.kill()
            yield fixed(child.exit_code == -signal.SIGKILL)
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
            is_still = until(lambda: is_stopped(child.pid), 2)
            yield lambda: is_still and child.running
        finally:
            child.send(signal.SIGCONT)
            world.frozen[name].append((began, time.time()))

    return harm


@contextmanager
def board_killed(world: World, name: str, random: Random) -> Iterator[Observed]:
    board = world.boards[name]
    there = board.pid is not None
    board.power_off()
    yield fixed(there and board.pid is None)
    board.power_on()


def _broker(world: World, name: str) -> Child | None:
    return world.broker.child


def _start_broker(world: World, name: str) -> None:
    world.start_again(world.broker.start, world.broker.stop)


def _start_broker_without_disk(world: World, name: str) -> None:
    """No session, no queue, nothing retained."""
    (world.broker.folder / "mosquitto.db").unlink(missing_ok=True)
    shutil.rmtree(world.broker.folder / "data", ignore_errors=True)  # HiveMQ's
    _start_broker(world, name)


def _unwanted_worker(world: World, name: str) -> Child:
    world.unwanted.add(name)
    return world.workers[name]


broker_killed = killed(_broker, _start_broker)
broker_forgets = killed(_broker, _start_broker_without_disk)
broker_stopped = stopped(_broker)
worker_killed = killed(_unwanted_worker, lambda world, name: world.start_worker(name, wait=False))
worker_stopped = stopped(lambda world, name: world.workers[name])
member_killed = killed(lambda world, name: world.member(name).child, World.start_member)
member_stopped = stopped(lambda world, name: world.member(name).child)
board_stopped = stopped(lambda world, name: world.boards[name].child)
