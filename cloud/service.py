"""The running backend: which parts a process runs, and that it ends when one of them does.

Each part is a thread with a loop of its own that ends when `stop` is set. A part that ends by itself, or the
network thread, takes the process down with a code other than 0: whoever started it starts it anew, and
nothing is lost.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from cloud import database as databases
from cloud import keys
from cloud.alerts import senders
from cloud.alerts.courier import Courier
from cloud.alerts.letters import Desk
from cloud.alerts.links import Links
from cloud.alerts.writer import Writer
from cloud.database import Document
from cloud.ingest import Inbox, Ingest, brief
from cloud.learning import Learning
from cloud.network import Network
from cloud.rescore import Models, Rescorer
from cloud.sealing import Sealer
from cloud.settings import Settings
from cloud.store import Store
from cloud.watch import Watch
from cloud.words import Words

log = logging.getLogger("vigie")

SEAL_EVERY = 30.0  # s
EXPIRE_EVERY = 3600.0
LONGEST_PAUSE = 10.0
GRACE = 8.0  # s that parts have to end

Loop = Callable[[threading.Event], None]


class Part(threading.Thread):
    """A loop in a thread; `failed` once it has ended without having been asked to."""

    def __init__(self, name: str, loop: Loop, stop: threading.Event) -> None:
        super().__init__(name=name, daemon=True)
        self._loop = loop
        self._stop_event = stop
        self.failed = False

    def run(self) -> None:
        try:
            self._loop(self._stop_event)
        except Exception:
            log.exception("%s ended", self.name)
        self.failed = not self._stop_event.is_set()


def run(settings: Settings, *, ingest: bool, watch: bool) -> int:
    """Run until SIGTERM or SIGINT; returns the exit code. `watch` includes alerts and sealing."""
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        log.info("stopping (%s)", signal.Signals(number).name)
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)

    database = databases.connect(settings.database.uri, settings.database.name)
    if not _prepare(database, stop):
        return 0 if stop.is_set() else 1
    network: Network | None = None
    loops: dict[str, Loop] = {}
    if watch:
        loops |= _watch_loops(settings, database)
    if ingest:
        inbox = Inbox()
        network = Network(settings.broker, inbox)
        worker = Ingest(
            inbox, Store(database), Rescorer(Models(database, settings.key)), settings.key, network.publish
        )
        fetch_again = network.fetch_again
        loops["ingest"] = lambda s: worker.run(s, fetch_again)

    parts = [Part(name, loop, stop) for name, loop in loops.items()]
    for part in parts:
        part.start()
    if network is not None:
        network.start()
    broken = False
    while not stop.wait(0.5) and not broken:
        if network is not None and not network.alive:
            log.error("the connection to the broker has ended: %s", network.why or "no reason given")
            broken = True
        broken = broken or any(part.failed for part in parts)
    stop.set()
    deadline = time.monotonic() + GRACE
    for part in parts:
        part.join(max(0.1, deadline - time.monotonic()))
    if network is not None:
        network.stop()
    database.client.close()
    log.info("stopped")
    return 1 if broken else 0


def _prepare(database: Database[Document], stop: threading.Event) -> bool:
    """Wait for the database and make its indexes. False when stopped, or when it will not have us."""
    pause = 0.5
    while not stop.is_set():
        try:
            databases.prepare(database)
        except OperationFailure as problem:
            if problem.code in (13, 18, 8000):  # unauthorized, authentication failed, Atlas' word for both
                log.error("the database refuses us (%s): check MONGODB_URI", brief(problem))
                return False
            log.warning("the database is not ready (%s)", brief(problem))
        except PyMongoError as problem:
            log.warning("the database cannot be reached (%s): trying on; check MONGODB_URI", brief(problem))
        else:
            log.info("connected to the database %s", database.name)
            return True
        stop.wait(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
    return False


def _watch_loops(settings: Settings, database: Database[Document]) -> dict[str, Loop]:
    watch = Watch(database, settings.mail, settings.alerts)
    links = Links(keys.link_key(settings.key), settings.mail.dashboard)
    words = Words(settings.mail.language, settings.mail.zone)
    writer = Writer(database, Desk(words, links, settings.alerts))
    courier = Courier(database, senders.open_sender(settings.mail), writer, settings.alerts.per_day)
    bell = threading.Event()
    return {
        "watch": lambda stop: watch.run(stop, bell),
        "mail": lambda stop: courier.run(stop, bell, lambda: watch.lease.fence is not None),
        "learning": Learning(database, lambda: watch.lease.fence is not None).run,
        "sealing": lambda stop: keep_house(Sealer(database), settings.retention_days, stop),
    }


def keep_house(sealer: Sealer, retention_days: int, stop: threading.Event) -> None:
    """Seal and expire now and then, until `stop`."""
    expire_at = 0.0
    while not stop.wait(SEAL_EVERY):
        try:
            sealed = sealer.seal()
            if sealed:
                log.info("%d buckets sealed", sealed)
            if time.monotonic() >= expire_at:
                expire_at = time.monotonic() + EXPIRE_EVERY
                if gone := sealer.expire(retention_days):
                    log.info("%d buckets older than %d days deleted", gone, retention_days)
        except PyMongoError as problem:
            log.warning("sealing waits for the database (%s)", brief(problem))
