"""Who may write: nobody, until somebody has logged in. Reading needs no login.

Two ways, either or both: an OIDC provider (Streamlit's own [auth] section, and DASHBOARD_PEOPLE says whose
addresses count), or one password (DASHBOARD_PASSWORD_HASH). A view embedded elsewhere (`?embed=true`) never
writes, whoever looks.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from dataclasses import dataclass

import streamlit as st

from cloud import password, settings
from cloud.dashboard import frame, source
from cloud.dashboard.markdown import plain
from cloud.settings import AccessSettings

log = logging.getLogger("dashboard")

LASTS = 12 * 3600.0  # s of a login by password
TRIES, WITHIN = 10, 60.0  # wrong passwords, by anybody, in so many seconds; then all wait
KEEPER = "keeper"  # who wrote, when a password said so


@dataclass
class _Gate:
    """Wrong passwords of late, of all viewers together. One is tried at a time: each takes 32 MB."""

    lock: threading.Lock
    wrong: deque[float]


@st.cache_resource(show_spinner=False)
def _gate() -> _Gate:
    return _Gate(threading.Lock(), deque())


def allowed() -> AccessSettings:
    """Raises settings.SettingsError."""
    return settings.load_access(os.environ, source.HOUSE / ".env")


def provider() -> bool:
    """Whether an OIDC provider is set up."""
    return bool(st.secrets.load_if_toml_exists() and st.secrets.get("auth"))


def person() -> str | None:
    """Who looks, if they may write. Raises settings.SettingsError."""
    if st.context.is_embedded:
        return None
    if provider() and st.user.is_logged_in:
        mail = str(st.user.get("email") or "").lower()
        # A provider that does not say is one of a company's own; one that says no has not looked.
        if mail in allowed().people and st.user.get("email_verified", True) is True:
            return mail
    if time.time() < st.session_state.get("keeper until", 0.0):
        return KEEPER
    return None


def possible() -> bool:
    """Whether anybody could log in here. Raises settings.SettingsError."""
    return not st.context.is_embedded and (provider() or allowed().password_hash is not None)


def page() -> st.Page:
    words = frame.say()
    try:
        known = person() is not None
        visible = known or possible()
    except settings.SettingsError:
        known, visible = False, False  # the pages say what is wrong
    return st.Page(
        lambda: frame.guarded(_body),
        title=words("page logout" if known else "page login"),
        icon=":material/logout:" if known else ":material/login:",
        url_path="login",
        visibility="visible" if visible else "hidden",
    )


def _body() -> None:
    words, who = frame.say(), person()
    if who is not None:
        _logged_in(who)
        return
    st.title(words("login title"), anchor=False)
    st.markdown(words("login why"))
    if not possible():
        st.info(words("login none"), icon=":material/lock:")
        return
    if provider():
        _by_provider()
    kept = allowed().password_hash
    if kept is not None:
        _by_password(kept)


def _logged_in(who: str) -> None:
    words = frame.say()
    st.title(words("login done"), anchor=False)
    st.markdown(words("login as", who=words("the keeper") if who == KEEPER else plain(who)))
    if st.button(words("page logout"), icon=":material/logout:"):
        st.session_state.pop("keeper until", None)
        if provider() and st.user.is_logged_in:
            st.logout()
        st.rerun()


def _by_provider() -> None:
    words = frame.say()
    if st.user.is_logged_in:
        st.warning(
            words("login stranger", who=plain(str(st.user.get("email") or "?"))), icon=":material/block:"
        )
        if st.button(words("page logout"), icon=":material/logout:", key="leave"):
            st.logout()
    elif st.button(words("login provider"), type="primary", icon=":material/login:"):
        st.login()


def _by_password(kept: str) -> None:
    words = frame.say()
    with st.form("login", border=False, width=360):
        said = st.text_input(words("login password"), type="password", autocomplete="current-password")
        pressed = st.form_submit_button(words("page login"), type="primary", icon=":material/login:")
    if not pressed:
        return
    outcome = attempt(said, kept)
    if outcome is None:
        st.session_state["keeper until"] = time.time() + LASTS
        st.rerun()
    st.error(words(f"login {outcome}"), icon=":material/block:")


def attempt(said: str, kept: str) -> str | None:
    """None = right; else "wrong", or "wait" when too many were wrong of late and it was not looked at."""
    gate = _gate()
    with gate.lock:
        now = time.monotonic()
        while gate.wrong and gate.wrong[0] < now - WITHIN:
            gate.wrong.popleft()
        if len(gate.wrong) >= TRIES:
            return "wait"
        if password.matches(said, kept):
            return None
        gate.wrong.append(now)
    log.warning("a wrong password was given")
    return "wrong"
