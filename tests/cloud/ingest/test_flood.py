"""One board floods at full speed; another one's severe reading is acknowledged and mailed all the same.

On mosquitto, over TLS, with the whole backend and the flood as processes: `make bench-fleet` prints the same.
"""

import subprocess
import sys
import time

import pytest

from cloud import settings
from cloud.ingest.network import Network
from cloud.ingest.worker import SHARE, Inbox
from device import codes
from tests.cloud.conftest import ROOT, USERS, brokers_with_rules, wait_for
from tests.cloud.ingest.flood import MODES

pytestmark = [pytest.mark.long, pytest.mark.alone]
ACKNOWLEDGED, MAILED = 2.0, 5.0  # s
LASTS = 6.0  # s of flood before the other board speaks


@pytest.fixture
def flood(broker):
    """Starts C001's flood; waits until it has sent for LASTS."""
    started = []

    def start(mode):
        command = [sys.executable, "-m", "tests.cloud.ingest.flood", mode, str(broker.port)]
        made = subprocess.Popen(
            [*command, str(broker.pki.ca_pem), "demo/C001", USERS["demo/C001"]],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(made)
        until = time.monotonic() + LASTS
        while time.monotonic() < until:
            sent = int(made.stdout.readline())
        return sent

    yield start
    for each in started:
        assert each.poll() is None, "the flood ended by itself"
        each.kill()
        each.wait()


@pytest.mark.parametrize("broker", ["mosquitto"], indirect=True)
@pytest.mark.parametrize("mode", MODES)
def test_under_a_flood_of_one_board_another_ones_severe_reading_is_acknowledged_and_mailed(
    backend, board, database, sendgrid, flood, mode
):
    backend(MAIL_PER_DAY="1000").wait_for_line("listening to the boards")
    c002 = board("C002")
    c002.send(range(3))
    wait_for(lambda: c002.acked == {0, 1, 2}, "the acks before the flood")
    sent = flood(mode)
    began = time.monotonic()
    c002.send(range(3, 6), flags=codes.LIMIT)
    wait_for(lambda: len(c002.acked) == 6, "the ack", 60)
    acknowledged = time.monotonic() - began
    wait_for(lambda: any("C002" in mail.subject for mail in sendgrid.mails), "the mail", 60)
    mailed = time.monotonic() - began
    print(f"{mode}: {sent / LASTS:.0f} messages/s; ack {acknowledged:.2f} s, mail {mailed:.2f} s")
    assert acknowledged <= ACKNOWLEDGED and mailed <= MAILED


@pytest.mark.parametrize("broker", ["mosquitto"], indirect=True)
def test_what_is_held_back_takes_no_place_at_the_broker_and_comes_no_second_time(broker, board, environment):
    inbox = Inbox()
    network = Network(settings.load(environment).broker, inbox)
    network.start()
    assert network.subscribed.wait(20)
    c001, c002 = board("C001"), board("C002")
    for seq in range(SHARE + 60):
        c001.send([seq])
    wait_for(lambda: inbox.held_back == 60 and len(inbox) == SHARE, "all of them")
    c002.send([1])
    wait_for(lambda: len(inbox) == SHARE + 1, "the other board's message, past those of the first")
    while len(inbox):  # PUBACKs leave in order, so those held back wait for what came before them
        for received in inbox.take(20):
            received.puback()
    wait_for(lambda: not network._client.want_write(), "the PUBACKs to leave")
    network.subscribed.clear()
    network.fetch_again()
    assert network.subscribed.wait(20)
    c002.send([2])
    wait_for(lambda: len(inbox) == 1, "the other board's message, and nothing a second time")
    assert inbox.held_back == 60
    network.stop()


@brokers_with_rules
def test_a_flood_is_told_in_one_mail(backend, board, database, sendgrid, flood):
    backend().wait_for_line("listening to the boards")
    flood("one stream")
    # HiveMQ brings what is allowed at once, here 24,000 readings, no faster than they are stored.
    wait_for(
        lambda: any("what its period allows" in mail.subject for mail in sendgrid.mails), "the mail", 240
    )
    assert database["buckets"].count_documents({}) > 0
