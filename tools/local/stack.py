"""One whole local Vigie: starts each part in order, waits for it, and ends all of them whatever happens.

    with Stack(Plan(folder=Path("var/demo"))) as stack:
        stack.boards["C002"].inject("offset", 20)

What a part needs is up before it is started. Each child dies with this process, however that ends (guard.py).
"""

import fcntl
import json
import os
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cloud import password
from cloud.contract import keys
from cloud.read.reader import Reader
from cloud.store import database as databases
from tools.local import pki, ports, secrets_file
from tools.local.backend import Backend, settings_of
from tools.local.broker.broker import Broker
from tools.local.dashboard_process import Dashboard
from tools.local.database.mongod import Database
from tools.local.ntp_server import NtpServer
from tools.local.sendgrid_standin import ReceivedMail, SendGridStandIn
from tools.local.sensor.sensor_choice import SensorChoice
from tools.process.child import Child, ToolFailed
from tools.process.files import private_write
from tools.process.part import Part
from tools.process.places import ROOT
from tools.process.terminal import say
from tools.virtual_board.virtual_board import VirtualBoard

SITE = "demo"
DATABASE = "vigie"
MODEL_TIMEOUT = 300.0
RUNNING = "running.json"  # where it listens, for `make demo-board`
LOOK_S = 0.5


@dataclass(frozen=True)
class StackPlan:
    """What to start. Ports: 0 means any free one; PORT_… of the environment goes first."""

    folder: Path
    boards: tuple[str, ...] = ("C001", "C002", "C003")
    period_ms: int = 500
    sensor: SensorChoice = field(default_factory=SensorChoice)
    history_s: float = 86400.0  # what a board's model learns from, before the board starts
    ports: Mapping[str, int] = field(default_factory=dict)
    address: str = "127.0.0.1"  # of broker and NTP; 0.0.0.0 lets boards on the LAN in
    keep_history: bool = False  # store what a model learned from, as the board's readings of before
    auto_model: str = "yes"  # AUTO_MODEL of the backend
    dashboard: bool = True
    broker: str | None = None  # "mosquitto" or "iotcore"; None = mosquitto if it is there


