"""What a fleet needs of the services that it uses, and how much each of their plans allows.

Sizes are those of this build: it writes a message, seals a bucket and measures both. plans.toml has the plans
and their limits, each with its source.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bson
import numpy as np
import numpy.typing as npt

from cloud.contract import keys
from cloud.contract.messages import Reading, acks, signed, topic_of
from cloud.store import packing
from cloud.store.database import bucket_id, device_id
from cloud.store.packing import SIZE
from cloud.store.sealing import sealing
from cloud.training.features import features
from device.judge.window import SIZE as WARM_UP

PLANS = Path(__file__).with_name("plans.toml")
DAY, WEEK, MONTH = 86400, 7 * 86400, 30 * 86400
GB = 1e9
INDEX_BYTES = 400  # a sealed bucket in its two indexes, as make bench-cloud measures it
MQTT_BYTES = 8  # of a PUBLISH, besides topic and payload, and its PUBACK
WATCH_OPERATIONS = 8.0  # a second, whatever the boards send: watch, lease, house-keeping
OPERATIONS_A_MESSAGE = 2.0  # its bucket, its board's `latest`
MEMORY_GB, MEMORY_USD = 0.2, 10.0  # the backend without models; price of a GB and month at Railway
MODEL_GB, MODEL_STORED_GB = 0.0043, 0.00012  # a model, one a board, in memory; in the database
CPU_S_A_READING, CPU_USD = 60e-6, 20.0  # measured with a forest of 300 trees; price of a CPU and month
MAILS_A_DAY = 1.0  # for each board, as the detectors are calibrated

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sizes:
    """Bytes of this build: an `up` payload of n readings is `base + n * each`."""

    base: float
    each: float
    ack: float
    bucket: float  # a sealed bucket of 360 readings with its indexes
    written: float  # a reading on its way to the database


@dataclass(frozen=True)
class FleetSize:
    devices: int
    period: float  # s
    retention: int = 30  # days

    @property
    def a_message(self) -> float:
        """Readings that share a message: a board waits six periods, but at least 5 s and at most a minute."""
        return max(1.0, min(60.0, max(5.0, 6 * self.period)) / self.period)

    def readings(self, seconds: float) -> float:
        return self.devices * seconds / self.period


def measured(fleet: FleetSize, t: Floats, h: Floats) -> Sizes:
    """Measure what this build sends and stores of these readings (degC, %RH; one bucket and a warm-up)."""
    x = features(np.rint(t * 100).astype(np.int64), np.rint(h * 100).astype(np.int64))[WARM_UP:]
    sums = 800_000 + np.random.default_rng(0).integers(-30_000, 30_000, SIZE)
    began, period, key = 1_800_000_000, round(fleet.period), keys.device_key(bytes(32), "home", "C001")
    rows = [
        Reading(k, 7, began + k * period, k * period, tuple(x[k].tolist()), 0, int(sums[k]), None, "9f3a1c07")
        for k in range(SIZE)
    ]

    def payload(count: int) -> int:
        part = rows[:count]
        columns = {name: [getattr(row, name) for row in part] for name in ("seq", "ts", "up", "x", "flags")}
        tail: dict[str, Any] = {"score": [row.score for row in part], "why": [None] * count}
        head = {"v": 2, "stream": "9f3a1c07", "boot": 7, "sensor": 0, "model": "9f3a1c07", "features": 1}
        return len(signed(key, topic_of("home/C001", "up"), {**head, **columns, **tail}))

    packed = {k: packing.pack(row, 0, 0.4 + int(sums[k]) % 97 / 1000) for k, row in enumerate(rows)}
    document = {
        "_id": bucket_id("home", "C001", "9f3a1c07", 1),
        "d": device_id("home", "C001"),
        "v": 60,
        "w": began,
        "a": began,
        "z": began,
        **sealing(packing.gather(packed), {bytes.fromhex("9f3a1c07"): 671_000.0})["$set"],
    }
    (ack,) = acks(key, "9f3a1c07", [(100_000, 100_005)])
    each = (payload(40) - payload(10)) / 30
    return Sizes(
        base=payload(10) - 10 * each,
        each=each,
        ack=len(ack),
        bucket=len(bson.encode(document)) + INDEX_BYTES,
        written=len(packed[0]) + 60,  # its field, and its part in the condition
    )


def demand(fleet: FleetSize, sizes: Sizes) -> dict[str, float]:
    """What `fleet` needs, by the name of the limit and in its unit (plans.toml)."""
    messages = fleet.readings(1) / fleet.a_message  # a second
    topic = len(topic_of("home/C001", "up"))
    up = sizes.base + fleet.a_message * sizes.each + topic + MQTT_BYTES
    ack = sizes.ack + topic + MQTT_BYTES
    written = sizes.written * fleet.a_message + 700  # an update of the bucket, one of `latest`
    kept = fleet.readings(fleet.retention * DAY) / SIZE * sizes.bucket
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
