"""Models: what each board judges with, what it learned, whether board and cloud agree, what drifted."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import streamlit as st

from cloud.contract.messages import FEATURE_NAMES
from cloud.dashboard import frame, source
from cloud.dashboard.parts import agreement, common, learned, lesson
from cloud.dashboard.parts.markdown import plain
from cloud.dashboard.source import Answer, FleetState
from cloud.process.printable import cell
from cloud.read.rows import Latest
from cloud.words import Words

EVERY = 60.0  # s
MOVED = 2.0  # deviations of its training that a feature's mean may move before it is called drifted


def page() -> st.Page:
    return frame.page(_body, path="model", icon="model_training", every=EVERY)


def _body(fleet: Answer[FleetState]) -> None:
    say, now = frame.say(), time.time()
    frame.headline(say("page model"))
    known = source.ask(source.models)
    boards = fleet.value.boards
    frame.freshness(known, EVERY)
    frame.section(
        lambda: st.dataframe(
            versions(say, fleet.value.latest, known.value, now), hide_index=True, width="stretch"
        )
    )
    st.caption(say("model versions how"))
    name = st.selectbox(say("column board"), list(boards), key="model-of", bind="query-params", width=240)
    site, device = boards[name]
    frame.section(lambda: _lesson(say, site, device, now))
    frame.section(lambda: _agreement(say, site, device))
    latest = fleet.value.of(site, device)
    newest = known.value.get((site, device))
    waits = newest is not None and latest is not None and latest.model != newest["_id"]
    frame.section(lambda: _drift(say, latest.model if latest and waits else None, site, device))
    frame.section(lambda: _calibration(say, latest, site, device))


def versions(
    say: Words, latest: Sequence[Latest], newest: Mapping[tuple[str, str], Mapping[str, Any]], now: float
) -> pd.DataFrame:
    """A row for each board: firmware, the model it judges with, the newest that was trained for it."""
    rows, none = [], "\N{EN DASH}"
    for board in latest:
        trained = newest.get((board.site, board.device))
        state = "none trained" if not trained else "current" if board.model == trained["_id"] else "waits"
        rows.append(
            (
                *(cell(f"{board.site}/{board.device}"), cell(str(board.state.get("version") or none))),
                *(cell(board.model or none), cell(trained["_id"]) if trained else none),
                *(say.clock(trained["created"], now) if trained else none, say(f"model {state}")),
            )
        )
    return common.table(say, ("board", "firmware", "on the board", "newest", "trained", "state"), rows)


def _lesson(say: Words, site: str, device: str, now: float) -> None:
    st.header(say("next title"), anchor=False)
    known, mails = source.ask(source.lesson, site, device).value
    st.markdown("\n\n".join(lesson.sentences(say, known, mails, now)) or say("next none"))


def _agreement(say: Words, site: str, device: str) -> None:
    st.header(say("agreement title"), anchor=False)
    answer = source.ask(source.agreement, site, device)
    agreements = answer.value
    if not agreements:
        st.caption(say("agreement none"))
        return
    agreement.show(say, max(agreements, key=lambda each: sum(agreement.square(each))))
    if len(agreements) > 1:
        st.caption(say("agreement others", count=say.count(len(agreements) - 1)))


def _drift(say: Words, in_use: str | None, site: str, device: str) -> None:
    """Against the model `in_use`, where a newer one waits; None = the newest, which the page shows anyway."""
    st.header(say("drift title"), anchor=False)
    trained = source.ask(source.model, site, device, in_use).value
    features = trained.report.get("features") if trained else None
    if not trained or not features:
        st.caption(say("drift none"))
        return
    st.caption(say("with model", model=plain(trained.id)))
    recent = source.ask(source.recent_features, site, device).value
    if recent is None:
        st.caption(say("drift no readings"))
        return
    rows = drifts(features, recent)
    moved = ", ".join(say(f"feature {name}") for name, _, _, by in rows if abs(by) > MOVED)
    st.markdown(say("drift some", names=moved) if moved else say("drift no"))
    shown = [
        (
            *(say(f"feature {name}"), say.number(before / 100, 2), say.number(after / 100, 2)),
            *(say.number(abs(by)), abs(by)),
        )
        for name, before, after, by in rows
    ]
    table = common.table(say, ("feature", "trained mean", "last day", "moved", "moved bar"), shown)
    # A bar writes its number as the browser does, not in the page's language: the number has its own column.
    bar = st.column_config.ProgressColumn(format=" ", min_value=0.0, max_value=5.0)
    st.dataframe(table, hide_index=True, width="stretch", column_config={say("column moved bar"): bar})


def drifts(
    features: Mapping[str, Sequence[float]], recent: np.ndarray[Any, Any]
) -> list[tuple[str, float, float, float]]:
    """(feature, mean in training, mean of the last day, how many deviations of the training it moved)."""
    means = recent.mean(axis=0)
    return [
        (name, float(before), float(after), float((after - before) / max(std, 1.0)))
        for name, before, std, after in zip(
            FEATURE_NAMES, features["mean"], features["std"], means, strict=True
        )
    ]


def _calibration(say: Words, latest: Latest | None, site: str, device: str) -> None:
    st.header(say("calibration title"), anchor=False)
    trained = source.ask(source.model, site, device, None).value
    if trained is None:
        learning = str((latest.state.get("learning") if latest else None) or "0 h / 24")
        st.info(say("calibration none", learning=plain(learning)), icon=":material/hourglass_top:")
        return
    st.caption(say("with model", model=plain(trained.id)))
    if trained.picture:
        caption = say("calibration picture")
        st.image(trained.picture, caption=caption, alt=caption)
    st.markdown(learned.table(say, trained.report))
