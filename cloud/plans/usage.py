"""How much the running system uses of each plan that it depends on, and how long the plan lasts.

What the database knows is measured (storage, boards, today's mails); what only the providers know (traffic,
operations) is estimated from the boards that are online, by the same rules as `make plan`. Plans and limits:
cloud/plans/plans.toml.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cloud.plans import plans
from cloud.plans.plans import DAY, FleetSize
from cloud.read.reader import Reader
from cloud.read.rows import Latest
from cloud.store.packing import SIZE

UNKNOWN_PERIOD = 10.0  # s
REDUCED = 0.95  # of the quota: then the oldest readings become hourly values (cloud.store.quota)
HEARD = DAY  # s: a board that was heard of within counts
# Limits that settings have too: service, limit, setting.
OWN = (("database", "storage_gb", "STORAGE_QUOTA_MB"), ("mail", "mails_a_day", "MAIL_PER_DAY"))
RENEWED = {"traffic_gb": 30, "transfer_gb_a_week": 7}  # limits that begin anew, after so many days


@dataclass(frozen=True)
class Gauge:
    """One limit of one plan. `used` and `limit` in the limit's own unit (cloud/plans/plans.toml)."""

    service: str
    plan: str
    limit: str  # its name there
    used: float
    most: float
    measured: bool  # False = estimated
    beyond: str  # what to use instead
    # Until full at this pace (a RENEWED one: from its first day); None = never.
    days_left: float | None = None

    @property
    def share(self) -> float:
        return self.used / self.most if self.most else 0.0


@dataclass(frozen=True)
class Usage:
    """What the database says. Bytes, mails, Unix s."""

    fleet: FleetSize
    stored: float  # data and indexes as the plan counts them
    bucket: float  # bytes of a bucket of 360 readings
    mails_today: int
    first_mail: float | None  # when the first mail ever went out
    plans: tuple[str, ...] = ()  # names of the plans that the backend uses
    own: Mapping[str, float] = field(default_factory=dict)  # limits of the settings, where no plan has one


def fleet_of(latest: Sequence[Latest], now: float, retention: int) -> FleetSize:
    """The boards that are online, with the period at which that many boards give as many readings."""
    heard = [board for board in latest if now - board.received < HEARD]
    pace = sum(1 / max(board.period or UNKNOWN_PERIOD, 0.5) for board in heard)
    return FleetSize(len(heard), len(heard) / pace if pace else UNKNOWN_PERIOD, retention)


def measure(reader: Reader, latest: Sequence[Latest], now: float) -> Usage:
    """Raises PyMongoError."""
    database = reader.database
    # The backend's own settings as it published them; empty where it has not run yet.
    kept = database["status"].find_one({"_id": "settings"}) or {}
    whole = database.command("dbStats")
    stats = database.command("collStats", "buckets")
    today = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")
    sent = database["mail_days"].find_one({"_id": today}) or {}
    first = database["alerts"].find_one({"state": "sent"}, {"created": 1}, sort=[("created", 1)])
    return Usage(
        fleet=fleet_of(latest, now, kept.get("retention_days", 30)),
        stored=float(whole["dataSize"] + whole["indexSize"]),
        bucket=stats.get("avgObjSize", plans.BUCKET_BYTES),
        mails_today=int(sent.get("used", 0)),
        first_mail=first["created"] if first else None,
        plans=tuple(kept.get("plans", ())),
        own={
            "storage_gb": kept.get("storage_mb", 0) * 1e6 / plans.GB,
            "mails_a_day": kept.get("mails_a_day", 0),
        },
    )


def gauges(state: Usage, now: float) -> list[Gauge]:
    """One for each limit of each plan in use, else for the settings' own limits; the fullest first."""
    wanted = plans.demand(state.fleet, state.bucket)
    known = {
        "sessions": wanted["sessions"],
        "mails_a_day": float(state.mails_today),
        "storage_gb": state.stored / plans.GB,
    }
    made = []
    for plan in plans.load():
        if plan["name"] not in state.plans:
            continue
        for name, limit in plan["limits"].items():
            most, used = float(limit), known.get(name, wanted.get(name))
            left = None
            if name == "storage_gb":
                left = days_of_storage(state, wanted[name], most)
            elif name in RENEWED and used and used > most:
                left = RENEWED[name] * most / used
            elif name == "months" and state.first_mail is not None:
                used, most = (now - state.first_mail) / DAY, most * 30
                left = max(0.0, most - used)
            if used is not None:
                measured = name in known or name == "months"
                made.append(
                    Gauge(plan["service"], plan["name"], name, used, most, measured, plan["beyond"], left)
                )
    for service, name, setting in OWN:
        most = state.own.get(name, 0.0)
        if most and not any(gauge.limit == name for gauge in made):
            left = days_of_storage(state, wanted[name], most) if name == "storage_gb" else None
            made.append(Gauge(service, setting, name, known[name], most, True, "", left))
    return sorted(made, key=lambda gauge: -gauge.share)


def days_of_storage(state: Usage, kept: float, most: float) -> float | None:
    """Days until the oldest readings must be reduced; None = what is kept for good fits (`kept` in GB)."""
    if state.fleet.devices == 0 or kept <= REDUCED * most:
        return None
    a_day = state.fleet.readings(DAY) / SIZE * (state.bucket + plans.INDEX_BYTES) / plans.GB
    return max(0.0, (REDUCED * most - state.stored / plans.GB) / a_day) if a_day else None
