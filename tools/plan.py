"""`make plan DEVICES=10 PERIOD=10`: what each service has to carry, and which of its limits comes first.

cloud/plans/plans.toml has the plans and their limits, each with its source; the dashboard compares the
running system with them.
`METRICS=http://…/metrics make plan` asks a running backend what it uses and compares that with the same
limits.
"""

import math
import os
import sys
import urllib.request
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cloud.plans.plans import (
    BUCKET_BYTES,
    CPU_USD,
    DAY,
    GB,
    INDEX_BYTES,
    MEMORY_USD,
    MONTH,
    MQTT_BYTES,
    FleetSize,
    demand,
    first_limit,
    load,
)
from cloud.store.packing import SIZE
from tools.process.child import ToolFailed, WrongUse

LEAST_UPTIME = 60.0  # s; what a start costs is not what a month costs
MANY = 1_000_000  # boards: no limit of a plan that carries them depends on their number
PERIODS = (10, 15, 20, 30, 60, 120, 300, 600)


def running(text: str) -> dict[str, float]:
    """What a running backend asks of each limit, by its /metrics. Raises ToolFailed if these lack it."""
    metrics: dict[str, float] = {}
    for line in text.splitlines():
        name, _, value = line.rpartition(" ")
        if name.startswith("vigie_") and "{" not in name:
            metrics[name.removeprefix("vigie_")] = float(value)
    uptime = metrics.get("uptime_seconds", 0.0)
    if uptime < LEAST_UPTIME:
        raise ToolFailed(
            f"this backend has run for {uptime:.0f} s: ask again once it has run for {LEAST_UPTIME:.0f} s"
        )
    wanted = {"compute_usd": metrics["memory_bytes"] / GB * MEMORY_USD}
    wanted["compute_usd"] += metrics["cpu_seconds_total"] / uptime * CPU_USD
    wanted["operations_a_s"] = metrics["database_operations_total"] / uptime
    if "boards" in metrics:
        pubacks = MQTT_BYTES * (metrics["messages_total"] + metrics["acks_total"])
        passed = metrics["received_bytes_total"] + metrics["sent_bytes_total"] + pubacks
        wanted["traffic_gb"] = 2 * passed / uptime * MONTH / GB
        wanted["sessions"] = metrics["boards"] + 1
    if "storage_bytes" in metrics:
        wanted["storage_gb"] = metrics["storage_bytes"] / GB
    if "mails_total" in metrics:
        wanted["mails_a_day"] = metrics["mails_total"] / uptime * DAY
    return wanted


def report_running(address: str) -> list[str]:
    """The lines for people about a backend whose /metrics are at `address`."""
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310  typed by the person who asks
            wanted = running(answer.read().decode())
    except (OSError, ValueError) as problem:
        raise ToolFailed(f"METRICS={address} cannot be read ({problem}): is HEALTH_PORT set?") from None
    lines = [f"as the backend at {address} measures it"]
    for plan in load():
        lines.append(f"{plan['service']}: {plan['name']}")
        for name, most in plan["limits"].items():
            if name in wanted:
                used = wanted[name] / most
                verdict = "" if used <= 1 else " DOES NOT FIT"
                lines.append(
                    f"    {used:6.1%} of its {_words(name)} ({wanted[name]:.3g} of {most:g}){verdict}"
                )
    return lines


def most_devices(plan: Mapping[str, Any], fleet: FleetSize) -> int | None:
    """How many boards of this period the plan carries; None = no limit of it depends on them."""

    boards = range(1, MANY + 1)
    most = bisect_left(boards, True, key=lambda each: not _fits(plan, replace(fleet, devices=each)))
    return None if most == MANY else most


def _fits(plan: Mapping[str, Any], fleet: FleetSize) -> bool:
    nearest = first_limit(plan, demand(fleet))
    return nearest is None or nearest[1] <= 1


