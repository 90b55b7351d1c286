"""`python3 -m tools.repo.preflight .venv`: can this machine run Vigie? Then make the environment.

It takes a second, runs before anything is downloaded, and needs only Python's standard library. Each line
that it prints names one missing thing and the cure on this system. It removes a half-made environment, also
that of an earlier call, because it would spoil each later call.
"""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path

PYTHON = (3, 11)
DISK_MB = 1600  # of .venv with all packages, and what the demo writes
MEMORY_MB = 750  # that the demo takes
INTERPRETERS = (("Linux", "x86_64"), ("Darwin", "arm64"))  # for which PyPI has a MicroPython


def troubles(place: Path) -> Iterator[str]:
    """What keeps this machine from running Vigie: one line each, with its cure. `place`: of .venv."""
    system, machine, distribution = platform.system(), platform.machine(), _distribution()
    if system not in ("Linux", "Darwin"):
        yield f"{system}: Vigie runs on Linux and macOS; on Windows use WSL (`wsl --install`) and start there"
        return
    if sys.version_info < PYTHON:
        yield f"Python {platform.python_version()}: 3.11 or newer is needed. {_newer_python(distribution)}"
    if importlib.util.find_spec("ensurepip") is None:
        yield f"Python's venv is not complete: {_install('python3-venv', distribution)}"
    if system == "Linux" and platform.libc_ver()[0] != "glibc":
        yield "no glibc: the database and the interpreter that PyPI has need it; use Debian, Ubuntu or Fedora"
    if (system, machine) not in INTERPRETERS and shutil.which("micropython") is None:
        yield f"PyPI has no MicroPython for {system} on {machine}: {_micropython(distribution)}"
    folder = place.resolve().parent
    if not os.access(folder, os.W_OK):
        yield f"{folder} cannot be written to: unpack Vigie where you may write"
        return
    free = shutil.disk_usage(folder).free // 1_000_000
    if not place.exists() and free < DISK_MB:
        yield f"{free} MB are free in {folder}: {DISK_MB} MB are needed"
    memory = _memory_mb()
    if memory is not None and memory < MEMORY_MB:
        yield f"{memory} MB of memory are free: {MEMORY_MB} MB are needed; close other programs"


def is_whole(place: Path) -> bool:
    """Whether there is an environment with pip in `place`."""
    try:
        asked = subprocess.run(
            [place / "bin" / "python", "-m", "pip", "--version"], capture_output=True, check=False
        )
    except OSError:
        return False
    return asked.returncode == 0


def make(place: Path) -> None:
    """A new environment in `place`; when it cannot be made, nothing is left. Raises OSError and others."""
    try:
        venv.create(place, with_pip=True, clear=True)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def main(argv: list[str]) -> int:
    place = Path(argv[0])
    if problems := list(troubles(place)):
        print("Vigie cannot be installed here yet:", file=sys.stderr)
        print("\n".join(f"  ✗ {line}" for line in problems), file=sys.stderr)
        return 1
    try:
        if not is_whole(place):
            make(place)
    except KeyboardInterrupt:
        print(f"\nstopped; {place} is removed", file=sys.stderr)
        return 130
    except (OSError, subprocess.CalledProcessError) as problem:
        print(f"  ✗ {place} cannot be made: {problem}", file=sys.stderr)
        return 1
    return 0


def _distribution() -> Mapping[str, str]:
    try:
        return platform.freedesktop_os_release()
    except (OSError, AttributeError):  # not Linux; or a Python that is too old for Vigie anyway
        return {}


def _is_debian(distribution: Mapping[str, str]) -> bool:
    return "debian" in (distribution.get("ID", ""), *distribution.get("ID_LIKE", "").split())


def _install(package: str, distribution: Mapping[str, str]) -> str:
    """The command for one of Debian's packages; other systems' Pythons have their parts built in."""
    if _is_debian(distribution):
        return f"sudo apt install {package}"
    return "install Python anew, with ensurepip"


def _newer_python(distribution: Mapping[str, str]) -> str:
    if platform.system() == "Darwin":
        return "Try: brew install python@3.13; make PYTHON=python3.13"
    if distribution.get("ID") == "debian":
        return "Debian 12 and newer have it"
    if distribution.get("ID") == "ubuntu":
        return "Ubuntu 24.04 and newer have it"
    return "If you have one beside it: make PYTHON=python3.12"


def _micropython(distribution: Mapping[str, str]) -> str:
    if platform.system() == "Darwin":
        return "brew install micropython"
    if distribution.get("ID") in ("debian", "raspbian") and distribution.get("VERSION_ID", "") < "13":
        return "Debian 13 has one (sudo apt install micropython), Debian 12 has none"
    if _is_debian(distribution):
        return "sudo apt install micropython"
    return "put a `micropython` (unix port, 1.23 or newer) on PATH"


def _memory_mb() -> int | None:
    """What programs can still take, in MB; None where the system does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) // 1000
    except OSError:
        pass
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
