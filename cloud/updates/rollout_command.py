"""`python -m cloud rollout`: models, settings or a release for many boards, a few first."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymongo.database import Database

from cloud.contract import keys
from cloud.process.printable import printable
from cloud.read.reader import Reader
from cloud.store.database import Board, Document, name_of
from cloud.updates import change, settings
from cloud.updates.releases import NoRelease, Releases, read
from cloud.updates.rollout import waves
from cloud.updates.rollouts import Rollouts
from cloud.updates.standing import TIMES, agreed, settings_text, state_of, with_secret

# By board what it is to have and what it has now; lines for a person.
Plan = tuple[dict[str, Any], dict[str, Any], list[str]]


def rollout(options: argparse.Namespace, database: Database[Document], master: bytes) -> int:
    """Raises PyMongoError, UnknownBoard."""
    now = change.now(database)
    rollouts = Rollouts(database, master, lambda: now)
    if options.do == "show":
        print("\n".join(_described(rollouts.newest())))
        return 0
    if options.do == "halt":
        halted = rollouts.halt("a person has halted it")
        print("halted: no other board gets it" if halted else "no roll-out is under way")
        return 0
    if options.do == "back":
        if (rollouts.newest() or {}).get("what") == "app":
            cure = "sign the tree from before again, and roll that out"
            print(f"no board takes an older release: {cure}", file=sys.stderr)
            return 1
        names = ", ".join(rollouts.back())
        print(f"{names} get what they had before" if names else "there is nothing to take back")
        return 0
    if options.what is None:
        print("say what: rollout start model, config --set t_max=8, or app FILE", file=sys.stderr)
        return 2
    boards = _fleet(Reader(database), options.board)
    try:
        values, before, lines = _plan(options, database, master, boards)
    except (settings.Wrong, NoRelease) as wrong:
        print(f"nothing was changed:\n{wrong}", file=sys.stderr)
        return 2
    if not values:
        print("\n".join([*lines, "every board has it already"]))
        return 0
    first, *others = (", ".join(wave) for wave in waves(list(values)))
    print("\n".join([*lines, f"first {first}", *(f"then {wave}" for wave in others)]))
    if not options.yes and not agreed(f"Begin, with {options.pause:g} minutes between?"):
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
) -> Plan:
    """The plan, without boards that have it already. Raises Wrong, NoRelease."""
    values: dict[str, Any] = {}
    before: dict[str, Any] = {}
    lines: list[str] = []
    reader = Reader(database)
    asked = settings.change([with_secret(text) for text in options.changes])
    if options.what == "config" and not asked:
        raise settings.Wrong("say what changes: --set t_max=8")
    if options.what == "app":
        return _plan_of_releases([Path(each) for each in options.file], database, boards)
    for board in boards:
        name, state = name_of(board), state_of(database, board)
        if options.what == "model":
            newest, runs = reader.model(*board), state.get("model")
            if newest and newest["_id"] != runs:
                values[name], before[name] = newest["_id"], runs
                lines.append(f"{name}: model {runs or 'none'} -> {newest['_id']}")
            continue
        current = settings_text(state)
        if current is None:
            lines.append(f"{name} is left out: it has not told its settings yet")
            continue
        key = keys.device_key(master, *board)
        current = settings.made(current, change.earlier(database, board, key, state)[0])
        after = settings.check(*board, current, asked)
        if changes := list(settings.differences(current, after, asked)):
            values[name] = settings.seal(key, 0, asked)
            before[name] = settings.seal(key, 0, settings.inverse(asked, current))
            lines += [f"{name}: {line}" for line in changes]
    return values, before, lines


def _plan_of_releases(files: Sequence[Path], database: Database[Document], boards: Sequence[Board]) -> Plan:
    """The plan for a release: each board gets the file for its chip, else the newest for it. NoRelease."""
    releases = Releases(database)
    read_files = [read(path) for path in files]
    for release, blob in read_files:
        releases.publish(release, blob)
    values: dict[str, Any] = {}
    lines: list[str] = []
    for board in boards:
        name, state = name_of(board), state_of(database, board)
        fitting = [release for release, _ in read_files if release.fits(state.get("mpy"))]
        chosen = fitting[0] if fitting else None if files else releases.newest(state.get("mpy"))
        why = chosen.refusal(state, change.now(database)) if chosen else "there is no release for its chip"
        if chosen and chosen.number == state.get("app"):
            continue
        if chosen is None or why:
            lines.append(f"{name} is left out: {why}")
            continue
        values[name] = chosen.number
        lines.append(f"{name}: version {state.get('version')} -> {chosen.version}, release {chosen.number}")
    return values, {}, lines


def _described(rollout: Document | None) -> list[str]:
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
