"""Models: what a board's model learned, from what, and where it would have alarmed on it."""

from __future__ import annotations

import streamlit as st

from cloud.dashboard import screens, source, words

EVERY = 60.0  # s


def page() -> st.Page:
    return st.Page(show, title="Model", icon=":material/model_training:", url_path="model")


def show() -> None:
    st.fragment(_guarded_body, run_every=EVERY)()


def _guarded_body() -> None:
    screens.guarded(_body)


def _body() -> None:
    from cloud.training import report  # noqa: PLC0415  only this page needs it

    fleet = source.ask("fleet", source.fleet).value
    if not fleet.latest:
        screens.empty()
        return
    name = st.selectbox("Board", list(fleet.boards), key="model-of", width=240)
    site, device = fleet.boards[name]
    answer = source.ask(f"model {name}", lambda: source.model(site, device))
    st.title(words.plain(device), anchor=False)
    trained = answer.value
    if trained is None:
        board = next(one for one in fleet.latest if (one.site, one.device) == (site, device))
        learning = board.state.get("learning")
        st.info(
            f"**No model yet.** The board learns, {words.plain(str(learning or '0 h of 24'))}. "
            "After a day of history the backend trains one, and says what to run.",
            icon=":material/hourglass_top:",
        )
        return
    if trained.picture:
        st.image(trained.picture, caption="What it learned from, its range, and where it would have alarmed")
    st.code("\n".join(report.lines(trained.report)), language=None, wrap_lines=True)
    screens.told(answer, EVERY)
