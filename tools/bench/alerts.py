"""`make bench-alerts`: from the reading that opens an episode to the mail's hand-over.

A broker, a database and a backend of their own, and boards that send 20 readings a second together through
TLS. One after the other goes wrong. Its third abnormal reading opens the episode; the time runs from that
publish until the stand-in for SendGrid has the mail, chart and all. Prints one line for each ten mails and,
as the last line, JSON.
"""

import itertools
import json
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cloud.contract import messages
from cloud.contract.keys import device_key
from cloud.contract.messages import Reading, Verdict, topic_of
from cloud.store import database as databases
from cloud.store.entries import JudgedReading
from cloud.store.writer import Store
from device import codes
from tools.bench.rig import Rig
from tools.local.broker.broker import Broker
from tools.local.sendgrid_standin import ReceivedMail
from tools.local.up_message import CALM, up

BOARDS = 40
RATE = 20.0  # readings a second, all boards together
EVERY = 1.0  # s between two boards that go wrong
HISTORY = 1080  # readings stored of each board before: three hours at 10 s
ABNORMAL = 3  # readings that open an episode
PATIENCE = 60.0  # s for the last mail
STREAM = "9f3a1c07"
MASTER = bytes(range(32))
GOALS = {"median_s": 2.0, "p95_s": 5.0}


class AlertBoard:
    """The outside of a board: one login, one topic, readings one by one."""

    def __init__(self, name: str, broker: Broker) -> None:
        self.name, self.seq = name, itertools.count(HISTORY)
        self._key = device_key(MASTER, "demo", name)
        self._client = broker.client(f"demo/{name}", name)
        self._client.connect("localhost", broker.port)
        self._client.loop_start()

    def send(self, flags: int, t: int) -> float:
        """Publish one reading; returns when (Unix s)."""
        seq, now = next(self.seq), time.time()
        message = up(STREAM, [seq], ts=[int(now)], up=[seq], x=[(t, *CALM[1:])], flags=[flags])
        topic = topic_of(f"demo/{self.name}", "up")
        self._client.publish(topic, messages.signed(self._key, topic, message), qos=1)
        return now

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Mails:
    """When the mail about each board came."""

    def __init__(self) -> None:
        self.came: dict[str, float] = {}
        self.all = threading.Event()

    def take(self, mail: ReceivedMail) -> None:
        tags: dict[str, Any] = mail.body["personalizations"][0].get("custom_args", {})
        self.came.setdefault(str(tags.get("board", "")).rpartition("/")[2], mail.received)
        if len(self.came) >= BOARDS:
            self.all.set()


def main() -> int:
    mails = Mails()
    names = [f"B{number:03}" for number in range(BOARDS)]
    with tempfile.TemporaryDirectory() as folder:
        opened = run(Path(folder), names, mails)
    waits = sorted(mails.came[name] - opened[name] for name in names if name in mails.came)
    result = {
        "mails": len(waits),
        "boards": BOARDS,
        "readings_per_s": RATE,
        "median_s": round(statistics.median(waits), 2) if waits else None,
        "p95_s": round(waits[max(0, -(-len(waits) * 95 // 100) - 1)], 2) if waits else None,
        "max_s": round(waits[-1], 2) if waits else None,
    }
    print(json.dumps(result))
    good = len(waits) == BOARDS and all(float(result[name] or 0) <= goal for name, goal in GOALS.items())
    return 0 if good else 1


def run(folder: Path, names: list[str], mails: Mails) -> dict[str, float]:
    """Start all, let the boards live; returns when each published the reading that opens its episode."""
    users = {f"demo/{name}": name * 8 for name in names}
    with Rig(folder, MASTER, users, mails.take) as rig, ExitStack() as boards:
        remember(rig.mongod.uri, names)
        rig.backend(
            "backend",
            ["cloud", "run"],
            "vigie",
            DASHBOARD_URL="http://localhost:8501",
            MAIL_PER_DAY="1000",
            ALERT_SINGLE_MAILS="1000",  # here each episode is to be a mail
        )
        made = [AlertBoard(name, rig.broker) for name in names]
        for board in made:
            boards.callback(board.close)
        print(f"{BOARDS} boards, {RATE:.0f} readings/s; one goes wrong every {EVERY:.0f} s", flush=True)
        return live(made, mails)


def remember(uri: str, names: list[str]) -> None:
    """Three calm hours of each board, so that charts and ranges are what they are in earnest."""
    database = databases.connect(uri, "vigie")
    databases.prepare(database)
    store, now = Store(database), int(time.time())
    for name in names:
        calm = [
            JudgedReading("demo", name, STREAM, _calm(seq, now - 10 * (HISTORY - seq)), Verdict(0, None))
            for seq in range(HISTORY)
        ]
        store.write(calm)
    database.client.close()


def _calm(seq: int, ts: int) -> Reading:
    return Reading(
        seq, 1, ts, seq, (2100 + seq % 13, 4500 + seq % 17, 0, 0, 0, 0, 5, 20), 0, None, None, None
    )


def live(boards: list[AlertBoard], mails: Mails) -> dict[str, float]:
    """Each board sends in turn; after a calm round the first goes wrong, then the next, …"""
    opened: dict[str, float] = {}
    bad: dict[str, int] = {}
    begin = time.monotonic() + 1.0
    calm = BOARDS / RATE + 2.0
    shown = 0
    number = -1
    end = begin + calm + EVERY * len(boards) + PATIENCE
    while not mails.all.is_set() and time.monotonic() < end:
        number += 1
        time.sleep(max(0.0, begin + number / RATE - time.monotonic()))
        board = boards[number % len(boards)]
        wrong = time.monotonic() - begin >= calm + EVERY * boards.index(board)
        at = board.send(codes.ZSCORE if wrong else 0, 2900 if wrong else 2100 + number % 13)
        if wrong:
            bad[board.name] = bad.get(board.name, 0) + 1
            if bad[board.name] == ABNORMAL:
                opened[board.name] = at
        if len(mails.came) // 10 > shown:
            shown = len(mails.came) // 10
            print(f"{len(mails.came)} mails", flush=True)
    return opened


if __name__ == "__main__":
    sys.exit(main())
