"""What a board should have from now on: settings besides all earlier ones, or a model."""

import json

from pymongo.database import Database

from cloud.store.clock import DatabaseClock
from cloud.store.database import Board, Document
from cloud.updates import settings
from cloud.updates.wanted import Wanted, outcome

TRIES = 5  # tries, when another change comes between


def earlier(
    database: Database[Document], board: Board, key: bytes, state: Document
) -> tuple[settings.Values, bytes | None]:
    """(earlier changes from here, those of them that the board is known to have used).

    A change that the board took back is left out: a wrong password must not come again with each change.
    """
    last = Wanted(database).settings(board)
    good = bytes(last["good"]) if last.get("good") else None
    if not last:
        return {}, None
    if state.get("config") == last["number"]:
        good = bytes(last["sealed"])
    became = outcome({}, state, "config", last["number"])
    at_fault = became and became.text and not became.may_follow
    sealed = good if at_fault else bytes(last["sealed"])
    return settings.unseal(key, sealed) if sealed else {}, good


def want_settings(
    database: Database[Document], board: Board, key: bytes, state: Document, asked: settings.Values
) -> int:
    """Want this change, with all earlier ones, for the board; return the number of its settings."""
    wanted = Wanted(database)
    for _ in range(TRIES):
        number = wanted.next_number(board)
        before, good = earlier(database, board, key, state)
        whole = settings.joined(before, asked)
        kept = {
            "number": number,
            "sealed": settings.seal(key, number, whole),
            "good": good,
            "shown": json.dumps(settings.masked(whole)),
        }
        if wanted.want_settings(board, number, kept, now(database)):
            return number
    raise RuntimeError("somebody else changes this board's settings all the time")


def want_model(database: Database[Document], board: Board, chosen: str, runs: str | None) -> int:
    """Want this model for the board; it can come back to the model that it `runs` now."""
    more = {"before": runs} if runs else {}
    return Wanted(database).want(board, "model", chosen, now(database), **more)


def now(database: Database[Document]) -> float:
    """Unix s by the database's clock."""
    clock = DatabaseClock(database)
    clock.look()
    return clock()
