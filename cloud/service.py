"""The running backend: it starts the parts of a process, and ends the process when one of them ends.

Each part is a thread with its own loop, which ends when `stop` is set. When a part or the network thread ends
by itself, the process ends with a code other than 0: the supervisor then restarts it, and nothing is lost.
"""

import gc
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from functools import partial
from types import FrameType

import pymongo
from pymongo.database import Database
from pymongo.errors import ConfigurationError, InvalidURI, OperationFailure, PyMongoError

from cloud.contract import keys
from cloud.ingest.network import Network
from cloud.ingest.rescore import Models, Rescorer
from cloud.ingest.worker import Inbox, Ingest
from cloud.learning.loop import Learning
from cloud.plans import plans
from cloud.process import memory
from cloud.process.alone import Alone
from cloud.process.failure import ATLAS, FULL, UNAUTHORIZED, WRONG_LOGIN, brief, is_full, of_database
from cloud.process.health import Check, Health, Server, beat
from cloud.settings import SendGridSettings, Settings, WorkerSettings
from cloud.store import database as databases
from cloud.store.clock import DatabaseClock
from cloud.store.database import Document
from cloud.store.quota import Keeper
from cloud.store.sealing import Sealer
from cloud.store.trim import delete_taken_events, trim_episodes, trim_events, trim_streams
from cloud.store.writer import Store

log = logging.getLogger("vigie")

SEAL_EVERY = 30.0  # s
EXPIRE_EVERY = 3600.0
LONGEST_PAUSE = 10.0
GRACE = 8.0  # s that parts have to end
GARBAGE = (50_000, 50, 100)  # allocations, then rounds, between two looks
STUCK = 60.0  # s that one batch may take
WATCH_SILENT = 60.0  # s after which nobody watches any more
CHECK_TIMEOUT = 3.0  # s

Loop = Callable[[threading.Event], None]


class LoopThread(threading.Thread):
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

    def trouble(self) -> str | None:
        return "has ended" if self.failed else None


def run(settings: WorkerSettings, *, ingest: bool) -> int:
    """Run until SIGTERM or SIGINT; returns the exit code.

    A worker with complete settings (`Settings`) also runs the watch, with alerts and sealing.
    """
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        log.info("stopping (%s)", signal.Signals(number).name)
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)

    operations = databases.Operations()
    database = _connected(settings, operations, stop)
    client_id = None if database is None else _prepare(database, settings, stop)
    if database is None or client_id is None:
        return 0 if stop.is_set() else 1
    clock = DatabaseClock(database)
    look_at(clock)
    network: Network | None = None
    worker: Ingest | None = None
    keeper: Keeper | None = None
    began = time.monotonic()
    counters: dict[str, Callable[[], float]] = {
        "uptime_seconds": lambda: time.monotonic() - began,
        "cpu_seconds_total": time.process_time,
        "memory_bytes": memory.used,
        "database_operations_total": lambda: operations.count,
        "left_out_total": lambda: Alone.count,
        "clock_ahead_seconds": clock.ahead,
    }
    loops: dict[str, Loop] = {"clock": clock.run}
    if isinstance(settings, Settings):
        keeper = Keeper(database, settings.quota, clock) if settings.quota else None
        loops |= _watch_loops(settings, database, keeper, counters, clock)
    if ingest:
        inbox = Inbox()
        network = Network(replace(settings.broker, client_id=client_id), inbox)
        store = Store(database, clock)
        rescorer = Rescorer(Models(database, settings.key))
        worker = Ingest(
            inbox, store, rescorer, settings.key, network.publish, clock=clock.latest, hear=clock.hear
        )
        loops["ingest"] = partial(worker.run, caught_up=network.fetch_again)

    parts = [LoopThread(name, loop, stop) for name, loop in loops.items()]
    health = Health(
        {part.name: part.trouble for part in parts} | ({"network": network.trouble} if network else {}),
        _outside(database, network, worker, clock, watch=isinstance(settings, Settings)),
        partial(numbers, counters, worker, keeper),
    )
    server: Server | None = None
    if settings.health_port:
        try:
            server = Server(health, settings.health_port)
        except OSError as problem:
            log.error("HEALTH_PORT %d cannot be used: %s", settings.health_port, problem.strerror)
            return 2
    if settings.heartbeat:
        parts.append(LoopThread("heartbeat", partial(beat, health, settings.heartbeat), stop))
    # Modules and models stay in memory: searching them for garbage again and again costs a tenth of the work.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    if network is not None:
        network.start()
    for part in parts:
        part.start()
    broken = False
    while not stop.wait(0.5) and not broken:
        if network is not None and not network.alive:
            log.error("the connection to the broker has ended: %s", network.trouble())
            broken = True
        elif network is not None:
            network.look_after_share()
        broken = broken or any(part.failed for part in parts)
    stop.set()
    deadline = time.monotonic() + GRACE
    for part in parts:
        part.join(max(0.1, deadline - time.monotonic()))
    if network is not None:
        network.stop()
    if server is not None:
        server.stop()
    database.client.close()
    log.info("stopped")
    return 1 if broken else 0


