"""`python -m cloud config`, `model`, `app`, `rollout`: what boards should have from now on."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymongo.database import Database

from cloud.contract import keys
from cloud.read.reader import Reader
from cloud.store.database import Board, Document, device_id, name_of
from cloud.updates import change, settings
from cloud.updates.releases import NoRelease, Releases, read
from cloud.updates.rollout_command import rollout
from cloud.updates.standing import TIMES, agreed, settings_text, soon, standing, state_of, with_secret
from cloud.updates.wanted import Wanted


def add_options(commands: Any, run: Callable[[argparse.Namespace, Any], int]) -> None:
    """`run(options, act)` opens the database and calls act(options, database, master key)."""
    config_ = commands.add_parser("config", help="show a board's settings, or change them over the air")
    config_.add_argument("device", help="C001 or site/C001")
    config_.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="changes",
        help="t_max=8, period_ms=20000, wifi.ssid=…, a name alone for a password: it is asked for",
    )  # fmt: skip
    config_.add_argument("--yes", action="store_true", help="do not ask")
    config_.set_defaults(command=lambda options: run(options, config))
    models = commands.add_parser("model", help="list a board's models, or give it one over the air")
    models.add_argument("device", help="C001 or site/C001")
    models.add_argument("model", nargs="?", help="8 hex digits; `newest` for the newest one")
    models.add_argument("--back", action="store_true", help="the one that it judged with before")
    models.set_defaults(command=lambda options: run(options, model))
    apps = commands.add_parser("app", help="show a board's application, or give it a release")
    apps.add_argument("device", help="C001 or site/C001")
    apps.add_argument("file", nargs="?", help="of `python -m tools release`, for the board's chip")
    apps.set_defaults(command=lambda options: run(options, app))
    many = commands.add_parser("rollout", help="give many boards models, settings or a release, a few first")
    many.add_argument("do", choices=("start", "show", "halt", "back"), metavar="start|show|halt|back")
    many.add_argument("what", nargs="?", choices=("model", "config", "app"), metavar="model|config|app")
    many.add_argument("file", nargs="*", help="of `python -m tools release`, one for each kind of chip")
    many.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes")
    many.add_argument("--board", action="append", default=[], help="C001 or site/C001 (default: all)")
    many.add_argument("--pause", type=float, default=30.0, help="minutes of good behaviour between waves")
    many.add_argument("--yes", action="store_true", help="do not ask")
    many.set_defaults(command=lambda options: run(options, rollout))


def config(options: argparse.Namespace, database: Database[Document], master: bytes) -> int:
    """Raises PyMongoError, UnknownBoard."""
    board = Reader(database).board(options.device)
    state = state_of(database, board)
    current = settings_text(state)
    if not options.changes:
        return _show(database, board, state, current)
    if current is None:
        text = f"{name_of(board)} has not told its settings yet: they come with its next state"
        print(text, file=sys.stderr)
        return 1
    key = keys.device_key(master, *board)
    current = settings.made(current, change.earlier(database, board, key, state)[0])
    try:
        asked = settings.change([with_secret(text) for text in options.changes])
        after = settings.check(*board, current, asked)
    except settings.Wrong as wrong:
        print(f"nothing was changed:\n{wrong}", file=sys.stderr)
        return 2
    lines = list(settings.differences(current, after, asked))
    if not lines:
        print(f"{name_of(board)} has these settings already")
        return 0
    print("\n".join(lines))
    if not options.yes and not agreed(f"Send this to {name_of(board)}?"):
        print("nothing was changed", file=sys.stderr)
        return 1
    number = change.want_settings(database, board, key, state, asked)
    print(
        f"settings {number} are meant for {name_of(board)}, which {soon(state)}; it keeps them once "
        "a reading was acknowledged with them, else the old ones come back: "
        f"python -m cloud config {board[1]}"
    )
    return 0


def app(options: argparse.Namespace, database: Database[Document], master: bytes) -> int:
    """Raises PyMongoError, UnknownBoard."""
    board = Reader(database).board(options.device)
    state = state_of(database, board)
    releases = Releases(database)
    if options.file is None:
        number = state.get("app")
        runs = f"release {number}" if number else "what the cable brought"
        print(f"{name_of(board)} runs version {state.get('version') or '?'}: {runs}")
        for each in releases.all():
            until = datetime.fromtimestamp(each.expires, UTC).strftime(TIMES)
            print(f"{each.number}  version {each.version}, for {each.mpy}, until {until}")
        print(standing(database, board, state, "app") or f"nothing is meant for {name_of(board)}")
        return 0
    try:
        release, blob = read(Path(options.file))
        if why := release.refusal(state, change.now(database)):
            raise NoRelease(f"{options.file} is not for {name_of(board)}: {why}")
        releases.publish(release, blob)
    except NoRelease as problem:
        print(problem, file=sys.stderr)
        return 1
    if state.get("app") == release.number:
        print(f"{name_of(board)} runs release {release.number} already")
        return 0
    Wanted(database).want(board, "app", release.number, change.now(database))
    print(
        f"release {release.number}, version {release.version}, is meant for {name_of(board)}, which "
        f"{soon(state)}; it keeps it once a reading was acknowledged with it, else it goes back: "
        f"python -m cloud app {board[1]}"
    )
    return 0


def model(options: argparse.Namespace, database: Database[Document], master: bytes) -> int:
    """Raises PyMongoError, UnknownBoard."""
    board = Reader(database).board(options.device)
    state = state_of(database, board)
    own = {"site": board[0], "device": board[1]}
    known = list(database["models"].find(own, {"created": 1}).sort("created", -1))
    runs = state.get("model")
    if not options.model and not options.back:
        for each in known:
            created = datetime.fromtimestamp(each["created"], UTC).strftime(TIMES)
            print(f"{each['_id']}  trained {created}{'  judges now' if each['_id'] == runs else ''}")
        print(standing(database, board, state, "model") or f"nothing is meant for {name_of(board)}")
        return 0
    chosen = options.model
    if options.back:  # as the cloud wanted it before, else the newest but the running one
        kept = (database["wanted"].find_one({"_id": device_id(*board)}) or {}).get("before")
        others = [each["_id"] for each in known if each["_id"] != runs]
        chosen = kept if kept and kept != runs else next(iter(others), None)
    if chosen == "newest":
        chosen = known[0]["_id"] if known else None
    if chosen is None or chosen not in {each["_id"] for each in known}:
        which = "no earlier model of" if options.back else f"no model {chosen} for"
        text = f"there is {which} {name_of(board)}: python -m cloud model {board[1]} lists them"
        print(text, file=sys.stderr)
        return 1
    if chosen == runs:
        print(f"{name_of(board)} judges with {chosen} already")
        return 0
    change.want_model(database, board, chosen, runs)
    print(f"model {chosen} is meant for {name_of(board)}, which {soon(state)}")
    return 0


def _show(
    database: Database[Document], board: Board, state: Document, current: settings.Values | None
) -> int:
    number = state.get("config")
    origin = f"number {number}, from the cloud" if number else "from its cable"
    if current is None:
        print(f"{name_of(board)} has not told its settings yet")
    else:
        print(f"{name_of(board)}, {origin}:\n{json.dumps(current, indent=2, ensure_ascii=False)}")
    if became := standing(database, board, state, "config"):
        print(became)
    return 0
