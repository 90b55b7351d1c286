"""`python -m cloud config` and `python -m cloud model`: what one board should have from now on."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo.database import Database

from cloud.contract import keys
from cloud.process.printable import printable
from cloud.read.reader import Reader
from cloud.store.database import Document, device_id
from cloud.updates import change, settings
from cloud.updates.rollout import waves
from cloud.updates.rollouts import Rollouts
from cloud.updates.wanted import Board, Wanted, identity

TIMES = "%Y-%m-%d %H:%M"


def add_options(commands: Any, run: Callable[[argparse.Namespace, Any], int]) -> None:
    """`run(options, act)` opens the database and calls act(options, database, master key)."""
    config_ = commands.add_parser("config", help="a board's settings: show them, or change them over the air")
    config_.add_argument("device", help="C001 or site/C001")
    config_.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="changes",
        help="t_max=8, period_ms=20000, wifi.ssid=…, a name alone for a password: it is asked for",
    )  # fmt: skip
    config_.add_argument("--yes", action="store_true", help="do not ask")
    config_.set_defaults(command=lambda options: run(options, config))
    models = commands.add_parser("model", help="a board's models: show them, or give it one over the air")
    models.add_argument("device", help="C001 or site/C001")
    models.add_argument("model", nargs="?", help="8 hex digits; `newest` for the newest one")
    models.add_argument("--back", action="store_true", help="the one that it judged with before")
    models.set_defaults(command=lambda options: run(options, model))
    many = commands.add_parser("rollout", help="models or settings for many boards, a few first")
    many.add_argument("do", choices=("start", "show", "halt", "back"), metavar="start|show|halt|back")
    many.add_argument("what", nargs="?", choices=("model", "config"), metavar="model|config")
    many.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes")
    many.add_argument("--board", action="append", default=[], help="C001 or site/C001 (default: all)")
    many.add_argument("--pause", type=float, default=30.0, help="minutes of good behaviour between waves")
    many.add_argument("--yes", action="store_true", help="do not ask")
    many.set_defaults(command=lambda options: run(options, rollout))


def config(options: argparse.Namespace, database: Database[Document], master: bytes) -> int:
    """Raises PyMongoError, UnknownBoard."""
    board = Reader(database).board(options.device)
    state = _state(database, board)
    current = _settings_text(state)
    if not options.changes:
        return _show(database, board, state, current)
    if current is None:
        print(f"{_name(board)} has not told its settings yet: they come with its next state", file=sys.stderr)
        return 1
    key = keys.device_key(master, *board)
    current = settings.made(current, change.earlier(database, board, key, state)[0])
    try:
        asked = settings.change([_with_secret(text) for text in options.changes])
        after = settings.check(*board, current, asked)
    except settings.Wrong as wrong:
        print(f"nothing was changed:\n{wrong}", file=sys.stderr)
        return 2
    lines = list(settings.differences(current, after, asked))
    if not lines:
        print(f"{_name(board)} has these settings already")
        return 0
    print("\n".join(lines))
    if not options.yes and not _agreed(f"Send this to {_name(board)}?"):
        print("nothing was changed", file=sys.stderr)
        return 1
    number = change.want_settings(database, board, key, state, asked)
    print(
        f"settings {number} are meant for {_name(board)}, which {_soon(state)}; it keeps them once "
        "a reading was acknowledged with them, else the old ones come back: "
        f"python -m cloud config {board[1]}"
    )
    return 0


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
    change.want_model(database, board, chosen, runs)
    print(f"model {chosen} is meant for {_name(board)}, which {_soon(state)}")
    return 0


def rollout(options: argparse.Namespace, database: Database[Document], master: bytes) -> int:
    """Raises PyMongoError, UnknownBoard."""
    now = change.now(database)
    rollouts = Rollouts(database, master, lambda: now)
    if options.do == "show":
        print("\n".join(_told(rollouts.newest())))
        return 0
    if options.do == "halt":
        halted = rollouts.halt("a person has halted it")
        print("halted: no other board gets it" if halted else "no roll-out is under way")
        return 0
    if options.do == "back":
        restored = rollouts.back()
        print(
            f"{', '.join(restored)} get what they had before" if restored else "there is nothing to take back"
        )
        return 0
    if options.what is None:
        print("say what: rollout start model, or rollout start config --set t_max=8", file=sys.stderr)
        return 2
    boards = _fleet(Reader(database), options.board)
    try:
        values, before, lines = _plan(options, database, master, boards)
    except settings.Wrong as wrong:
        print(f"nothing was changed:\n{wrong}", file=sys.stderr)
        return 2
    if not values:
        print("\n".join([*lines, "every board has it already"]))
        return 0
    first, *others = (", ".join(wave) for wave in waves(list(values)))
    print("\n".join([*lines, f"first {first}", *(f"then {wave}" for wave in others)]))
    if not options.yes and not _agreed(f"Begin, with {options.pause:g} minutes between?"):
        print("nothing was changed", file=sys.stderr)
        return 1
    if rollouts.start(options.what, values, before, options.pause * 60) is None:
        print("another roll-out is under way: python -m cloud rollout show", file=sys.stderr)
        return 1
    print("begun: the process that watches takes it further, and halts it with a mail if a board is not well")
    return 0


def _fleet(reader: Reader, named: Sequence[str]) -> list[Board]:
    """The boards that are meant, those that are online first: the first wave must answer."""
    boards = [reader.board(name) for name in named] or reader.devices()
    online = {(each.site, each.device) for each in reader.latest() if each.online}
    return sorted(boards, key=lambda board: board not in online)


def _plan(
    options: argparse.Namespace, database: Database[Document], master: bytes, boards: Sequence[Board]
) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """(what each board shall have, what it has, lines for a person), without boards that have it. Wrong."""
    values: dict[str, Any] = {}
    before: dict[str, Any] = {}
    lines: list[str] = []
    asked = settings.change([_with_secret(text) for text in options.changes])
    if options.what == "config" and not asked:
        raise settings.Wrong("say what changes: --set t_max=8")
    for board in boards:
        name, state = _name(board), _state(database, board)
        if options.what == "model":
            which = {"site": board[0], "device": board[1]}
            document = database["models"].find_one(which, {"_id": 1}, sort=[("created", -1)])
            if document and document["_id"] != state.get("model"):
                values[name], before[name] = document["_id"], state.get("model")
                lines.append(f"{name}: model {before[name] or 'none'} -> {values[name]}")
            continue
        current = _settings_text(state)
        if current is None:
            lines.append(f"{name} is left out: it has not told its settings yet")
            continue
        key = keys.device_key(master, *board)
        current = settings.made(current, change.earlier(database, board, key, state)[0])
        after = settings.check(*board, current, asked)
        if found_lines := list(settings.differences(current, after, asked)):
            values[name] = settings.seal(key, 0, asked)
            before[name] = settings.seal(key, 0, settings.inverse(asked, current))
            lines += [f"{name}: {line}" for line in found_lines]
    return values, before, lines


def _told(rollout: Document | None) -> list[str]:
    """The newest roll-out, for a person."""
    if rollout is None:
        return ["there was no roll-out yet"]
    begun = datetime.fromtimestamp(rollout["_id"], UTC).strftime(TIMES)
    lines = [f"{rollout['what']}, begun {begun}: {rollout['state']}"]
    if rollout["why"]:
        lines[0] += f": {printable(rollout['why'])}"
    for number, wave in enumerate(waves(rollout["order"]), 1):
        for name in wave:
            board_state = rollout["begun"].get(name)
            standing = "waits" if board_state is None else "has it" if board_state["settled"] else "was told"
            lines.append(f"  wave {number}  {name:<20} {standing}")
    return lines


def _before(database: Database[Document], board: Board, runs: str | None) -> str | None:
    """What it judged with before: as the cloud wanted it, else the newest but the running one."""
    kept = (database["wanted"].find_one({"_id": device_id(*board)}) or {}).get("before")
    if kept and kept != runs:
        return str(kept)
    which = {"site": board[0], "device": board[1], "_id": {"$ne": runs}}
    document = database["models"].find_one(which, {"_id": 1}, sort=[("created", -1)])
    return document["_id"] if document else None


def _state(database: Database[Document], board: Board) -> Document:
    document = database["latest"].find_one({"_id": device_id(*board)}, {"state": 1}) or {}
    return dict(document.get("state") or {})


def _settings_text(state: Document) -> settings.Values | None:
    try:
        values = json.loads(state.get("settings") or "")
    except ValueError:
        return None
    return values if isinstance(values, dict) else None


def _show(
    database: Database[Document], board: Board, state: Document, current: settings.Values | None
) -> int:
    number = state.get("config")
    origin = f"number {number}, from the cloud" if number else "from its cable"
    if current is None:
        print(f"{_name(board)} has not told its settings yet")
    else:
        print(f"{_name(board)}, {origin}:\n{json.dumps(current, indent=2, ensure_ascii=False)}")
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
    typed = getpass.getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    return f"{name}={typed}"


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
