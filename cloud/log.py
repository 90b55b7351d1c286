"""Lines for people: time, who speaks, what happened."""

from __future__ import annotations

import logging
import sys


def start(level: int = logging.INFO) -> None:
    """One line for each thing that happened, on standard output: `12:04:07 broker  connected to …`."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)-7s %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("pymongo", "python_http_client", "urllib3"):  # at lower levels they would tell secrets
        logging.getLogger(noisy).setLevel(logging.WARNING)
