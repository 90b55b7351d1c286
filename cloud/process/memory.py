"""How much memory this process may use, and how much it uses now."""

import os
import resource
import sys
from pathlib import Path

# What a container may take, by both versions of Linux's control groups; "max" or a huge number = all.
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def available(limits: tuple[Path, ...] = LIMITS) -> int:
    """Bytes of memory of this container, or else of this machine."""
    least = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in limits:
        try:
            text = file.read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdecimal():
            least = min(least, int(text))
    return least


def used() -> int:
    """Bytes that this process holds now; without /proc, the most that it has ever held."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except FileNotFoundError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else 1024 * most
    return pages * os.sysconf("SC_PAGE_SIZE")
