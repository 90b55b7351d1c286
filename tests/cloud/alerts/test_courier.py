"""Delivery: an alert is a document first; each goes out at most once, whatever the mail service or we do."""

import asyncio
import contextlib
import email
import email.policy
import json
import re
import socket
import threading
import time
from pathlib import Path

import msgspec
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from cloud.alerts import courier as couriers
from cloud.alerts.channels.sendgrid import SendGrid
from cloud.alerts.channels.smtp import Folder, Smtp
from cloud.alerts.channels.timely import Timely
from cloud.alerts.courier import Courier, pending
from cloud.alerts.episodes import Episode
from cloud.alerts.letters import LetterContext
from cloud.alerts.links import Links
from cloud.alerts.mail_writer import MailWriter
from cloud.alerts.policy import Letter
from cloud.read.reader import Reader
from cloud.settings import AlertSettings, SendGridSettings, SmtpSettings
from cloud.store.writer import Store
from cloud.words import Words
from device import codes
from tests.cloud.conftest import entry
from tests.official_sendgrid import OfficialSendGrid
from tools.local import ports

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH")  # passwords without TLS: this is a test
NOW = float(int(time.time()))
EPISODE = Episode(
    id="demo/C002/9f3a1c07/170",
    site="demo",
    device="C002",
    stream="9f3a1c07",
    opened=NOW - 300,
    last=NOW - 10,
    last_seq=199,
    closed=None,
    severity="severe",
    abnormal=30,
    agreed=20,
    edge_flags=codes.RANGE | codes.JITTER,
    cloud_flags=codes.FOREST,
    late=False,
    t_min=2900,
    t_max=3150,
    h_min=4500,
    h_max=4500,
)


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sendgrid(tmp_path):
    """The stand-in, with the official schema where it is there."""
    with OfficialSendGrid(tmp_path / "outbox", key="SG.test") as standin:
        yield standin


@pytest.fixture
def writer(database):
    links = Links(b"k" * 32, "http://localhost:8501")
    return MailWriter(database, LetterContext(Words("en"), links, AlertSettings()))


@pytest.fixture
def courier(database, sendgrid, writer, clock):
    sender = SendGrid(SendGridSettings("SG.test", sendgrid.url), "vigie@example.org")
    return Courier(database, sender, writer, 100, clock)


@pytest.fixture
def history(database):
    """What the board measured around the episode, in the store."""
    calm = [entry(seq, ts=int(NOW) - 2000 + 10 * seq, t=2100 + seq % 9, device="C002") for seq in range(170)]
    hot = [
        entry(seq, ts=int(NOW) - 2000 + 10 * seq, t=3150, flags=codes.RANGE, device="C002")
        for seq in range(170, 200)
    ]
    Store(database).write([*calm, *hot])


def put(database, name="one", kind="opening", *, episode=EPISODE, to=("somebody@example.org",), **more):
    row = msgspec.to_builtins(episode)
    row["_id"] = row.pop("id")
    row["d"] = "demo/C002"
    database["episodes"].replace_one({"_id": row["_id"]}, row, upsert=True)
    letter = Letter(kind, episode.severity, (episode.id,), **more)
    database["alerts"].insert_one(pending(name, letter, to, "a subject", NOW))


def alert(database, name="one"):
    return database["alerts"].find_one({"_id": name})


def states(database):
    return [document["state"] for document in database["alerts"].find().sort("_id", 1)]


def test_a_mail_says_what_happened(courier, database, sendgrid, history):
    put(database)
    assert courier.deliver() == 1 and courier.deliver() == 0
    (sent,) = sendgrid.mails
    assert sent.subject == "C002, severe: outside its range, 31.5 °C (normally 21.0 to 21.1 °C)"
    text, page = (part["value"] for part in sent.body["content"])
    for words in (
        "noisy signal",
        "agrees with the board on 20 of 30",
        "(range, jitter)",
        "31.5",
        "21.0 to 21.1",
    ):
        assert words in text and words in page, words
    assert len(re.findall(r"http://localhost:8501/answer\?token=", text)) == 8  # seen, and seven answers
    (picture,) = sent.body["attachments"]
    assert (picture["disposition"], picture["content_id"]) == ("inline", "chart") and "cid:chart" in page
    assert len(picture["content"]) < 200_000


