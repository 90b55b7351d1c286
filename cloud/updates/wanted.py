"""What each board should have: one document a board, and a number that rises with each change.

_id "site/device" · n rises · at Unix s of the last change · want {"config": 12, "model": "8b7da160"}
asked: {"config": n of the change that asked for it last} · once_more: {"app": id that was asked for twice}
before: the model that was wanted before · settings: what `config` consists of (cloud.updates.settings)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pymongo import ReturnDocument
from pymongo.database import Database

from cloud.store.database import Board, Document, board_of, device_id

KINDS = ("config", "model", "app")  # in this order they stand in a message


class Wanted:
    """The collection `wanted`. All methods raise PyMongoError."""

    def __init__(self, database: Database[Document]) -> None:
        self._boards = database["wanted"]

    def of(self, boards: Iterable[Board]) -> dict[Board, Document]:
        """The documents of those of `boards` for which something is wanted."""
        ids = [device_id(*board) for board in boards]
        return self._documents({"_id": {"$in": ids}})

    def since(self, at: float) -> dict[Board, Document]:
        """The documents that changed from `at` (Unix s) on."""
        return self._documents({"at": {"$gte": at}})

    def _documents(self, which: Mapping[str, Any]) -> dict[Board, Document]:
        return {board_of(each["_id"]): each for each in self._boards.find(which, {"settings": 0})}

    def newest(self) -> float:
        """When the newest change was made; 0 = there was none."""
        document = self._boards.find_one({"at": {"$exists": True}}, {"at": 1}, sort=[("at", -1)])
        return float(document["at"]) if document else 0.0

    def settings(self, board: Board) -> Document:
        """The settings that the board should have, as `want_settings` took them; {} when there are none."""
        document = self._boards.find_one({"_id": device_id(*board)}, {"settings": 1}) or {}
        return dict(document.get("settings") or {})

    def next_number(self, board: Board) -> int:
        """A number for settings that are to be sealed under it: higher than all before."""
        document = self._boards.find_one_and_update(
            {"_id": device_id(*board)}, {"$inc": {"n": 1}}, upsert=True, return_document=ReturnDocument.AFTER
        )
        return _number(document)

    def want(self, board: Board, what: str, value: str | int, at: float, **more: Any) -> int:
        """Want `value` for the board from now on; return the number of this change."""
        document = self._boards.find_one_and_update(
            {"_id": device_id(*board)},
            _meant(what, {"at": at, f"want.{what}": value, **more}),
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return _number(document)

    def once_more(self, board: Board, what: str, document: Document, at: float) -> Document | None:
        """Ask for the same once more; return the new document. None: it changed, or another worker asked."""
        which = {"_id": device_id(*board), "n": document["n"]}
        twice = {"at": at, f"once_more.{what}": identity(document["want"][what])}
        return self._boards.find_one_and_update(
            which, _meant(what, twice), {"settings": 0}, return_document=ReturnDocument.AFTER
        )

    def want_settings(self, board: Board, number: int, settings: Mapping[str, Any], at: float) -> bool:
        """As `want`, for settings that were sealed under `number`; False when something changed meanwhile."""
        change = {"at": at, "want.config": number, "asked.config": number, "settings": dict(settings)}
        key = {"_id": device_id(*board), "n": number}
        return self._boards.update_one(key, {"$set": change}).matched_count == 1

    def forget(self, board: Board, what: str, at: float) -> None:
        """The board may keep what it has."""
        self._boards.update_one(
            {"_id": device_id(*board)}, {"$inc": {"n": 1}, "$set": {"at": at}, "$unset": {f"want.{what}": ""}}
        )


def _meant(what: str, values: Mapping[str, Any]) -> list[Document]:
    """The update that sets `values` and the next number, by which a board knows that it is asked anew."""
    literal = {name: {"$literal": value} for name, value in values.items()}
    number = {"$add": [{"$ifNull": ["$n", 0]}, 1]}
    return [{"$set": {"n": number, **literal}}, {"$set": {f"asked.{what}": "$n"}}]


def _number(document: Document | None) -> int:
    assert document is not None  # it was made if it was not there
    return int(document["n"])


def to_tell(document: Mapping[str, Any], state: Mapping[str, Any]) -> Document:
    """What to tell the board: {} when its `state` says that it has all of it, or that it has tried.

    In the form of the contract: `n` and what is wanted.
    """
    want = document.get("want") or {}
    due = {
        what: want[what]
        for what in KINDS
        if what in want and state.get(what) != want[what] and not outcome(document, state, what, want[what])
    }
    return {"n": document["n"], **due} if due else {}


@dataclass(frozen=True)
class Outcome:
    """What became of what a board was asked for."""

    text: str  # "" where the board has it, or had it before a person changed it at the board
    may_follow: bool = False  # it is meant once more by itself


def outcome(
    document: Mapping[str, Any], state: Mapping[str, Any], what: str, value: str | int
) -> Outcome | None:
    """What `state` says of the `what` that `document` wants with this value; None = nothing yet."""
    wanted = identity(value)
    for kind, name, text, *rest in state.get("updates") or ():
        n, again = (*rest, None, False)[:2]
        if (kind, name) == (what, wanted) and (n is None or n >= (document.get("asked") or {}).get(what, 0)):
            return Outcome(text, bool(again) and (document.get("once_more") or {}).get(what) != wanted)
    return None


def given_up(document: Mapping[str, Any], state: Mapping[str, Any]) -> list[str]:
    """What the board gave up for a passing reason and was not asked for again yet."""
    wanted = (document.get("want") or {}).items()
    became = {what: outcome(document, state, what, value) for what, value in wanted}
    return [what for what, each in became.items() if each and each.may_follow]


def identity(value: str | int) -> str:
    """The 8 hex digits by which a board asks for it."""
    return value if isinstance(value, str) else f"{value:08x}"
