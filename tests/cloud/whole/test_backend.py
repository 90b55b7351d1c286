"""The whole backend as a process, on a real broker and a real database."""

import asyncio
import json
import signal
import ssl
import threading
import time

import pytest

from cloud import settings
from cloud.ingest.network import Network
from cloud.ingest.worker import Inbox
from cloud.read.reader import Reader
from device import codes
from tests.cloud.conftest import all_brokers, up, wait_for

NO_MAIL = {"SENDGRID_API_KEY": "", "MAIL_FROM": "", "MAIL_TO": ""}  # a worker that writes none needs none


@all_brokers
def test_a_reading_is_stored_acknowledged_and_judged(backend, board, database):
    running = backend()
    running.wait_for_line("listening to the boards")
    c001 = board()
    c001.send(range(10))
    wait_for(lambda: c001.acked == set(range(10)), "the acks")
    readings = Reader(database).readings("demo", "C001")
    assert readings.seq.tolist() == list(range(10))
    assert readings.t.tolist() == [21.0 + seq % 7 / 100 for seq in range(10)]
    assert running.stop() == 0


def test_an_episode_makes_one_mail(backend, board, database, sendgrid):
    backend().wait_for_line("listening to the boards")
    c002 = board("C002")
    c002.publish({"v": 2, "stream": c002.stream, "boot": 7, "state": "online"}, "state")
    c002.send(range(5))
    for seq in range(5, 30):
        c002.send([seq], flags=codes.ZSCORE, x=[[2900, 4500, 0, 0, 800, 0, 5, 20]])
    wait_for(lambda: len(c002.acked) == 30, "the acks")
    wait_for(lambda: sendgrid.mails, "the mail")
    c002.send(range(30, 65))
    reader = Reader(database)
    wait_for(lambda: [e for e in reader.episodes() if e.closed], "the end of the episode")
    (episode,) = reader.episodes()
    assert (episode.device, episode.abnormal, episode.agreed, episode.alert) == ("C002", 25, 25, "sent")
    (mail,) = sendgrid.mails
    assert mail.subject == "C002: sudden change, 29.0 °C"
    assert [board.online for board in reader.latest()] == [True]


def test_nothing_is_acknowledged_while_the_database_is_away(backend, board, database, mongod):
    running = backend()
    running.wait_for_line("listening to the boards")
    c001 = board()
    c001.send(range(5))
    wait_for(lambda: c001.acked == set(range(5)), "the first acks")
    mongod.child.send(signal.SIGSTOP)
    try:
        c001.send(range(5, 20))
        running.wait_for_line("the database did not store", timeout=40)
        assert c001.acked == set(range(5))
    finally:
        mongod.child.send(signal.SIGCONT)
    wait_for(lambda: c001.acked == set(range(20)), "the acks once it is back", 40)
    assert Reader(database).readings("demo", "C001").seq.tolist() == list(range(20))


@all_brokers
def again(board, seqs, timeout=30):
    """What a board does: send again what nobody acknowledged, with no more than 12 messages on their way."""
    missing = lambda: set(seqs) - board.acked  # noqa: E731
    deadline = time.monotonic() + timeout
    while missing():
        batch = sorted(missing())[:12]
        for seq in batch:
            board.send([seq])
        wait_for(lambda: not missing().intersection(batch), "every ack", deadline - time.monotonic())


def test_a_killed_backend_loses_nothing_and_stores_nothing_twice(backend, board, database):
    c001 = board()
    sent = 0
    for _ in range(2):
        running = backend()
        running.wait_for_line("listening to the boards")
        for _ in range(20):
            c001.send([sent, sent + 1])
            sent += 2
        running.kill()
    backend().wait_for_line("listening to the boards")
    again(c001, range(sent))
    # Sent again they have a later date here, and dates give the order.
    assert sorted(Reader(database).readings("demo", "C001").seq.tolist()) == list(range(sent))


