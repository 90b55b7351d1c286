"""No mail goes out twice: the backend is killed again and again while it hands mails over."""

import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec
from pymongo.database import Database as Collections

from cloud.alerts import courier
from cloud.alerts.episodes import Episode
from cloud.alerts.policy import Letter
from cloud.store import database as databases
from cloud.store.database import Document
from tools.local.backend import Backend
from tools.local.database.mongod import Database
from tools.local.sendgrid_standin import ReceivedMail, SendGridStandIn
from tools.process.waiting import insist
from tools.proofs import Progress, ProofResult

KILLS = 50
MORE = 10  # mails beyond one for each kill
TIMEOUT = 90.0  # s for one life of the backend


@dataclass(frozen=True)
class MailTally:
    """How many mails went out, twice, never, or with an unknown outcome."""

    kills: int
    mails: int
    twice: int  # alerts that were taken more than once
    never: int  # neither taken nor told in another mail
    unknown: int  # alerts of which nobody knows whether they went out


def prove_all(progress: Progress) -> ProofResult:
    """Run the proof at full size."""
    tally = kill_while_sending(KILLS, progress)
    text = (
        f"{tally.kills} kills (SIGKILL) of the backend, each while a mail was being handed over, some before "
        f"and some after SendGrid's stand-in had taken it: {tally.mails} mails, {tally.twice} of them twice, "
        f"{tally.unknown} not known to have gone out, {tally.never} neither sent nor told in another mail."
    )
    numbers = {"kills": tally.kills, "mails": tally.mails, "twice": tally.twice, "never": tally.never}
    return ProofResult(text, numbers, tally.twice == 0 and tally.never == 0 and tally.kills > 0)


def kill_while_sending(kills: int, progress: Progress) -> MailTally:
    """Kill the backend `kills` times during hand-overs; then let it finish."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as parts:
        folder = Path(name)
        mongod = parts.enter_context(Database(folder / "db", folder / "db.log"))
        taken: Counter[str] = Counter()
        hand_over = threading.Event()

        def on_mail(mail: ReceivedMail) -> None:
            taken[mail.body["personalizations"][0]["custom_args"]["alert"]] += 1
            hand_over.set()
            gate.wait(TIMEOUT)  # no answer before the kill

        gate = threading.Event()
        sendgrid = parts.enter_context(SendGridStandIn(folder / "outbox", key="SG.proof", on_mail=on_mail))
        database = databases.connect(mongod.uri, "vigie")
        parts.callback(database.client.close)
        databases.prepare(database)
        _fill(database, kills + MORE)
        chance = random.Random(1)  # noqa: S311  which half of the kills comes first
        for number in range(kills):
            progress(f"kill {number + 1} of {kills}")
            gate.clear()
            hand_over.clear()
            backend = _start(folder, parts, mongod.uri, sendgrid.url)
            if chance.random() < 0.5:
                _await(hand_over.is_set, "a mail was taken")
            else:  # somewhere between the claim and the answer
                _await(lambda: database["alerts"].find_one({"state": "sending"}), "a mail was being sent")
            backend.kill()
            gate.set()
            database["lease"].update_one({"_id": "watch"}, {"$unset": {"until": ""}})  # else wait 10 s
        progress("the last life")
        gate.set()
        _start(folder, parts, mongod.uri, sendgrid.url)
        waiting = {"state": {"$in": ["pending", "sending"]}}
        _await(lambda: database["alerts"].count_documents(waiting) == 0, "all were sent")
        untold = {"state": {"$in": ["unknown", "failed"]}, "told": None}
        never = [
            alert_document
            for alert_document in database["alerts"].find(untold)
            if not taken[alert_document["_id"]]
        ]
        return MailTally(
            kills=kills,
            mails=sum(taken.values()),
            twice=sum(count > 1 for count in taken.values()),
            never=len(never),
            unknown=database["alerts"].count_documents({"state": "unknown"}),
        )


def _fill(database: Collections[Document], count: int) -> None:
    now = time.time()
    for number in range(count):
        name = f"C{number:03}"
        episode = Episode(
            id=f"demo/{name}/9f3a1c07/1",
            site="demo",
            device=name,
            opened=now,
            last=now,
            severity="warning",
            abnormal=3,
            agreed=3,
            edge_flags=4,
            cloud_flags=8,
            t_min=2900,
            t_max=2900,
            h_min=4500,
            h_max=4500,
        )
        row = msgspec.to_builtins(episode)
        row["_id"] = row.pop("id")
        database["episodes"].insert_one(row)
        letter = Letter("opening", "warning", (episode.id,))
        database["alerts"].insert_one(courier.pending(name, letter, ["you@example.org"], name, now))


def _start(folder: Path, parts: ExitStack, uri: str, host: str) -> Backend:
    settings = {
        "MQTT_HOST": "localhost",
        "MQTT_USER": "unused",
        "MQTT_PASSWORD": "unused",
        "VIGIE_KEY": "ab" * 32,
        "MONGODB_URI": uri,
        "MONGODB_DATABASE": "vigie",
        "SENDGRID_API_KEY": "SG.proof",
        "SENDGRID_HOST": host,
        "MAIL_FROM": "vigie@example.org",
        "MAIL_TO": "you@example.org",
        "MAIL_PER_DAY": "1000",
    }
    backend = Backend("backend", ["cloud", "watch"], folder / "backend.log", settings)
    parts.callback(backend.stop)
    return backend


def _await(ready: Callable[[], object], what: str) -> None:
    insist(ready, TIMEOUT, f"waited {TIMEOUT:.0f} s until {what}", 0.005)
