"""The real parts with a proxy in every wire, and what the faults need to know of them.

It is Vigie on several machines, as in compose.scale.yaml: a replica set of three, three workers on a shared
subscription, two of which could watch.
"""

import re
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import psutil
from cryptography.hazmat.primitives.asymmetric import rsa
from pymongo.database import Database as Collections
from pymongo.errors import PyMongoError

from cloud.store.database import Document
from device.update.release import RSA
from tools.local import ports
from tools.local.backend import Backend
from tools.local.database.mongod import Database
from tools.local.database.replica_set import ReplicaSet
from tools.local.ntp_server import NtpServer
from tools.local.stack import Stack, StackPlan
from tools.process.child import Child, ToolFailed
from tools.process.files import write
from tools.process.terminal import say
from tools.run.chaos.proxy import Proxies, Proxy
from tools.virtual_board.virtual_board import VirtualBoard

TIME_SERVERS = 3
MEMBERS = 3
DATABASE_PATIENCE = 120.0  # s
# What a board reports when one of our faults hits it.
OUR_DOING = ("flash refuses", "cannot be read", "doubted", "taken back")
START = re.compile(r" after (.*), \d+ KB of heap free")
STARTS = ("power on", "settings", "release")  # begun on trial, or taken back
QUOTA_MB = 12  # of storage: more than a run takes, and soon filled
WORKERS = {"backend": "run", "second backend": "run", "worker": "ingest"}  # and their commands


T = TypeVar("T")