def test_nothing_a_message_holds_stops_it(backend, board, database):
    running = backend()
    running.wait_for_line("listening to the boards")
    c001 = board()
    for bad in (b"", b"{", b"\xff\xfe", b"[" * 5000, b"null", b'{"v":1}', json.dumps({"v": 1}).encode()):
        c001.publish(bad)
        c001.publish(bad, "state")
    c001.publish(b'{"pad":"' + b"x" * 200_000 + b'"}')
    c001.send([1, 2, 3], x=[[1] * 8, [99999] * 8, [1] * 8], ts=[None, None, 5])
    c001.send([4])
    wait_for(lambda: 4 in c001.acked, "life after all that")
    wait_for(lambda: {1, 2, 3} <= c001.acked, "put aside is acknowledged too")
    assert Reader(database).readings("demo", "C001").seq.tolist() == [1, 3, 4]
    (big,) = [item for item in database["quarantine"].find() if "200010 bytes, SHA-256" in item["reason"]]
    assert len(big["content"]) == 4096
    assert running.process.poll() is None


def test_a_wrong_setting_stops_the_start_with_all_problems(backend):
    running = backend(MQTT_PORT="x", VIGIE_KEY="", MQTT_PASWORD="y", MQTT_PASSWORD="")
    assert running.process.wait(20) == 2
    running.wait_for_line("did you mean MQTT_PASSWORD?")
    text = "\n".join(running.lines)
    assert "MQTT_PORT must be a whole number" in text and "VIGIE_KEY is missing" in text


def test_an_untrusted_broker_is_never_talked_to(backend, tmp_path):
    from tools.local import pki

    other = pki.ensure(tmp_path / "other")
    running = backend(MQTT_CA=str(other.ca_pem))
    line = running.wait_for_line("is not trusted")
    assert "check MQTT_CA" in line
    assert not [each for each in running.lines if "connected to localhost" in each]


@all_brokers
def test_a_wrong_password_is_told_with_its_cure(backend):
    running = backend(MQTT_PASSWORD="wrong")
    running.wait_for_line("check MQTT_USER and MQTT_PASSWORD")


@all_brokers
def test_two_workers_killed_in_turn_lose_nothing(backend, board, database):
    """They share one subscription, so each message goes to one of them."""

    def worker(name):
        client = f"worker-{name}-{database.name[-8:]}"
        started = backend("ingest", MQTT_SHARE="vigie", MQTT_CLIENT_ID=client, **NO_MAIL)
        started.wait_for_line("listening")
        return started

    c001 = board()
    workers = {name: worker(name) for name in "ab"}
    sent = 0
    for name in "ab":
        for k in range(30):
            c001.send([sent, sent + 1])
            sent += 2
            if k == 12:
                workers[name].kill()
        workers[name] = worker(name)
    missing = lambda: set(range(sent)) - c001.acked  # noqa: E731
    deadline = time.monotonic() + 30
    while missing() and time.monotonic() < deadline:
        for seq in sorted(missing()):
            c001.send([seq])
        time.sleep(0.5)
    assert not missing()
    assert sorted(Reader(database).readings("demo", "C001").seq.tolist()) == list(range(sent))


def test_a_network_thread_that_dies_is_told(broker, board, environment):
    class Full(Inbox):
        def put(self, received, patience=0.0):
            raise MemoryError("nothing is left")

    network = Network(settings.load(environment).broker, Full())
    network.start()
    assert network.subscribed.wait(20) and network.trouble() is None
    board().publish(up([1]))
    wait_for(lambda: not network.alive, "the end of the thread")
    assert network.trouble() == "MemoryError: nothing is left"


def test_only_one_thread_writes_to_the_broker(broker, board, environment, monkeypatch):
    """Two at once break a TLS connection: the broker reads a bad record and hangs up."""
    writers = set()

    def send(wire, *arguments):
        if wire is network._client.socket():
            writers.add(threading.get_ident())
        return written(wire, *arguments)

    written = ssl.SSLSocket.send
    monkeypatch.setattr(ssl.SSLSocket, "send", send)
    inbox = Inbox()
    network = Network(settings.load(environment).broker, inbox)
    network.start()
    assert network.subscribed.wait(20)
    c001 = board()
    seen = 0
    while seen < 200:
        for seq in range(20):  # fewer than one board may have in the inbox
            c001.publish(up([seq]))
        wait_for(lambda: len(inbox) == 20, "the messages")
        for received in inbox.take(20):
            network.publish("vigie/1/demo/C009/ack", b"for nobody")
            received.puback()
            seen += 1
    network.stop()
    assert len(writers) == 1 and threading.get_ident() not in writers


