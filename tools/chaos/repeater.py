"""A broker's worst habit on purpose: for a while each message is delivered twice, and late."""

from __future__ import annotations

import random as randoms
import threading
import time

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tools.broker import BACKEND_USER, Broker

LATEST_S = 4.0


def repeat(broker: Broker, seconds: float, random: randoms.Random) -> int:
    """For `seconds` publish every `up` and `ack` once more, up to LATEST_S late; returns how many it were.

    Raises OSError when the broker cannot be reached.
    """
    seen: set[tuple[str, bytes]] = set()
    timers: list[threading.Timer] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="vigie-chaos", protocol=mqtt.MQTTv311)

    def on_message(_: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        key = (message.topic, bytes(message.payload))
        if key in seen:  # as are those that we published
            return
        seen.add(key)
        timer = threading.Timer(random.random() * LATEST_S, client.publish, (*key, message.qos))
        timer.daemon = True
        timers.append(timer)
        timer.start()

    client.username_pw_set(BACKEND_USER, broker.users[BACKEND_USER])
    client.tls_set(ca_certs=str(broker.pki.ca_pem))
    client.on_message = on_message
    client.connect("localhost", broker.backend_port, 30)
    client.subscribe([("vigie/1/+/+/up", 1), ("vigie/1/+/+/ack", 0)])
    client.loop_start()
    try:
        time.sleep(seconds)
        for timer in list(timers):
            timer.join()
        time.sleep(0.2)  # for the last of them to leave
    finally:
        client.disconnect()
        client.loop_stop()
    return len(timers)
