"""A model into the database: `python -m tools.local.first_model SITE DEVICE HISTORY.npz [--keep]`.

`--keep` stores the last day of it too, a reading every ten seconds, and all of its last hour: the page then
shows what was learned, and a next model has something to be tried on.
Nobody judged these readings, so they have the flag `warming up`; their dates end now.

A process of its own for each board, so that the boards of a demo are trained side by side.
"""

import os
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cloud import settings
from cloud.contract.keys import device_key
from cloud.contract.messages import Reading, Verdict
from cloud.store.database import connect, prepare
from cloud.store.entries import JudgedReading
from cloud.store.writer import Store
from cloud.training.fit import train
from cloud.training.history import DAY, HOUR, HistoryError
from cloud.training.train_command import keep
from device import codes

STEP = 10.0  # s between two readings that are stored
AT_ONCE = 2000


def main(argv: Sequence[str]) -> int:
    site, device, history, *option = argv
    master = bytes.fromhex(os.environ["VIGIE_KEY"])
    known = settings.read(settings.database, os.environ)
    columns = np.load(Path(history))
    try:
        trained = train(
            site,
            device,
            device_key(master, site, device),
            columns["ts"],
            columns["t"],
            columns["h"],
            progress=lambda text: print(text, flush=True),
        )
    except HistoryError as problem:
        print(problem)
        return 1
    database = connect(known.uri, known.name)
    keep(database["models"], trained, master)
    if option == ["--keep"]:
        prepare(database)
        write(Store(database), site, device, columns)
    return 0


def write(store: Store, site: str, device: str, columns: Mapping[str, npt.NDArray[np.float64]]) -> None:
    """The last day of `columns` (ts, t, h) as readings up to now, of a stream of their own."""
    ts = columns["ts"] - columns["ts"][-1] + int(time.time())
    thin = np.flatnonzero((np.diff(ts // STEP, prepend=-1) > 0) | (ts > ts[-1] - HOUR))
    thin = thin[(ts[thin] > ts[-1] - DAY) & ~np.isnan(columns["t"][thin])]
    stream = secrets.token_hex(4)
    entries = []
    for seq, row in enumerate(thin.tolist()):
        values = (round(100 * columns["t"][row]), round(100 * columns["h"][row]), *[0] * 6)
        reading = Reading(
            seq, 1, int(ts[row]), int(ts[row] - ts[thin[0]]), values, codes.WARMING_UP, None, None, None
        )
        entries.append(JudgedReading(site, device, stream, reading, Verdict(codes.WARMING_UP, None)))
    for first in range(0, len(entries), AT_ONCE):
        store.write(entries[first : first + AT_ONCE])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
