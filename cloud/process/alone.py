"""One board's fault stops no other: `Alone` leaves it out, logs it once and counts it."""

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

from pymongo.errors import PyMongoError

Result = TypeVar("Result")
MOST = 10_000  # faults that it remembers having logged


class Alone:
    """Runs what may fail for one thing of many. `count`: how often something was left out, in all."""

    count = 0

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._logged: set[str] = set()

    def __call__(self, what: str, act: Callable[[], Result]) -> Result | None:
        """What `act` returns; None when it failed, which is logged once for each `what`.

        Raises PyMongoError: the database failed, not this one thing.
        """
        try:
            return act()
        except PyMongoError:
            raise
        except Exception:
            Alone.count += 1
            if len(self._logged) < MOST and what not in self._logged:
                self._logged.add(what)
                self._log.exception("%s cannot be worked on and is left out; the others go on", what)
            return None

    def of(
        self, documents: Iterable[Mapping[str, Any]], what: str, read: Callable[[Any], Result]
    ) -> dict[str, Result]:
        """What `read` makes of each document that it can read, by `_id`. `what`: before a document's name."""
        made = {
            document["_id"]: self(f"{what} {document['_id']}", partial(read, document))
            for document in documents
        }
        return {name: each for name, each in made.items() if each is not None}
