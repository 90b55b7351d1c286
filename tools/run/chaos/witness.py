"""The witnesses of a run: the sensors' own logs against the store, `python -m cloud audit`, and alarms."""

from __future__ import annotations

import subprocess
import sys

from cloud.commands.audit import audit as accounts
from tools.process.terminal import say
from tools.run.chaos.tally import BoardReports, Tally, tally
from tools.run.chaos.world import World
from tools.virtual_board.virtual_board import REPOSITORY


def count(world: World, name: str, period: float) -> Tally:
    """Every reading of board `name`, accounted for."""
    streams = accounts(world.reader, f"{world.site}/{name}")
    stored = world.reader.readings(world.site, name)
    copies = [life for copy in world.clones[name] for life in copy.lives()]
    lives = world.boards[name].lives()
    return tally(lives, stored, BoardReports.of(streams), world.frozen[name], period, copies)


def alarms(world: World) -> list[str]:
    """Boards that a mail called two, although there is only one."""
    mailed = world.reader.database["episodes"].distinct("device", {"kind": "claim"})
    return [f"{name}: two boards were said to claim it" for name in mailed if not world.clones.get(name)]


def audit(world: World) -> list[str]:
    """What `python -m cloud audit` finds wrong, run as a user would run it."""
    audited = subprocess.run(
        [sys.executable, "-m", "cloud", "audit"],
        env=world.environment(),
        cwd=REPOSITORY,
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
    # That two readings with one seq are no accident it cannot know: here a copied flash is the cause.
    copied = [f"{world.site}/{name} " for name, copies in world.clones.items() if copies]
    ours = [line for line in bad if "MISSING" in line or not line.startswith(tuple(copied))]
    return [f"the audit: {line}" for line in ours]
