"""The witnesses of a run: the sensors' own logs against the store, `python -m cloud audit`, and alarms."""

import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence

from cloud.commands.audit import audit as accounts
from tools.process.places import ROOT
from tools.process.terminal import say
from tools.run.chaos.tally import BoardReports, Tally, tally
from tools.run.chaos.world import World
from tools.virtual_board.virtual_board import VirtualBoard

Streams = Mapping[str, set[str]]  # by board


def count(world: World, name: str, period: float) -> Tally:
    """Every reading of board `name`, accounted for."""
    streams = accounts(world.reader, f"{world.site}/{name}")
    stored = world.reader.readings(world.site, name)
    copies = [life for copy in world.clones[name] for life in copy.lives()]
    lives = world.boards[name].lives()
    return tally(lives, stored, BoardReports.of(streams), world.frozen[name], period, copies)


def alarms(world: World) -> list[str]:
    """Boards of which a mail said that there are two, although there is only one."""
    mailed = world.reader.database["episodes"].distinct("device", {"kind": "claim"})
    return [f"{name}: two boards were said to claim it" for name in mailed if not world.clones.get(name)]


def audit(world: World) -> list[str]:
    """What `python -m cloud audit` finds wrong, run as a user would run it."""
    audited = subprocess.run(
        [sys.executable, "-m", "cloud", "audit"],
        env=world.environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    lines = audited.stdout.splitlines()
    for line in lines:
        say("audit", line)
    if audited.returncode == 0:
        return []
    bad = [line for line in lines if "MISSING" in line or "WITHOUT A CAUSE" in line]
    if not bad:
        return [f"the audit failed: {audited.stderr[-500:]}"]
    return [f"the audit: {line}" for line in without_copies(bad, world.site, *_streams(world))]


def without_copies(bad: Sequence[str], site: str, streams: Streams, copied: Streams) -> list[str]:
    """Lines of the audit that no copied flash explains, which the audit cannot know of.

    `streams`, `copied`: of boards, and of the copies of their flash, which end with what they have not sent.
    Where both have one stream, two readings may have one seq. A board that is copied before its first reading
    is on flash has another stream than its copy.
    """
    twice = {f"{site}/{name} {each}:" for name, own in streams.items() for each in own & copied[name]}
    gone = {f"{site}/{name} {each}:" for name, those in copied.items() for each in those - streams[name]}
    return [
        line
        for line in bad
        if not line.startswith(tuple(gone)) and ("MISSING" in line or not line.startswith(tuple(twice)))
    ]


def _streams(world: World) -> tuple[Streams, Streams]:
    def of(boards: Iterable[VirtualBoard]) -> set[str]:
        return {life.stream for board in boards for life in board.lives() if life.stream}

    return (
        {name: of([board]) for name, board in world.boards.items()},
        {name: of(world.clones[name]) for name in world.boards},
    )
