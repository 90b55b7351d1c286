"""The viewer's language: the one chosen on the page, else VIGIE_LANGUAGE.

A choice lasts for the session and is part of the address (`?lang=fr`), so a bookmark keeps it.
"""

import os
from pathlib import Path

import streamlit as st

from cloud import settings
from cloud.words import LANGUAGES, Words

HOUSE = Path(__file__).resolve().parents[2]
ASKED, CHOSEN, CHOICE = "lang", "language", "language choice"  # in the address; in the session; its widget
NAMES = {"en": "English", "fr": "Français"}
# A screen reader pronounces a page as its root says. Streamlit's says "en".
SAY_SO = """<script>document.documentElement.lang = "%s"</script>"""


def ordinary() -> str:
    """The language when the viewer has chosen none. Raises settings.SettingsError."""
    secrets = st.secrets if st.secrets.load_if_toml_exists() else {}
    if renamed := settings.old_language("secrets.toml", secrets):
        raise settings.SettingsError(renamed)
    return settings.read(settings.language, os.environ, HOUSE / ".env")


def spoken() -> str:
    """One of LANGUAGES. With settings that are wrong it is English, and every page says what is wrong."""
    chosen = st.session_state.get(CHOSEN) or st.query_params.get(ASKED)
    if chosen in LANGUAGES:
        st.session_state[CHOSEN] = chosen
        return str(chosen)
    try:
        return ordinary()
    except settings.SettingsError:
        return LANGUAGES[0]


def choice() -> None:
    """Show the choice of language at the foot of every page."""
    now = spoken()
    st.html(SAY_SO % now, unsafe_allow_javascript=True)
    st.selectbox(
        Words(now)("language"),
        LANGUAGES,
        index=LANGUAGES.index(now),
        format_func=NAMES.__getitem__,
        key=CHOICE,
        on_change=_choose,
        width=160,
    )


def _choose() -> None:
    st.session_state[CHOSEN] = st.query_params[ASKED] = st.session_state[CHOICE]
