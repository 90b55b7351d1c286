"""What is meant for a board is fetched in parts, survives what it must, and is used only when it is sound."""

import json
import os

from device.auth import hmac_sha256
from device.update import notes
from device.update.settings import merged, opened, sealed
from device.update.trial import OLD, begin
from tests.device import scratch
from tests.device.test_config import GOOD
from tests.device.test_node import KEY
from tests.device.update.over_the_air import House, model, part

NONCE = bytes(range(16))


def settings(number, change, key=KEY):
    return sealed(number, json.dumps(change).encode(), key, NONCE)


def configured(folder, **changes):
    made = dict(GOOD, period_ms=10000)
    made.update(changes)
    scratch.write(folder + "/config.json", json.dumps(made).encode())
    return made


def noted():
    """What became of each thing: {what: [id, text]}."""
    kept = notes.Notes().results
    return dict((what, kept[what][:2]) for what in kept)


def exists(path):
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def test_a_model_is_fetched_in_parts_and_judges_from_the_next_reading_on():
    with scratch.Folder() as folder:
        house = House(folder)
        house.run(700)
        seen, good = house.node.judge.x, house.node.judge.good
        name, data = model()
        house.network.wholes[name] = data
        house.mean(n=1, model=name)
        house.run(60)
        assert [each[2] for each in house.network.asked] == list(range(0, len(data), 1024))
        assert house.node.judge.model.id == house.outbox.model and noted() == {"model": [name, ""]}
        assert house.node.judge.x is seen and house.node.judge.good >= good, "its windows stay"
        assert scratch.read(folder + "/model/active") == b"a" and house.node.update is None
        assert house.network.size == 0 and house.network.states
        house.run(100)
        assert house.outbox.find(house.outbox.newest())[3] == house.outbox.model


def test_the_model_before_stays_one_step_away():
    with scratch.Folder() as folder:
        house = House(folder)
        first, second = model(1), model(2)
        house.network.wholes = dict((first, second))
        house.mean(n=1, model=first[0])
        house.run(60)
        house.mean(n=2, model=second[0])
        house.run(60)
        assert scratch.read(folder + "/model/active") == b"b"
        house.network.asked = []
        house.mean(n=3, model=first[0])
        house.run(60)
        assert scratch.read(folder + "/model/active") == b"a" and house.network.asked == []
        assert noted() == {"model": [first[0], ""]}


def test_a_model_of_another_board_damaged_or_of_another_name_is_refused_and_the_old_one_goes_on():
    with scratch.Folder() as folder:
        house = House(folder)
        name, data = model()
        house.network.wholes[name] = data
        house.mean(n=1, model=name)
        house.run(60)
        running = house.node.judge
        damaged = bytearray(model(5)[1])
        damaged[60] ^= 1
        short, long = model(6), model(7)
        bad = {"0000000a": model(3, b"x" * 32)[1], "0000000b": bytes(damaged), "0000000c": model(4)[1]}
        bad.update({short[0]: short[1][:-40], long[0]: long[1] + b"x"})
        n = 1
        for name in sorted(bad):
            n += 1
            house.network.wholes[name] = bad[name]
            house.mean(n=n, model=name)
            house.run(60)
            assert noted()["model"][0] == name and noted()["model"][1], noted()
            assert house.node.judge is running and scratch.read(folder + "/model/active") == b"a"
        assert sorted(os.listdir(folder + "/model")) == ["a.bin", "active"]


def test_what_was_lost_is_asked_for_again_and_what_came_before_a_start_is_not():
    with scratch.Folder() as folder:
        house = House(folder)
        name, data = model()
        data += bytes(3000)  # not sound any more, which does not matter here
        house.network.wholes[name] = data
        house.network.deaf = 2
        house.mean(n=1, model=name)
        house.run(30)
        assert [each[2] for each in house.network.asked[:3]] == [0, 0, 0]
        house = House(folder)
        house.network.wholes[name] = data
        scratch.write(folder + "/update/notes", b'{"n":1,"told":{}}')
        scratch.write(folder + "/update/model-" + name, data[:1500])
        house.mean(n=1, model=name)
        house.run(20)
        assert house.network.asked[0] == ("model", name, 1500)