def test_its_statistics_can_be_read_by_board_and_kind(courier, database, sendgrid):
    put(database)
    courier.deliver()
    body = sendgrid.mails[0].body
    assert body["categories"] == ["vigie", "mail opening", "severe", "anomaly", "board demo/C002"]
    tags = body["personalizations"][0]["custom_args"]
    assert tags == {
        "alert": "one",
        "mail": "opening",
        "severity": "severe",
        "board": "demo/C002",
        "kind": "anomaly",
        "episode": EPISODE.id,
    }
    document = alert(database)
    assert (document["state"], document["message"], document["tries"]) == ("sent", sendgrid.mails[0].id, 1)


def test_with_a_template_of_the_users_own_it_sends_what_the_template_needs(
    database, sendgrid, writer, clock, history
):
    name = "d-" + "0" * 32
    sender = SendGrid(SendGridSettings("SG.test", sendgrid.url, name), "vigie@example.org")
    put(database)
    Courier(database, sender, writer, 100, clock).deliver()
    body = sendgrid.mails[0].body
    assert body["template_id"] == name and "content" not in body
    data = body["personalizations"][0]["dynamic_template_data"]
    assert data["subject"] == sendgrid.mails[0].subject and data["badge"] == "Severe"
    assert data["figures"][0]["value"] == "31.5\N{NO-BREAK SPACE}°C"
    json.dumps(data)


def test_a_mail_is_true_when_it_is_handed_over(courier, database, sendgrid, clock):
    put(database, episode=msgspec.structs.replace(EPISODE, closed=NOW - 60))
    courier.deliver()
    assert sendgrid.mails[0].subject.startswith("Over: C002")


def test_what_a_device_says_cannot_write_html(courier, database, sendgrid):
    evil = msgspec.structs.replace(
        EPISODE, kind="sensor", edge_flags=codes.SENSOR_ERROR, why="<script>", t_min=None, h_min=None
    )
    put(database, episode=evil)
    courier.deliver()
    (sent,) = sendgrid.mails
    text, page = (part["value"] for part in sent.body["content"])
    assert "<script>" not in page and "<script>" in text
    assert sent.subject == "C002, severe: its sensor fails (<script>)"


@pytest.mark.parametrize(
    "status, message, kind, pause, words",
    [
        (500, None, "server", 5, "a problem of its own"),
        (503, None, "server", 5, "a problem of its own"),
        (401, None, "key", 300, "check SENDGRID_API_KEY"),
        (403, None, "sender", 300, "MAIL_FROM"),
        (401, "Maximum credits exceeded", "quota", 3600, "quota"),
        # What stands between us and SendGrid answers, or SENDGRID_HOST is another service.
        *(
            (status, None, "server", 5, "SENDGRID_HOST")
            for status in (200, 204, 302, 307, 404, 405, 407, 408)
        ),
    ],
)
def test_a_refusal_that_can_pass_is_tried_again_later(
    courier, database, sendgrid, clock, status, message, kind, pause, words
):
    sendgrid.refuse(status, message=message)
    put(database)
    assert courier.deliver() == 1
    document = alert(database)
    assert (document["state"], document["error_kind"]) == ("pending", kind) and words in document["error"]
    clock.now += pause - 1
    assert courier.deliver() == 0
    clock.now += 2
    assert courier.deliver() == 1 and states(database) == ["sent"] and len(sendgrid.mails) == 1


def test_what_holds_for_all_mails_is_not_tried_with_each(courier, database, sendgrid, clock):
    sendgrid.refuse(401, 10)
    for name in ("one", "two", "three"):
        put(database, name)
    assert courier.deliver() == 1 and sendgrid.refused == 1
    sendgrid.refuse(429, 10)


def test_the_pause_after_a_failure_doubles(courier, database, sendgrid, clock):
    sendgrid.refuse(500, 4)
    put(database)
    pauses = []
    for _ in range(4):
        courier.deliver()
        due = alert(database)["due"]
        pauses.append(round(due - clock.now))
        clock.now = due
    assert pauses == [5, 10, 20, 40]


def test_a_rate_limit_waits_for_its_reset(courier, database, sendgrid, clock):
    sendgrid.refuse(429, reset_in=30)
    put(database)
    courier.deliver()
    document = alert(database)
    assert document["error_kind"] == "rate" and 25 <= document["due"] - clock.now <= 32


