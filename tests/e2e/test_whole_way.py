"""From a sensor to an e-mail on real parts: broker, database, MicroPython, backend; a short smoke."""

import json

import pytest

from tests.needed import need
from tools.local.sensor.sensor_choice import SensorChoice
from tools.local.stack import StackPlan
from tools.run import smoke


def plan(folder, broker=None, **more):
    """Two boards, four readings a second, models that learned from an hour."""
    fields = {"boards": ("C001", "C002"), "period_ms": 250, "history_s": 3600.0, "dashboard": False}
    return StackPlan(folder=folder, broker=broker, **{**fields, **more})


def room(n):
    """Row `n` of a recording: every 31 s, a saw tooth for a day, with some noise."""
    t = 20 + n % 700 / 350 + n % 7 / 50
    h = 45 - n % 700 / 300 + n % 11 / 40
    return f"{1_600_000_000 + 31 * n},{t:.2f},{h:.2f}"


def check(result):
    assert result.problems() == []
    summary = result.summary()
    assert summary["sent"] == summary["stored"] == summary["cloud_rescored"] > 100
    assert (summary["lost"], summary["duplicates"], summary["edge_cloud_disagreements"]) == (0, 0, 0)
    assert summary["emails"] >= 1 and summary["episodes"] >= 1


@pytest.mark.long  # below, a recording takes the same way
@pytest.mark.parametrize("broker", ["mosquitto", "hivemq"])
def test_every_reading_arrives_once_and_a_failing_sensor_sends_a_mail(tmp_path, broker):
    need(broker)
    check(smoke.run(plan(tmp_path, broker), 26))
    mail = next((tmp_path / "outbox").glob("*C002*.json"))
    assert json.loads(mail.read_text())["body"]["personalizations"][0]["to"] == [{"email": "you@example.org"}]


def test_a_recording_takes_the_same_way_through_the_broker_from_pypi(tmp_path):
    recording = tmp_path / "room.csv"
    rows = [room(n) for n in range(6000)]
    rows[4000] = rows[4000].split(",")[0] + ",,"  # a failed read in the part that is played
    recording.write_text("\n".join(["ts,t,h", *rows]) + "\n")
    chosen = plan(tmp_path / "run", "iotcore", sensor=SensorChoice.parse(f"replay:{recording}"))
    check(smoke.run(chosen, 26))
