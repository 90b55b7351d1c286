"""A board with a day of history and no model gets one: trained here, and told in one line how to put it on.

Training takes half a minute of a core, so it runs as a process of its own, one board at a time.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from pymongo.database import Database
from pymongo.errors import PyMongoError

from cloud.process.alone import Alone
from cloud.read.reader import Reader
from cloud.store.database import Document
from cloud.training.history import DAY

log = logging.getLogger("learning")

EVERY = 600.0  # s between two looks
AGAIN = DAY  # s until a history that did not do is tried again
LONGEST = 900.0  # s that a training may take


class Learning:
    """Looks for boards that have a day of stored readings and no model, and trains one for each.

    `holds_lease`: whether this process is the one that watches; the others stand by.
    """

    def __init__(
        self,
        database: Database[Document],
        holds_lease: Callable[[], bool],
        *,
        command: tuple[str, ...] = (sys.executable, "-m", "cloud", "train"),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._reader = Reader(database)
        self._holds_lease = holds_lease
        self._command = command
        self._clock = clock
        self._tried: dict[tuple[str, str], float] = {}
        self._alone = Alone(log)

    def run(self, stop: threading.Event) -> None:
        """Look every ten minutes, until `stop`."""
        while not stop.wait(EVERY):
            if not self._holds_lease():
                continue
            try:
                for site, device in self.due():
                    self._alone(f"the training of {site}/{device}", partial(self.train, site, device, stop))
            except PyMongoError as problem:
                log.warning("looking for boards to train waits for the database (%s)", type(problem).__name__)

    def due(self) -> list[tuple[str, str]]:
        """(site, device) of those with a day between their first and last dated reading, and no model."""
        now = self._clock()
        found = []
        for site, device in self._reader.devices():
            if now - self._tried.get((site, device), 0.0) < AGAIN:
                continue
            if self._alone(f"the history of {site}/{device}", partial(self._is_due, site, device, now)):
                found.append((site, device))
        return found

    def _is_due(self, site: str, device: str, now: float) -> bool:
        return self._reader.model(site, device) is None and self._span(site, device, now) >= DAY

    def _span(self, site: str, device: str, now: float) -> float:
        """Seconds from the first to the last dated reading of the last two days."""
        dated = self._reader.readings(site, device, start=now - 2 * DAY).ts
        dated = dated[~np.isnan(dated)]
        return float(dated.max() - dated.min()) if len(dated) else 0.0

    def train(self, site: str, device: str, stop: threading.Event) -> bool:
        """Train one board's model with the very command a person would type; False when it did not work."""
        self._tried[site, device] = self._clock()
        log.info("%s/%s has a day of history: training its first model", site, device)
        child = subprocess.Popen(  # noqa: S603  our own command
            [*self._command, "--device", f"{site}/{device}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        until = time.monotonic() + LONGEST
        while child.poll() is None and time.monotonic() < until and not stop.wait(0.5):
            pass
        if child.poll() is None:
            child.kill()
        said = (child.communicate()[0] or "").strip().splitlines()
        if child.returncode == 0:
            following = next(
                (line.split(maxsplit=1)[1] for line in said if line.strip().startswith("next ")), ""
            )
            log.info("%s/%s has its first model. Put it on the board: %s", site, device, following)
            return True
        log.warning("%s/%s could not be trained: %s", site, device, said[-1] if said else "no reason given")
        return False
