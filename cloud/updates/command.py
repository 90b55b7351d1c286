"""`python -m cloud config` and `python -m cloud model`: what one board should have from now on."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pymongo.database import Database

from cloud.contract import keys
from cloud.process.printable import printable
from cloud.read.reader import Reader
from cloud.store.clock import DatabaseClock
from cloud.store.database import Document, device_id
from cloud.updates import settings
from cloud.updates.wanted import Board, Wanted, identity

TRIES = 5  # that a change is made anew because another one came between
TIMES = "%Y-%m-%d %H:%M"


def add_options(commands: Any, run: Callable[[argparse.Namespace, Any], int]) -> None:
    """`run(options, act)` opens the database and calls act(options, database, master key)."""
    change = commands.add_parser("config", help="a board's settings: show them, or change them over the air")
    change.add_argument("device", help="C001 or site/C001")
    change.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="changes",
        help="t_max=8, period_ms=20000, wifi.ssid=…, a name alone for a password: it is asked for",
    )  # fmt: skip
    change.add_argument("--yes", action="store_true", help="do not ask")
    change.set_defaults(command=lambda options: run(options, config))
    models = commands.add_parser("model", help="a board's models: show them, or give it one over the air")
    models.add_argument("device", help="C001 or site/C001")
    models.add_argument("model", nargs="?", help="8 hex digits; `newest` for the newest one")
    models.add_argument("--back", action="store_true", help="the one that it judged with before")
    models.set_defaults(command=lambda options: run(options, model))


def config(options: argparse.Namespace, database: Database[Document], master: bytes) -> int:
    """Raises PyMongoError, UnknownBoard."""
    board = Reader(database).board(options.device)
    state = _state(database, board)
    told = _settings_text(state)
    if not options.changes:
        return _show(database, board, state, told)
    if told is None:
        print(f"{_name(board)} has not told its settings yet: they come with its next state", file=sys.stderr)
        return 1
    key = keys.device_key(master, *board)
    told = settings.made(told, earlier(database, board, key, state)[0])
    try:
        asked = settings.change([_with_secret(text) for text in options.changes])
        after = settings.check(*board, told, asked)
    except settings.Wrong as wrong:
        print(f"nothing was changed:\n{wrong}", file=sys.stderr)
        return 2
    lines = list(settings.differences(told, after, asked))
    if not lines:
        print(f"{_name(board)} has these settings already")
        return 0
    print("\n".join(lines))
    if not options.yes and not _agreed(f"Send this to {_name(board)}?"):
        print("nothing was changed", file=sys.stderr)
        return 1
    number = want_settings(database, board, key, state, asked)
    print(
        f"settings {number} are meant for {_name(board)}, which {_soon(state)}; it keeps them once "
        "a reading was acknowledged with them, else the old ones come back: "
        f"python -m cloud config {board[1]}"
    )
    return 0


def earlier(
    database: Database[Document], board: Board, key: bytes, state: Document
) -> tuple[settings.Values, bytes | None]:
    """(what was changed from here before, what of it the board is known to have used).

    A change that the board took back is none any more: a wrong password must not come again with each change.
    """
    last = Wanted(database).settings(board)
    good = bytes(last["good"]) if last.get("good") else None
    if not last:
        return {}, None
    if state.get("config") == last["number"]:
        good = bytes(last["sealed"])
    told = {name: text for what, name, text in state.get("updates") or () if what == "config"}
    sealed = good if told.get(identity(last["number"])) else bytes(last["sealed"])
    return settings.unseal(key, sealed) if sealed else {}, good


def want_settings(
    database: Database[Document], board: Board, key: bytes, state: Document, asked: settings.Values
) -> int:
    """Let the board have this change besides all earlier ones; the number of its settings."""
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


def model(options: argparse.Namespace, database: Database[Document], master: bytes) -> int:
    """Raises PyMongoError, UnknownBoard."""
    board = Reader(database).board(options.device)
    state = _state(database, board)
    known = list(
        database["models"].find({"site": board[0], "device": board[1]}, {"created": 1}).sort("created", -1)
    )
    runs = state.get("model")
    if not options.model and not options.back:
        for each in known:
            created = datetime.fromtimestamp(each["created"], UTC).strftime(TIMES)
            print(f"{each['_id']}  trained {created}{'  judges now' if each['_id'] == runs else ''}")
        print(_standing(database, board, state, "model") or f"nothing is meant for {_name(board)}")
        return 0
    chosen = _before(database, board, runs) if options.back else options.model
    if chosen == "newest":
        chosen = known[0]["_id"] if known else None
    if chosen is None or chosen not in {each["_id"] for each in known}:
        which = "no earlier model of" if options.back else f"no model {chosen} for"
        print(
            f"there is {which} {_name(board)}: python -m cloud model {board[1]} lists them", file=sys.stderr
        )
        return 1
    if chosen == runs:
        print(f"{_name(board)} judges with {chosen} already")
        return 0
    want_model(database, board, chosen, runs)
    print(f"model {chosen} is meant for {_name(board)}, which {_soon(state)}")
    return 0


def want_model(database: Database[Document], board: Board, chosen: str, runs: str | None) -> int:
    """Let the board have this model; what it `runs` now is the one to come back to."""
    more = {"before": runs} if runs else {}
    return Wanted(database).want(board, "model", chosen, now(database), **more)


def now(database: Database[Document]) -> float:
    """Unix s, as the database has them."""
    clock = DatabaseClock(database)
    clock.look()
    return clock()


def _before(database: Database[Document], board: Board, runs: str | None) -> str | None:
    """What it judged with before: as the cloud wanted it, else the newest but the running one."""
    kept = (database["wanted"].find_one({"_id": device_id(*board)}) or {}).get("before")
    if kept and kept != runs:
        return str(kept)
    which = {"site": board[0], "device": board[1], "_id": {"$ne": runs}}
    found = database["models"].find_one(which, {"_id": 1}, sort=[("created", -1)])
    return found["_id"] if found else None


def _state(database: Database[Document], board: Board) -> Document:
    found = database["latest"].find_one({"_id": device_id(*board)}, {"state": 1}) or {}
    return dict(found.get("state") or {})


def _settings_text(state: Document) -> settings.Values | None:
    try:
        told = json.loads(state.get("settings") or "")
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _show(database: Database[Document], board: Board, state: Document, told: settings.Values | None) -> int:
    number = state.get("config")
    origin = f"number {number}, from the cloud" if number else "from its cable"
    if told is None:
        print(f"{_name(board)} has not told its settings yet")
    else:
        print(f"{_name(board)}, {origin}:\n{json.dumps(told, indent=2, ensure_ascii=False)}")
    if standing := _standing(database, board, state, "config"):
        print(standing)
    return 0


def _standing(database: Database[Document], board: Board, state: Document, what: str) -> str | None:
    """What became of what is wanted; None where nothing is."""
    document = Wanted(database).of([board]).get(board)
    wanted = (document or {}).get("want", {}).get(what)
    if wanted is None or document is None:
        return None
    kind = "settings" if what == "config" else what
    since = datetime.fromtimestamp(document["at"], UTC).strftime(TIMES)
    if state.get(what) == wanted:
        return f"{kind} {wanted}: in use"
    for each, name, text in state.get("updates") or ():
        if each == what and name == identity(wanted):
            return printable(f"{kind} {wanted}: not in use: {text or 'it was changed at the board since'}")
    return f"{kind} {wanted}: under way since {since}"


def _with_secret(text: str) -> str:
    """A password is asked for, so that it stands in no shell's history."""
    name = text.partition("=")[0]
    if tuple(name.split(".")) not in settings.SECRET or text.endswith("=none"):
        return text
    if "=" in text:
        raise settings.Wrong(f"{name}: write --set {name} alone; it is asked for, and is in no history then")
    said = getpass.getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    return f"{name}={said}"


def _agreed(question: str) -> bool:
    print(f"{question} [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _soon(state: Document) -> str:
    if state.get("state") == "online":
        return "hears of it within seconds"
    if state.get("next"):
        at = datetime.fromtimestamp(state["next"], UTC).strftime("%H:%M UTC")
        return f"hears of it when it wakes, at {at}"
    return "hears of it when it is online again"


def _name(board: Board) -> str:
    return "/".join(board)