def test_a_mail_that_will_never_be_taken_is_given_up_and_its_text_is_in_the_next(courier, database, sendgrid):
    sendgrid.refuse(400)
    put(database)
    courier.deliver()
    document = alert(database)
    assert (document["state"], document["error_kind"]) == ("failed", "refused") and "400" in document["error"]
    put(database, "two", "reminder")
    courier.deliver()
    assert document["subject"] in sendgrid.mails[0].body["content"][0]["value"]
    assert alert(database)["told"] == "two"


def test_a_mail_that_is_too_large_goes_without_its_chart(courier, database, sendgrid, history):
    sendgrid.refuse(413)
    put(database)
    courier.deliver()
    assert states(database) == ["sent"] and "attachments" not in sendgrid.mails[0].body


def test_without_a_network_it_is_tried_again(database, writer, clock):
    sender = SendGrid(SendGridSettings("SG.test", "http://127.0.0.1:1"), "vigie@example.org")
    put(database)
    assert Courier(database, sender, writer, 100, clock).deliver() == 1
    document = alert(database)
    assert document["state"] == "pending" and "cannot be reached" in document["error"]


def test_an_answer_that_never_comes_is_unknown_and_never_sent_again(courier, database, sendgrid, clock):
    courier._sender._client.client.timeout = 0.3
    sendgrid.refuse(500, delay=1.0)
    put(database)
    courier.deliver()
    assert states(database) == ["unknown"]
    clock.now += 1e6
    assert courier.deliver() == 0


@pytest.fixture
def drips():
    """The port of a mail service that answers byte by byte, without an end."""
    over = threading.Event()

    def drip(connection):
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 202 Accepted\r\nX-Long: ")
            while not over.wait(0.05):
                connection.sendall(b"x")

    def serve(server):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=drip, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        yield server.getsockname()[1]
        over.set()
        server.shutdown(socket.SHUT_RDWR)


def test_a_service_that_answers_byte_by_byte_holds_up_no_other_mail(database, writer, clock, drips):
    sendgrid = SendGrid(SendGridSettings("SG.test", f"http://127.0.0.1:{drips}"), "vigie@example.org")
    put(database)
    assert Courier(database, Timely(sendgrid, 0.5), writer, 100, clock).deliver() == 1
    assert states(database) == ["unknown"] and "did not end its answer" in alert(database)["error"]


def test_an_error_of_a_channel_is_the_mails_own():
    class Broken:
        def send(self, mail):
            raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        Timely(Broken()).send(None)


def test_what_a_dead_courier_had_in_hand_is_unknown_and_its_text_is_in_the_next_mail(
    courier, database, sendgrid
):
    put(database, "in hand")
    put(database, "waiting")
    change = {"state": "sending", "subject": "what was lost", "text": "what was lost\n\nthe words of it"}
    database["alerts"].update_one({"_id": "in hand"}, {"$set": change})
    assert courier.begin() == 1
    assert courier.deliver() == 1
    assert states(database) == ["unknown", "sent"] and len(sendgrid.mails) == 1
    text, page = (part["value"] for part in sendgrid.mails[0].body["content"])
    assert "what was lost" in text and "the words of it" in text and "the words of it" in page
    put(database, "later")
    courier.deliver()
    assert "what was lost" not in sendgrid.mails[1].body["content"][0]["value"]


def test_of_twenty_mails_that_the_service_swallows_the_first_that_arrives_tells_all(
    courier, database, sendgrid, clock
):
    courier._sender._client.client.timeout = 0.2
    for number in range(20):
        put(database, f"{number:02d}", to=("a@example.org", "b@example.org"))
        change = {"subject": f"trouble {number}", "text": f"trouble {number}\n\nwords of it"}
        database["alerts"].update_one({"_id": f"{number:02d}"}, {"$set": {**change, "state": "sending"}})
    courier.begin()
    sendgrid.refuse(500, delay=0.6)
    put(database, "swallowed", to=("a@example.org",))
    courier.deliver()
    assert alert(database, "swallowed")["state"] == "unknown"
    assert database["alerts"].count_documents({"told": None}) == 21  # no mail that arrived has told them
    courier._sender._client.client.timeout = 10
    put(database, "for one", to=("a@example.org",))
    courier.deliver()
    assert database["alerts"].count_documents({"told": "for one"}) == 1  # b has not been told of the others
    put(database, "for both", to=("a@example.org", "b@example.org"))
    courier.deliver()
    text = sendgrid.mails[-1].body["content"][0]["value"]
    assert all(f"trouble {number}\n" in text for number in range(20))
    assert database["alerts"].count_documents({"told": "for both"}) == 20


