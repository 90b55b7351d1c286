"""Train one board's model into the database: `python -m tools.first_model SITE DEVICE HISTORY.npz`.

A process of its own for each board, so that the boards of a demo are trained side by side.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cloud import settings
from cloud.database import connect
from cloud.keys import device_key
from cloud.training.command import keep
from cloud.training.fit import train
from cloud.training.history import HistoryError


def main(argv: Sequence[str]) -> int:
    site, device, history = argv
    master = bytes.fromhex(os.environ["VIGIE_KEY"])
    known = settings.load_database(os.environ)
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
    keep(connect(known.uri, known.name)["models"], trained, master)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
