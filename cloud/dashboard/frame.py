"""The frame of every page: its refresh, its language, and its text when there is nothing to show."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

import streamlit as st
from pymongo.errors import PyMongoError

from cloud import settings
from cloud.dashboard import language, source
from cloud.dashboard.draw import charts
from cloud.dashboard.source import Answer, FleetState, Unavailable
from cloud.words import Words

log = logging.getLogger("dashboard")

Body = Callable[[Answer[FleetState]], None]

EMPTY_EVERY = 3.0  # s between two looks for a first board, or for a database that was not there
HEAD_START = 0.05  # s

# A refresh must not be seen as one (Streamlit fades what is older than the running script); a finger drawn
# across a chart zooms, one drawn down scrolls; less space; links stand flush with what is below them.
# Styles alone would go where Streamlit keeps its toasts, and the first toast would take their place: with an
# element beside them they are a part of the page, one that takes no room. Small text stands out from its
# ground as WCAG asks (4.5 to 1), and people who use the keyboard see where they are.
STYLE = """<i class='vigie-style'></i><style>
.stElementContainer:has(.vigie-style) {display: none}
[data-stale='true'] {opacity: 1 !important; transition: none !important}
[data-testid='stExpander'] :is(summary, summary *) {opacity: 1 !important; transition: none !important}
.stVegaLiteChart :is(svg, canvas) {touch-action: pan-y}
.stMainBlockContainer {padding-top: 4.5rem; padding-bottom: 3rem}
.stMain h2 {font-size: 1.5rem}
[data-testid='stCaptionContainer'] {color: inherit !important; opacity: .8}
[data-testid='stCaptionContainer'] code {color: inherit}
[data-testid^='stBaseButton-primary'] {color: light-dark(#fff, #0b1a26) !important}
.stMain :is(a, button, [role='radio'], [role='switch']):focus-visible {
  outline: 2px solid currentColor; outline-offset: 2px}
.stMain [data-testid='stPageLink-NavLink'] {padding-left: 0; padding-right: .5rem; background: none}
.stMain [data-testid='stPageLink-NavLink']:hover {background: none; text-decoration: underline}
</style>"""


def say() -> Words:
    """The words in the viewer's language and time zone."""
    return Words(language.spoken(), st.context.timezone or "UTC")


def palette() -> charts.Palette:
    return charts.DARK if st.context.theme.type == "dark" else charts.LIGHT


def page(body: Body, *, path: str, icon: str, every: float | None = None, default: bool = False) -> st.Page:
    """A page of the navigation; its title is the text "page <path>".

    `body` draws it from the fleet, and again each `every` seconds; None = it decides that inside.
    """

    def show() -> None:
        if every is None:
            guarded(lambda: _filled(body))
        else:
            live(body, every)

    title = say()(f"page {path}")
    return st.Page(show, title=title, icon=f":material/{icon}:", url_path=path, default=default)


def address(path: str) -> st.Page:
    """A page by its path, to link to it from below: of it only the address counts."""
    return st.Page(lambda: None, title=path, url_path=path)


def live(body: Body, every: float | None) -> None:
    """A part of a page that is drawn anew each `every` seconds (None: never), and nothing else with it."""

    def part() -> None:
        guarded(lambda: _filled(body, waiting=True))

    st.fragment(part, run_every=every)()


def _filled(body: Body, *, waiting: bool = False) -> None:
    source.begin()
    try:
        answer = source.ask(source.fleet)
    except Unavailable:
        if waiting:
            raise
    else:
        if answer.value.latest:
            body(answer)
            return
        if waiting:
            empty()
            return
    st.fragment(lambda: guarded(_wait_for_first), run_every=EMPTY_EVERY)()


def _wait_for_first() -> None:
    try:
        if source.ask(source.fleet).value.latest:
            st.rerun()
    finally:
        source.begin()  # the next look asks anew; this one knew what the page had just heard
    empty()


def guarded(part: Callable[[], None]) -> None:
    """Run a part of a page, or show in its place why there is nothing to show, and the cure."""
    try:
        language.ordinary()
        section(part)
    except settings.SettingsError as error:
        log.error("%s", error)
        _misconfigured(error)
    except Unavailable as error:
        words, name = say(), error.trouble.value
        st.title(words(f"{name} title"), anchor=False)
        st.error(words(f"{name} what"), icon=":material/cloud_off:")
        st.markdown(words(f"{name} cures"))
        st.caption(words("tried", when=now_in(words)))


def section(part: Callable[[], object]) -> None:
    """Run one section of a page; where it cannot be drawn, this is said in its place, and the page goes on.

    What is stored may be damaged, or written by another version. What says that the database gave no answer,
    or that a setting is wrong, is raised.
    """
    try:
        part()
    except (Unavailable, settings.SettingsError, PyMongoError):
        raise
    except Exception:
        log.exception("a part of a page cannot be drawn; the rest goes on")
        st.error(say()("unreadable"), icon=":material/broken_image:")


def headline(text: str, *, width: Literal["stretch", "content"] = "stretch") -> None:
    """The page's headline, which appears before the rest is drawn.

    A browser draws everything that has arrived in one piece: among sixty other parts a headline would wait
    for all of them.
    """
    st.title(text, anchor=False, width=width)
    if not st.session_state.get("greeted"):
        st.session_state["greeted"] = True
        time.sleep(HEAD_START)


def freshness(answer: Answer[Any], every: float | None, *beside: str) -> None:
    """One line on how old this page is, after other small things; a warning when it should be newer."""
    words = say()
    if answer.trouble:
        name = answer.trouble.value
        since = words.clock(answer.at, time.time())
        st.warning(
            f"**{words(f'{name} title')}, {words('since when', when=since)}.** {words(f'{name} what')} "
            f"{words('known then')}",
            icon=":material/cloud_off:",
        )
    elif answer.slow:
        st.warning(words("slow answer", took=words.number(answer.took)), icon=":material/hourglass_top:")
    when = words.clock(answer.at, time.time()) if answer.trouble else now_in(words)
    updated = words("updated", when=when)
    if every:
        updated += words("updated every", period=words.period(every))
    st.caption(" · ".join([*beside, updated]))


def empty() -> None:
    """No board has ever reported."""
    words = say()
    st.title(words("empty title"), anchor=False)
    st.markdown(words("empty cures"))
    st.caption(words("empty looked", when=now_in(words)))


def now_in(words: Words) -> str:
    now = time.time()
    return words.clock(now, now)


def _misconfigured(error: settings.SettingsError) -> None:
    """Show only names of settings: a value in the wrong place may be a secret."""
    words = say()
    wrong = [key for key in settings.DASHBOARD_KEYS if any(key in problem for problem in error.problems)]
    names = ", ".join(f"`{key}`" for key in wrong) or words("the settings")
    st.title(words("misconfigured title"), anchor=False)
    st.error(words("misconfigured what", names=names), icon=":material/settings_alert:")
    secrets = st.secrets if st.secrets.load_if_toml_exists() else {}
    for section, values in secrets.items():
        if isinstance(values, Mapping) and (
            below := [key for key in settings.DASHBOARD_KEYS if key in values]
        ):
            names = ", ".join(f"`{key}`" for key in below)
            st.warning(words("misconfigured section", names=names, section=f"`[{section}]`"))
    st.markdown(words("misconfigured cures"))
