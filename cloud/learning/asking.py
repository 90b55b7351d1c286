"""The mail that asks whether a board may have its next model (AUTO_MODEL=ask)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from cloud.alerts.courier import pending
from cloud.alerts.facts import Facts
from cloud.alerts.letters import subject
from cloud.alerts.policy import Letter, NextModel
from cloud.store.database import Board, Document
from cloud.words import Words, plain


class Asking:
    """Called with a board and what is known of its next model, it makes the alert; its id."""

    def __init__(
        self,
        database: Database[Document],
        to: Sequence[str],
        words: Words,
        bell: threading.Event,
        clock: Callable[[], float],
    ) -> None:
        self._alerts = database["alerts"]
        self._to, self._words, self._bell, self._clock = to, words, bell, clock

    def __call__(self, board: Board, known: Document) -> str:
        result = known["result"]
        asked = NextModel(
            *board,
            model=known["model"],
            first=known["base"] is None,
            days=result["days"],
            mails_before=result["mails_before"],
            mails=result["mails"],
            raised=tuple(known["raised"]),
        )
        letter = Letter("model", "warning", (), next=asked)
        name = f"{'-'.join(board)}-{known['model']}"
        now = self._clock()
        line = plain(subject(letter, [], self._words, now, Facts()))
        try:
            self._alerts.insert_one(pending(name, letter, self._to, line, now))
        except DuplicateKeyError:
            pass  # it was asked before
        self._bell.set()
        return name