def _outside(
    database: Database[Document],
    network: Network | None,
    worker: Ingest | None,
    clock: DatabaseClock,
    *,
    watch: bool,
) -> dict[str, Check]:
    """Checks of what this process needs but does not control."""

    def store() -> str | None:
        database.client.admin.command("ping")
        return None

    def watched() -> str | None:
        """Whether some process watches: this one, or the one for which it stands by."""
        lease = database["lease"].find_one({"_id": "watch"}, {"at": 1}) or {}
        age = clock() - lease["at"].timestamp() if lease else None
        return "nobody watches" if age is None or age > WATCH_SILENT else None

    def answered(check: Check) -> str | None:
        try:
            with pymongo.timeout(CHECK_TIMEOUT):
                return check()
        except PyMongoError as problem:
            return f"the database does not answer ({type(problem).__name__})"

    checks: dict[str, Check] = {"store": partial(answered, store), "time": clock.trouble}
    if network is not None and worker is not None:
        connection, busy = network, worker.busy
        checks["broker"] = lambda: None if connection.subscribed.is_set() else "not connected"
        checks["ingesting"] = lambda: f"one batch takes {busy():.0f} s" if busy() > STUCK else None
    if watch:
        checks["watching"] = partial(answered, watched)
    return checks


def numbers(
    counters: Mapping[str, Callable[[], float]], worker: Ingest | None, keeper: Keeper | None
) -> dict[str, float]:
    """All counters and gauges, by their names for Prometheus."""
    values = {name: count() for name, count in counters.items()}
    if worker is not None:
        values |= {f"{name}_total": value for name, value in asdict(worker.totals).items()}
        values |= {"inbox_messages": len(worker.inbox), "let_go_total": worker.inbox.let_go}
        values["held_back_total"] = worker.inbox.held_back
        values["boards"] = worker.boards
    if keeper is not None:
        values |= {"storage_bytes": keeper.used, "storage_quota_bytes": keeper.quota}
    return values


def _connected(
    settings: WorkerSettings, operations: databases.Operations, stop: threading.Event
) -> Database[Document] | None:
    """A handle of the database; None when stopped before. mongodb+srv:// needs DNS, which may not answer."""
    for _ in _attempts(stop):
        try:
            return databases.connect(settings.database.uri, settings.database.name, operations=operations)
        except InvalidURI as problem:
            log.error("MONGODB_URI is no address of a database: %s", brief(problem))
            return None
        except ConfigurationError as problem:
            log.warning("the database: %s; trying on", of_database(problem))
    return None


