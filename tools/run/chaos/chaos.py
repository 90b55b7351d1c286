"""`make chaos`: harms real parts at random, then checks the promise. The last line is one JSON object.

The same SEED plans the same faults in the same order; what the parts are doing at that moment depends on the
machine.
"""

import argparse
import json
import os
import random as randoms
import shutil
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tools.local.stack import StackPlan
from tools.process.child import ToolFailed
from tools.process.terminal import say
from tools.process.waiting import until
from tools.run.chaos import witness
from tools.run.chaos.lanes import Lanes, Ordeal
from tools.run.chaos.outcome import ChaosOutcome
from tools.run.chaos.world import World
from tools.run.demo import interrupt_on_signals
from tools.run.smoke import first_sample

PERIOD_MS = 200
BATCH = 5000 // PERIOD_MS  # readings of 5 s, which may be in RAM
TELL_EVERY_S = 10.0
SILENT_S = 60.0  # s without an answer: longer than any start
SENSOR_FAULTS = ("spike", "dropout 2", "stuck 5", "offset 3")


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--readings", type=int, default=50_000, help="go on until the sensors gave so many")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--broker", choices=("mosquitto", "hivemq"), help="default: mosquitto if it is there")
    options = parser.parse_args(argv)
    interrupt_on_signals()
    folder = Path("var/chaos")
    shutil.rmtree(folder, ignore_errors=True)
    ordeal = Ordeal(faults=options.faults, readings=options.readings, seed=options.seed)
    outcome = run(folder, ordeal, broker=options.broker)
    for problem in outcome.problems():
        say("chaos", problem, "trouble")
    print(json.dumps(outcome.summary()), flush=True)
    return 1 if outcome.problems() else 0


def run(folder: Path, ordeal: Ordeal, *, broker: str | None = None) -> ChaosOutcome:
    """Start the parts in `folder`, harm them, wait until all is stored, and count."""
    if os.environ.get("MONGODB_URI"):
        raise ToolFailed("chaos kills its database: unset MONGODB_URI, so that it starts one of its own")
    plan = StackPlan(
        folder=folder,
        boards=tuple(f"C{number:03d}" for number in range(1, ordeal.boards + 1)),
        period_ms=PERIOD_MS,
        dashboard=False,
        broker=broker,
    )
    began = time.monotonic()
    with World(plan) as world:
        outcome = ChaosOutcome(ordeal.seed, world.broker.kind, BATCH)
        first_sample(world)
        say("chaos", f"{ordeal.boards} boards measure; {ordeal.faults} faults now, seed {ordeal.seed}")
        pace = ordeal.readings * PERIOD_MS / 1000 / ordeal.boards / ordeal.faults
        trouble = FaultThread(world, ordeal.seed)
        trouble.start()
        Lanes(world, ordeal, outcome).run(pace)
        deadline = began + ordeal.limit
        until(lambda: _taken(world) >= ordeal.readings, deadline - time.monotonic(), 0.2)
        trouble.end()
        say("chaos", "no more faults, no more readings; waiting until the outboxes are empty")
        for wire in world.wires.values():
            wire.heal(forget=True)  # cut all connections: a client that reconnects resends what is on its way
        outcome.drained = _drained(world, ordeal.drain)
        outcome.bricked = [name for name in world.boards if world.outbox(name, SILENT_S) is None]
        period = PERIOD_MS / 1000
        outcome.tallies = world.do(
            lambda _: {board: witness.count(world, board, period) for board in world.boards}
        )
        outcome.contradicted = witness.audit(world) + witness.alarms(world)
        outcome.surprises, outcome.revived = list(world.surprises), world.revived
    outcome.seconds = time.monotonic() - began
    return outcome


class FaultThread(threading.Thread):
    """Lets sensors fail now and then, because abnormal readings take other ways than normal ones."""

    def __init__(self, world: World, seed: int) -> None:
        super().__init__(daemon=True)
        self._world, self._random = world, randoms.Random(seed + 1)
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(3.0):
            kind, _, seconds = self._random.choice(SENSOR_FAULTS).partition(" ")
            self._world.boards[self._random.choice(list(self._world.boards))].inject(kind, int(seconds or 1))

    def end(self) -> None:
        self._over.set()
        self.join()


def _taken(world: World) -> int:
    return sum(board.readings.read_bytes().count(b'"up_ms"') for board in world.boards.values())


def _drained(world: World, seconds: float) -> bool:
    """Stop the sensors; return whether all that the boards keep was acknowledged within `seconds`."""
    deadline = time.monotonic() + seconds
    tell_at = time.monotonic() + TELL_EVERY_S
    while True:
        for board in world.boards.values():
            board.tell("stop")
        left = {name: box for name in world.boards if (box := world.outbox(name)) != (0, 0)}
        if not left or time.monotonic() > deadline:
            return not left
        if time.monotonic() > tell_at:
            tell_at += TELL_EVERY_S
            boxes = [f"{name} {sum(box)}" if box else f"{name} is silent" for name, box in left.items()]
            say("chaos", f"not acknowledged yet: {', '.join(boxes)}", "quiet")
