"""What a fleet needs of the services that it uses, and how much each of their plans allows.

Sizes are those of this build, which tests/tools/test_plan.py measures. plans.toml has the plans and their
limits, each with its source.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloud.contract.messages import topic_of
from cloud.store.packing import SIZE

PLANS = Path(__file__).with_name("plans.toml")
DAY, WEEK, MONTH = 86400, 7 * 86400, 30 * 86400
GB = 1e9
# Bytes of a simulated room, one reading each 10 s. At one an hour a reading is 15 % more, a bucket a tenth.
MESSAGE_BYTES, READING_BYTES, ACK_BYTES = 134, 60.8, 71  # an `up` without readings, each in it, its ack
WRITTEN_BYTES = 91  # a reading on its way to the database
INDEX_BYTES = 400  # a sealed bucket in its two indexes, as make bench-cloud measures it
BUCKET_BYTES = 2167  # a sealed bucket of 360 readings, without them
MQTT_BYTES = 8  # of a PUBLISH, besides topic and payload, and its PUBACK
WATCH_OPERATIONS = 8.0  # a second, whatever the boards send: watch, lease, house-keeping
OPERATIONS_A_MESSAGE = 2.0  # its bucket, its board's `latest`
MEMORY_GB, MEMORY_USD = 0.2, 10.0  # the backend without models; price of a GB and month at Railway
MODEL_GB, MODEL_STORED_GB = 0.0043, 0.00012  # a model, one a board, in memory; in the database
CPU_S_A_READING, CPU_USD = 60e-6, 20.0  # measured with a forest of 300 trees; price of a CPU and month
MAILS_A_DAY = 1.0  # for each board, as the detectors are calibrated


@dataclass(frozen=True)
class FleetSize:
    """How many boards, how often they measure, and how long their readings stay."""

    devices: int
    period: float  # s
    retention: int = 30  # days

    @property
    def a_message(self) -> float:
        """Readings that share a message: a board waits six periods, but at least 5 s and at most a minute."""
        return max(1.0, min(60.0, max(5.0, 6 * self.period)) / self.period)

    @property
    def message_bytes(self) -> float:
        return MESSAGE_BYTES + self.a_message * READING_BYTES

    def readings(self, seconds: float) -> float:
        return self.devices * seconds / self.period


def demand(fleet: FleetSize, bucket: float = BUCKET_BYTES) -> dict[str, float]:
    """What `fleet` needs, by the name of the limit and in its unit (plans.toml). `bucket`: its bytes."""
    messages = fleet.readings(1) / fleet.a_message  # a second
    topic = len(topic_of("home/C001", "up"))
    up = fleet.message_bytes + topic + MQTT_BYTES
    ack = ACK_BYTES + topic + MQTT_BYTES
    written = WRITTEN_BYTES * fleet.a_message + 700  # an update of the bucket, one of `latest`
    kept = fleet.readings(fleet.retention * DAY) / SIZE * (bucket + INDEX_BYTES)
    cpu = fleet.readings(1) * CPU_S_A_READING
    return {
        "sessions": fleet.devices + 1,
        "traffic_gb": 2 * (up + ack) * messages * MONTH / GB,  # into the broker and out of it
        # A tenth is for episodes, events, quarantine.
        "storage_gb": (kept / GB + fleet.devices * MODEL_STORED_GB) / 0.9,
        "operations_a_s": messages * OPERATIONS_A_MESSAGE + WATCH_OPERATIONS,
        "transfer_gb_a_week": written * messages * WEEK / GB,
        "connections": 20,
        "mails_a_day": fleet.devices * MAILS_A_DAY,
        "compute_usd": (MEMORY_GB + fleet.devices * MODEL_GB) * MEMORY_USD + cpu * CPU_USD,
    }


def load() -> list[dict[str, Any]]:
    plans: list[dict[str, Any]] = tomllib.loads(PLANS.read_text(encoding="utf-8"))["plan"]
    return plans


def in_use(broker: str, database: str, sendgrid: bool, environment: Mapping[str, str]) -> list[str]:
    """Names of the free plans that the backend uses, as far as addresses show.

    `broker`: its host; `database`: its URI; `sendgrid`: whether mails go out by SendGrid itself.
    """
    signs = {
        "HiveMQ Cloud Serverless": broker.endswith(".hivemq.cloud"),
        "Atlas M0": ".mongodb.net" in database,
        "SendGrid trial": sendgrid,
        "Railway Free": "RAILWAY_ENVIRONMENT" in environment or "RAILWAY_PROJECT_ID" in environment,
    }
    return [name for name, there in signs.items() if there]


def first_limit(plan: Mapping[str, Any], wanted: Mapping[str, float]) -> tuple[str, float] | None:
    """The limit that is used most, and its share (1 = all); None when the plan limits nothing of `wanted`."""
    used = {name: wanted[name] / most for name, most in plan["limits"].items() if name in wanted}
    return max(used.items(), key=lambda item: item[1]) if used else None