def _attempts(stop: threading.Event) -> Iterator[None]:
    """One after the other until `stop`, with pauses that grow."""
    pause = 0.5
    while not stop.is_set():
        yield
        stop.wait(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _prepare(database: Database[Document], settings: WorkerSettings, stop: threading.Event) -> str | None:
    """Wait for the database and make its indexes; a process that watches also publishes its settings there.

    Returns our client id at the broker; None when stopped, or when the database refuses this user.
    """
    for _ in _attempts(stop):
        try:
            _write_first(database, settings)
            client_id = databases.client_id(database, settings.broker.client_id)
        except OperationFailure as problem:
            if is_full(problem, database):  # and Vigie has nothing there yet that it could delete
                log.warning("the database: %s; trying on", FULL)
            elif problem.code in (UNAUTHORIZED, WRONG_LOGIN, ATLAS):
                log.error(
                    "the database refuses us (%s): check MONGODB_URI with python -m cloud doctor database",
                    brief(problem),
                )
                return None
            else:
                log.warning("the database is not ready (%s)", brief(problem))
        except PyMongoError as problem:
            log.warning("the database cannot be reached (%s): trying on; check MONGODB_URI", brief(problem))
        else:
            log.info("connected to the database %s", database.name)
            return client_id
    return None


def _plans(settings: Settings) -> list[str]:
    via = settings.mail.via
    sendgrid = isinstance(via, SendGridSettings) and via.host is None
    return plans.in_use(settings.broker.host, settings.database.uri, sendgrid, os.environ)


def _write_first(database: Database[Document], settings: WorkerSettings) -> None:
    """Write indexes and settings. A full database still has those of an earlier start."""
    try:
        databases.prepare(database)
        if isinstance(settings, Settings):
            known = {
                "retention_days": settings.retention_days,
                "mails_a_day": settings.alerts.per_day,
                "storage_mb": settings.quota // 1_000_000,
                "plans": _plans(settings),
            }
            database["status"].replace_one({"_id": "settings"}, known, upsert=True)
    except OperationFailure as problem:
        if not is_full(problem, database):
            raise
        log.error("the database: %s", FULL)


def _watch_loops(
    settings: Settings,
    database: Database[Document],
    keeper: Keeper | None,
    counters: dict[str, Callable[[], float]],
    clock: DatabaseClock,
) -> dict[str, Loop]:
    # A worker that only ingests needs none of these.
    from cloud.alerts import channels  # noqa: PLC0415
    from cloud.alerts.courier import Courier, Post  # noqa: PLC0415
    from cloud.alerts.letters import LetterContext  # noqa: PLC0415
    from cloud.alerts.links import Links  # noqa: PLC0415
    from cloud.alerts.mail_writer import MailWriter  # noqa: PLC0415
    from cloud.learning.asking import ask  # noqa: PLC0415
    from cloud.siblings.look import Look  # noqa: PLC0415
    from cloud.updates import rollouts  # noqa: PLC0415
    from cloud.watch.watch import Watch  # noqa: PLC0415
    from cloud.words import Words  # noqa: PLC0415

    watch = Watch(database, settings.mail, settings.alerts, clock=clock)
    links = Links(keys.link_key(settings.key), settings.mail.dashboard)
    words = Words(settings.mail.language, settings.mail.zone)
    writer = MailWriter(database, LetterContext(words, links, settings.alerts))
    courier = Courier(database, channels.open_sender(settings.mail), writer, settings.alerts.per_day, clock)
    bell = threading.Event()
    post = Post(database, settings.mail.to, words, bell, clock)
    counters |= {"mails_total": lambda: courier.mails, "mails_failed_total": lambda: courier.failed}
    return {
        "watch": lambda stop: watch.run(stop, bell),
        "mail": lambda stop: courier.run(stop, bell, lambda: watch.lease.fence is not None),
        "siblings": Look(database, lambda: watch.lease.fence is not None, clock=clock).run,
        "learning": Learning(
            database,
            settings.key,
            settings.auto_model,
            lambda: watch.lease.fence is not None,
            ask=partial(ask, post),
            clock=clock,
        ).run,
        "rollouts": lambda stop: rollouts.run(
            rollouts.Rollouts(database, settings.key, clock),
            lambda: watch.lease.fence is not None,
            partial(rollouts.mail, post),
            stop,
        ),
        "sealing": lambda stop: keep_house(
            Sealer(database, clock, clock.earliest), keeper, settings.retention_days, stop
        ),
    }


def look_at(clock: DatabaseClock) -> None:
    """Ask the database for its time once, before anything depends on it; the clock's loop asks again."""
    try:
        clock.look()
    except PyMongoError as problem:
        log.warning("the database does not tell its time (%s): going by this machine's", brief(problem))


def keep_house(sealer: Sealer, keeper: Keeper | None, retention_days: int, stop: threading.Event) -> None:
    """Seal, expire and keep within the quota every SEAL_EVERY seconds, until `stop`.

    Each runs on its own: when a full database does not seal, the others still make room by deleting.
    """
    house = _House(sealer.database)
    expire_at = 0.0
    while not stop.wait(SEAL_EVERY):
        house.begin()
        if sealed := house.do("sealing", sealer.seal):
            log.info("%d buckets sealed", sealed)
        if house.full:
            expire_at = 0.0
        if time.monotonic() >= expire_at:
            gone = house.do("what is past its time", partial(sealer.expire, retention_days))
            if gone is not None and not house.full:
                expire_at = time.monotonic() + EXPIRE_EVERY
            if gone:
                log.info("%d buckets older than %d days deleted", gone, retention_days)
            house.do("old streams", lambda: trim_streams(sealer.database))
            house.do("old episodes", lambda: trim_episodes(sealer.database))
        if house.full:
            house.do("events", lambda: delete_taken_events(sealer.database))
        else:
            house.do("old events", lambda: trim_events(sealer.database))
        if keeper is not None and (reduced := house.do("the quota", keeper.look)):
            log.info("%d of the oldest buckets became hourly values", reduced)


class _House:
    """Runs chores so that one fault stops no other. `full`: the database refused a write in this round."""

    def __init__(self, database: Database[Document]) -> None:
        self.full = False
        self._reported = False
        self._database = database
        self._alone = Alone(log)

    def begin(self) -> None:
        """A round begins."""
        if self._reported and not self.full:
            log.info("the database takes writes again")
        self._reported = self.full
        self.full = False

    def do(self, what: str, act: Callable[[], int]) -> int | None:
        """What `act` returns; None when it failed, which is logged."""
        try:
            return self._alone(what, act)
        except PyMongoError as problem:
            if not is_full(problem, self._database):
                log.warning("%s: the database does not do it now (%s); later", what, brief(problem))
            else:
                if not self._reported:
                    log.error("the database: %s", FULL)
                self.full = self._reported = True
        return None
