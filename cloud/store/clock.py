"""The backend's time: the database's clock, which all workers share, carried forward by a monotonic clock.

The clock of a machine can be wrong by minutes (a virtual machine that slept) or by a year (a Raspberry Pi
before NTP). That must not cost a reading: the later of the two clocks decides what is too far in the future,
the earlier one decides what is old enough to be deleted. The log says which clock is off; the boards' dates
show it.
"""

import logging
import statistics
import threading
import time
from collections.abc import Callable
from datetime import UTC

from pymongo.database import Database
from pymongo.errors import PyMongoError

from cloud.store.database import Document

log = logging.getLogger("clock")

EVERY = 30.0  # s between two looks
OFF = 60.0  # s by which the two clocks may differ
NEAR = 300.0  # s by which the boards may differ from the clock that they confirm
WITNESSES = 1000  # boards


class DatabaseClock:
    """Called, it gives Unix seconds by the database's clock; before the first look(), this machine's."""

    def __init__(
        self,
        database: Database[Document],
        own: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._own, self._ticks = own, ticks
        self._there = own() - ticks()  # Unix seconds of the database at tick 0
        self._dates: dict[str, float] = {}  # by board: Unix seconds at tick 0 by its newest date

    def __call__(self) -> float:
        return self._there + self._ticks()

    def latest(self) -> float:
        """Unix seconds by the later of the two clocks: a date after it is in the future."""
        return max(self(), self._own())

    def earliest(self) -> float:
        """Unix seconds by the earlier of the two clocks: a date long before it is old."""
        return min(self(), self._own())

    def ahead(self) -> float:
        """By how many seconds this machine is ahead of the database; negative when it is behind."""
        return self._own() - self()

    def look(self) -> None:
        """Ask the database for its time. Raises PyMongoError."""
        began = self._ticks()
        there = self._database.client.admin.command("hello")["localTime"].replace(tzinfo=UTC).timestamp()
        self._there = there - (began + self._ticks()) / 2

    def hear(self, board: str, date: float) -> None:
        """A board has just sent a reading with this date (Unix s)."""
        if len(self._dates) < WITNESSES or board in self._dates:
            self._dates[board] = date - self._ticks()

    def trouble(self) -> str | None:
        """Which clock is off, and what to do; None when the two agree."""
        ahead = self.ahead()
        if abs(ahead) <= OFF:
            return None
        text = (
            f"this machine's clock is {length(ahead)} {'ahead of' if ahead > 0 else 'behind'} the database's"
        )
        if self._dates:
            boards = statistics.median(self._dates.values()) + self._ticks()
            here, there = abs(boards - self._own()), abs(boards - self())
            if there < NEAR < here:
                return f"{text}, and the boards agree with the database: set NTP on this machine"
            if here < NEAR < there:
                return f"{text}, and the boards agree with this machine: set NTP on the database's"
        return f"{text}: set NTP on this machine, or on the database's if that one is wrong"

    def run(self, stop: threading.Event) -> None:
        """Ask the database every EVERY seconds and log when the clocks begin or cease to differ."""
        reported: str | None = None
        while True:
            trouble = self.trouble()
            if (trouble is None) != (reported is None):
                log.error("%s", trouble) if trouble else log.info("this machine and the database agree again")
                reported = trouble
            if stop.wait(EVERY):
                return
            try:
                self.look()
            except PyMongoError:
                pass  # the store logs that; the monotonic clock goes on


def length(seconds: float) -> str:
    """`seconds` as a person says it: 90 s, 10 min, 30 h, 365 days."""
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if abs(seconds) >= 2 * size:
            return f"{abs(seconds) / size:.0f} {unit}"
    return f"{abs(seconds):.0f} s"
