"""A broker's worst habit on purpose: for a while each message is delivered twice, and late."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import paho.mqtt.client as mqtt

from cloud.contract.messages import topic_of
from tools.local.broker.broker import Broker
from tools.local.users import BACKEND_USER
from tools.run.chaos.faults.fault import Observed, fixed
from tools.run.chaos.world import World

LATEST_S = 4.0


class Repeater:
    """From `start` to `stop` publishes every `up` and `ack` once more, up to LATEST_S late."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._seen: set[tuple[str, bytes]] = set()
        self._timers: list[threading.Timer] = []

    @property
    def repeated(self) -> int:
        """How many messages."""
        return len(self._timers)

    def start(self, broker: Broker) -> None:
        """Raises OSError when the broker cannot be reached."""
        self._client = broker.client(BACKEND_USER, "backend-chaos")
        self._client.on_message = self._on_message
        self._client.connect("localhost", broker.backend_port, 30)
        self._client.subscribe([(topic_of("+/+", "up"), 1), (topic_of("+/+", "ack"), 0)])
        self._client.loop_start()

    def stop(self) -> None:
        """Returns when the last repeated message has left."""
        for timer in list(self._timers):
            timer.join()
        time.sleep(0.2)
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        key = (message.topic, bytes(message.payload))
        if key in self._seen:  # this also skips the messages that we published
            return
        self._seen.add(key)
        late = self._random.random() * LATEST_S
        timer = threading.Timer(late, self._client.publish, (*key, message.qos))
        timer.daemon = True
        self._timers.append(timer)
        timer.start()


@contextmanager
def repeated(world: World, name: str, random: Random) -> Iterator[Observed]:
    repeater = Repeater(random)
    try:
        repeater.start(world.broker)
    except OSError:
        yield fixed(False)  # no broker just now
        return
    try:
        yield lambda: repeater.repeated > 0
    finally:
        repeater.stop()
