"""Real recordings judged with a sleep after every reading: the same verdicts, on CPython and MicroPython."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.virtual_board.virtual_board import find_micropython

DATA = Path(__file__).parents[2] / "shared" / "data"
DRIVER = Path(__file__).parent / "device" / "sleep" / "sleeping.py"
ROWS = 1500
RECORDINGS = (
    "intel/mote01.csv",
    "intel/mote19.csv",
    "lwsndr/singlehop_indoor_moteid2.csv",
    "lwsndr/singlehop_outdoor_moteid3.csv",
)


@pytest.mark.parametrize(
    "name", [RECORDINGS[0], *(pytest.param(name, marks=pytest.mark.long) for name in RECORDINGS[1:])]
)
def test_sleeping_through_a_recording_changes_no_verdict_on_either_interpreter(name):
    file = DATA / name
    if not file.exists():
        pytest.skip(f"data: {name} is not in ../shared/data")
    run = [
        subprocess.run(
            [*command, str(DRIVER), str(file), str(ROWS)],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            cwd=DRIVER.parents[3],
            env={"PYTHONPATH": str(DRIVER.parents[3]), "MICROPYPATH": str(DRIVER.parents[3])},
        )
        for command in ([sys.executable], [find_micropython(), "-X", "heapsize=4M"])
    ]
    for each in run:
        assert each.returncode == 0, each.stdout + each.stderr
    assert run[0].stdout == run[1].stdout
    assert run[0].stdout.startswith(f"{ROWS} ")
