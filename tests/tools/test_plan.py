"""The quota planner: sizes of this build, each service's nearest limit, and what would fit."""

import pytest

from cloud.plans.plans import FleetSize
from tools import plan
from tools.process.child import ToolFailed


@pytest.fixture(scope="module")
def sizes():
    return plan.weighed(FleetSize(10, 10))


def named(name):
    (service,) = [each for each in plan.load() if each["name"] == name]
    return service


def test_every_plan_has_a_source_and_a_date():
    for each in plan.load():
        assert each["source"] and each["date"] and each["beyond"]


def test_the_limits_have_names_that_are_known(sizes):
    known = {*plan.demand(FleetSize(1, 10), sizes), "months"}
    assert {name for each in plan.load() for name in each["limits"]} <= known


def test_a_message_and_a_stored_reading_weigh_what_they_should(sizes):
    assert 50 < sizes.each < 90 and 80 < sizes.base < 200
    assert 4 < sizes.bucket / 360 < 9


def test_the_most_boards_fit_and_one_more_does_not(sizes):
    for each in plan.load():
        most = plan.most_devices(each, FleetSize(1, 10), sizes)
        if most:
            assert plan.first_limit(each, plan.demand(FleetSize(most, 10), sizes))[1] <= 1
            assert plan.first_limit(each, plan.demand(FleetSize(most + 1, 10), sizes))[1] > 1


def test_sessions_come_first_at_the_broker_and_storage_at_the_database(sizes):
    wanted = plan.demand(FleetSize(300, 10), sizes)
    assert plan.first_limit(named("HiveMQ Cloud Serverless"), wanted)[0] == "sessions"
    assert plan.first_limit(named("Atlas M0"), wanted)[0] == "storage_gb"
    assert plan.most_devices(named("Atlas M0"), FleetSize(1, 10), sizes) >= 190


def test_what_does_not_fit_gets_a_setting_that_does(sizes):
    assert plan.advice(named("Atlas M0"), FleetSize(300, 10), sizes) == "period_ms = 15000 fits"
    assert plan.advice(named("HiveMQ Cloud Serverless"), FleetSize(300, 10), sizes).startswith(
        "next: Starter"
    )


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
    assert used.keys() <= plan.demand(FleetSize(1, 10), plan.weighed(FleetSize(1, 10))).keys()


def test_a_backend_that_has_just_started_is_not_judged():
    with pytest.raises(ToolFailed, match="has run for 3 s"):
        plan.running("vigie_uptime_seconds 3\n")


def test_a_backend_that_is_not_there_is_told_with_its_cure():
    with pytest.raises(ToolFailed, match="HEALTH_PORT"):
        plan.main([], {"METRICS": "http://127.0.0.1:9/metrics"})
