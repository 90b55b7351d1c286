"""What is known of each board's next model: one document a board, in `learning`.

_id "site/device" · at Unix s of the last try · tried ... of the last training anew · said how many answers
there were by then · state: KEPT nothing changed, REFUSED it failed its trial, READY it passed, MEANT for its
board since `meant` · why it was refused or not trained · base, model ids · result: what comparison.py found ·
raised · alert: the mail that asks · candidate: its document for `models` · shadow: how it does beside the
running one · lesson: how many answers taught the board, since when, and the mails of so many days before
"""

from collections import Counter
from typing import Any

from pymongo.database import Database

from cloud.store.database import Board, Document, device_id

KEPT, REFUSED, READY, MEANT = "kept", "refused", "ready", "meant"
HARMLESS = "false"  # the label
LIGHT = {"candidate": 0}


class Book:
    """All methods raise PyMongoError."""

    def __init__(self, database: Database[Document]) -> None:
        self._boards = database["learning"]
        self._labels = database["labels"]

    def of(self, board: Board, *, whole: bool = False) -> Document:
        """{} where nothing is known; `candidate` only when `whole`."""
        return self._boards.find_one({"_id": device_id(*board)}, None if whole else LIGHT) or {}

    def ready(self) -> list[Document]:
        """Documents of boards whose next model has passed its trial and waits to be sent."""
        return list(self._boards.find({"state": READY}, LIGHT))

    def harmless_answers(self) -> dict[Board, int]:
        """How often somebody called an episode harmless, by board."""
        count = Counter[Board]()
        for label in self._labels.find({"label": HARMLESS}, {"episodes": 1}):
            for name in label["episodes"]:
                site, _, rest = str(name).partition("/")
                count[site, rest.partition("/")[0]] += 1
        return count

    def note(self, board: Board, **known: Any) -> None:
        self._boards.update_one({"_id": device_id(*board)}, {"$set": known}, upsert=True)

    def put(self, board: Board, known: Document) -> None:
        """Store the result of one try; `model` and `meant` of an earlier one stay."""
        unset = {"shadow": "", "alert": "", **({} if "candidate" in known else {"candidate": ""})}
        self._boards.update_one({"_id": device_id(*board)}, {"$set": known, "$unset": unset}, upsert=True)
