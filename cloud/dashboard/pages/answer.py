"""Where the buttons of a mail lead: one page, one button. The token in its address is the authorisation.

Opening the page changes nothing, since programs that look through mails open every link. Pressing the button
inserts one document under the token's own id; a second press finds it there.
"""

from __future__ import annotations

import os
import time

import streamlit as st
from pymongo.errors import DuplicateKeyError, PyMongoError

from cloud import settings
from cloud.alerts import links
from cloud.alerts.links import Links, Permission
from cloud.dashboard import frame, source
from cloud.dashboard.parts.markdown import plain
from cloud.store.database import Document
from cloud.words import Words


def page() -> st.Page:
    return st.Page(show, title="Answer", url_path="answer", visibility="hidden")


def show() -> None:
    frame.guarded(_page)


def _page() -> None:
    text = frame.say()
    token = st.query_params.get("token")
    if not token:
        st.error(text("answer forged"))
        return
    key = settings.load_link_key(os.environ, source.HOUSE / ".env")
    if key is None:
        st.error(text("answer no key"))
        return
    try:
        allowed = Links(key).read(token)
    except links.Refused as refusal:
        st.error(text(f"answer {refusal}", days=links.VALID_DAYS))
        return
    try:
        _answer(allowed, text)
    except PyMongoError:
        st.error(text("answer trouble"))


def _answer(allowed: Permission, text: Words) -> None:
    database = source.reader().database
    alert = database["alerts"].find_one({"_id": allowed.alert}, {"subject": 1, "episodes": 1, "created": 1})
    if alert is None:
        st.error(text("answer gone"))
        return
    used = database[_book(allowed)].find_one({"_id": allowed.id})
    st.title(plain(alert["subject"]), anchor=False)
    st.caption(text.moment(alert["created"], time.time()))
    if used is not None:
        st.success(text("answer used", when=text.moment(used["at"], time.time())))
        return
    name = (
        "do acknowledge all"
        if allowed.act == "acknowledge" and len(alert["episodes"]) > 1
        else f"do {allowed.act}"
    )
    if not st.button(text(name), type="primary", width="stretch"):
        return
    try:
        database[_book(allowed)].insert_one(record(allowed, alert["episodes"], time.time()))
    except DuplicateKeyError:
        pass  # pressed twice, or by two people: it is done
    st.success(text(f"answer {allowed.act}"))


def record(allowed: Permission, episodes: list[str], now: float) -> Document:
    """What the press of a button leaves: one document, whose id is the token's."""
    document: Document = {
        "_id": allowed.id,
        "alert": allowed.alert,
        "episodes": episodes,
        "at": now,
        "by": "mail",
    }
    if allowed.act != "acknowledge":
        document["label"] = allowed.act
    return document


def _book(allowed: Permission) -> str:
    return "acknowledgements" if allowed.act == "acknowledge" else "labels"
