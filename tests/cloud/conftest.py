"""Real parts for the cloud's tests: one mongod, one TLS broker and one mail catcher for all of them."""

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pymongo
import pytest

from cloud.contract import keys, messages
from cloud.contract.messages import Reading, Verdict
from cloud.read.reader import Reader
from cloud.store import database as databases
from cloud.store.entries import JudgedReading
from cloud.store.writer import Store
from tests.parts import DEVICES, SHORT_TRANSACTIONS, USERS, all_brokers, brokers_with_rules  # noqa: F401
from tools.local.sendgrid_standin import SendGridStandIn
from tools.local.users import BACKEND_USER

MASTER = bytes(range(32))
ROOT = Path(__file__).parents[2]


def wait_for(ready, what, timeout=20.0):
    """Ask until the answer is true; the answer."""
    deadline = time.monotonic() + timeout
    while not (answer := ready()):
        assert time.monotonic() < deadline, f"waited {timeout} s for {what}"
        time.sleep(0.02)
    return answer


@pytest.fixture
def database(mongod):
    """An empty database of its own for each test."""
    made = databases.connect(mongod.uri, "test_" + secrets.token_hex(4))
    databases.prepare(made)
    yield made
    with pymongo.timeout(60):  # files are deleted, which takes its time on a busy machine
        made.client.admin.command("killAllSessions", [])  # a backend that was killed may hold locks
        made.client.drop_database(made.name)
    made.client.close()


@pytest.fixture
def store(database):
    return Store(database)


@pytest.fixture
def reader(database):
    return Reader(database)


@pytest.fixture
def sendgrid(tmp_path):
    with SendGridStandIn(tmp_path / "outbox", key="SG.test") as standin:
        yield standin


@pytest.fixture
def environment(mongod, broker, sendgrid, database):
    """Settings of a backend, as a person would give them."""
    return {
        "MQTT_HOST": "localhost",
        "MQTT_PORT": str(broker.backend_port),
        "BOARD_PORT": str(broker.port),
        "MQTT_USER": BACKEND_USER,
        "MQTT_PASSWORD": USERS[BACKEND_USER],
        "MQTT_CA": str(broker.pki.ca_pem),
        "MQTT_CLIENT_ID": "test-" + secrets.token_hex(4),
        "MONGODB_URI": mongod.uri,
        "MONGODB_DATABASE": database.name,
        "VIGIE_KEY": MASTER.hex(),
        "SENDGRID_API_KEY": "SG.test",
        "SENDGRID_HOST": sendgrid.url,
        "MAIL_FROM": "vigie@example.org",
        "MAIL_TO": "somebody@example.org",
        "DASHBOARD_URL": "http://localhost:8501",
    }


class Backend:
    """`python -m cloud …` as a process; its lines are kept."""

    def __init__(self, environment, *arguments, cwd):
        self.lines = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cloud", *arguments],
            cwd=cwd,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def wait_for_line(self, text, timeout=30.0):
        def matching():
            if self.process.poll() is not None:
                self._thread.join(2)
            hits = [line for line in self.lines if text in line]
            assert hits or self.process.poll() is None, "\n".join(self.lines)
            return hits[:1]

        return wait_for(matching, f"{text!r} in\n" + "\n".join(self.lines), timeout)[0]

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(15)
        self._thread.join(5)
        return code

    def kill(self):
        self.process.kill()
        self.process.wait(5)


@pytest.fixture
def backend(environment, tmp_path):
    """Starts backends; whatever is left at the end of the test is killed."""
    started = []

    def start(*arguments, **changes):
        started.append(Backend({**environment, **changes}, *(arguments or ("run",)), cwd=tmp_path))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.kill()
        print("\n".join(each.lines))  # shown when the test failed


class Board:
    """The outside of a board: publishes `up` and `state`, collects the seqs that `ack` names."""

    def __init__(self, broker, device, stream="9f3a1c07"):
        self.device, self.stream = device, stream
        self.acked, self.acks = set(), []
        self._key = keys.device_key(MASTER, "demo", device)
        self._subscribed = threading.Event()
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=f"{device}-{secrets.token_hex(4)}",
            protocol=mqtt.MQTTv311,
        )
        self._client.username_pw_set(f"demo/{device}", USERS[f"demo/{device}"])
        self._client.tls_set(str(broker.pki.ca_pem))
        self._client.on_message = self._on_message
        self._client.on_connect = lambda client, *_: client.subscribe(f"vigie/1/demo/{device}/ack", 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.connect("localhost", broker.port)
        self._client.loop_start()
        assert self._subscribed.wait(10)

    def _on_message(self, client, userdata, message):
        ack = json.loads(message.payload)
        runs = [tuple(run) for run in ack.get("runs", ())]
        if "dropped" in ack:
            return
        assert ack["mac"] == keys.ack_mac(self._key, ack["stream"], runs)
        self.acks.append(ack)
        if ack["stream"] == self.stream:
            self.acked |= {seq for first, last in runs for seq in range(first, last + 1)}

    def publish(self, payload, leaf="up", device=None):
        topic = f"vigie/1/demo/{device or self.device}/{leaf}"
        body = payload if isinstance(payload, bytes) else outside(self._key, topic, payload)
        self._client.publish(topic, body, qos=1).wait_for_publish(10)

    def is_connected(self):
        return self._client.is_connected()

    def send(self, seqs, **changes):
        self.publish(up(seqs, stream=self.stream, **changes))

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def board(broker):
    made = []

    def connect(device="C001", **more):
        made.append(Board(broker, device, **more))
        return made[-1]

    yield connect
    for each in made:
        each.close()


def up(seqs, stream="9f3a1c07", boot=7, model=None, **columns):
    """An `up` message before its mac; `columns` replace what is made up here: one value, or one a reading."""
    seqs = list(seqs)
    now = int(time.time()) - 600
    made = {
        "ts": [now + seq % 600 for seq in seqs],
        "up": [seq for seq in seqs],
        "x": [[2100 + seq % 7, 4500, 0, 0, 0, 0, 5, 20] for seq in seqs],
        "flags": [0 for _ in seqs],
        "score": [None for _ in seqs],
        "why": [None for _ in seqs],
    }
    for name, value in columns.items():
        made[name] = value if isinstance(value, list) and len(value) == len(seqs) else [value] * len(seqs)
    head = {"v": 2, "stream": stream, "boot": boot, "sensor": 0, "model": model, "features": 1}
    return {**head, "seq": seqs, **made}


def said_by(device, message, leaf="up", site="demo"):
    """`message` as that board would send it: with its own mac, unless it speaks version 1."""
    return outside(keys.device_key(MASTER, site, device), f"vigie/1/{site}/{device}/{leaf}", message)


def outside(key, topic, message):
    return messages.encode(message) if message["v"] == 1 else messages.signed(key, topic, message)


def entry(
    seq,
    *,
    t=2100,
    h=4500,
    ts="now",
    flags=0,
    stream="9f3a1c07",
    device="C001",
    cloud=0,
    failed=None,
    cloud_score=0.4,
    twin_off=0,
    **more,
):
    """One reading with the cloud's verdict, as the store takes it."""
    date = int(time.time()) - 3600 + seq if ts == "now" else ts
    values = {"boot": 7, "up": seq, "score": None, "model": None, **more}
    x = None if failed else (t, h, 0, 0, 0, 0, 5, 20)
    reading = Reading(seq=seq, ts=date, x=x, flags=flags, why=failed, **values)
    return JudgedReading("demo", device, stream, reading, Verdict(cloud, cloud_score, twin_off))
