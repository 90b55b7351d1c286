"""What a page says when there is nothing to show, and what to do about it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import tzinfo
from typing import Any

import streamlit as st

from cloud import settings
from cloud.dashboard import charts, words
from cloud.dashboard.source import Answer, Trouble, Unavailable

log = logging.getLogger("dashboard")

# A refresh must not be seen as one (Streamlit fades what is older than the running script); a finger drawn
# across a chart zooms, one drawn down scrolls; less space.
STYLE = """<style>
[data-stale='true'] {opacity: 1 !important; transition: none !important}
.stVegaLiteChart :is(svg, canvas) {touch-action: pan-y}
.stMainBlockContainer {padding-top: 4.5rem; padding-bottom: 3rem}
</style>"""

_TROUBLE = {
    Trouble.LOST: (
        "The database does not answer",
        "Nobody is there at the address in `MONGODB_URI`.",
        [
            "Is it running? `make demo` starts one; Atlas pauses a free cluster after long idleness.",
            "Is this machine let in? In Atlas: Network Access, add its address.",
            "Is the address right? `python -m cloud check` looks at settings and database.",
        ],
    ),
    Trouble.SLOW: (
        "The database takes too long",
        "It is there, but gave no answer within 5 seconds.",
        [
            "Wait a little: a free Atlas cluster slows down when it is asked more than 100 times a second.",
            "Choose a shorter range, and close views that nobody looks at.",
            "If it stays so: look at the cluster's Metrics page, or give it a bigger machine.",
        ],
    ),
    Trouble.REFUSED: (
        "The database refuses to answer",
        "It is there, but does not let the dashboard read.",
        [
            "Are user and password in `MONGODB_URI` right?",
            "May that user read the database `MONGODB_DATABASE`? It needs the role `read` and no more.",
        ],
    ),
}


def place() -> tzinfo:
    """The time zone of the person who looks."""
    return words.zone(st.context.timezone)


def palette() -> charts.Palette:
    return charts.DARK if st.context.theme.type == "dark" else charts.LIGHT


def guarded(page: Callable[[], None]) -> None:
    """Run a page, or say in its place why there is nothing to show. It tries again at the next refresh."""
    try:
        page()
    except settings.SettingsError as error:
        log.error("%s", error)
        _misconfigured(error)
    except Unavailable as error:
        title, what, cures = _TROUBLE[error.trouble]
        st.title(title, anchor=False)
        st.error(what, icon=":material/cloud_off:")
        st.markdown("\n".join(f"1. {cure}" for cure in cures))
        st.caption(f"Tried at {_now()}. This page tries again by itself.")


def told(answer: Answer[Any], every: float | None, *beside: str) -> None:
    """One line on how old this page is, after other small things; a warning when it should be newer."""
    if answer.trouble:
        title, what, cures = _TROUBLE[answer.trouble]
        st.warning(
            f"**{title}, since {words.clock(answer.at, place(), time.time())}.** {what} Below is what was "
            f"known then. {cures[0]}",
            icon=":material/cloud_off:",
        )
    elif answer.slow:
        st.warning(
            f"The database took {answer.took:.1f} s to answer. A shorter range asks for less.",
            icon=":material/hourglass_top:",
        )
    when = f"Updated {_now() if answer.trouble is None else words.clock(answer.at, place(), time.time())}"
    st.caption(" · ".join([*beside, when + (f", every {words.period(every)}" if every else "")]))


def empty() -> None:
    """No board has ever reported."""
    st.title("Waiting for the first board")
    st.markdown(
        "The database is there, and it is empty. Readings appear here by themselves as soon as a "
        "board reports.\n\n"
        "1. **Try it without a board:** `make demo` starts three virtual ones.\n"
        "1. **With a board:** `make flash`, then `make deploy`; its console shows `link  connected`.\n"
        "1. **It is connected, and still nothing here?** The backend must run, `python -m cloud run`, "
        "with the same `MONGODB_URI` and `MONGODB_DATABASE` as this page.\n"
    )
    st.caption(f"Looked at {_now()}. This page looks again by itself.")


def _misconfigured(error: settings.SettingsError) -> None:
    """Names of settings only: a value that stands in the wrong place may be a secret."""
    wrong = [key for key in settings.DATABASE_KEYS if any(key in problem for problem in error.problems)]
    st.title("The dashboard does not know its database", anchor=False)
    st.error(
        f"Something is wrong with {' and '.join(f'`{key}`' for key in wrong) or 'the settings'}. What "
        "exactly stands in this program's log; not here, since it may hold a secret.",
        icon=":material/settings_alert:",
    )
    st.markdown(
        "1. On your machine: put it into `.env`; `.env.example` shows how.\n"
        "1. On Streamlit Community Cloud: the app's menu, Settings, Secrets.\n"
        "1. Then start the dashboard again.\n"
    )


def _now() -> str:
    now = time.time()
    return words.clock(now, place(), now)
