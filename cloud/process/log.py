"""The backend's log: lines for people, or one JSON object a line for machines. Never a secret."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from cloud.process.printable import printable


class _Text(logging.Formatter):
    """Text from a board can neither end nor colour a line; a traceback keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = printable(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        return printable(super().formatException(ei), keep="\n")


class _Json(_Text):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "part": record.name,
            "text": printable(record.getMessage()),
        }
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def start(level: int = logging.INFO, *, as_json: bool = False) -> None:
    """One line for each thing that happened, on standard output: `12:04:07 broker  connected to …`."""
    handler = logging.StreamHandler(sys.stdout)
    text = _Text("%(asctime)s %(name)-7s %(message)s", "%H:%M:%S")
    handler.setFormatter(_Json() if as_json else text)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("pymongo", "python_http_client", "urllib3"):  # at lower levels they would log secrets
        logging.getLogger(noisy).setLevel(logging.WARNING)