def test_words_that_are_forged_older_or_for_another_board_change_nothing():
    with scratch.Folder() as folder:
        house = House(folder)
        house.mean(n=5, model="0000000a")
        assert house.node.update
        house.node.update = None
        for wrong in (
            dict(key=b"x" * 32, n=6, model="0000000b"),
            dict(stream="00000000", n=6, model="0000000b"),
            dict(n=4, model="0000000b"),
            dict(n="6", model="0000000b"),
            dict(n=6, model=11),
            dict(n=6, config="11"),
        ):
            house.mean(**wrong)
            assert house.node.update is None, wrong
        refused = [name for name in house.node.counts if name.startswith("wants refused")]
        assert sum(house.node.counts[name] for name in refused) == 6, house.node.counts


def test_a_part_that_comes_just_before_a_reading_is_asked_for_again():
    with scratch.Folder() as folder:
        house = House(folder)
        name, data = model()
        house.network.deaf = 1000
        house.mean(n=1, model=name)
        house.run(20)
        asked = len(house.network.asked)
        while house.clock.until(house.node.next) > 200:
            house.node.step()
        house.node.on_ack(memoryview(part("model", name, 0, data)))
        assert house.node.update._have == 0
        house.network.deaf = 0
        house.network.wholes[name] = data
        house.run(10)
        assert house.network.asked[asked] == ("model", name, 0)
        assert noted() == {"model": [name, ""]}


def test_parts_that_nobody_asked_for_change_nothing():
    with scratch.Folder() as folder:
        house = House(folder)
        house.node.on_ack(part("model", "0000000a", 0, b"x" * 50))
        name, data = model()
        house.network.deaf = 1000
        house.mean(n=1, model=name)
        house.run(20)
        for each in (
            part("model", "0000000b", 0, data),
            part("config", name, 0, data),
            part("model", name, 1024, data + bytes(2000)),
            part("model", name, 0, data, len(data) - 5),
            b"\x09" + part("model", name, 0, data)[1:],
            b"\x01",
        ):
            house.run(1)  # so no reading is due just now
            house.node.on_ack(each)
            assert house.node.update._have == 0, each
        assert house.node.counts["parts refused"] == 6
        house.network.deaf = 0
        house.network.wholes[name] = data
        house.run(30)
        assert noted() == {"model": [name, ""]}


def test_what_is_not_there_or_too_large_is_given_up_and_not_tried_again():
    with scratch.Folder() as folder:
        house = House(folder)
        house.mean(n=1, model="0000000a")
        house.run(20)
        assert noted() == {"model": ["0000000a", "the cloud does not have it"]}
        asked = len(house.network.asked)
        house.mean(n=1, model="0000000a")
        house.run(20)
        assert len(house.network.asked) == asked and house.node.update is None
        house.network.wholes["0000000b"] = bytes(200000)
        house.network.wholes["0000000c"] = bytes(9000)
        house.node.clock.set(850000000)
        house.mean(n=2, model="0000000b", config=12)
        house.run(20)
        house.network.wholes["0000000c"] = bytes(300000)
        house.mean(n=3, app=12)
        house.run(20)
        for what in ("model", "config", "app"):
            assert "more than fits" in noted()[what][1], noted()


def test_readings_stay_on_the_grid_and_leave_while_parts_come():
    with scratch.Folder() as folder:
        house = House(folder, period_ms=200)
        house.node.clock.set(850000000)
        house.run(5)
        house.network.wholes["0000000a"] = bytes(60000)
        house.mean(n=1, model="0000000a")
        for _ in range(30):
            house.run(2)
            house.ack((0, house.outbox.newest()))
            assert house.outbox.newest() - house.network.messages[-1]["seq"][-1] <= 26, "five seconds at most"
        assert len(house.network.asked) >= 59 and "ticks missed" not in house.node.counts


def test_settings_are_tried_with_the_old_ones_beside_them_and_kept_once_a_reading_was_acknowledged():
    with scratch.Folder() as folder:
        configured(folder)
        house = House(folder)
        house.network.wholes["0000000c"] = settings(12, {"limits": {"t_max": 8}})
        house.mean(n=12, config=12)
        assert house.until_reset(60) and house.reasons == ["settings 12"]
        made = json.loads(scratch.read(folder + "/config.json"))
        assert made["limits"] == {"t_max": 8} and made["number"] == 12 and made["wifi"] == GOOD["wifi"]
        assert json.loads(scratch.read(folder + OLD))["period_ms"] == 10000
        house = House(folder, number=12)
        trial = house.node.trial = begin()
        assert trial.starts() is None
        house.run(100)
        house.ack((0, house.outbox.boot_first - 1)) if house.outbox.boot_first else None
        assert house.node.trial is trial, "a reading from before says nothing about the new settings"
        house.ack((house.outbox.boot_first, house.outbox.newest()))
        assert house.node.trial is None and begin() is None
        assert noted() == {"config": ["0000000c", ""]}


