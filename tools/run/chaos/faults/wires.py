"""Faults of a connection; `name` is the part that owns it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from tools.process.waiting import until
from tools.run.chaos.faults.fault import PATIENCE, Harm, Observed
from tools.run.chaos.proxy import Proxy
from tools.run.chaos.world import World


def on_wire(effect: str, harm: Callable[[Proxy, Random], None], *, forgets: bool = False) -> Harm:
    """A `harm` to one wire, which counts its `effect`. `forgets`: half of the time connections end too."""

    @contextmanager
    def act(world: World, name: str, random: Random) -> Iterator[Observed]:
        wire = world.wires[name]
        before = wire.seen[effect]
        harm(wire, random)
        try:
            yield lambda: wire.seen[effect] > before
        finally:
            wire.heal(forget=forgets and random.random() < 0.5)

    return act


def scarred(kind: str) -> Harm:
    """One chunk of bytes is changed, or cut with its connection."""
    return on_wire(kind, lambda wire, random: wire.scar(kind))


def _refuse(wire: Proxy, random: Random) -> None:
    until(wire.carries, PATIENCE)  # a board that waits between two tries has no connection to lose
    wire.refuse()


black_hole = on_wire("held", lambda wire, random: wire.black_hole(), forgets=True)
delayed = on_wire("delayed", lambda wire, random: wire.delay(random.uniform(0.2, 2.0)))
refused = on_wire("cut", _refuse)
cut, flipped, dropped, duplicated = map(scarred, ("cut", "flip", "drop", "duplicate"))
