"""What commands about updates have in common: who a board is, and whether it has what it should have."""

import getpass
import json
import sys
from datetime import UTC, datetime

from pymongo.database import Database

from cloud.process.printable import printable
from cloud.store.database import Board, Document, device_id
from cloud.updates import settings
from cloud.updates.wanted import Wanted, outcome

AGAIN = "the same command asks the board to try again"
TIMES = "%Y-%m-%d %H:%M"


def state_of(database: Database[Document], board: Board) -> Document:
    document = database["latest"].find_one({"_id": device_id(*board)}, {"state": 1}) or {}
    return dict(document.get("state") or {})


def settings_text(state: Document) -> settings.Values | None:
    try:
        values = json.loads(state.get("settings") or "")
    except ValueError:
        return None
    return values if isinstance(values, dict) else None


def standing(database: Database[Document], board: Board, state: Document, what: str) -> str | None:
    """What became of what is wanted; None where nothing is."""
    document = Wanted(database).of([board]).get(board)
    wanted = (document or {}).get("want", {}).get(what)
    if wanted is None or document is None:
        return None
    kind = {"config": "settings", "app": "release"}.get(what, what)
    since = datetime.fromtimestamp(document["at"], UTC).strftime(TIMES)
    if state.get(what) == wanted:
        return f"{kind} {wanted}: in use"
    became = outcome(document, state, what, wanted)
    if became is None:
        return f"{kind} {wanted}: under way since {since}"
    next_step = "the board is asked once more within the hour" if became.may_follow else AGAIN
    return printable(
        f"{kind} {wanted}: not in use: {became.text or 'it was changed at the board since'}; {next_step}"
    )


def with_secret(text: str) -> str:
    """A password is asked for, so that it stands in no shell's history."""
    name = text.partition("=")[0]
    if tuple(name.split(".")) not in settings.SECRET or text.endswith("=none"):
        return text
    if "=" in text:
        raise settings.Wrong(f"{name}: write --set {name} alone; it is asked for, and is in no history then")
    typed = getpass.getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    return f"{name}={typed}"


def agreed(question: str) -> bool:
    print(f"{question} [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def soon(state: Document) -> str:
    if state.get("state") == "online":
        return "hears of it within seconds"
    if state.get("next"):
        at = datetime.fromtimestamp(state["next"], UTC).strftime("%H:%M UTC")
        return f"hears of it when it wakes, at {at}"
    return "hears of it when it is online again"
