"""A mail service that takes mails and says nothing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from cloud.alerts.courier import pending
from cloud.alerts.policy import Letter
from tools.run.chaos.faults.fault import Observed
from tools.run.chaos.world import World

SILENT_S = 40.0  # longer than anybody waits for an answer


@contextmanager
def hangs(world: World, name: str, random: Random) -> Iterator[Observed]:
    """A mail is due, and its hand-over is not answered; readings go their way meanwhile."""
    now = time.time()
    letter = Letter("digest", "warning", ())
    due = pending(f"{int(now * 1000)}-chaos", letter, ["you@example.org"], "chaos", now)
    world.sendgrid.refuse(503, 1, delay=SILENT_S)
    try:
        world.do(lambda database: database["alerts"].replace_one({"_id": due["_id"]}, due, upsert=True))
        yield lambda: not world.sendgrid.refusals
    finally:
        world.sendgrid.forgive()
