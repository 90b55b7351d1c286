"""What happens to a connection; `name` is whose."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from tools.run.chaos.faults.fault import PATIENCE, Harm, Observed
from tools.run.chaos.world import World, until


@contextmanager
def black_hole(world: World, name: str, random: Random) -> Iterator[Observed]:
    wire = world.wires[name]
    before = wire.seen["held"]
    wire.black_hole()
    try:
        yield lambda: wire.seen["held"] > before
    finally:
        wire.heal(forget=random.random() < 0.5)


@contextmanager
def delayed(world: World, name: str, random: Random) -> Iterator[Observed]:
    wire = world.wires[name]
    before = wire.seen["delayed"]
    wire.delay(random.uniform(0.2, 2.0))
    try:
        yield lambda: wire.seen["delayed"] > before
    finally:
        wire.heal()


@contextmanager
def refused(world: World, name: str, random: Random) -> Iterator[Observed]:
    wire = world.wires[name]
    until(wire.carries, PATIENCE)  # a board that rests between two tries has nothing to lose
    before = wire.seen["cut"]
    wire.refuse()
    try:
        yield lambda: wire.seen["cut"] > before
    finally:
        wire.heal()


def scarred(kind: str) -> Harm:
    """One chunk of bytes is changed, or cut with its connection."""

    @contextmanager
    def harm(world: World, name: str, random: Random) -> Iterator[Observed]:
        wire = world.wires[name]
        before = wire.seen[kind]
        wire.scar(kind)
        try:
            yield lambda: wire.seen[kind] > before
        finally:
            wire.heal()

    return harm


cut, flipped, dropped, duplicated = map(scarred, ("cut", "flip", "drop", "duplicate"))
