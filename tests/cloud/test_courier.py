"""Delivery: an alert is a document first; each goes out at most once, whatever SendGrid or the backend do."""

import time

import pytest

from cloud.alerts import mail
from cloud.alerts.courier import Courier, pending
from cloud.alerts.episodes import Episode
from cloud.alerts.sendgrid import SendGrid
from cloud.settings import MailSettings
from device import codes

EPISODE = Episode(
    id="demo/C002/9f3a1c07/7",
    site="demo",
    device="C002",
    stream="9f3a1c07",
    opened=1_795_000_000.0,
    last=1_795_000_020.0,
    last_seq=9,
    closed=None,
    severity="severe",
    abnormal=3,
    agreed=2,
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
        self.now = time.time()

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def courier(database, sendgrid, clock):
    settings = MailSettings("SG.test", sendgrid.url, "vigie@example.org", ("somebody@example.org",), None)
    return Courier(database, SendGrid(settings), clock)


def alert(database, clock, name="one"):
    written = mail.opening(EPISODE, ("somebody@example.org",), "http://localhost:8501")
    database["alerts"].insert_one(pending(name, written, clock()))


def states(database):
    return [document["state"] for document in database["alerts"].find().sort("_id", 1)]


def test_a_mail_says_what_happened(courier, database, sendgrid, clock):
    alert(database, clock)
    assert courier.deliver() == 1 and courier.deliver() == 0
    (sent,) = sendgrid.mails
    assert sent.subject == "C002: severe anomaly (29.0 to 31.5 °C, 45.0 %RH)"
    text, page = (part["value"] for part in sent.body["content"])
    for words in (
        "range, jitter",
        "agrees with the board on 2 of 3",
        "29.0 to 31.5 °C",
        "http://localhost:8501",
    ):
        assert words in text and words in page
    assert sent.body["personalizations"][0]["custom_args"]["device"] == "demo/C002"
    (document,) = database["alerts"].find()
    assert (document["state"], document["message"], document["tries"]) == ("sent", sent.id, 1)


def test_what_a_device_says_cannot_write_html(database):
    import msgspec

    episode = msgspec.structs.replace(
        EPISODE, edge_flags=codes.SENSOR_ERROR, why="<script>", t_min=None, t_max=None, h_min=None, h_max=None
    )
    written = mail.opening(episode, ("a@example.org",), None)
    assert "<script>" not in written.html and "<script>" in written.text
    assert written.subject == "C002: the sensor fails (<script>)"


@pytest.mark.parametrize(
    "status, message, pause, words",
    [
        (500, None, 5, "a problem of its own"),
        (503, None, 5, "a problem of its own"),
        (401, None, 300, "check SENDGRID_API_KEY"),
        (403, None, 300, "MAIL_FROM"),
        (401, "Maximum credits exceeded", 3600, "quota"),
    ],
)
def test_a_refusal_that_can_pass_is_tried_again_later(
    courier, database, sendgrid, clock, status, message, pause, words
):
    sendgrid.refuse(status, message=message)
    alert(database, clock)
    assert courier.deliver() == 1
    (document,) = database["alerts"].find()
    assert document["state"] == "pending" and words in document["error"]
    clock.now += pause - 1
    assert courier.deliver() == 0
    clock.now += 2
    assert courier.deliver() == 1 and states(database) == ["sent"] and len(sendgrid.mails) == 1


def test_the_pause_doubles(courier, database, sendgrid, clock):
    sendgrid.refuse(500, 4)
    alert(database, clock)
    pauses = []
    for _ in range(4):
        courier.deliver()
        due = database["alerts"].find_one()["due"]
        pauses.append(round(due - clock.now))
        clock.now = due
    assert pauses == [5, 10, 20, 40]


def test_a_rate_limit_waits_for_its_reset(courier, database, sendgrid, clock):
    sendgrid.refuse(429, reset_in=30)
    alert(database, clock)
    courier.deliver()
    assert 28 <= database["alerts"].find_one()["due"] - clock.now <= 32


@pytest.mark.parametrize("status", [400, 413])
def test_a_mail_that_will_never_be_taken_is_given_up_and_says_why(courier, database, sendgrid, clock, status):
    sendgrid.refuse(status)
    alert(database, clock)
    courier.deliver()
    (document,) = database["alerts"].find()
    assert document["state"] == "failed" and str(status) in document["error"]


def test_without_a_network_it_is_tried_again(database, clock):
    settings = MailSettings("SG.test", "http://127.0.0.1:1", "vigie@example.org", ("a@example.org",), None)
    alert(database, clock)
    assert Courier(database, SendGrid(settings), clock).deliver() == 1
    (document,) = database["alerts"].find()
    assert document["state"] == "pending" and "cannot be reached" in document["error"]


def test_an_answer_that_never_comes_is_unknown_and_never_sent_again(
    courier, database, sendgrid, clock, monkeypatch
):
    courier._sender._client.client.timeout = 0.3
    sendgrid.refuse(500, delay=1.0)
    alert(database, clock)
    courier.deliver()
    assert states(database) == ["unknown"]
    clock.now += 1e6
    assert courier.deliver() == 0


def test_what_a_dead_courier_had_in_hand_is_unknown(courier, database, sendgrid, clock):
    alert(database, clock, "in hand")
    alert(database, clock, "waiting")
    database["alerts"].update_one({"_id": "in hand"}, {"$set": {"state": "sending"}})
    assert courier.begin() == 1
    assert courier.deliver() == 1
    assert states(database) == ["unknown", "sent"] and len(sendgrid.mails) == 1
