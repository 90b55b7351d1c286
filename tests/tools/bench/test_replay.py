"""The replay: one row out for each row in, by the board's own code on either interpreter."""

import csv
from pathlib import Path

import numpy as np
import pytest

from cloud.training.thresholds.faults import KINDS, inject
from tests.cloud.training.test_training_fit import room
from tools import replay

TRAIN = 5000


@pytest.fixture(scope="module")
def trace(tmp_path_factory) -> Path:
    """Two days and a half with a fault, failed reads and fractional times."""
    ts, t, h = room(2.5)
    t[6000:6010] = 70.0
    path = tmp_path_factory.mktemp("replay") / "trace.csv"
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["label", "ts", "t", "h"])
        for i in range(len(ts)):
            out.writerow(["0", f"{ts[i] + 0.25:.2f}", f"{t[i]:.2f}", f"{h[i]:.2f}"])
        for i, (bad_t, bad_h) in enumerate(
            [("", "40"), ("21", "x"), ("400", "40"), ("nan", "40"), ("21", "inf")]
        ):
            out.writerow(["1", f"{ts[-1] + 30 * (i + 1):.2f}", bad_t, bad_h])
    return path


def run(trace: Path, out: Path, *more: str) -> list[dict[str, str]]:
    assert replay.main([str(trace), "--train-rows", str(TRAIN), "--out", str(out), *more]) == 0
    with out.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def rows(trace: Path, tmp_path_factory) -> list[dict[str, str]]:
    """What CPython says about it."""
    return run(trace, tmp_path_factory.mktemp("rows") / "out.csv")


def test_each_row_after_the_training_has_one_row_in_order(trace: Path, rows) -> None:
    with trace.open(newline="") as file:
        given = list(csv.DictReader(file))[TRAIN:]
    assert [(r["ts"], r["t"], r["h"]) for r in rows] == [(r["ts"], r["t"], r["h"]) for r in given]
    assert list(rows[0])[:5] == ["ts", "t", "h", "abnormal", "flags"]
    assert {row["abnormal"] for row in rows} == {"0", "1"}


def test_a_reading_that_failed_is_abnormal_and_touches_no_window(rows) -> None:
    for row in rows[-5:]:
        assert (row["abnormal"], row["flags"], row["range"]) == ("1", "256", "0")


def test_a_fault_is_found_and_quiet_hours_are_quiet(rows) -> None:
    abnormal = [row["abnormal"] == "1" for row in rows]
    assert all(abnormal[6000 - TRAIN : 6010 - TRAIN])
    assert sum(abnormal[: 6000 - TRAIN]) <= 10


def test_both_interpreters_say_the_same(trace: Path, rows, tmp_path: Path) -> None:
    assert run(trace, tmp_path / "board.csv", "--interpreter", "micropython") == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ts,x\n1760000000,2\n", "no column 't'"),
        ("", "is empty"),
        ("ts,t,h\n1760000000,20,40\nsoon,20,40\n", ":3: ts 'soon' is not a number"),
        ("ts,t,h\n1760000000,20,40\n", "has 1 rows"),
    ],
)
def test_what_cannot_be_read_stops_with_its_place(text: str, message: str, tmp_path: Path, capsys) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(text)
    assert replay.main([str(path), "--train-rows", "5", "--out", str(tmp_path / "out.csv")]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["itself", "a link", "a second name"])
def test_the_recording_is_never_overwritten(kind: str, tmp_path: Path, capsys) -> None:
    path, out = tmp_path / "trace.csv", tmp_path / "out.csv"
    path.write_text("ts,t,h\n1760000000,20,40\n")
    if kind == "itself":
        out = tmp_path / "." / "trace.csv"
    elif kind == "a link":
        out.symlink_to(path)
    else:
        out.hardlink_to(path)
    assert replay.main([str(path), "--train-rows", "1", "--out", str(out)]) == 1
    assert "is the recording itself" in capsys.readouterr().err
    assert path.read_text() == "ts,t,h\n1760000000,20,40\n"


def test_a_recording_of_another_shape_gives_the_same_verdicts(
    trace: Path, rows, tmp_path: Path, capsys
) -> None:
    """Newest first, semicolons, decimal commas, °F, UTF-16: what is assumed is printed."""
    with trace.open(newline="") as file:
        given = list(csv.DictReader(file))[:-5]
    other = tmp_path / "other.csv"
    with other.open("w", newline="", encoding="utf-16") as file:
        out = csv.writer(file, delimiter=";")
        out.writerow(["Zeit", "Temperatur (°F)", "Luftfeuchte"])
        for row in reversed(given):
            when = np.datetime64(int(float(row["ts"]) * 1000), "ms")
            t = f"{float(row['t']) * 1.8 + 32:.3f}"
            out.writerow([f"{when}+00:00", t.replace(".", ","), row["h"].replace(".", ",")])
    same = run(other, tmp_path / "out.csv", "--unit", "F")
    printed = capsys.readouterr().out
    for word in ("UTF-16", "t is 'Temperatur (°F)'", "decimal commas", "from °F", "sorted"):
        assert word in printed, word
    assert [row["flags"] for row in same] == [row["flags"] for row in rows[: len(same)]]


def test_injected_faults_come_in_every_kind_and_leave_the_rest_alone() -> None:
    _, t, h = room(6)
    injected = inject(t, h, 3000, seed=1)
    assert {fault.kind for fault in injected.faults} == set(KINDS)
    assert np.array_equal(injected.t[injected.normal], t[injected.normal])
    assert np.array_equal(injected.h[injected.normal], h[injected.normal])
    assert not injected.normal[:3000].any()
    again = inject(t, h, 3000, seed=1)
    assert np.array_equal(injected.t, again.t)
    for fault in injected.faults:
        rows = slice(fault.start, fault.stop)
        if fault.kind != "stuck":
            assert not (
                np.array_equal(injected.t[rows], t[rows]) and np.array_equal(injected.h[rows], h[rows])
            )


def test_siblings_say_when_the_board_has_left_them_in_columns_at_the_end(trace: Path, tmp_path: Path) -> None:
    ts, t, h = room(2.5)
    random = np.random.default_rng(1)
    drift = np.clip((np.arange(len(ts)) - 6300) / 240, 0, 1)
    names = {"own": 1.5 * drift, "b": 0, "c": 0}
    for name, more in names.items():
        rows = zip(ts, t + more + random.normal(0, 0.02, len(ts)), h, strict=True)
        lines = "".join(f"{a:.0f},{b:.2f},{c:.2f}\n" for a, b, c in rows)
        (tmp_path / f"{name}.csv").write_text(f"ts,t,h\n{lines}")
    others = [str(tmp_path / "b.csv"), str(tmp_path / "c.csv")]
    rows = run(tmp_path / "own.csv", tmp_path / "out.csv", "--siblings", *others)
    assert list(rows[0])[-2:] == ["siblings", "parted"]
    left = [row["siblings"] == "1" for row in rows]
    assert any(left[6300 - TRAIN : 6600 - TRAIN]) and not any(left[: 6300 - TRAIN])
    assert all((int(row["parted"]) > 100) >= (row["siblings"] == "1") for row in rows)


def test_one_sibling_is_refused_with_the_reason(trace: Path, tmp_path: Path, capsys) -> None:
    asked = [
        str(trace),
        "--train-rows",
        str(TRAIN),
        "--out",
        str(tmp_path / "o.csv"),
        "--siblings",
        str(trace),
    ]
    assert replay.main(asked) == 1
    assert "2 siblings that measured at the same time are needed" in capsys.readouterr().err
