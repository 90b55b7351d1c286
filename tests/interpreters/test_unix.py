"""Every file of tests/device runs again under a real MicroPython interpreter, as it is."""

import subprocess
from pathlib import Path

import pytest

from tools.virtual_board.virtual_board import find_micropython

DEVICE = Path(__file__).parents[1] / "device"
FILES = sorted(path.relative_to(DEVICE).with_suffix("").as_posix() for path in DEVICE.rglob("test_*.py"))
# More than 20 s of a processor: nights, which CPython plays in each run, and power cuts during an update.
LONG = {"sleep/test_sleep", "update/test_update_power"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long) if name in LONG else name for name in FILES]
)
def test_device_code_holds_under_micropython(name: str, tmp_path: Path) -> None:
    result = subprocess.run(
        [find_micropython(), "-X", "heapsize=4M", str(DEVICE / "run.py"), name],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stdout + result.stderr
