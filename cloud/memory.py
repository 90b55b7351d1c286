"""How much memory this process may count on."""

from __future__ import annotations

import os
from pathlib import Path

# What a container may take, by both versions of Linux's control groups; "max" or a huge number = all.
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def available(limits: tuple[Path, ...] = LIMITS) -> int:
    """Bytes of memory of this container, or else of this machine."""
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in limits:
        try:
            text = file.read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdecimal():
            found = min(found, int(text))
    return found
