"""What the packed table may cost in heap, measured as the bench does, at a size that plain m2cgen survives.

How fast it is, `make bench-edge` judges, which fails below FASTER: on a busy machine a test cannot time.
"""

import numpy as np
from sklearn.ensemble import IsolationForest

from tools.bench import edge


def test_the_packed_table_is_small_exact_and_allocates_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(edge, "TURNS", 1)
    x = edge.history()
    history, after = x[: edge.TRAINED], x[edge.TRAINED :]
    forest = IsolationForest(n_estimators=32, max_samples=128, random_state=0).fit(history.astype(np.float32))
    made, packed = edge.forms(forest, "32x128", tmp_path, edge.package(tmp_path))
    readings = tmp_path / "readings.bin"
    readings.write_bytes(after.astype("<i2").tobytes())
    measured, failures = edge.measure(made, readings, tmp_path)
    assert not failures
    plain, readable, table = (measured[name] for name in (edge.PLAIN, edge.READABLE, edge.PACKED))
    assert plain.heap / table.heap >= 7
    assert table.alloc == 0
    assert table.total == readable.total
    assert abs(table.total / 1024 - plain.total) <= len(after) * 32 / 2 / 1024
    assert edge.loop(history, packed, tmp_path)["alloc"] == 0