def advice(plan: Mapping[str, Any], fleet: FleetSize) -> str:
    """Settings with which it would fit, or what to buy."""
    for period in PERIODS:
        if period > fleet.period and _fits(plan, replace(fleet, period=period)):
            return f"period_ms = {period * 1000} fits"
    for days in (21, 14, 7, 3):
        if days < fleet.retention and _fits(plan, replace(fleet, retention=days)):
            return f"RETENTION_DAYS={days} fits"
    return f"next: {plan['beyond']}"


def report(fleet: FleetSize) -> list[str]:
    """The lines for people."""
    wanted = demand(fleet)
    stored = (BUCKET_BYTES + INDEX_BYTES) / SIZE  # bytes a reading
    a_day = fleet.readings(DAY) * stored
    readings = fleet.readings(MONTH)
    lines = [
        f"{fleet.devices} boards, a reading every {fleet.period:g} s, kept for {fleet.retention} days",
        f"  a message of {fleet.a_message:g} readings: {fleet.message_bytes:.0f} bytes; "
        f"a stored reading: {stored:.1f} bytes with its indexes",
        f"  a month: {readings:,.0f} readings, {readings / fleet.a_message:,.0f} messages, "
        f"{wanted['traffic_gb']:.2f} GB at the broker",
        "",
    ]
    carried: dict[str, tuple[float, str, str]] = {}  # by service, of its best free plan
    for plan in load():
        nearest = first_limit(plan, wanted)
        most = most_devices(plan, fleet)
        price = "free" if not plan["price"] else f"{plan['price']} $ a month"
        lines.append(f"{plan['service']}: {plan['name']} ({price})")
        if nearest is not None:
            name, used = nearest
            verdict = "fits" if used <= 1 else "DOES NOT FIT"
            amount = f"{wanted[name]:.3g} of {plan['limits'][name]:g}"
            lines.append(f"    {verdict}: {used:.0%} of its {_words(name)} ({amount})")
            if used > 1:
                lines.append(f"    {advice(plan, fleet)}")
        if "storage_gb" in plan["limits"]:
            full = plan["limits"]["storage_gb"] * 0.9 * GB / a_day
            limited = ", but nothing older is kept" if full > fleet.retention else ""
            lines.append(f"    full after {full:,.0f} days{limited}")
        if most is not None:
            lines.append(f"    carries {most:,} boards of this period")
        if not plan["price"]:
            boards = math.inf if most is None else most
            if boards > carried.get(plan["service"], (-1, "", ""))[0]:
                beyond = demand(replace(fleet, devices=(most or 0) + 1))
                reached = first_limit(plan, beyond)
                carried[plan["service"]] = (boards, plan["name"], _words(reached[0]) if reached else "")
        lines.append(f"    {plan['note']}")
        lines.append(f"    beyond: {plan['beyond']}")
        lines.append(f"    {plan['source']}, {plan['date']}")
    service, (boards, name, limit) = min(carried.items(), key=lambda item: item[1][0])
    lines += [
        "",
        f"For nothing: {boards:,.0f} boards, the backend on {carried['backend'][1]}. "
        f"The first limit: the {limit} of {name} ({service}).",
    ]
    return lines


def _words(limit: str) -> str:
    return limit.replace("_gb", " in GB").replace("_usd", " in dollars").replace("_", " ")


def main(argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    if argv:
        raise WrongUse("plan takes no arguments; DEVICES=10 and PERIOD=10 go after `make plan`")
    if address := environment.get("METRICS", "").strip():
        print("\n".join(report_running(address)))
        return 0
    fleet = FleetSize(
        devices=int(_number(environment, "DEVICES", 10, 1, MANY)),
        period=_number(environment, "PERIOD", 10, 1, 86400),
        retention=int(_number(environment, "RETENTION_DAYS", 30, 1, 3650)),
    )
    print("\n".join(report(fleet)))
    return 0


def _number(environment: Mapping[str, str], name: str, default: float, least: float, most: float) -> float:
    text = environment.get(name, "").strip() or str(default)
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise WrongUse(f'{name} must be a number from {least:g} to {most:g}, not "{text}"')
    return value


if __name__ == "__main__":
    from tools.__main__ import run

    sys.exit(run("plan", sys.argv[1:]))
