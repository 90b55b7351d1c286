"""`make chaos`: real parts, harmed at random, then held to the promise. The last line is one JSON object.

The same SEED plans the same faults in the same order; how they fall together with what the parts do is up to
the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import random as randoms
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.chaos.faults import FAULTS, Fault
from tools.chaos.tally import Tally, tally
from tools.chaos.world import World
from tools.child import Failed
from tools.demo import await_true, interrupt_on_signals
from tools.smoke import first_sample
from tools.stack import Plan
from tools.terminal import say
from tools.virtual_board.board import REPOSITORY

PERIOD_MS = 200
BATCH = 5000 // PERIOD_MS  # readings that may be in RAM: those of 5 s
HOLD_S = (0.5, 8.0)  # most faults; one in LONG_EVERY is LONG_TIMES as long
LONG_EVERY, LONG_TIMES = 8, 4
LANES = 4  # faults at a time
DRAIN_S = 300.0
LONGEST_PAUSE_S = 2.0  # over the period
TELL_EVERY_S = 10.0
SENSOR_FAULTS = ("spike", "dropout 2", "stuck 5", "offset 3")


@dataclass(frozen=True)
class Ordeal:
    """What is to be gone through. `readings`: go on until the sensors gave so many."""

    boards: int = 16
    faults: int = 200
    readings: int = 50_000
    seed: int = 0
    lanes: int = LANES
    hold: tuple[float, float] = HOLD_S
    long_every: int = LONG_EVERY
    drain: float = DRAIN_S
    limit: float = 3600.0  # s for the faults, before the drain


@dataclass
class Outcome:
    seed: int
    tallies: dict[str, Tally] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    unobserved: Counter[str] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)
    revived: int = 0
    drained: bool = False
    audit: str = ""
    audit_passed: bool = False
    seconds: float = 0.0

    def total(self, name: str) -> int:
        return sum(int(getattr(one, name)) for one in self.tallies.values())

    def summary(self) -> dict[str, object]:
        """The last line of the run."""
        names = ("taken", "stored", "lost", "duplicated", "misdated", "cut_in_ram", "dropped", "undated")
        boards = self.tallies.values()
        return {
            **{name: self.total(name) for name in names},
            "faults": dict(sorted(self.faults.items())),
            "longest_pause_s": round(max(one.longest_pause_s for one in boards), 2),
            "longest_own_pause_s": round(max(one.longest_own_pause_s for one in boards), 2),
            "seed": self.seed,
            "boards": len(self.tallies),
            "seconds": round(self.seconds),
        }

    def problems(self) -> list[str]:
        """What keeps this run from being a good one, [] when nothing does."""
        found = list(self.surprises)
        for name, one in self.tallies.items():
            found += [f"{name}: {text}" for text in one.problems[:20]]
            if one.longest_own_pause_s > LONGEST_PAUSE_S:
                found.append(f"{name}: {one.longest_own_pause_s:.1f} s between two samples, over the period")
            if one.most_in_ram > BATCH:
                found.append(f"{name}: a power cut took {one.most_in_ram} readings, a batch is {BATCH}")
        found += [
            f"{count} readings {name}"
            for name in ("lost", "duplicated", "misdated")
            if (count := self.total(name))
        ]
        found += [f"no fault of the kind: {one.kind}" for one in FAULTS if not self.faults[one.kind]]
        if not self.drained:
            found.append("the outboxes were not empty in time")
        if not self.audit_passed:
            found.append("the audit does not agree")
        return found


class Lanes:
    """Faults from one plan, several at a time, never two on the same part."""

    def __init__(self, world: World, ordeal: Ordeal, outcome: Outcome) -> None:
        self._world, self._ordeal, self._outcome = world, ordeal, outcome
        self._plan = planned(ordeal, list(world.boards))
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._every = 0.0  # s between the beginnings of two faults
        self.failure: BaseException | None = None

    @property
    def counted(self) -> int:
        return sum(self._outcome.faults.values())

    def run(self, every: float) -> None:
        """Returns when enough faults were observed, or the time is over. `every`: s from one to the next."""
        self._every = every
        threads = [threading.Thread(target=self._lane, daemon=True) for _ in range(self._ordeal.lanes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failure:
            raise self.failure

    def _lane(self) -> None:
        while self.failure is None and time.monotonic() - self._began < self._ordeal.limit:
            with self._lock:
                if not self._plan:
                    return
                chosen = self._take()
            if chosen is None:
                time.sleep(0.1)
                continue
            try:
                observed = chosen.fault.act(self._world, chosen.name, chosen.random, chosen.hold)
            except BaseException as error:
                self.failure = error
                return
            with self._lock:
                self._busy.discard(chosen.part)
                kind = chosen.fault.kind
                where = f" ({chosen.name})" if chosen.name in self._world.boards else ""
                if observed:
                    self._outcome.faults[kind] += 1
                    say("fault", f"{self.counted:>3} {kind}{where}, {chosen.hold:.1f} s", "quiet")
                else:
                    self._outcome.unobserved[kind] += 1
                    self._plan.append(chosen)  # it did not count: later again

    def _take(self) -> Planned | None:
        started = self.counted + len(self._busy)
        if time.monotonic() - self._began < started * self._every:
            return None
        for chosen in self._plan:
            if chosen.part not in self._busy:
                self._plan.remove(chosen)
                self._busy.add(chosen.part)
                return chosen
        return None


@dataclass(frozen=True)
class Planned:
    fault: Fault
    name: str  # of the board or wire
    part: str  # what it occupies
    hold: float
    random: randoms.Random


def planned(ordeal: Ordeal, boards: Sequence[str]) -> deque[Planned]:
    """As many as wanted: every kind once, in a random order, then all over again as often as they come."""
    random = randoms.Random(ordeal.seed)
    plan: deque[Planned] = deque()
    deck = list(FAULTS)
    while len(plan) < ordeal.faults:
        random.shuffle(deck)
        for fault in deck:
            board = random.choice(boards)
            name = fault.needs.split()[0] if fault.needs.endswith(" wire") else board
            part = f"{fault.needs} {board}" if fault.needs in ("board", "wire") else fault.needs
            hold = random.uniform(*ordeal.hold)
            if random.randrange(ordeal.long_every) == 0:
                hold *= LONG_TIMES
            plan.append(Planned(fault, name, part, hold, randoms.Random(random.random())))
            if len(plan) == ordeal.faults:
                break
        deck = [fault for fault in FAULTS for _ in range(fault.often)]
    return plan


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--readings", type=int, default=50_000, help="go on until the sensors gave so many")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    options = parser.parse_args(argv)
    interrupt_on_signals()
    folder = Path("var/chaos")
    shutil.rmtree(folder, ignore_errors=True)
    outcome = run(folder, Ordeal(faults=options.faults, readings=options.readings, seed=options.seed))
    for problem in outcome.problems():
        say("chaos", problem, "trouble")
    print(json.dumps(outcome.summary()), flush=True)
    return 1 if outcome.problems() else 0


def run(folder: Path, ordeal: Ordeal, *, broker: str | None = None) -> Outcome:
    """Start the parts in `folder`, harm them, wait until all is stored, and count."""
    if os.environ.get("MONGODB_URI"):
        raise Failed("chaos kills its database: unset MONGODB_URI, so that it starts one of its own")
    plan = Plan(
        folder=folder,
        boards=tuple(f"C{number:03d}" for number in range(1, ordeal.boards + 1)),
        period_ms=PERIOD_MS,
        dashboard=False,
        broker=broker,
    )
    outcome = Outcome(ordeal.seed)
    began = time.monotonic()
    with World(plan) as world:
        first_sample(world)
        say("chaos", f"{ordeal.boards} boards measure; {ordeal.faults} faults now, seed {ordeal.seed}")
        pace = ordeal.readings * PERIOD_MS / 1000 / ordeal.boards / ordeal.faults
        trouble = Trouble(world, ordeal.seed)
        trouble.start()
        Lanes(world, ordeal, outcome).run(pace)
        deadline = began + ordeal.limit
        await_true(lambda: _taken(world) >= ordeal.readings or time.monotonic() > deadline, ordeal.limit)
        trouble.end()
        say("chaos", "no more faults, no more readings; waiting until the outboxes are empty")
        for wire in world.wires.values():
            wire.heal(forget=True)  # the last one for all: who reconnects sends at once what is on its way
        outcome.drained = _drained(world, ordeal.drain)
        for name in world.boards:
            outcome.tallies[name] = _tally(world, name)
        outcome.audit_passed, outcome.audit = _audit(world)
        outcome.surprises, outcome.revived = list(world.surprises), world.revived
    outcome.seconds = time.monotonic() - began
    return outcome


class Trouble(threading.Thread):
    """Sensors that fail now and then: what is abnormal takes other ways than what is not."""

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
    """Let the boards measure no more; whether all that they keep was acknowledged within `seconds`."""
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


def _tally(world: World, name: str) -> Tally:
    known = world.reader.streams(world.site, name).values()
    dropped = [run for about in known for run in about.get("dropped", [])]
    stored = world.reader.readings(world.site, name)
    return tally(world.boards[name].lives(), stored, dropped, world.frozen[name], PERIOD_MS / 1000)


def _audit(world: World) -> tuple[bool, str]:
    """The second witness: `python -m cloud audit`, as anybody would ask it."""
    said = subprocess.run(
        [sys.executable, "-m", "cloud", "audit"],
        env=world.environment(),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    for line in said.stdout.splitlines():
        say("audit", line)
    return said.returncode == 0, said.stdout + said.stderr
