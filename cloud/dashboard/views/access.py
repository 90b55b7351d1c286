"""The login. Reading needs none; writing does.

There are two ways, either or both: an OIDC provider (Streamlit's own [auth] section; DASHBOARD_PEOPLE lists
the addresses that may write), or one password (DASHBOARD_PASSWORD_HASH). A view embedded elsewhere
(`?embed=true`) never writes, whoever looks.
"""

import logging
import os
import time

import streamlit as st

from cloud import settings
from cloud.dashboard import frame, keeper, source
from cloud.dashboard.parts.markdown import plain
from cloud.settings import AccessSettings

log = logging.getLogger("dashboard")

KEEPER = "keeper"  # who wrote, when a password said so
SET_COOKIE = """<script>
{
  const secure = location.protocol == "https:" ? "; secure" : ""
  document.cookie = "%s=%s; path=/; max-age=%d; samesite=lax" + secure
}
</script>"""


@st.cache_resource(show_spinner=False)
def _gate() -> keeper.Gate:
    return keeper.Gate()


def allowed() -> AccessSettings:
    """Raises settings.SettingsError."""
    return settings.read(settings.access, os.environ, source.HOUSE / ".env")


def provider() -> bool:
    """Whether an OIDC provider is set up."""
    return bool(st.secrets.load_if_toml_exists() and st.secrets.get("auth"))


def person() -> str | None:
    """The viewer's name if they may write, else None. Raises settings.SettingsError."""
    if st.context.is_embedded:
        return None
    if provider() and st.user.is_logged_in:
        mail = str(st.user.get("email") or "").lower()
        # A company's own provider may not say whether it verified the address; one that says no has not.
        if mail in allowed().people and st.user.get("email_verified", True) is True:
            return mail
    return KEEPER if _is_keeper() else None


def _is_keeper() -> bool:
    """Whether the password was given here within the last hours: in this session, else in this browser."""
    until = st.session_state.get("keeper until")  # 0 once this session has logged out
    if until is not None:
        return bool(time.time() < until)
    kept = allowed().password_hash
    return kept is not None and keeper.is_login(_cookie(), kept)


def _cookie() -> str:
    """The cookie that the browser sent when the page was loaded."""
    return str(st.context.cookies.get(keeper.COOKIE, ""))


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
    if st.session_state.get("keeper until") == 0:  # this session has logged out
        _set_cookie("", 0)
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
    if made := st.session_state.pop("keeper token", None):
        _set_cookie(made, keeper.KNOWN)
    st.markdown(words("login as", who=words("the keeper") if who == KEEPER else plain(who)))
    if st.button(words("page logout"), icon=":material/logout:"):
        st.session_state["keeper until"] = 0
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
        typed = st.text_input(words("login password"), type="password", autocomplete="current-password")
        pressed = st.form_submit_button(words("page login"), type="primary", icon=":material/login:")
    if not pressed:
        return
    address = keeper.address_of(st.context.ip_address, st.context.headers.get("X-Forwarded-For"))
    outcome = _gate().attempt(typed, kept, address, _cookie())
    if outcome is None:
        st.session_state["keeper until"] = time.time() + keeper.LASTS
        st.session_state["keeper token"] = keeper.token(kept)
        st.rerun()
    if outcome == "wrong":
        log.warning("a wrong password was given from %s", address)
    st.error(words(f"login {outcome}"), icon=":material/block:")


def _set_cookie(value: str, lasts: int) -> None:
    """Streamlit sets no cookies of an app's own; a script of constants, a signed word and a number does."""
    st.html(SET_COOKIE % (keeper.COOKIE, value, lasts), unsafe_allow_javascript=True)
