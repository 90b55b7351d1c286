"""What the packed table may cost in heap, measured as the bench does, at a size that plain m2cgen survives.

How fast it is, `make bench-edge` judges, which fails below FASTER: on a busy machine a test cannot time.
"""

import numpy as np
from sklearn.ensemble import IsolationForest

from tools import bench_edge


def test_the_packed_table_is_small_exact_and_allocates_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(bench_edge, "TURNS", 1)
    x = bench_edge.room()
    history, after = x[: bench_edge.TRAINED], x[bench_edge.TRAINED :]
    forest = IsolationForest(n_estimators=32, max_samples=128, random_state=0).fit(history.astype(np.float32))
    made, packed = bench_edge.forms(forest, "32x128", tmp_path, bench_edge.package(tmp_path))
    readings = tmp_path / "readings.bin"
    readings.write_bytes(after.astype("<i2").tobytes())
    measured, failures = bench_edge.measure(made, readings, tmp_path)
    assert not failures
    plain, readable, table = (
        measured[name] for name in (bench_edge.PLAIN, bench_edge.READABLE, bench_edge.PACKED)
    )
    assert plain.heap / table.heap >= 7
    assert table.alloc == 0
    assert table.total == readable.total
    assert abs(table.total / 1024 - plain.total) <= len(after) * 32 / 2 / 1024
    assert bench_edge.loop(history, packed, tmp_path)["alloc"] == 0
