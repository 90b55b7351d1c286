"""The demo's page is not empty at first: it begins with the day that its models learned from."""

import numpy as np

from cloud.read.reader import Reader
from cloud.store.database import prepare
from cloud.store.writer import Store
from tools.local.first_model import write


def test_the_day_before_is_stored_ends_now_and_is_nobodys_verdict(database, now):
    prepare(database)
    old = 1_500_000_000 + 0.5 * np.arange(2 * 172_800)  # two days of a recording of long ago
    t = 21 + np.sin(old / 9000)
    t[-7] = np.nan
    write(Store(database), "demo", "C001", {"ts": old, "t": t, "h": 40 + 0 * old})
    readings = Reader(database).readings("demo", "C001")
    hour, before = (readings.ts > readings.ts[-1] - 3600).sum(), (readings.ts <= readings.ts[-1] - 3600).sum()
    assert 8200 < before <= 8300 and 7190 < hour <= 7200 and abs(readings.ts[-1] - now) < 30
    assert readings.ts[-1] - readings.ts[0] > 86_000 and np.diff(readings.ts).max() <= 20
    assert not readings.edge_abnormal.any() and not readings.cloud_abnormal.any()
    (latest,) = Reader(database).latest()
    assert latest.period < 2 and not latest.abnormal
    assert database["events"].count_documents({"kind": {"$ne": "normal"}}) == 0
