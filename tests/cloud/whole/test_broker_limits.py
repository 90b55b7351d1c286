"""What our brokers refuse, and how much they keep for whom: a flood does not fill a broker's memory."""

import secrets
import threading

import paho.mqtt.client as mqtt
import psutil
import pytest

from tests.cloud.conftest import USERS, all_brokers, wait_for
from tools.local.broker.hivemq import MAX_PACKET
from tools.local.users import BACKEND_USER

TOPIC = "vigie/1/demo/C003/up"
SIZE, KEPT = 256_000, 67_108_864 + 16_777_216  # bytes: max_queued_bytes and max_inflight_bytes of mosquitto


@all_brokers
def test_a_packet_that_no_backend_would_read_does_not_pass_the_broker(backend, board, database, broker):
    running = backend("ingest")
    running.wait_for_line("listening")
    intruder, c002 = board("C001"), board("C002")
    disconnected = threading.Event()
    intruder._client.on_disconnect = lambda *reason: disconnected.set()
    intruder._client.publish("vigie/1/demo/C001/up", bytes(MAX_PACKET + 1), qos=1)
    assert disconnected.wait(20)
    intruder.close()
    c002.send(range(40))
    wait_for(lambda: c002.acked == set(range(40)), "the acks of the others")
    assert database["quarantine"].count_documents({}) == 0 and running.stop() == 0


@pytest.fixture
def client(mosquitto):
    made = []

    def connect(user, port, client_id):
        each = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=False,
            protocol=mqtt.MQTTv311,
            manual_ack=True,
        )
        each.username_pw_set(user, USERS[user])
        each.tls_set(str(mosquitto.pki.ca_pem))
        each.heard, subscribed = [], threading.Event()
        each.on_message = lambda c, u, message: each.heard.append(len(message.payload))
        each.on_subscribe = lambda *_: subscribed.set()
        each.on_connect = lambda c, *_: c.subscribe(TOPIC, 1)
        each.connect("localhost", port)
        each.loop_start()
        made.append(each)
        assert subscribed.wait(10)
        return each

    yield connect
    for each in made:
        each.disconnect()
        each.loop_stop()


def memory_of(broker):
    return psutil.Process(broker.child.pid).memory_info().rss


def test_what_mosquitto_keeps_for_a_backend_that_is_away_or_hangs_has_an_end(client, mosquitto):
    """Beyond that it takes a message, and forgets it: the board has it until the cloud has stored it."""
    name = secrets.token_hex(8)
    port = mosquitto.backend_port
    before = memory_of(mosquitto)  # other tests have filled other sessions
    hanging = client(BACKEND_USER, port, name)  # acknowledges nothing
    c003 = client("demo/C003", mosquitto.port, "any")
    for _ in range(KEPT // SIZE + 40):
        c003.publish(TOPIC, bytes(SIZE), qos=1).wait_for_publish(20)
    assert memory_of(mosquitto) - before < KEPT + 60_000_000
    assert SIZE * len(hanging.heard) <= KEPT + SIZE  # the last 40 were let go
    hanging.disconnect()
    hanging.loop_stop()
    cleared = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv311)
    cleared.username_pw_set(BACKEND_USER, USERS[BACKEND_USER])
    cleared.tls_set(str(mosquitto.pki.ca_pem))
    cleared.connect("localhost", port)  # a clean session: its queue goes
    cleared.loop_start()
    wait_for(cleared.is_connected, "the login")
    cleared.disconnect()
    cleared.loop_stop()
