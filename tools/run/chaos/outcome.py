"""The outcome of a chaos run: its last line, and whether the run was good."""

from collections import Counter
from dataclasses import dataclass, field

from tools.run.chaos.faults import FAULTS
from tools.run.chaos.tally import Tally

LONGEST_PAUSE_S = 2.0  # over the period
WRONG = ("lost", "duplicated", "misdated", "unexplained")
COUNTED = ("taken", "stored", *WRONG, "cut_in_ram", "dropped", "claimed", "undated")
UPDATES = {"config": "settings", "model": "model", "app": "release"}


@dataclass
class ChaosOutcome:
    """The outcome of a chaos run; `tallies` by board, `faults` and `unobserved` by kind."""

    seed: int
    broker: str
    batch: int  # readings that may be in RAM
    tallies: dict[str, Tally] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    unobserved: Counter[str] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)
    revived: int = 0
    drained: bool = False
    contradicted: list[str] = field(default_factory=list)
    bricked: list[str] = field(default_factory=list)  # boards that say nothing any more
    seconds: float = 0.0

    def total(self, name: str) -> int:
        return sum(int(getattr(tally, name)) for tally in self.tallies.values())

    def summary(self) -> dict[str, object]:
        """The last line of the run."""
        boards = self.tallies.values()
        return {
            **{name: self.total(name) for name in COUNTED},
            "bricked": len(self.bricked),
            "updates": {kind: self.faults[f"{name} over the air"] for kind, name in UPDATES.items()},
            "faults": dict(sorted(self.faults.items())),
            "longest_pause_s": round(max(tally.longest_pause_s for tally in boards), 2),
            "longest_own_pause_s": round(max(tally.longest_own_pause_s for tally in boards), 2),
            "revived": self.revived,
            "seed": self.seed,
            "broker": self.broker,
            "boards": len(self.tallies),
            "seconds": round(self.seconds),
        }

    def problems(self) -> list[str]:
        """What keeps this run from being a good one, [] when nothing does."""
        problems = [*self.surprises, *self.contradicted]
        problems += [f"{name}: is silent, and would need a cable" for name in self.bricked]
        for name, tally in self.tallies.items():
            problems += [f"{name}: {text}" for text in tally.problems[:20]]
            if tally.longest_own_pause_s > LONGEST_PAUSE_S:
                problems.append(
                    f"{name}: {tally.longest_own_pause_s:.1f} s between two samples, over the period"
                )
            if tally.most_in_ram > self.batch:
                problems.append(
                    f"{name}: a power cut took {tally.most_in_ram} readings, a batch is {self.batch}"
                )
        problems += [f"{count} readings {name}" for name in WRONG if (count := self.total(name))]
        problems += [f"no fault of the kind: {tally.kind}" for tally in FAULTS if not self.faults[tally.kind]]
        if not self.drained:
            problems.append("the outboxes were not empty in time")
        return problems
