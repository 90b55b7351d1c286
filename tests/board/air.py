"""A cloud of a few lines, on a real broker: it says what a board should have, and gives it."""

import threading

from cloud.contract import keys, messages
from cloud.updates import settings
from tests.board.conftest import MASTER

BOARD = ("home", "C001")
KEY = keys.device_key(MASTER, *BOARD)
TOPIC = "vigie/1/home/C001/"


class Air:
    """Says what the board should have after each `state`, and answers each `get`."""

    def __init__(self, cloud):
        self.want, self.wholes, self.states, self.gets = {}, {}, [], []
        self._more = threading.Condition()
        self._client = cloud.client(self._heard, "vigie/1/home/C001/+")

    def _heard(self, client, userdata, message):
        leaf = message.topic.rpartition("/")[2]
        if leaf not in ("state", "get") or message.retain:
            return
        assert messages.version_of(KEY, message.topic, message.payload) == 2
        with self._more:
            if leaf == "state":
                state = messages.decode_state(message.payload)
                self.states.append(state)
                if state.state == "online" and self.want:
                    client.publish(TOPIC + "ack", messages.want_ack(KEY, state.stream, self.want))
            else:
                asked = messages.decode_get(message.payload)
                self.gets.append((asked.what, asked.id, asked.offset))
                client.publish(TOPIC + "part", messages.part(asked, self.wholes.get((asked.what, asked.id))))
            self._more.notify_all()

    def wait(self, ready, seconds=60):
        """The newest `state` for which `ready` is true."""

        def found():
            return next((each for each in reversed(self.states) if ready(each)), None)

        with self._more:
            assert self._more.wait_for(found, seconds), (self.states[-1:], self.gets)
            return found()

    def mean(self, number, change):
        """Settings that the board hears of with its next state."""
        self.wholes["config", f"{number:08x}"] = settings.seal(KEY, number, change)
        self.want = {"n": number, "config": number}

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()