class World(Stack):
    """A stack without models and dashboard.

    `wires`: a proxy for each board, each worker (to the broker) and each member of the database. `frozen`:
    when a part was stopped from outside (Unix seconds). `surprises`: what a part did that no fault explains.
    """

    def __init__(self, plan: StackPlan) -> None:
        super().__init__(plan, on_board_line=self._on_line, on_board_event=self._heard)
        self.proxies = Proxies()
        self.times: list[NtpServer] = []
        self.workers: dict[str, Child] = {}
        self.unwanted: set[str] = set()  # workers that a fault has ended and will start again itself
        self.clones: dict[str, list[VirtualBoard]] = defaultdict(list)  # by the board whose flash they have
        self.frozen: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self.owner = rsa.generate_private_key(65537, 8 * RSA)  # signs releases for the boards
        self.releases = count(1)  # their numbers
        self.revived = 0  # times that a worker ended by itself and was started anew
        self.surprises: list[str] = []

    @property
    def wires(self) -> dict[str, Proxy]:
        return self.proxies.all

    def targets(self) -> dict[str, list[str]]:
        """The names that a fault may be for."""
        members = [_member(number) for number in range(MEMBERS)]
        return {"boards": list(self.plan.boards), "workers": list(WORKERS), "members": members, "house": [""]}

    # The parts

    def _start_broker(self) -> None:
        super()._start_broker()
        self._parts.enter_context(self.proxies)
        for name in WORKERS:
            self.proxies.to(name, self.broker.backend_port)
        for name in self.plan.boards:
            self.proxies.to(name, self.ports["broker"])

    def _start_database(self) -> None:
        own = [ports.free() for _ in range(MEMBERS)]
        hosts = [
            f"127.0.0.1:{self.proxies.to(_member(number), port).port}" for number, port in enumerate(own)
        ]
        self.members = self._parts.enter_context(
            ReplicaSet(self.plan.folder / "database", self.log("database"), own, hosts)
        )
        self._open_reader(self.members.uri)
        say("database", f"MongoDB, a replica set of {MEMBERS}")

    @property
    def database_uri(self) -> str:
        return self.members.uri

    def member(self, name: str) -> Database:
        return self.members.members[int(name.rpartition(" ")[2]) - 1]

    def start_member(self, name: str) -> None:
        self.start_again(lambda: self.members.start_member(self.member(name)), self.member(name).stop)

    def do(self, work: Callable[[Collections[Document]], T]) -> T:
        """Do `work`, which may be repeated, on the database; try again while faults stop it."""
        deadline = time.monotonic() + DATABASE_PATIENCE
        while True:
            try:
                return work(self.reader.database)
            except PyMongoError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def start_again(self, start: Callable[[], None], stop: Callable[[], None]) -> None:
        """Start a part; a busy machine may need more time than a start is given."""
        for tries_left in (3, 2, 1, 0):
            try:
                start()
            except ToolFailed:
                stop()
                if not tries_left:
                    raise
            else:
                return

    def _start_mail_and_time(self) -> None:
        super()._start_mail_and_time()
        more = (self._parts.enter_context(NtpServer()) for _ in range(TIME_SERVERS - 1))
        self.times = [self.ntp, *more]

    def _make_models(self) -> None:
        """No models: rules and Z-score judge alone, which is enough to test whether readings get lost."""

    def start_backend(self) -> None:
        self._write_settings()
        for name in WORKERS:
            self.start_worker(name)

    def start_worker(self, name: str, *, wait: bool = True) -> None:
        """Returns when it listens to the boards, or at once."""
        clock = self.worker_clock(name)
        if not clock.exists():
            write(clock, "0")
        child = Backend(
            name,
            ["tools.run.chaos.skewed", clock, WORKERS[name]],
            self.log(name.replace(" ", "-")),
            self.worker_settings(name),
            lambda: self._ended(name),
        )
        self.workers[name] = child
        self.unwanted.discard(name)
        self._parts.callback(child.stop)
        if wait:
            child.wait()
            say(name, "listens to the boards")

    def worker_clock(self, name: str) -> Path:
        """The file that says by how many seconds the clock of a worker's machine is off."""
        return (self.plan.folder / f"clock of {name}").resolve()

    def worker_settings(self, name: str) -> dict[str, str]:
        number = list(WORKERS).index(name)
        own = {
            "MQTT_PORT": str(self.wires[name].port),
            "MQTT_CLIENT_ID": f"backend-{number}",
            "MQTT_SHARE": "vigie",
        }
        return {**self._settings(), **own}

    def _settings(self) -> dict[str, str]:
        mails = {"ALERT_COOL_DOWN_MINUTES": "0", "ALERT_SINGLE_MAILS": "1000", "MAIL_PER_DAY": "100000"}
        return {**super()._settings(), **mails, "STORAGE_QUOTA_MB": str(QUOTA_MB)}

    def clone(self, name: str) -> VirtualBoard:
        """A second board with a copy of all that is on the flash of `name`, which must be off."""
        number = sum(len(those) for those in self.clones.values()) + 1
        folder = self.plan.folder / "boards" / f"{name}-clone-{number}"
        made = VirtualBoard(f"{name}-clone", folder, self.log(folder.name), on_event=self._heard)
        shutil.copytree(self.boards[name].flash, made.flash)
        (made.flash / "config.old").unlink(missing_ok=True)  # it has the original's sensor
        config = self.board_config(name)
        config["sensor"] = {**config["sensor"], "seed": 1000 + number}  # it measures something else
        made.install(config, self.pki.ca_der)
        self.clones[name].append(made)
        self._parts.callback(made.power_off)
        return made

    def board_config(self, name: str) -> dict[str, Any]:
        config = super().board_config(name)
        config["broker"]["port"] = self.wires[name].port
        config["ntp"] = [f"127.0.0.1:{server.port}" for server in self.times]
        return config

    def _start_board(self, name: str) -> None:
        flash = self.plan.folder / "boards" / name / "flash"
        flash.mkdir(parents=True)
        modulus = self.owner.public_key().public_numbers().n
        (flash / "release.key").write_bytes(modulus.to_bytes(RSA, "big"))
        super()._start_board(name)

    def _ended(self, name: str) -> None:
        if not self._over.is_set() and name not in self.unwanted:
            self.revived += 1
            say(name, "ended by itself; started anew", "warning")
            threading.Thread(target=lambda: self.start_worker(name, wait=False), daemon=True).start()

    # What boards do

    def ask_for_time(self) -> None:
        """Have every board ask its time servers."""
        for board in self.boards.values():
            board.tell("ask")

    def _on_line(self, name: str, line: str) -> None:
        error = line[9:10] == "E" and not any(words in line for words in OUR_DOING)
        start = START.search(line)
        unknown = start and not start[1].startswith(STARTS)
        if error or unknown or line.startswith(("Safe mode", "Traceback")):
            self.surprises.append(f"{name}: {line}")

    def _heard(self, name: str, event: str) -> None:
        if event in ("watchdog", "ended") or event.startswith("crashed"):
            self.surprises.append(f"{name}: {event}")

    def outbox(self, name: str, timeout: float = 5.0) -> tuple[int, int] | None:
        """(readings in RAM, readings on flash that are not acknowledged); None when the board is silent."""
        board = self.boards[name]
        before = len(board.history)
        board.tell("outbox")
        answer = board.history.wait("outbox", before, timeout)
        if answer is None:
            return None
        pending, waiting = answer.split()[1:]
        return int(pending), int(waiting)


def _member(number: int) -> str:
    return f"database {number + 1}"


def is_stopped(pid: int) -> bool:
    """Whether the process is stopped by a signal."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    return False