def test_what_was_lost_for_one_person_is_not_told_to_another(courier, database, sendgrid):
    put(database, "lost", to=("a@example.org",))
    lost = {"state": "unknown", "text": "secret words"}
    database["alerts"].update_one({"_id": "lost"}, {"$set": lost})
    put(database, "other", to=("b@example.org",))
    courier.deliver()
    assert "secret words" not in json.dumps(sendgrid.mails[0].body)


def test_the_mail_after_the_last_of_the_day_is_not_tried(database, sendgrid, writer, clock):
    sender = SendGrid(SendGridSettings("SG.test", sendgrid.url), "vigie@example.org")
    courier = Courier(database, sender, writer, 5, clock)
    sendgrid.refuse(500)  # not taken, so not counted
    for k in range(4):
        put(database, f"{k}", to=("a@example.org", "b@example.org"))
    for _ in range(3):
        courier.deliver()
        clock.now += 30
    assert len(sendgrid.mails) == 2 and states(database).count("pending") == 2
    waiting = database["alerts"].find_one({"state": "pending"})
    assert waiting["error_kind"] == "budget" and waiting["due"] % 86400 == 0
    clock.now = waiting["due"]
    assert courier.deliver() == 2


def test_a_mail_that_cannot_be_written_stops_no_other(courier, database, sendgrid):
    put(database, "bad")
    database["alerts"].update_one({"_id": "bad"}, {"$set": {"letter": {"kind": "nonsense"}}})
    put(database, "good")
    courier.deliver()
    assert states(database) == ["failed", "sent"]


def test_an_alert_claimed_by_another_courier_is_left_to_it(courier, database, sendgrid, writer, monkeypatch):
    put(database)
    write = writer.write

    def and_somebody_else_takes_it(document, now):
        written = write(document, now)
        database["alerts"].update_one({"_id": "one"}, {"$set": {"state": "sending"}, "$inc": {"tries": 1}})
        return written

    monkeypatch.setattr(writer, "write", and_somebody_else_takes_it)
    assert courier.deliver() == 0 and sendgrid.mails == []
    assert database["mail_days"].find_one()["used"] == 0
    assert couriers.FIRST_PAUSE > 0


# -- a real SMTP server ----------------------------------------------------------------------------------


class Post:
    """A post office: keeps what it takes, refuses what it is told to, vanishes when it is told to."""

    def __init__(self):
        self.mails, self.answer, self.vanish, self.patient = [], None, False, False

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 no such user"
        if address.startswith("later") and not self.patient:
            return "450 greylisted"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.vanish:
            server.transport.abort()
            await asyncio.sleep(0)
            return "250 never heard"
        if self.answer is not None:
            return self.answer
        self.mails.append(
            (envelope.rcpt_tos, email.message_from_bytes(envelope.content, policy=email.policy.default))
        )
        return "250 taken"


@pytest.fixture
def post():
    office = Post()
    accept = lambda *_: AuthResult(success=_[4].password == b"right", handled=False)  # noqa: E731
    controller = Controller(
        office, "127.0.0.1", ports.free(), authenticator=accept, auth_require_tls=False, auth_required=True
    )
    controller.start()
    office.settings = SmtpSettings("127.0.0.1", controller.port, "vigie", "right", "none")
    yield office
    controller.stop()


def by_smtp(database, writer, clock, settings):
    return Courier(database, Smtp(settings, "vigie@example.org"), writer, 100, clock)


