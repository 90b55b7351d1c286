"""Every file of tests/device runs again under a real MicroPython interpreter, as it is."""

import subprocess
from pathlib import Path

import pytest

from tools.virtual_board.virtual_board import find_micropython

DEVICE = Path(__file__).parents[1] / "device"
FILES = sorted(path.relative_to(DEVICE).with_suffix("").as_posix() for path in DEVICE.rglob("test_*.py"))
# More than ten seconds of a processor: days, nights, damage, power cuts in an update.
# CPython runs them each time.
LONG = {"outbox/test_damage", "sleep/test_sleep", "test_node", "update/test_update_power"}


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
