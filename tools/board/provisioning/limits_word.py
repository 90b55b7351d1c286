"""What `make provision` says of limits that somebody sets: how often they would have alarmed last week."""

import time
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict
from typing import Any

from pymongo.errors import PyMongoError

from cloud import settings
from cloud.process.failure import brief
from cloud.read.reader import Reader
from cloud.settings import SettingsError
from cloud.store import database
from cloud.training import report
from cloud.training.history import DAY, HistoryError, history
from cloud.training.thresholds import own_limits
from device.config import config as schema
from tools.board.cable import screen

DAYS = 7
ANSWERS = 4.0  # s that the database is given
ELSEWHERE = "the dashboard's page of models and python -m cloud train say how often they would have alarmed"


def tell(config: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    """A line about the limits in a config.json, if it has any. It never keeps a board from its settings."""
    limits = schema.check(deepcopy(config))["limits"]
    if not limits:
        return
    site, device = config["site"], config["device"]
    try:
        known = settings.read(settings.database, environment)
        with screen.waiting(f"comparing the limits with the last {DAYS} days of {site}/{device} …"):
            stored = Reader(database.connect(known.uri, known.name, timeout=ANSWERS)).readings(
                site, device, start=time.time() - DAYS * DAY
            )
            past = history(stored.ts, stored.t, stored.h)
    except SettingsError:
        screen.tick("limits", f"this computer knows no database: {ELSEWHERE}", "plain")
    except PyMongoError as problem:
        screen.tick("limits", f"the database does not answer ({brief(problem)}): {ELSEWHERE}", "plain")
    except HistoryError:
        screen.tick("limits", f"too few readings are stored yet: later {ELSEWHERE}", "plain")
    else:
        advice = own_limits.advise(past, limits)
        text = report.own_limits(asdict(advice))
        spoke = advice.alarms or (advice.severe and advice.severe.alarms)
        screen.tick("limits", f"they {text} (its last {past.days:.1f} days)", "warn" if spoke else "good")
