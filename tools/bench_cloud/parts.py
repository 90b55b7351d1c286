"""The programs that are measured, and what they cost: seconds of user and system CPU."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools.child import Child

TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(children: Sequence[Child]) -> float:
    """User and system time of these processes so far, all threads, without their start-up's children."""
    return sum(_cpu_seconds(child.pid) for child in children)


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except FileNotFoundError:  # not Linux: minutes:seconds, with hundredths on macOS
        command = ["ps", "-o", "time=", "-p", str(pid)]
        asked = subprocess.run(command, capture_output=True, text=True, check=True)
        total = 0.0
        for part in asked.stdout.strip().replace("-", ":").split(":"):
            total = total * 60 + float(part)
        return total
    return (int(fields[11]) + int(fields[12])) / TICK


def memory_mb(child: Child) -> float:
    """What the process holds in memory now."""
    command = ["ps", "-o", "rss=", "-p", str(child.pid)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / 1024