@pytest.mark.parametrize("broker", ["mosquitto"], indirect=True)
def test_a_member_of_a_shared_subscription_that_hears_nothing_comes_anew(
    monkeypatch, environment, board, caplog
):
    caplog.set_level("INFO")
    monkeypatch.setattr("cloud.ingest.network.QUIET", 0.5)
    inbox = Inbox()
    network = Network(settings.load({**environment, "MQTT_SHARE": "alone"}).broker, inbox)
    network.start()
    assert network.subscribed.wait(20)

    def logins():
        network.look_after_share()
        return sum(record.message.startswith("connected to ") for record in caplog.records)

    wait_for(lambda: logins() == 2, "a second login")
    monkeypatch.setattr("cloud.ingest.network.QUIET", 60)
    wait_for(network.subscribed.is_set, "its place in the share")
    board().publish(up([0]))
    assert inbox.take(20)
    network.stop()


class Relay:
    """TLS on both sides, the broker behind it. `say` puts bytes into the broker's mouth."""

    def __init__(self, broker):
        self._target = broker.backend_port
        self._trusting = ssl.create_default_context(cafile=str(broker.pki.ca_pem))
        serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        serving.load_cert_chain(broker.pki.server_pem, broker.pki.server_key)
        self._open = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = self._wait(asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=serving))
        self.port = self._server.sockets[0].getsockname()[1]

    def _wait(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _accept(self, reader, writer):
        self._client = writer
        answers, far = await asyncio.open_connection("localhost", self._target, ssl=self._trusting)
        self._open += [writer, far]
        await asyncio.gather(self._pass_on(reader, far), self._pass_on(answers, writer))

    async def _pass_on(self, source, sink):
        try:
            while data := await source.read(65536):
                sink.write(data)
        except OSError:
            pass  # as good an end as any
        sink.close()

    def say(self, data):
        self._loop.call_soon_threadsafe(self._client.write, data)

    def refuse(self):
        """Turn new connections away; those that there are go on."""
        self._wait(self._stop_listening())

    async def _stop_listening(self):
        self._server.close()

    def close(self):
        self._wait(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self):
        self._server.close()
        for wire in self._open:
            wire.close()
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})


@pytest.fixture
def relay(broker):
    made = Relay(broker)
    yield made
    made.close()


UNACCEPTABLE_PROTOCOL = b"\x20\x02\x00\x01"  # a CONNACK; paho connects again at once, in an older version


def test_a_dead_client_thread_ends_the_process_with_a_code_and_the_next_one_misses_nothing(
    backend, board, relay, database
):
    """paho's thread dies of a refused connection when that comes right after such a CONNACK."""
    running = backend("ingest", MQTT_PORT=str(relay.port))
    running.wait_for_line("listening to the boards")
    c001 = board()
    c001.send(range(5))
    wait_for(lambda: c001.acked == set(range(5)), "the acks")
    relay.refuse()
    relay.say(UNACCEPTABLE_PROTOCOL)
    assert running.process.wait(20) == 1
    running.wait_for_line("the connection to the broker has ended: ConnectionRefusedError")
    c001.send(range(5, 10))  # nobody listens: the broker keeps it for the same MQTT_CLIENT_ID
    again = backend("ingest")
    wait_for(lambda: c001.acked == set(range(10)), "the acks of the next one", 30)
    assert Reader(database).readings("demo", "C001").seq.tolist() == list(range(10))
    assert again.stop() == 0


def test_a_database_that_dns_does_not_know_yet_is_waited_for(backend):
    """mongodb+srv:// is the address that Atlas gives; after a power cut the router may come up last."""
    started = backend("watch", MONGODB_URI="mongodb+srv://cluster0.invalid/")
    started.wait_for_line("trying on", 60)
    assert started.process.poll() is None
