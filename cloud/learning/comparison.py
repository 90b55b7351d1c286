"""The trial of a next model: it judges the past beside the running one, in the board's own code.

It judges three histories: the last days as they were; the same days with faults put in; and (once it has
passed) what the board measures from then on. No detector may stop watching. A model with answers must find
each medium and high fault that is found now, and may miss a few low ones; one that was trained anew must not
find fewer. What a person called a real fault is found; what a person called harmless is silent where it can
be.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.learning.answers import DETECTORS, Span, alarmed, mails, opens, raised
from cloud.learning.known import PLANT, THRESHOLDS, Known
from cloud.training.history import History, hundredths
from cloud.training.judged import Judged
from cloud.training.thresholds import calibrate
from cloud.training.thresholds.faults import QUIET, SIZES, Fault, inject
from device import codes

FAULTY = 25_000  # newest readings into which some sixty faults are put
SEEDS = 6  # times, each with other faults
WARM = 400  # readings before an episode, which fill the windows
PARTS = (1.0, 0.5, 0.2)  # shares of the way to silence, tried when the whole way would miss a fault
ROUNDS = 4  # once a detector is silent, the next one may begin an episode
LOST = 0.03  # share of all faults: so many low ones, no larger than a door, may be lost to answers
Found = NDArray[np.bool_]  # for each fault that was put in: whether the model finds it


@dataclass(frozen=True)
class ComparisonResult:
    """How a model did. Mails are those of `days` days; `reasons`: why it is refused, in words for a log."""

    days: float
    mails_before: int
    mails: int
    harmless: int  # episodes of these days that answers call harmless
    silent_before: int
    silent: int  # of them
    real: int
    found_before: int
    found: int
    faults: int  # put in
    recall_before: int
    recall: int
    raised: tuple[str, ...]  # detectors
    reasons: tuple[str, ...] = ()  # "detectors", "recall", "real", "harmless", "alarms"

    @property
    def passed(self) -> bool:
        return not self.reasons

    @property
    def quieter(self) -> bool:
        """Whether fewer mails go out, so that a person notices the difference."""
        return self.silent > self.silent_before or self.mails < self.mails_before

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "raised": list(self.raised), "reasons": list(self.reasons)}


@dataclass(frozen=True)
class ModelOutcome:
    """The verdicts of one model: on the last days, and which faults it finds."""

    judged: Judged
    faults: Found


@dataclass(frozen=True)
class Needs:
    """What a taught model must find: each fault that the running model finds (`before`), and as many as the
    model before all answers (`least`). Of both, low faults up to the share `allowed` may be missing."""

    before: ModelOutcome
    least: Found
    allowed: float


class Comparison:
    """`past`: the last days. `harmless`, `real`: what people said of episodes in them."""

    def __init__(
        self, past: History, harmless: Sequence[Span], real: Sequence[Span], faulty: int = FAULTY
    ) -> None:
        self.past, self._faulty = past, faulty
        self.harmless, self.real = (
            [span for span in spans if span.rows(past).start < span.rows(past).stop]
            for spans in (harmless, real)
        )
        self._sums: dict[int, list[NDArray[np.int32]]] = {}

    @cached_property
    def faulty(self) -> list[tuple[History, list[Fault]]]:
        """The newest days, with other faults in each copy, and none near an episode with an answer."""
        past = self.past.part(max(0, len(self.past.t) - self._faulty), len(self.past.t))
        spoken = [each.rows(past) for each in (*self.harmless, *self.real)]
        histories = []
        for seed in range(SEEDS):
            made = inject(past.t / 100, past.h / 100, min(QUIET, len(past.t) // 2), seed)
            (t, good_t), (h, good_h) = hundredths(made.t), hundredths(made.h)
            kept = [
                each
                for each in made.faults
                if all(each.stop + QUIET < rows.start or rows.stop + QUIET < each.start for rows in spoken)
            ]
            whole = good_t & good_h
            histories.append(
                (replace(past, t=np.where(whole, t, -32768), h=np.where(whole, h, -32768)), kept)
            )
        return histories

    def recall(self, known: Known) -> Found:
        """For each fault, whether the model finds it."""
        return np.concatenate(list(self._recalls(known)))

    def _recalls(self, known: Known) -> Iterator[Found]:
        """As `recall`, one history after the other."""
        for (past, faults), sums in zip(self.faulty, self._forest(known)[1:], strict=True):
            abnormal = (known.replay(past, sums).flags & codes.ABNORMAL) > 0
            yield np.array([abnormal[each.start : each.stop].any() for each in faults], np.bool_)

    def outcome_of(self, known: Known) -> ModelOutcome:
        return ModelOutcome(known.replay(self.past, self._forest(known)[0]), self.recall(known))

    def taught(
        self, known: Known, before: ModelOutcome, least: Found | None = None
    ) -> tuple[Known, ModelOutcome]:
        """The model with each detector raised past harmless episodes as far as it misses no fault.

        `before`: the outcome of `known`. `least`: the faults that the model before all answers finds.
        It gives up a few low faults only for episodes that nothing else silences.
        """
        best, outcome = known, before
        for allowed in (0.0, LOST):
            needs = Needs(before, before.faults if least is None else least, allowed)
            best, outcome = self._quieted(best, outcome, needs)
        return best, outcome

    def _quieted(self, known: Known, outcome: ModelOutcome, needs: Needs) -> tuple[Known, ModelOutcome]:
        best = known
        for _ in range(ROUNDS):
            loud = [each for each in self.harmless if self._opens(outcome, each)]
            spoke = {name for each in loud for name in alarmed(best, outcome.judged, each.rows(self.past))}
            names = [name for name in DETECTORS if name in spoke]
            if not names:
                break
            every = raised(best, self.past, outcome.judged, loud, names)
            if self._finds(every, needs):
                best, outcome = every, self.outcome_of(every)
                continue
            step = self._farthest(best, outcome.judged, loud, names, needs)
            return (best, outcome) if step.sections == best.sections else (step, self.outcome_of(step))
        return best, outcome

    def _farthest(
        self, known: Known, judged: Judged, loud: Sequence[Span], names: Sequence[str], needs: Needs
    ) -> Known:
        """`known` with each of `names` raised for each of `loud`, as far as it still finds what it must."""
        best = known
        for span in loud:
            for name in names:
                for part in PARTS:
                    step = raised(best, self.past, judged, [span], [name], part)
                    if step.sections != best.sections and self._finds(step, needs):
                        best = step
                        break
        return best

    def _finds(self, known: Known, needs: Needs) -> bool:
        """Whether the model finds what it must, and each real episode that was found before."""
        caught, done = needs.before.faults.copy(), 0
        for each in self._recalls(known):
            caught[done : done + len(each)] = each
            done += len(each)
            if self._forgets(caught, needs):
                return False
        for span in self.real:
            rows = span.rows(self.past)
            near = self.past.part(max(0, rows.start - WARM), rows.stop)
            was = self._opens(needs.before, span)
            if was and not opens(known.replay(near).flags[rows.start - rows.stop :]):
                return False
        return True

    def _forgets(self, caught: Found, needs: Needs) -> bool:
        """Whether the model misses a medium or high fault that is found now, or too many low ones."""
        missed, large = self._fewer(caught & needs.before.faults, needs.before.faults)
        fewer, fewer_large = self._fewer(caught, needs.least)
        return max(large, fewer_large) > 0 or max(missed, fewer) > needs.allowed * len(caught)

    def _fewer(self, caught: Found, before: Found) -> tuple[int, int]:
        """How many faults fewer are found than `before`: of all, and of medium and high ones."""
        low = np.array([each.size == SIZES[0] for _, faults in self.faulty for each in faults], np.bool_)
        lost = before.astype(np.int64) - caught
        return int(lost.sum()), int(lost[~low].sum())

    def result(
        self,
        old: Known,
        before: ModelOutcome,
        new: Known,
        after: ModelOutcome,
        least: Found | None = None,
        *,
        anew: bool = False,
    ) -> ComparisonResult:
        """Whether `new` may replace `old`. `anew`: it was trained anew. `least`: see taught."""
        both = (before, after)
        silent = [[not self._opens(outcome, each) for each in self.harmless] for outcome in both]
        caught = [[self._opens(outcome, each) for each in self.real] for outcome in both]
        mailed = [mails(outcome.judged.flags, self.past) for outcome in both]
        alarms = [calibrate.alarms((outcome.judged.flags & codes.ABNORMAL) > 0) for outcome in both]
        reasons = []
        if not old.detectors <= new.detectors:
            reasons.append("detectors")
        fewer = max(self._fewer(after.faults, before.faults)) > 0
        needs = Needs(before, before.faults if least is None else least, LOST)
        if fewer if anew else self._forgets(after.faults, needs):
            reasons.append("recall")
        if any(was and not now for was, now in zip(*caught, strict=True)):
            reasons.append("real")
        if sum(silent[1]) < sum(silent[0]):
            reasons.append("harmless")
        if alarms[1] > max(alarms[0], self.past.days):
            reasons.append("alarms")
        return ComparisonResult(
            days=round(self.past.days, 1),
            mails_before=mailed[0],
            mails=mailed[1],
            harmless=len(self.harmless),
            silent_before=sum(silent[0]),
            silent=sum(silent[1]),
            real=len(self.real),
            found_before=sum(caught[0]),
            found=sum(caught[1]),
            faults=len(before.faults),
            recall_before=int(before.faults.sum()),
            recall=int(after.faults.sum()),
            raised=tuple(changed(old, new)) if not anew else (),
            reasons=tuple(reasons),
        )

    def _opens(self, outcome: ModelOutcome, span: Span) -> bool:
        return opens(outcome.judged.flags[span.rows(self.past)])

    def _forest(self, known: Known) -> list[NDArray[np.int32]]:
        """The sums of its trees on each history, kept because raising thresholds does not change them."""
        trees = id(known.model.twin)
        if trees not in self._sums:
            histories = [self.past, *(past for past, _ in self.faulty)]
            self._sums[trees] = [known.sums(each) for each in histories]
        return self._sums[trees]


def changed(old: Known, new: Known) -> list[str]:
    """The detectors whose thresholds differ."""
    was, now = old.values, new.values
    names = {name for name in THRESHOLDS if was[name] != now[name]}
    if any(was[name] != now[name] for name in ("t_low", "t_high", "h_low", "h_high")):
        names.add("range")
    names |= {PLANT[tag] for tag in PLANT if old.plant.get(tag) != new.plant.get(tag)}
    if old.threshold != new.threshold:
        names.add("forest")
    return [name for name in DETECTORS if name in names]
