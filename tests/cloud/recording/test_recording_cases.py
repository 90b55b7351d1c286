"""Files on which the readers failed once, as they were collected: each is read, or refused with its line."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cloud.recording import RecordingRefused, description, read
from cloud.training.train_command import main as train
from tools import replay
from tools.local.sensor.sensor_choice import SensorChoice
from tools.process.child import ToolFailed
from tools.virtual_board.virtual_board import find_micropython

ROOT = Path(__file__).resolve().parents[3]
CASES = ROOT.parent / "shared" / "cases" / "files"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"data: no cases in {CASES}")


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("VIGIE_KEY", bytes(32).hex())


def case(name: str) -> str:
    return str(next(CASES.glob(f"*/{name}")))


def verdicts(file: str, rows: int, tmp_path: Path, *more: str) -> tuple[int, float]:
    """Alarms after the first `rows`, and the share of abnormal readings."""
    out = tmp_path / "verdicts.csv"
    assert replay.main([file, "--train-rows", str(rows), "--out", str(out), *more]) == 0
    with out.open() as table:
        flagged = [row["abnormal"] == "1" for row in csv.DictReader(table)]
    alarms, last = 0, -60
    for place in (place for place, each in enumerate(flagged) if each):
        if place - last >= 60:
            alarms, last = alarms + 1, place
    return alarms, sum(flagged) / len(flagged)


def test_a_dht22_below_zero_is_read_both_ways():
    drive = str(next(CASES.glob("01-*/drive.py")))
    run = subprocess.run(
        [find_micropython(), drive, str(ROOT)], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    for line in ("-0.50 degC", "-20.00 degC", "-40.00 degC", "-0.10 degC"):
        assert line in run
    assert run.count("out of range") == 3  # a dead line, all ones, 101 %RH


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("07-two-readers/decimal-comma.csv", "decimal commas"),
        ("*/excel-days.csv", "is no Unix time but a spreadsheet's day number"),
        ("*/bom.csv", ""),
        ("*/utf16.csv", "UTF-16"),
    ],
)
def test_what_can_be_read_is_read_alike_by_all(name, note, tmp_path):
    path = next(CASES.glob(name))
    recording = read(path)
    assert len(recording.ts) >= 4000 and note in "\n".join(recording.notes)
    assert (recording.t[0], recording.h[0], recording.ts[1] - recording.ts[0]) == pytest.approx(
        (21.68, 43.03, 60), abs=0.1
    )
    chosen = SensorChoice.parse(f"replay:{path}")
    chosen.put_on(tmp_path, 0, 1)
    half = len(recording.ts) // 2
    assert (tmp_path / "readings.csv").read_text().splitlines()[1].split(",")[1:] == [
        f"{recording.t[half]:.2f}",
        f"{recording.h[half]:.2f}",
    ]


@pytest.mark.parametrize(
    ("name", "message", "cure"),
    [
        ("fahrenheit.csv", "looks like °F", "--unit F"),
        ("open-quote.csv", ':52: a quote (") opens', None),
    ],
)
def test_what_cannot_be_read_is_refused_by_all_with_its_line(name, message, cure, tmp_path, capsys):
    path = case(name)
    with pytest.raises(RecordingRefused) as refused:
        read(Path(path))
    assert message in str(refused.value) and path in str(refused.value)
    assert train(["--csv", path, "--out", str(tmp_path)]) == 1
    assert message in capsys.readouterr().err
    assert replay.main([path, "--train-rows", "2000", "--out", str(tmp_path / "v.csv")]) == 1
    assert message in capsys.readouterr().err
    with pytest.raises(ToolFailed, match="SENSOR: "):
        SensorChoice.parse(f"replay:{path}")
    if cure:
        assert cure in str(refused.value)
        assert len(read(Path(path), description.parse(cure.split())).ts) == 4000
        assert SensorChoice.parse(f"replay:{path} {cure}").recording


@pytest.mark.parametrize("name", ["10min-650.csv", "hourly.csv", "cellar.csv", "fog.csv"])
def test_a_history_gives_a_model(name, tmp_path, capsys):
    assert train(["--csv", case(name), "--out", str(tmp_path)]) == 0
    assert "unfit" not in capsys.readouterr().out
    assert list(tmp_path.glob("*.bin"))


def test_a_reading_a_day_is_refused_in_words(tmp_path, capsys):
    assert train(["--csv", case("daily.csv"), "--out", str(tmp_path)]) == 1
    assert "one reading each 86400 s" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "rows", "days"), [("cellar.csv", 7200, 5), ("fog.csv", 5760, 4)])
def test_a_still_or_saturated_sensor_alarms_no_more_than_once_a_day(name, rows, days, tmp_path):
    alarms, part = verdicts(case(name), rows, tmp_path)
    assert alarms <= days and part < 0.01


def test_an_hourly_recording_is_judged(tmp_path):
    assert verdicts(case("hourly.csv"), 1000, tmp_path)[0] <= 42


def test_the_recording_is_not_overwritten(tmp_path):
    copy = tmp_path / "history.csv"
    copy.write_bytes(Path(case("history.csv")).read_bytes())
    before = copy.read_bytes()
    command = [sys.executable, "-m", "tools.replay", "history.csv", "--train-rows", "2000", "--out"]
    done = subprocess.run(
        [*command, "history.csv"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1 and "is the recording itself" in done.stderr
    assert copy.read_bytes() == before
