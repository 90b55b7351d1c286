"""The programs that are measured, and what they cost: seconds of user and system CPU."""

from __future__ import annotations

from collections.abc import Sequence

import psutil

from tools.process.child import Child


def cpu_seconds(children: Sequence[Child]) -> float:
    """User and system time of these processes so far, all threads, without their start-up's children."""
    times = [psutil.Process(child.pid).cpu_times() for child in children]
    return float(sum(spent.user + spent.system for spent in times))


def memory_mb(child: Child) -> float:
    """What the process holds in memory now."""
    return float(psutil.Process(child.pid).memory_info().rss) / 1024**2
