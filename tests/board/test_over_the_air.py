"""Over the air on a virtual board: the files of a chip, a real broker over TLS, a cloud of a few lines."""

import json
import threading

import pytest

from cloud.contract import keys, messages
from cloud.updates import settings
from tests.board.conftest import MASTER
from tests.board.watched import Watched

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
                    self.tell(state.stream)
            else:
                asked = messages.decode_get(message.payload)
                self.gets.append((asked.what, asked.id, asked.offset))
                client.publish(TOPIC + "part", messages.part(asked, self.wholes.get((asked.what, asked.id))))
            self._more.notify_all()

    def tell(self, stream):
        self._client.publish(TOPIC + "ack", messages.want_ack(KEY, stream, self.want))

    def wait(self, ready, seconds=60):
        """The newest `state` for which `ready` is true."""

        def newest():
            return next((each for each in reversed(self.states) if ready(each)), None)

        with self._more:
            assert self._more.wait_for(newest, seconds), (self.states[-1:], self.gets)
            return newest()

    def mean(self, number, change):
        """Settings that the board hears of with its next state."""
        self.wholes["config", f"{number:08x}"] = settings.seal(KEY, number, change)
        self.want = {"n": number, "config": number}

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def air(cloud):
    made = Air(cloud)
    yield made
    made.close()


@pytest.fixture
def watched(cloud, tmp_path):
    (tmp_path / "board").mkdir()
    watched = Watched(tmp_path / "board", cloud.config(), cloud.ca_der)
    yield watched
    watched.board.power_off()
    print("\n".join(line for line in watched.lines if "pin" not in line))  # shown when the test failed


def test_settings_come_over_the_air_are_tried_and_kept(air, watched):
    air.mean(12, {"limits": {"t_max": 9}, "period_ms": 400})
    watched.board.power_on()
    state = air.wait(lambda state: [each.text for each in state.updates if each.id == "0000000c"] == [""])
    assert state.config == 12 and state.reset == "settings 12" and state.boot == 2
    document = json.loads(state.settings_text)
    assert document["limits"] == {"t_max": 9, "for_minutes": 10} and document["period_ms"] == 400
    assert (
        document["wifi"] == {"ssid": "net"} and "key" not in document and "password" not in document["broker"]
    )
    assert not watched.flash("config.old").exists() and air.gets == [("config", "0000000c", 0)]


def test_settings_that_end_in_a_crash_are_taken_back_and_the_reason_is_told(air, watched, tmp_path):
    """A replay of a file that is not there: sound by the schema, and no board can start with it."""
    air.mean(12, {"sensor": {"kind": "replay", "file": "/nothing.csv"}})
    watched.board.power_on()
    state = air.wait(lambda state: state.updates and state.updates[0].text, 120)
    assert state.config == 0 and "3 starts without an acknowledgement" in state.updates[0].text
    assert "nothing.csv" in state.updates[0].text or "ENOENT" in state.updates[0].text
    watched.wait_until(lambda _: len(list(watched.board.taken())) > 3, 40)
    assert not watched.flash("config.old").exists()


def test_settings_that_are_wrong_are_taken_back_by_the_next_start_which_goes_on_with_the_old_ones(
    air, watched
):
    """The cloud checks by the same schema before it sends; the board believes nobody."""
    before = json.loads(watched.flash("config.json").read_text())
    air.mean(12, {"limits": {"t_max": "hot"}})
    watched.board.power_on()
    state = air.wait(lambda state: state.updates and state.updates[0].text, 120)
    assert (state.config, state.boot) == (0, 2) and "limits.t_max is 'hot'" in state.updates[0].text
    assert json.loads(watched.flash("config.json").read_text()) == before
    watched.wait_until(lambda _: len(list(watched.board.taken())) > 10, 40)
    assert not watched.flash("config.old").exists()


def test_a_board_that_is_cut_off_in_the_middle_goes_on_where_it_was(air, watched):
    whole = bytes(range(256)) * 24  # no model, and 6 KB of it
    air.wholes["model", "0000000a"] = whole
    air.want = {"n": 3, "model": "0000000a"}
    watched.board.power_on()
    air.wait(lambda state: len(air.gets) >= 3)
    watched.reset()
    state = air.wait(lambda state: state.updates)
    (became,) = state.updates
    assert (became.what, became.id) == ("model", "0000000a") and "not a Vigie model" in became.text
    offsets = [offset for _, _, offset in air.gets]
    assert sorted(offsets) == offsets and offsets[-1] == 5120, "nothing is fetched twice"
    watched.wait_until(lambda _: len(list(watched.board.taken())) > 10, 40)