class Stack(Part):
    """The parts by name, as long as the `with` lasts."""

    boards: dict[str, VirtualBoard]
    broker: Broker
    database: Database
    sendgrid: SendGridStandIn
    ntp: NtpServer
    backend: Backend
    dashboard: Dashboard | None = None
    reader: Reader

    def __init__(
        self,
        plan: StackPlan,
        *,
        on_mail: Callable[[ReceivedMail], None] | None = None,
        on_board_line: Callable[[str, str], None] = lambda name, line: None,
        on_board_event: Callable[[str, str], None] = lambda name, event: None,
        on_death: Callable[[str], None] = lambda name: None,
    ) -> None:
        self.plan = plan
        self.site = SITE
        self.boards = {}
        self._on_mail, self._on_board_line, self._on_board_event = on_mail, on_board_line, on_board_event
        self._on_death = on_death
        self._parts = ExitStack()
        self._over = threading.Event()

    def stop(self) -> None:
        """End every part, the last one first."""
        self._over.set()
        self._parts.close()

    @property
    def dashboard_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['dashboard']}"

    def log(self, name: str) -> Path:
        return self.plan.folder / "log" / f"{name}.log"

    def start(self) -> None:
        """Start every part, each once those that it needs can be used."""
        plan, folder = self.plan, self.plan.folder
        folder.mkdir(parents=True, exist_ok=True)
        self._parts.enter_context(only_one(folder))
        self.ports = ports.choose(plan.ports)
        for line in plan.sensor.notes:
            say("sensor", line)
        users = [f"{SITE}/{name}" for name in plan.boards]
        self.secrets = secrets_file.load(folder / "secrets.json", users)
        self._login_hash = password.hashed(self.secrets.login)
        self.pki = pki.ensure(folder / "pki")
        say("pki", f"certificates of our own CA in {shown(folder / 'pki')}")
        self._start_broker()
        self._start_database()
        self._start_mail_and_time()
        self._make_models()
        self.start_backend()
        if plan.dashboard:
            self._start_dashboard()
        for name in plan.boards:
            self._start_board(name)
        if self.dashboard:
            self.dashboard.wait()
            say("dashboard", self.dashboard_url, "good")
        self._let_others_join()

    def _let_others_join(self) -> None:
        """Publish what `make demo-board` must know; let in the users that it adds to ours."""
        note = self.plan.folder / RUNNING
        there = {"address": self.plan.address, "broker": self.ports["broker"], "ntp": self.ntp.port}
        private_write(note, json.dumps({**there, "boards": self.plan.boards}))
        self._parts.callback(note.unlink, missing_ok=True)
        thread = threading.Thread(target=self._watch_users, daemon=True)
        self._parts.callback(thread.join)
        thread.start()

    def _watch_users(self) -> None:
        while not self._over.wait(LOOK_S):
            users = secrets_file.users(self.plan.folder / "secrets.json")
            new = sorted(set(users) - set(self.secrets.passwords))
            if new:
                self.secrets = replace(self.secrets, passwords=users)
                try:
                    self.broker.admit(users)
                    say("broker", f"lets {', '.join(new)} in")
                except ToolFailed as problem:
                    say("broker", str(problem), "trouble")

    def _start_broker(self) -> None:
        plan = self.plan
        self.broker = self._parts.enter_context(
            Broker(
                plan.folder / "broker",
                self.log("broker"),
                self.pki,
                self.secrets.passwords,
                port=self.ports["broker"],
                address=plan.address,
                kind=plan.broker,
            )
        )
        say("broker", f"{self.broker.kind} on {plan.address}:{self.ports['broker']}, TLS and passwords only")

    def _start_database(self) -> None:
        folder, port = self.plan.folder / "database", self.ports["database"]
        database = Database(folder, self.log("database"), port=port, environment=os.environ)
        self.database = self._parts.enter_context(database)
        self._open_reader(self.database.uri)
        where = "of MONGODB_URI" if database.outside else f"on 127.0.0.1:{port}, a replica set of one"
        say("database", f"MongoDB {where}")

    def _open_reader(self, uri: str) -> None:
        self.reader = Reader(databases.connect(uri, DATABASE))
        self._parts.callback(self.reader.database.client.close)

    def _start_mail_and_time(self) -> None:
        self.sendgrid = self._parts.enter_context(
            SendGridStandIn(
                self.plan.folder / "outbox",
                key=self.secrets.mail_key,
                port=self.ports["mail"],
                on_mail=self._on_mail,
            )
        )
        say(
            "mail",
            f"stand-in for SendGrid on {self.sendgrid.url}; mails land in {shown(self.sendgrid.outbox)}",
        )
        self.ntp = self._parts.enter_context(NtpServer(self.ports["ntp"], self.plan.address))
        say("time", f"NTP on {self.plan.address}:{self.ntp.port}")

    def environment(self) -> dict[str, str]:
        """What the backend and the dashboard find in their environment."""
        return {**os.environ, **self._settings(), "PYTHONUNBUFFERED": "1"}

    def _settings(self) -> dict[str, str]:
        return settings_of(
            self.broker,
            self.database_uri,
            DATABASE,
            self.secrets.master_key,
            BOARD_PORT=str(self.ports["broker"]),
            SENDGRID_API_KEY=self.secrets.mail_key,
            SENDGRID_HOST=self.sendgrid.url,
            AUTO_MODEL=self.plan.auto_model,
            DASHBOARD_URL=self.dashboard_url,
            DASHBOARD_PASSWORD_HASH=self._login_hash,
        )

    @property
    def database_uri(self) -> str:
        return self.database.uri

    @property
    def settings_file(self) -> Path:
        """For a person's shell: `. FILE` gives `python -m cloud …` the settings of this backend."""
        return self.plan.folder / "env.sh"

    def _write_settings(self) -> None:
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in self._settings().items()]
        private_write(self.settings_file, "".join(lines))

    def start_backend(self) -> None:
        """Returns when it listens to the boards."""
        self._write_settings()
        began = time.monotonic()
        self.backend = Backend(
            "backend", ["cloud", "run"], self.log("backend"), self._settings(), lambda: self._died("backend")
        )
        self._parts.callback(self.backend.stop)
        self.backend.wait()
        say("backend", f"listening, re-scoring, watching ({time.monotonic() - began:.1f} s)")

    def _died(self, name: str) -> None:
        if not self._over.is_set():
            self._on_death(name)

    def _start_dashboard(self) -> None:
        self.dashboard = Dashboard(
            self.ports["dashboard"],
            self.log("dashboard"),
            self.environment(),
            on_exit=lambda: self._died("dashboard"),
        )
        self._parts.callback(self.dashboard.stop)

    def _make_models(self) -> None:
        """A model for each board that has none, learned from what its sensor gave before."""
        began = time.monotonic()
        wanted = [name for name in self.plan.boards if self.reader.model(SITE, name) is None]
        if not wanted:
            return
        say("training", f"a model for {', '.join(wanted)}: once, a minute or so …")
        running = {name: self._train(name) for name in wanted}
        for name, child in running.items():
            child.exited.wait(MODEL_TIMEOUT)
            if child.exit_code != 0:
                raise ToolFailed(f"{child.name} did not succeed\n{child.last_words()}")
            say("training", f"{name} has learned what is ordinary for it ({time.monotonic() - began:.0f} s)")

    def _train(self, name: str) -> Child:
        number = self.plan.boards.index(name)
        ts, t, h = self.plan.sensor.history(number, self.plan.period_ms / 1000, self.plan.history_s)
        history = self.plan.folder / "boards" / name / "history.npz"
        history.parent.mkdir(parents=True, exist_ok=True)
        np.savez(history, ts=ts, t=t, h=h)
        child = Child(
            f"training {name}",
            [
                *(sys.executable, "-m", "tools.local.first_model", SITE, name, history.resolve()),
                *(["--keep"] if self.plan.keep_history else []),
            ],
            log=self.log(f"training-{name}"),
            env=self.environment(),
            cwd=ROOT,
        )
        self._parts.callback(child.stop)
        return child

    def _start_board(self, name: str) -> None:
        number = self.plan.boards.index(name)
        board = VirtualBoard(
            name,
            self.plan.folder / "boards" / name,
            self.log(name),
            on_line=self._on_board_line,
            on_event=self._on_board_event,
        )
        board.install(self.board_config(name), self.pki.ca_der)
        self.plan.sensor.put_on(board.flash, number, len(self.plan.boards))
        bundle = self.bundle(name)
        if bundle:
            board.put_model(bundle)
        self.boards[name] = board
        self._parts.callback(board.power_off)
        board.power_on()
        say(
            name,
            f"powered on: {self.plan.sensor.options(number)['kind']} sensor, every {self.plan.period_ms} ms",
        )

    def bundle(self, name: str) -> bytes | None:
        """The newest model of a board as it goes onto its flash."""
        newest = self.reader.model(SITE, name)
        document = self.reader.database["models"].find_one({"_id": newest["_id"]}) if newest else None
        return bytes(document["bundle"]) if document else None

    def board_config(self, name: str) -> dict[str, Any]:
        """config.json of a board. Its key is made from the master key, as `provision` would."""
        user = f"{SITE}/{name}"
        return {
            "v": 1,
            "site": SITE,
            "device": name,
            "key": keys.device_key(self.secrets.master_key, SITE, name).hex(),
            "wifi": {"ssid": "local", "password": "none-needed"},
            "broker": {
                "host": "localhost",
                "port": self.ports["broker"],
                "user": user,
                "password": self.secrets.passwords[user],
            },
            "ntp": [f"127.0.0.1:{self.ntp.port}"],
            "sensor": self.plan.sensor.options(self.plan.boards.index(name)),
            "period_ms": self.plan.period_ms,
        }


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: two stacks in one folder would take each other's database for their own."""
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ToolFailed(
                f"another one runs in {shown(folder)}: end it first (Ctrl-C in its terminal)"
            ) from error
        yield


def shown(path: Path) -> str:
    """`path` as a person would type it here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
