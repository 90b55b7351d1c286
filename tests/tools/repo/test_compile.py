"""What goes onto a board compiles for every chip that Vigie names."""

import subprocess
from pathlib import Path

import pytest

from tools.mpy.build import mpy_cross

ROOT = Path(__file__).parents[3]
SOURCES = [*sorted((ROOT / "device").rglob("*.py")), ROOT / "boot.py", ROOT / "main.py"]


@pytest.mark.parametrize("architecture", ["xtensawin", "rv32imc"])
def test_every_file_of_the_board_compiles(architecture, tmp_path):
    for source in SOURCES:
        made = subprocess.run(
            [mpy_cross(), f"-march={architecture}", "-o", str(tmp_path / "out.mpy"), str(source)],
            capture_output=True,
            text=True,
        )
        assert made.returncode == 0, f"{source.relative_to(ROOT)}: {made.stderr}"
