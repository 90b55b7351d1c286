"""Releases of the application as the owner signed them, kept for boards to fetch.

    _id its number · version · mpy the machine code that it is for · expires Unix s · blob the file

The cloud cannot make one, and does not know the owner's key: a board checks the signature itself. The
check here only spares a person a refusal by the board.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bson import Binary
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from cloud.store.database import Document
from device.update import release as on_board

MOST = 262_144  # bytes that a board takes


class NoRelease(Exception):
    """A file is no release, or not whole; `str()` says which and why."""


@dataclass(frozen=True)
class Release:
    """What a person may want to know of a release."""

    number: int
    version: str
    mpy: int
    expires: float

    def fits(self, mpy: object) -> bool:
        """Whether a board whose firmware says `mpy` can run it."""
        return isinstance(mpy, int) and self.mpy in (mpy, mpy & 0xFF)

    def refusal(self, state: Document, now: float) -> str:
        """Why a board that says `state` would not take it; "" when it might."""
        if self.number < (state.get("app") or 0):
            return f"it runs the newer release {state['app']}; sign the older tree again and it is the newest"
        if self.expires < now:
            return "it has expired: sign it again"
        if state.get("mpy") is None:
            return "it has not said yet what it can run; `make deploy` once, over the cable, brings it so far"
        if not self.fits(state["mpy"]):
            return f"it is built for another chip or firmware ({self.mpy}; the board says {state['mpy']})"
        return ""


def read(path: Path) -> tuple[Release, bytes]:
    """(the release in the file, the file). Raises NoRelease."""
    try:
        blob = path.read_bytes()
        facts, listed = on_board.sizes(blob[: on_board.START_SIZE])
        start = json.loads(blob[on_board.START_SIZE :][:facts])
        number, version, mpy, expires = (start[name] for name in ("number", "version", "mpy", "expires"))
        release = Release(int(number), str(version), int(mpy), float(expires))
        _check(blob, on_board.START_SIZE + facts, listed)
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise NoRelease(f"{path}: {problem}: `python -m tools release` makes one") from None
    return release, blob


def _check(blob: bytes, begin: int, listed: int) -> None:
    """Raises ValueError when the files are not those of the list."""
    at = begin + listed + on_board.RSA
    for line in blob[begin : begin + listed].splitlines()[:-1]:
        digest, size, path = line.decode().split()
        if hashlib.sha256(blob[at : at + int(size)]).hexdigest() != digest:
            raise ValueError(f"{path} in it is damaged or cut short")
        at += int(size)
    if at != len(blob) or len(blob) > MOST:
        raise ValueError(f"it has {len(blob)} bytes, its list {at}, and a board takes {MOST}")


class Releases:
    """The collection `releases`. All methods raise PyMongoError."""

    def __init__(self, database: Database[Document]) -> None:
        self._all = database["releases"]

    def publish(self, release: Release, blob: bytes) -> None:
        """Store it; safe to repeat. Raises NoRelease when another release has this number."""
        document: Document = {"_id": release.number, "version": release.version, "mpy": release.mpy}
        try:
            self._all.insert_one({**document, "expires": release.expires, "blob": Binary(blob)})
        except DuplicateKeyError:
            if self.blob(release.number) != blob:
                raise NoRelease(f"there is another release {release.number}: sign this one again") from None

    def blob(self, number: int) -> bytes | None:
        document = self._all.find_one({"_id": number}, {"blob": 1})
        return bytes(document["blob"]) if document else None

    def all(self) -> Iterator[Release]:
        """The newest first."""
        for each in self._all.find({}, {"blob": 0}).sort("_id", -1):
            yield Release(each["_id"], each["version"], each["mpy"], each["expires"])

    def newest(self, mpy: object) -> Release | None:
        """The newest one that fits a board."""
        return next((each for each in self.all() if each.fits(mpy)), None)