def test_settings_without_an_acknowledgement_are_taken_back_after_half_an_hour_and_say_why():
    with scratch.Folder() as folder:
        before = configured(folder)
        house = House(folder)
        house.network.wholes["0000000c"] = settings(12, {"wifi": {"password": "wrong"}})
        house.mean(n=12, config=12)
        assert house.until_reset(60)
        house = House(folder, number=12)
        house.network.up = False
        house.network.last_error = lambda: "wifi: wrong password"
        house.node.trial = begin()
        assert house.node.trial.starts() is None
        assert not house.until_reset(1700)
        assert house.until_reset(200) and "taken back" in house.reasons[0]
        assert json.loads(scratch.read(folder + "/config.json")) == before and begin() is None
        assert noted()["config"][0] == "0000000c" and "wrong password" in noted()["config"][1]


def test_the_fourth_start_without_an_acknowledgement_is_with_the_old_settings_again():
    with scratch.Folder() as folder:
        before = configured(folder)
        house = House(folder)
        house.network.wholes["0000000c"] = settings(12, {"sensor": {"kind": "simulated", "seed": 3}})
        house.mean(n=12, config=12)
        assert house.until_reset(60)
        assert [begin().starts() for _ in range(3)] == [None, None, None]
        trial = begin()
        why = trial.starts()
        assert why.startswith("3 starts")
        trial.back(why)
        assert json.loads(scratch.read(folder + "/config.json")) == before and begin() is None


def test_settings_that_are_older_forged_or_damaged_are_refused_before_anything_changes():
    with scratch.Folder() as folder:
        before = configured(folder, number=11)
        house = House(folder, number=11)
        good = settings(12, {"limits": {"t_max": 8}})
        cases = (
            (13, settings(13, {"limits": {"t_max": 8}}, b"x" * 32), "another board"),
            (14, good[:-1] + bytes([good[-1] ^ 1]), "another board"),
            (15, good, "settings 12"),
            (16, good[:40], "no settings"),
        )
        for number, blob, why in cases:
            house.network.wholes["%08x" % number] = blob
            house.mean(n=number, config=number)
            assert not house.until_reset(60)
            assert why in noted()["config"][1], (noted(), why)
            assert json.loads(scratch.read(folder + "/config.json")) == before and not exists(folder + OLD)
        house.network.wholes["0000000a"] = settings(10, {"limits": {"t_max": 8}})
        house.mean(n=20, config=10)
        assert not house.until_reset(60) and noted()["config"] == ["0000000a", "older than those in use"]


def test_a_change_is_made_in_what_the_cable_gave():
    values = {"a": 1, "wifi": {"ssid": "s", "password": "p"}, "sensor": {"kind": "dht22", "pin": 4}}
    assert merged(values, {"wifi": {"password": "q"}})["wifi"] == {"ssid": "s", "password": "q"}
    assert merged(values, {"a": None, "b": 2}) == dict(b=2, wifi=values["wifi"], sensor=values["sensor"])
    assert merged(values, {"sensor": {"kind": "bme280"}})["sensor"] == {"kind": "bme280"}
    assert merged(values, {"sensor": {"pin": 5}})["sensor"] == {"kind": "dht22", "pin": 5}
    assert merged({"limits": {"t_max": 8}}, {"limits": {"t_max": None}}) == {}


def test_sealed_settings_have_their_bytes_for_good():
    """What boards in the field can open: this format stays."""
    blob = sealed(7, b'{"a":1}', KEY, NONCE)
    assert opened(blob, KEY) == (7, {"a": 1})
    secret = hmac_sha256(KEY, (b"vigie/1/config",))
    stream = hmac_sha256(secret, (NONCE, bytes(4)))
    assert blob[:24] == b"VGS1\0\0\0\x07" + NONCE
    assert blob[24:31] == bytes(a ^ b for a, b in zip(b'{"a":1}', stream))
    assert blob[31:] == hmac_sha256(KEY, (blob[:31],))
