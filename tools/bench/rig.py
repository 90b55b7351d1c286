"""What a bench runs on: a broker, a database and SendGrid's stand-in of its own, and backends beside them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
from pymongo.database import Database as MongoDatabase

from cloud.store import database as databases
from tools.local import pki
from tools.local.backend import Backend, settings_of
from tools.local.broker.broker import Broker
from tools.local.database.mongod import Database
from tools.local.sendgrid_standin import ReceivedMail, SendGridStandIn
from tools.local.users import BACKEND_USER
from tools.process.child import Child
from tools.process.part import Part

MAIL_KEY = "SG.bench"
Spent = tuple[float, float, float]  # CPU s of the backends, the broker, mongod


class Rig(Part):
    """Runs as long as the `with` lasts; `users`: those of the broker without the backend's."""

    def __init__(
        self,
        folder: Path,
        master: bytes,
        users: Mapping[str, str] | None = None,
        on_mail: Callable[[ReceivedMail], None] | None = None,
    ) -> None:
        self.folder, self._master = folder, master
        self._users = {BACKEND_USER: "b" * 32, **(users or {})}
        self._on_mail = on_mail
        self._parts = ExitStack()
        self._runs = 0

    def start(self) -> None:
        folder, enter = self.folder, self._parts.enter_context
        keys = pki.ensure(folder / "pki")
        self.broker = enter(Broker(folder / "broker", folder / "broker.log", keys, self._users))
        self.mongod = enter(Database(folder / "database", folder / "database.log"))
        self.sendgrid = enter(SendGridStandIn(folder / "outbox", key=MAIL_KEY, on_mail=self._on_mail))

    def stop(self) -> None:
        self._parts.close()

    @contextmanager
    def database(self) -> Iterator[MongoDatabase[dict[str, Any]]]:
        """A new one, prepared for readings; deleted afterwards."""
        self._runs += 1
        made = databases.connect(self.mongod.uri, f"bench{self._runs}", timeout=60)
        databases.prepare(made)
        try:
            yield made
        finally:
            made.client.drop_database(made.name)
            made.client.close()

    def backend(self, name: str, words: Sequence[str], database: str, **settings: str) -> Backend:
        """`python -m WORDS`, once it listens to the boards."""
        known = {
            "OMP_NUM_THREADS": "1",  # scikit-learn would start threads that wait for each other in a hot loop
            "SENDGRID_API_KEY": MAIL_KEY,
            "SENDGRID_HOST": self.sendgrid.url,
            **settings,
        }
        environment = settings_of(self.broker, self.mongod.uri, database, self._master, **known)
        child = Backend(name, words, self.folder / f"{name}.log", environment)
        self._parts.callback(child.stop)
        child.wait()
        return child

    def spent(self, backends: Sequence[Child]) -> Spent:
        """CPU seconds so far."""
        assert self.broker.child is not None and self.mongod.child is not None
        return cpu_seconds(backends), cpu_seconds([self.broker.child]), cpu_seconds([self.mongod.child])


def cpu_seconds(children: Sequence[Child]) -> float:
    """User and system time of these processes so far, all threads, without their start-up's children."""
    times = [psutil.Process(child.pid).cpu_times() for child in children]
    return float(sum(spent.user + spent.system for spent in times))


def memory_mb(child: Child) -> float:
    """What the process holds in memory now."""
    return float(psutil.Process(child.pid).memory_info().rss) / 1024**2
