"""`python -m cloud train`: whose history it takes."""

import time

import pytest

from cloud.read.reader import Reader
from cloud.recording import RecordingRefused
from cloud.store.writer import Store
from cloud.training.train_command import _options, _recorded, _stored
from tests.cloud.conftest import entry


def test_what_somebody_called_real_is_not_learned_as_normal(database, capsys):
    """The episode's first and last abnormal readings go too; what was called false, or was silence, stays."""
    store = Store(database)
    began = int(time.time()) - 3600
    store.write([entry(seq, ts=began + 10 * seq) for seq in range(60)])
    marked = (("a", 10, 14, "real"), ("b", 30, 33, "false"), ("c", 40, 41, None), ("silence", 50, 55, "real"))
    for name, first, last, label in marked:
        database["episodes"].insert_one({
            "_id": name, "d": "demo/C001", "site": "demo", "device": "C001", "severity": "severe",
            "kind": "silence" if name == "silence" else "anomaly", "abnormal": 3, "agreed": 3,
            "opened": began + 10 * first, "last": began + 10 * last, "closed": began + 10 * last,
            "edge_flags": 1, "cloud_flags": 1, "late": False, "why": None,
            "t_min": 2100, "t_max": 2900, "h_min": 4500, "h_max": 4500,
        })  # fmt: skip
        if label:
            database["labels"].insert_one(
                {"_id": name, "episodes": [name], "at": began, "by": "x", "label": label}
            )
    ts, t, h = _stored(Reader(database), "demo", "C001", 1.0)
    assert [(each - began) / 10 for each in ts] == [*range(10), *range(15, 60)]
    assert len(ts) == len(t) == len(h)
    assert capsys.readouterr().out == "5 readings of 1 episodes marked as real are left out\n"


def test_of_an_export_of_all_boards_one_is_chosen_and_undated_readings_are_counted(tmp_path, capsys):
    path = tmp_path / "export.csv"
    rows = "".join(
        f"demo,{device},{'' if device == 'C001' and n == 7 else 1760000000 + 60 * n},{t},40\n"
        for n in range(20)
        for device, t in (("C001", 21), ("C002", 4))
    )
    path.write_text("site,device,ts,t,h\n" + rows)
    for chosen, cure in (([], "--device demo/C001"), (["--device", "C009"], "--csv-device demo/C001")):
        with pytest.raises(RecordingRefused, match="has demo/C001, demo/C002.*choose one with " + cure):
            _recorded(_options(["--csv", str(path), *chosen]))
    for chosen, count, t in (
        (["--device", "C001"], 19, 21),
        (["--device", "demo/C002"], 20, 4),
        (["--device", "home/C009", "--csv-device", "C002"], 20, 4),
    ):
        ts, values, _ = _recorded(_options(["--csv", str(path), *chosen]))
        assert (len(ts), set(values)) == (count, {t})
    assert "1 rows without a time are left out (first: line 16)" in capsys.readouterr().out
