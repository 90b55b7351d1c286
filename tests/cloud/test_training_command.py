"""`python -m cloud train`: whose history it takes."""

import time

from cloud.reader import Reader
from cloud.store import Store
from cloud.training.command import _stored
from tests.cloud.conftest import entry


def test_what_somebody_called_real_is_not_learned_as_normal(database, capsys):
    """The episode's first and last abnormal readings go too; what was called false, or was silence, stays."""
    store = Store(database)
    began = int(time.time()) - 3600
    store.write([entry(seq, ts=began + 10 * seq) for seq in range(60)])
    marked = (("a", 10, 14, "real"), ("b", 30, 33, "false"), ("c", 40, 41, None), ("silence", 50, 55, "real"))
    for name, first, last, said in marked:
        database["episodes"].insert_one({
            "_id": name, "d": "demo/C001", "site": "demo", "device": "C001", "severity": "severe",
            "kind": "silence" if name == "silence" else "anomaly", "abnormal": 3, "agreed": 3,
            "opened": began + 10 * first, "last": began + 10 * last, "closed": began + 10 * last,
            "edge_flags": 1, "cloud_flags": 1, "late": False, "why": None,
            "t_min": 2100, "t_max": 2900, "h_min": 4500, "h_max": 4500,
        })  # fmt: skip
        if said:
            database["labels"].insert_one(
                {"_id": name, "episodes": [name], "at": began, "by": "x", "label": said}
            )
    ts, t, h = _stored(Reader(database), "demo", "C001", 1.0)
    assert [(each - began) / 10 for each in ts] == [*range(10), *range(15, 60)]
    assert len(ts) == len(t) == len(h)
    assert capsys.readouterr().out == "5 readings of 1 episodes marked as real are left out\n"
