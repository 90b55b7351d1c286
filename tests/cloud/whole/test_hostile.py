"""What a board says stays text: it cannot forge a header, a log line or a formula, nor stop the cloud."""

import csv
import io
import json
import logging
import time

import msgspec
import pytest
from bson.binary import Binary

from cloud import recording
from cloud.alerts.channels.channel import Mail, Sent
from cloud.alerts.channels.sendgrid import SendGrid
from cloud.alerts.channels.smtp import Folder, message_of
from cloud.alerts.courier import Courier
from cloud.alerts.letters import LetterContext
from cloud.alerts.links import Links
from cloud.alerts.mail_writer import MailWriter
from cloud.learning.loop import Learning
from cloud.process.alone import Alone
from cloud.process.log import start
from cloud.process.printable import printable
from cloud.read import export
from cloud.read.reader import Reader
from cloud.settings import AlertSettings, SendGridSettings
from cloud.store.quota import Keeper
from cloud.store.sealing import Sealer
from cloud.words import Words
from device import codes
from tests.cloud.alerts.test_courier import EPISODE, alert, put, states
from tests.cloud.conftest import entry, wait_for
from tests.cloud.watch.test_watch import live, watching

HOSTILE = [
    "a\nBcc: evil@example.org\n\nhello",
    "a\rb",
    "\x00",
    "\x1b[31mred\x1b]0;title\x07",
    "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe",
    "\x85next",
    "\N{LINE SEPARATOR}next",
    "\x9b31m",
    "\udc80",
    "=HYPERLINK(0)\t",
]
FAILED = msgspec.structs.replace(
    EPISODE, kind="sensor", edge_flags=codes.SENSOR_ERROR, t_min=None, t_max=None, h_min=None, h_max=None
)


@pytest.fixture(params=HOSTILE, ids=range(len(HOSTILE)))
def hostile(request):
    return request.param


@pytest.fixture
def writer(database):
    return MailWriter(
        database, LetterContext(Words("en"), Links(b"k" * 32, "http://localhost:8501"), AlertSettings())
    )


def test_what_could_act_is_written_out_and_the_rest_stays():
    assert printable("21,5 °C à Évreux, 温室") == "21,5 °C à Évreux, 温室"
    assert printable("a\nb\x1b[1m\u202e\x85\udc80") == r"a\nb\x1b[1m\u202e\x85\udc80"
    assert printable("a\nb\r", keep="\n") == "a\nb\\r"


# A mail


def test_a_reason_cannot_write_a_header(database, writer, sendgrid, tmp_path, hostile):
    put(database, episode=msgspec.structs.replace(FAILED, why=hostile.replace("\udc80", "\x80")))
    sender = Folder(tmp_path / "mails", "vigie@example.org")
    Courier(database, sender, writer, 100).deliver()
    assert states(database) == ["sent"]
    (mail,) = (tmp_path / "mails").iterdir()
    head = mail.read_bytes().partition(b"\n\n")[0]
    assert b"\nBcc" not in head and b"\x1b" not in head and b"evil@example.org\n" not in head
    assert alert(database)["subject"].isprintable()


def test_no_sender_gets_a_subject_that_acts(sendgrid, hostile):
    mail = Mail(("you@example.org",), hostile, "text", "<p>page</p>")
    assert message_of(mail, "vigie@example.org")["Subject"] == printable(hostile)
    sender = SendGrid(SendGridSettings("SG.test", sendgrid.url), "vigie@example.org")
    assert isinstance(sender.send(mail), Sent)
    assert sendgrid.mails[0].subject == printable(hostile)


class Choking:
    """A sender that meets an error of ours in one mail."""

    def __init__(self, problem):
        self.problem, self.mails = problem, []

    def send(self, mail):
        if "C666" in mail.subject:
            raise self.problem
        self.mails.append(mail)
        return Sent("id")


@pytest.mark.parametrize("problem", [ValueError("a\nb"), UnicodeEncodeError("utf-8", "\udc80", 0, 1, "no")])
def test_an_unexpected_error_fails_one_mail_and_the_next_one_tells_it(database, writer, problem):
    bad = msgspec.structs.replace(EPISODE, id="demo/C666/9f3a1c07/1", device="C666")
    put(database, "1", episode=bad)
    put(database, "2")
    sender = Choking(problem)
    courier = Courier(database, sender, writer, 100)
    courier.deliver()
    assert states(database) == ["failed", "sent"] and courier.failed == 1 and courier.mails == 1
    failed = alert(database, "1")
    assert failed["error_kind"] == "unwritten" and type(problem).__name__ in failed["error"]
    assert "C666" in sender.mails[0].text and failed["told"] == "2"


def test_an_episode_that_cannot_be_told_leaves_the_digest_whole(database, writer):
    far = msgspec.structs.replace(EPISODE, id="demo/C003/9f3a1c07/1", device="C003", opened=1e18)
    put(database, "other", episode=far)
    database["alerts"].delete_many({})
    put(database)
    letter = {**alert(database)["letter"], "kind": "together", "episodes": [EPISODE.id, far.id, "torn"]}
    database["episodes"].insert_one({"_id": "torn", "site": 5})
    database["alerts"].update_one({"_id": "one"}, {"$set": {"letter": letter}})
    sender = Choking(None)
    Courier(database, sender, writer, 100).deliver()
    assert states(database) == ["sent"] and "C002" in sender.mails[0].text and "C003" in sender.mails[0].text


# A log line


