"""The flash of a virtual board fails as it is told, and knows what was safe."""

import os
import subprocess
from pathlib import Path

from tools.virtual_board.virtual_board import find_micropython

DRIVER = Path(__file__).with_name("flash_driver.py")


def test_power_cuts_a_full_flash_unreadable_files_and_renames_in_a_relative_folder(tmp_path):
    (tmp_path / "flash").mkdir()
    done = subprocess.run(
        [find_micropython(), str(DRIVER), os.fspath(tmp_path / "flash")],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.stdout.splitlines() == [
        "kept 0",
        "kept 2",
        "kept 3",
        "unreadable /outbox/2.seg: read fails",
        "errno 5",
        "unreadable /outbox/2.seg: read fails",
        "errno 5",
        "refused 10 bytes to /outbox/3-1.seg",
        "errno 28",
        "torn /outbox/4-1.seg after 50 of 100 bytes, 3 of rubbish",
    ], done.stdout + done.stderr
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "flash/outbox").iterdir()}
    assert sizes == {"2.seg": 64, "3-1.seg": 96, "4-1.seg": 1053}
