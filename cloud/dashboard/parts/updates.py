"""Who runs what, and what is under way over the air."""

from collections.abc import Mapping, Sequence

import pandas as pd  # type: ignore[import-untyped]

from cloud.dashboard.parts import common
from cloud.process.printable import cell
from cloud.read.rows import Latest
from cloud.store.database import Document, device_id
from cloud.updates.wanted import KINDS, outcome
from cloud.words import Words


def table(say: Words, latest: Sequence[Latest], wanted: Mapping[str, Document]) -> pd.DataFrame:
    """A row for each board. `wanted`: by "site/device", what it should have."""
    rows = [
        (
            cell(f"{board.site}/{board.device}"),
            standing(say, board.state, wanted.get(device_id(board.site, board.device)) or {}),
            cell(str(board.state.get("version") or "?")),
            cell(str(board.state.get("model") or say("updates none"))),
            say("updates cable") if not board.state.get("config") else say.count(board.state["config"]),
        )
        for board in latest
    ]
    # A phone shows the first two.
    return common.table(say, ("board", "over the air", "version", "model", "settings"), rows)


def standing(say: Words, state: Mapping[str, object], wanted: Document) -> str:
    """What of `wanted` the board does not have, and why."""
    want = wanted.get("want") or {}
    open_ = []
    for what in KINDS:
        if what in want and state.get(what) != want[what]:
            became = outcome(wanted, state, what, want[what])
            name = say(f"updates {what}", value=want[what])
            if became is None:
                open_.append(say("updates under way", what=name))
            elif became.text:
                end = "updates once more" if became.may_follow else "updates refused"
                open_.append(say(end, what=name, why=cell(became.text)))
    return "; ".join(open_) or say("updates done")