@pytest.mark.parametrize("as_json", [False, True])
def test_a_log_line_is_one_line_and_acts_on_nothing(capsys, hostile, as_json):
    before = logging.getLogger().handlers[:]
    try:
        start(as_json=as_json)
        logging.getLogger("ingest").warning("refused: %s", hostile)
        try:
            raise ValueError(hostile)
        except ValueError:
            logging.getLogger("ingest").exception("failed")
    finally:
        logging.basicConfig(handlers=before, force=True)
    lines = capsys.readouterr().out.rstrip("\n").split("\n")
    assert all(line.isprintable() for line in lines)
    if as_json:
        assert len(lines) == 2 and json.loads(lines[0])["text"] == f"refused: {printable(hostile)}"
    else:
        assert lines[0].endswith(f"ingest  refused: {printable(hostile)}")


# A spreadsheet


def test_an_exported_text_is_no_formula_and_the_export_is_read_again(store, database, tmp_path):
    store.write([entry(1, t=-315, ts=1_800_000_000), entry(2, t=-316, ts=1_800_000_010)])
    reasons = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "plain", "a\nb"]
    reasons += [" =1+1", "\u00a0+1", "\uff1d1+1"]  # behind a blank, and full-width
    store.write([entry(3 + k, ts=1_800_000_020 + k, failed=why, flags=256) for k, why in enumerate(reasons)])
    file = io.StringIO()
    export.write_csv([Reader(database).readings("demo", "C001")], file)
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    texts = ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "\\t=1", "\\r=1", "plain", "a\\nb"]
    texts += ["' =1+1", "'\u00a0+1", "'\uff1d1+1"]
    assert sorted(row["why"] for row in rows if row["why"]) == sorted(texts)
    assert [row["t"] for row in rows[:2]] == ["-3.15", "-3.16"]
    path = tmp_path / "own.csv"
    with path.open("w", newline="") as own:
        export.write_csv([Reader(database).readings("demo", "C001")], own)
    assert recording.read(path).t.tolist()[:2] == [-3.15, -3.16]


# The parts that go over all boards


def test_an_event_that_cannot_be_judged_stops_the_watch_of_no_other(store, database):
    left_out = Alone.count
    watch = watching(database)
    for device in ("C001", "C002"):
        store.write([live(seq, flags=codes.ZSCORE, device=device) for seq in range(5)])
    database["events"].update_many({"device": "C001"}, {"$set": {"edge_flags": "torn"}})
    database["watched"].insert_one({"_id": "demo/C003", "episode": {"id": 5}})
    database["latest"].insert_one({"_id": "demo/C003", "reading": {}, "received": 0})
    assert watch.step() == (False, 1)
    assert [episode.device for episode in Reader(database).episodes()] == ["C002"]
    assert Alone.count >= left_out + 6 and database["events"].count_documents({"taken": False}) == 0


def test_a_number_that_the_database_cannot_keep_stops_the_watch_of_no_other(store, database, monkeypatch):
    watch = watching(database)
    for device in ("C001", "C002"):
        store.write([live(seq, flags=codes.ZSCORE, device=device) for seq in range(5)])
    judged = watch._event

    def huge(document, now):
        event = judged(document, now)
        return msgspec.structs.replace(event, t=2**70) if event.device == "C001" else event

    monkeypatch.setattr(watch, "_event", huge)
    assert watch.step() == (False, 1)
    assert [episode.device for episode in Reader(database).episodes()] == ["C002"]


def test_a_board_whose_history_cannot_be_read_stops_the_training_of_no_other(store, database, monkeypatch):
    learning = Learning(database, bytes(32), "yes", lambda: True)
    store.write([entry(1, device="C001"), entry(1, device="C002")])
    spans = {"C001": ValueError("torn"), "C002": 1e6}

    def span(site, device, now):
        if isinstance(outcome := spans[device], Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(learning, "_span", span)
    assert learning.due() == [("demo", "C002")]


def test_a_damaged_bucket_is_put_aside_and_the_quota_goes_on_with_the_others(store, database):
    for device in ("C001", "C002"):
        store.write([entry(seq, device=device) for seq in range(3)])
    Sealer(database, clock=lambda: time.time() + 5).seal(0)
    database["buckets"].update_one({"d": "demo/C001"}, {"$set": {"p": Binary(b"\x01rubbish")}})
    keeper = Keeper(database, 1)
    assert keeper.look() == 1
    assert database["buckets"].count_documents({"d": "demo/C002"}) == 0
    left = database["buckets"].find_one({"d": "demo/C001"})
    assert left["p"] == b"\x01rubbish" and "damaged" in left["damaged"]
    (note,) = database["quarantine"].find()
    assert (note["device"], note["content"]) == ("C001", b"\x01rubbish")
    assert keeper.look() == 0 and database["quarantine"].count_documents({}) == 1


def test_a_backend_that_meets_all_of_it_goes_on(backend, board, database, sendgrid):
    running = backend()
    running.wait_for_line("listening to the boards")
    c001, c002 = board("C001"), board("C002")
    state = {"v": 1, "stream": c001.stream, "boot": 1, "state": "online"}
    for text in HOSTILE[:-2]:
        c001.send(range(4), x=None, flags=codes.SENSOR_ERROR, why=text)
        c001.publish({**state, "last_error": text, "version": text, "learning": text}, "state")
        c001.publish(text.encode())
    c001.publish({**state, "features": 2**63}, "state")
    c001.publish({**state, "boot": 2**63}, "state")
    c002.send(range(5), flags=codes.LIMIT)
    wait_for(lambda: c002.acked == set(range(5)), "the acks", 30)
    wait_for(lambda: [mail for mail in sendgrid.mails if "C002" in mail.subject], "its mail", 30)
    assert all(mail.subject.isprintable() for mail in sendgrid.mails)
    assert running.stop() == 0
    assert all(line.isprintable() for line in running.lines), running.lines
