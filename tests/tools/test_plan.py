"""The quota planner: sizes of this build, each service's nearest limit, and what would fit."""

import bson
import numpy as np
import pytest

from cloud.contract.keys import device_key
from cloud.contract.messages import Reading, acks, signed, topic_of
from cloud.plans import plans
from cloud.plans.plans import FleetSize
from cloud.store import packing
from cloud.store.database import bucket_id, device_id
from cloud.store.packing import SIZE
from cloud.store.sealing import sealing
from cloud.training.features import features
from device.judge.window import SIZE as WARM_UP
from tools import plan
from tools.local.sensor.sensor_choice import room
from tools.local.up_message import up
from tools.process.child import ToolFailed


def named(name):
    (service,) = [each for each in plan.load() if each["name"] == name]
    return service


def test_every_plan_has_a_source_and_a_date():
    for each in plan.load():
        assert each["source"] and each["date"] and each["beyond"]


def test_the_limits_have_names_that_are_known():
    known = {*plan.demand(FleetSize(1, 10)), "months"}
    assert {name for each in plan.load() for name in each["limits"]} <= known


def test_messages_and_buckets_weigh_what_this_build_makes_of_a_simulated_room():
    key, model, began = device_key(bytes(32), "home", "C001"), "9f3a1c07", 1_800_000_000
    values = room(1, 10, SIZE + WARM_UP)
    x = features(values[:, 0], values[:, 1])[WARM_UP:]
    sums = 800_000 + np.random.default_rng(0).integers(-30_000, 30_000, SIZE)

    def payload(count):
        columns = {"ts": [began + 10 * k for k in range(count)], "up": [10 * k for k in range(count)]}
        columns |= {"x": x[:count].tolist(), "score": sums[:count].tolist()}
        return len(signed(key, topic_of("home/C001", "up"), up(model, range(count), model, **columns)))

    packed = {}
    for k in range(SIZE):
        reading = Reading(k, 7, began + 10 * k, 10 * k, tuple(x[k].tolist()), 0, int(sums[k]), None, model)
        packed[k] = packing.pack(reading, 0, 0.4 + int(sums[k]) % 97 / 1000)
    sealed = sealing(packing.gather(packed), {bytes.fromhex(model): 671_000.0})["$set"]
    names = {"_id": bucket_id("home", "C001", model, 1), "d": device_id("home", "C001"), "v": 60}
    document = {**names, "w": began, "a": began, "z": began, **sealed}
    each = (payload(40) - payload(10)) / 30
    assert each == pytest.approx(plans.READING_BYTES, rel=0.03)
    assert payload(10) - 10 * each == pytest.approx(plans.MESSAGE_BYTES, rel=0.1)
    assert len(acks(key, model, [(100_000, 100_005)])[0]) == plans.ACK_BYTES
    assert len(bson.encode(document)) == pytest.approx(plans.BUCKET_BYTES, rel=0.03)
    assert len(packed[0]) + 60 == plans.WRITTEN_BYTES, "its field, and its part in the condition"


def test_the_most_boards_fit_and_one_more_does_not():
    for each in plan.load():
        most = plan.most_devices(each, FleetSize(1, 10))
        if most:
            assert plan.first_limit(each, plan.demand(FleetSize(most, 10)))[1] <= 1
            assert plan.first_limit(each, plan.demand(FleetSize(most + 1, 10)))[1] > 1


def test_sessions_come_first_at_the_broker_and_storage_at_the_database():
    wanted = plan.demand(FleetSize(300, 10))
    assert plan.first_limit(named("HiveMQ Cloud Serverless"), wanted)[0] == "sessions"
    assert plan.first_limit(named("Atlas M0"), wanted)[0] == "storage_gb"
    assert plan.most_devices(named("Atlas M0"), FleetSize(1, 10)) >= 190


def test_what_does_not_fit_gets_a_setting_that_does():
    assert plan.advice(named("Atlas M0"), FleetSize(300, 10)) == "period_ms = 15000 fits"
    assert plan.advice(named("HiveMQ Cloud Serverless"), FleetSize(300, 10)).startswith("next: Starter")


def test_the_report_never_claims_more_boards_than_the_first_limit():
    lines = plan.report(FleetSize(10, 10))
    assert (
        lines[-1] == "For nothing: 99 boards, the backend on a machine of your own. "
        "The first limit: the sessions of HiveMQ Cloud Serverless (broker)."
    )
    assert any("full after" in line for line in lines)


@pytest.mark.parametrize("name, value", [("DEVICES", "x"), ("PERIOD", "0"), ("DEVICES", "nan")])
def test_a_number_that_is_none_is_refused_with_its_name(name, value):
    with pytest.raises(ToolFailed, match=name):
        plan.main([], {name: value})


def test_a_running_backend_is_held_against_the_same_limits():
    metrics = {
        "uptime_seconds": 100, "cpu_seconds_total": 10, "memory_bytes": 2e8, "database_operations_total": 500,
        "boards": 9, "messages_total": 100, "acks_total": 100, "received_bytes_total": 80_000,
        "sent_bytes_total": 12_000, "storage_bytes": 2.5e8, "mails_total": 1,
    }  # fmt: skip
    text = "\n".join(f"# TYPE vigie_{name} gauge\nvigie_{name} {value}" for name, value in metrics.items())
    used = plan.running(text + '\nvigie_part_ready{part="broker"} 1\n')
    assert used["sessions"] == 10 and used["operations_a_s"] == 5 and used["mails_a_day"] == 864
    assert used["storage_gb"] == 0.25 and used["compute_usd"] == pytest.approx(2 + 2)
    assert used["traffic_gb"] == pytest.approx(2 * (92_000 + 1600) / 100 * 30 * 86400 / 1e9)
    assert used.keys() <= plan.demand(FleetSize(1, 10)).keys()


def test_a_backend_that_has_just_started_is_not_judged():
    with pytest.raises(ToolFailed, match="has run for 3 s"):
        plan.running("vigie_uptime_seconds 3\n")


def test_a_backend_that_is_not_there_is_told_with_its_cure():
    with pytest.raises(ToolFailed, match="HEALTH_PORT"):
        plan.main([], {"METRICS": "http://127.0.0.1:9/metrics"})
