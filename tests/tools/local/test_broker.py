"""The local broker is a real one: TLS, passwords, and with mosquitto each device only in its own topics."""

import ssl
import threading

import paho.mqtt.client as mqtt
import pytest

from tests.needed import need
from tools.local import pki
from tools.local.broker.broker import Broker, login
from tools.local.users import BACKEND_USER

USERS = {BACKEND_USER: "b" * 32, "demo/C001": "1" * 32, "demo/C002": "2" * 32}


def started(kind, folder):
    made = Broker(folder / "broker", folder / "log", pki.ensure(folder / "pki"), USERS, kind=kind)
    made.start()
    return made


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory):
    need("mosquitto")
    made = started("mosquitto", tmp_path_factory.mktemp("mosquitto"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def iotcore(tmp_path_factory):
    made = started("iotcore", tmp_path_factory.mktemp("iotcore"))
    yield made
    made.stop()


@pytest.fixture(params=["mosquitto", "iotcore"])
def broker(request):
    return request.getfixturevalue(request.param)


def enter(broker, user, password):
    """The broker's answer to a login: True, or False when it says no or hangs up."""
    try:
        return login("localhost", broker.port, broker.pki.ca_pem, user=user, password=password)
    except ConnectionError:
        return False


def test_every_user_gets_in_with_its_password(broker):
    assert all(enter(broker, user, password) for user, password in USERS.items())


@pytest.mark.parametrize("user, password", [("demo/C001", "2" * 32), ("demo/C009", "1" * 32), ("", "")])
def test_nobody_else_gets_in(broker, user, password):
    assert not enter(broker, user, password)


def test_a_client_that_trusts_another_ca_refuses_the_broker(broker, tmp_path):
    other = pki.ensure(tmp_path / "other")
    with pytest.raises(ssl.SSLCertVerificationError):
        login("localhost", broker.port, other.ca_pem, user=BACKEND_USER, password=USERS[BACKEND_USER])


def client(broker, user):
    made = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=f"test-{user}".replace("/", "-"))
    made.tls_set(str(broker.pki.ca_pem))
    made.username_pw_set(user, USERS[user])
    subscribed = threading.Event()
    made.on_subscribe = lambda *_: subscribed.set()
    made.heard = []
    made.news = threading.Condition()

    def on_message(_client, _userdata, message):
        with made.news:
            made.heard.append(message.topic)
            made.news.notify_all()

    made.on_message = on_message
    made.connect("localhost", broker.backend_port if user == BACKEND_USER else broker.port)
    made.loop_start()

    def listen(topic):
        subscribed.clear()
        made.subscribe(topic, 1)
        assert subscribed.wait(5)

    made.listen = listen
    return made


def test_with_mosquitto_a_device_reaches_its_own_topics_only(mosquitto):
    backend, device = client(mosquitto, BACKEND_USER), client(mosquitto, "demo/C001")
    try:
        backend.listen("vigie/1/#")
        device.listen("vigie/1/demo/C002/ack")
        device.listen("vigie/1/demo/C001/ack")
        backend.publish("vigie/1/demo/C002/ack", b"not for C001", 1)
        backend.publish("vigie/1/demo/C001/ack", b"for C001", 1)
        with device.news:
            assert device.news.wait_for(lambda: device.heard, 5)
        assert device.heard == ["vigie/1/demo/C001/ack"]
        device.publish("vigie/1/demo/C002/up", b"forged", 1)
        device.publish("vigie/1/demo/C001/up", b"own", 1)
        with backend.news:
            assert backend.news.wait_for(lambda: "vigie/1/demo/C001/up" in backend.heard, 10)
        assert "vigie/1/demo/C002/up" not in backend.heard
    finally:
        for each in (backend, device):
            each.disconnect()
            each.loop_stop()
