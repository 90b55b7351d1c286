"""`python -m cloud app`: the application of one board, over the air."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from pymongo.database import Database

from cloud.read.reader import Reader
from cloud.store.database import Document, name_of
from cloud.updates import change
from cloud.updates.releases import NoRelease, Release, Releases, read
from cloud.updates.standing import TIMES, soon, standing, state_of
from cloud.updates.wanted import Wanted


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
        if why := refusal(release, state, change.now(database)):
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


def refusal(release: Release, state: Document, now: float) -> str:
    """Why a board that says `state` would not take it; "" when it might."""
    if release.number < (state.get("app") or 0):
        return f"it runs the newer release {state['app']}; sign the older tree again and it is the newest"
    if release.expires < now:
        return "it has expired: sign it again"
    if state.get("mpy") is None:
        return "it has not said yet what it can run; `make deploy` once, over the cable, brings it so far"
    if not release.fits(state["mpy"]):
        return f"it is built for another chip or firmware ({release.mpy}; the board says {state['mpy']})"
    return ""
