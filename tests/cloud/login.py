"""Logins at the broker, with any credentials: what tests of permissions and of sessions have in common."""

import threading

import paho.mqtt.client as mqtt

from tests.cloud.conftest import USERS
from tools.local.users import BACKEND_USER


class Login:
    """A login, and what it hears, in order. `options`: those of paho's client."""

    def __init__(self, broker, user, *, port=None, will=None, **options):
        self.heard = []  # (topic, payload)
        self.connected, self.subscribed = threading.Event(), threading.Event()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311, **options)
        self.client.username_pw_set(user, USERS[user])
        self.client.tls_set(str(broker.pki.ca_pem))
        if will:
            self.client.will_set(will, b"forged", qos=1)
        self.client.on_message = lambda c, u, message: self.heard.append((message.topic, message.payload))
        self.client.on_connect = self.on_connect
        self.client.on_subscribe = self.on_subscribe
        self.client.on_disconnect = self.on_disconnect
        self.client.connect(
            "localhost", port or (broker.backend_port if user == BACKEND_USER else broker.port)
        )
        self.client.loop_start()

    def on_connect(self, client, userdata, flags, reason, properties):
        self.connected.set()

    def on_subscribe(self, client, userdata, mid, reasons, properties):
        self.subscribed.set()

    def on_disconnect(self, *reason):
        pass

    def subscribe(self, filters):
        assert self.connected.wait(10)
        self.client.subscribe([(each, 1) for each in filters])
        assert self.subscribed.wait(10)

    def publish(self, topic, payload, patience=10):
        self.client.publish(topic, payload, qos=1).wait_for_publish(patience)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def logins(kind, broker):
    """For a fixture: opens logins of `kind`, and closes them all in the end."""
    opened = []

    def connect(*arguments, **more):
        opened.append(kind(broker, *arguments, **more))
        return opened[-1]

    yield connect
    for login in opened:
        login.close()
