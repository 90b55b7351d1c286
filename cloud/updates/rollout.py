"""When a roll-out goes on, and when it stops: pure decisions.

One board first, then a tenth of all, then the others; between two of these waves all must have it and behave
well for the whole pause. A board that does not stops the roll-out for all others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SILENT = 900.0  # s, and four periods: an online board that is not heard for so long is silent


@dataclass(frozen=True)
class Behaviour:
    """One board as the database has it."""

    has: bool  # what is rolled out runs on it
    refused: str = ""  # why the board refuses it, in its own words
    boots: int = 0  # its boot's number
    episodes: int = 0  # episodes that began since the board has it
    episodes_before: int = 0  # episodes that began in as long a time before
    twin_differs: int = 0  # readings since then that its twin judged otherwise
    silent: float = 0.0  # s since it was heard
    period: float = 10.0
    sleeps: bool = False


@dataclass(frozen=True)
class RolloutBoard:
    """What a roll-out remembers of a board it has begun with."""

    asked_at: float  # Unix s; stored as `told`
    settled: float | None = None  # Unix s since when it has the update
    boots: int = 0  # its boot's number then


@dataclass(frozen=True)
class Step:
    """What to do: boards to ask, boards that have the update now, whether it is over, or why it stops."""

    begin: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    done: bool = False
    halt: str = ""


def waves(boards: Sequence[str]) -> list[list[str]]:
    """One, a tenth of all (but one at least), the others; none of them is empty."""
    tenth = 1 + max(1, round(len(boards) / 10))
    cut = [list(boards[:1]), list(boards[1:tenth]), list(boards[tenth:])]
    return [wave for wave in cut if wave]


def decide(
    order: Sequence[str],
    begun: Mapping[str, RolloutBoard],
    behaviours: Mapping[str, Behaviour],
    pause: float,
    now: float,
) -> Step:
    """The next step. `order`: all boards, the first one first; `begun`: those that were asked so far."""
    for name, board in begun.items():
        if (name in behaviours) and (why := _trouble(board, behaviours[name], now)):
            return Step(halt=f"{name}: {why}")
    new = tuple(
        name
        for name, board in begun.items()
        if board.settled is None and name in behaviours and behaviours[name].has
    )
    if new:
        return Step(settled=new)
    for wave in waves(order):
        if not all(name in begun for name in wave):
            return Step(begin=tuple(name for name in wave if name not in begun))
        since = [begun[name].settled for name in wave]
        if any(at is None or now - at < pause for at in since):
            return Step()
    return Step(done=True)


def _trouble(board: RolloutBoard, behaviour: Behaviour, now: float) -> str:
    """Why the board is not well, or ""."""
    if behaviour.refused:
        return behaviour.refused
    longest = max(SILENT, 4 * behaviour.period)
    if not behaviour.sleeps and behaviour.silent > longest and now - board.asked_at > longest:
        return f"it is silent for {behaviour.silent / 60:.0f} minutes"
    if board.settled is None:
        return ""
    if not behaviour.has:
        return "it went back to what it had before"
    if behaviour.boots > board.boots:
        return f"it has started {behaviour.boots - board.boots} times since"
    if behaviour.twin_differs:
        return f"its twin judges {behaviour.twin_differs} readings otherwise"
    if behaviour.episodes > behaviour.episodes_before + 1:
        return f"{behaviour.episodes} episodes since, {behaviour.episodes_before} in as long a time before"
    return ""
