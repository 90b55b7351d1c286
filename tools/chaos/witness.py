"""The two witnesses of a run: the sensors' own logs against the store, and `python -m cloud audit`."""

from __future__ import annotations

import subprocess
import sys

from cloud.audit import audit as accounts
from tools.chaos.tally import Tally, Told, tally
from tools.chaos.world import World
from tools.terminal import say
from tools.virtual_board.board import REPOSITORY


def count(world: World, name: str, period: float) -> Tally:
    """Every reading of board `name`, accounted for."""
    streams = accounts(world.reader, f"{world.site}/{name}")
    stored = world.reader.readings(world.site, name)
    told = Told.of(streams)
    return tally(world.boards[name].lives(), stored, told, world.frozen[name], period)


def audit(world: World) -> list[str]:
    """What `python -m cloud audit`, asked as anybody would ask it, says is not as it should be."""
    said = subprocess.run(
        [sys.executable, "-m", "cloud", "audit"],
        env=world.environment(),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    lines = said.stdout.splitlines()
    for line in lines:
        say("audit", line)
    if said.returncode == 0:
        return []
    bad = [line for line in lines if "MISSING" in line or "WITHOUT A CAUSE" in line]
    return [f"the audit: {line}" for line in bad] or [f"the audit failed: {said.stderr[-500:]}"]