def test_over_smtp_a_mail_has_text_page_and_chart(database, writer, clock, post, history):
    put(database, to=("a@example.org", "b@example.org"))
    by_smtp(database, writer, clock, post.settings).deliver()
    ((people, message),) = post.mails
    assert people == ["a@example.org", "b@example.org"] and states(database) == ["sent"]
    assert message["Subject"].startswith("C002, severe: outside its range") and "Vigie" in message["From"]
    kinds = [part.get_content_type() for part in message.walk()]
    assert kinds == ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"]
    picture = list(message.walk())[-1]
    assert picture["Content-ID"] == "<chart>" and picture.get_content().startswith(b"\x89PNG")
    assert message["X-Vigie-Board"] == "demo/C002" and message["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    "answer, state, kind",
    [
        ("451 try later", "pending", "server"),
        ("552 too large", "sent", None),
        ("554 spam", "failed", "refused"),
    ],
)
def test_what_the_mail_server_says_is_understood(database, writer, clock, post, history, answer, state, kind):
    post.answer = answer
    put(database)
    courier = by_smtp(database, writer, clock, post.settings)
    if kind is None:  # it goes without the chart
        send = courier._sender.send

        def then_well(mail):
            outcome = send(mail)
            post.answer = None
            return outcome

        courier._sender.send = then_well
    courier.deliver()
    document = alert(database)
    assert (document["state"], document["error_kind"]) == (state, kind)


def test_an_smtp_server_that_vanishes_after_the_mail_leaves_it_unknown(database, writer, clock, post):
    post.vanish = True
    put(database)
    by_smtp(database, writer, clock, post.settings).deliver()
    assert alert(database)["error_kind"] == "no answer" and states(database) == ["unknown"]


def test_a_wrong_smtp_password_is_told_with_its_cure(database, writer, clock, post):
    put(database)
    wrong = SmtpSettings("127.0.0.1", post.settings.port, "vigie", "wrong", "none")
    by_smtp(database, writer, clock, wrong).deliver()
    document = alert(database)
    assert document["error_kind"] == "key" and "check SMTP_USER and SMTP_PASSWORD" in document["error"]


def test_an_smtp_server_without_tls_gets_no_password(database, writer, clock, post):
    put(database)
    wanted = SmtpSettings("127.0.0.1", post.settings.port, "vigie", "right", "starttls")
    by_smtp(database, writer, clock, wanted).deliver()
    assert "check SMTP_SECURITY" in alert(database)["error"] and post.mails == []


def test_one_refused_recipient_does_not_keep_the_others_from_it_and_is_told(database, writer, clock, post):
    put(database, to=("nobody@example.org", "b@example.org"))
    by_smtp(database, writer, clock, post.settings).deliver()
    assert post.mails[0][0] == ["b@example.org"]
    sent, refused = database["alerts"].find().sort("_id", 1)
    assert (sent["state"], sent["to"], sent["error"]) == ("sent", ["b@example.org"], None)
    assert (refused["state"], refused["to"]) == ("failed", ["nobody@example.org"])
    assert "550 no such user" in refused["error"]
    assert database["mail_days"].find_one()["used"] == 1
    assert [each.to for each in Reader(database).undelivered()] == [("nobody@example.org",)]


def test_a_recipient_whom_the_mail_server_takes_later_is_tried_again_alone(database, writer, clock, post):
    put(database, to=("later@example.org", "b@example.org"))
    courier = by_smtp(database, writer, clock, post.settings)
    courier.deliver()
    assert [people for people, _ in post.mails] == [["b@example.org"]]
    assert states(database) == ["sent", "pending"]
    clock.now = database["alerts"].find_one({"state": "pending"})["due"]
    post.patient = True
    courier.deliver()
    assert [people for people, _ in post.mails] == [["b@example.org"], ["later@example.org"]]
    assert states(database) == ["sent", "sent"] and database["mail_days"].find_one()["used"] == 2


def test_a_mail_that_all_refuse_is_tried_again_while_one_of_them_may_take_it(database, writer, clock, post):
    put(database, to=("nobody@example.org", "later@example.org"))
    by_smtp(database, writer, clock, post.settings).deliver()
    assert states(database) == ["pending"] and post.mails == []


def test_without_an_smtp_server_it_is_tried_again(database, writer, clock):
    put(database)
    by_smtp(database, writer, clock, SmtpSettings("127.0.0.1", 1, security="none")).deliver()
    assert alert(database)["error_kind"] == "network" and states(database) == ["pending"]


def test_in_a_folder_each_mail_is_a_file_that_mail_programs_open(database, writer, clock, tmp_path, history):
    put(database)
    Courier(database, Folder(tmp_path / "mails", "vigie@example.org"), writer, 100, clock).deliver()
    (file,) = Path(tmp_path / "mails").glob("*.eml")
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert message["Subject"].startswith("C002") and alert(database)["message"] == str(file)
