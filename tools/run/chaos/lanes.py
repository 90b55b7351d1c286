"""Faults from one plan, several at a time, never two on the same thing."""

import random as randoms
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.process.terminal import say
from tools.run.chaos.faults import FAULTS
from tools.run.chaos.faults.fault import ChaosFault
from tools.run.chaos.outcome import ChaosOutcome
from tools.run.chaos.world import World

LONG_TIMES = 4  # one fault in `long_every` lasts so many times as long


@dataclass(frozen=True)
class Ordeal:
    """The size of a run. `readings`: go on until the sensors gave so many."""

    boards: int = 16
    faults: int = 200
    readings: int = 50_000
    seed: int = 0
    lanes: int = 4  # faults at a time
    hold: tuple[float, float] = (0.5, 8.0)  # s that most faults last
    long_every: int = 8
    drain: float = 300.0
    limit: float = 3600.0  # s for the faults, before the drain


@dataclass(frozen=True)
class Planned:
    fault: ChaosFault
    name: str  # of the part that it harms
    hold: float
    random: randoms.Random

    @property
    def occupies(self) -> tuple[str, str]:
        return self.fault.part, self.name


def planned(ordeal: Ordeal, targets: Mapping[str, Sequence[str]]) -> deque[Planned]:
    """The plan: every kind once in random order, then again, each kind as often as its `often` says."""
    random = randoms.Random(ordeal.seed)
    plan: deque[Planned] = deque()
    deck = list(FAULTS)
    while len(plan) < ordeal.faults:
        random.shuffle(deck)
        for fault in deck[: ordeal.faults - len(plan)]:
            hold = random.uniform(*ordeal.hold)
            if random.randrange(ordeal.long_every) == 0:
                hold *= LONG_TIMES
            name = random.choice(targets[fault.of])
            plan.append(Planned(fault, name, hold, randoms.Random(random.random())))
        deck = [fault for fault in FAULTS for _ in range(fault.often)]
    return plan


class Lanes:
    """Goes through the plan of `ordeal`."""

    def __init__(self, world: World, ordeal: Ordeal, outcome: ChaosOutcome) -> None:
        self._world, self._ordeal, self._outcome = world, ordeal, outcome
        self._plan = planned(ordeal, world.targets())
        self._busy: set[tuple[str, str]] = set()
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
                self._busy.discard(chosen.occupies)
                kind = chosen.fault.kind
                where = f" ({chosen.name})" if chosen.name else ""
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
            if chosen.occupies not in self._busy:
                self._plan.remove(chosen)
                self._busy.add(chosen.occupies)
                return chosen
        return None
