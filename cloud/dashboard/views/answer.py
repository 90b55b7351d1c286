"""Where the buttons of a mail lead: one page, one button. The token in its address is the authorisation.
An answer may have a line of text besides.

Opening the page changes nothing, since programs that look through mails open every link. Pressing the button
inserts one document under the token's own id; a second press finds it there.
"""

import os
import time
from functools import reduce
from operator import or_

import streamlit as st
from pymongo.errors import DuplicateKeyError, PyMongoError

from cloud import settings
from cloud.alerts import links
from cloud.alerts.links import Links, Permission
from cloud.dashboard import frame, source
from cloud.dashboard.parts.episode.writing import teaches
from cloud.dashboard.parts.markdown import plain
from cloud.read.causes import CAUSES, NOTE, answer
from cloud.store.database import Document
from cloud.words import Words

ACKNOWLEDGED = ("acknowledge", "model")


def page() -> st.Page:
    return st.Page(show, title="Answer", url_path="answer", visibility="hidden")


def show() -> None:
    frame.guarded(_page)


def _page() -> None:
    text = frame.say()
    token = st.query_params.get("token")
    if not token:
        _refuse(text("answer forged"))
        return
    key = settings.read(settings.link_key, os.environ, source.HOUSE / ".env")
    if key is None:
        _refuse(text("answer no key"))
        return
    try:
        allowed = Links(key).read(token)
    except links.LinkRefused as refusal:
        _refuse(text(f"answer {refusal}", days=links.VALID_DAYS))
        return
    try:
        _answer(allowed, text)
    except PyMongoError:
        _refuse(text("answer trouble"))


def _refuse(why: str) -> None:
    """In place of the question: nothing was changed, and why."""
    st.title(frame.say()("answer nothing"), anchor=False)
    st.error(why)


def _answer(allowed: Permission, text: Words) -> None:
    database = source.reader().database
    wanted = {"subject": 1, "episodes": 1, "created": 1, "letter.next": 1}
    alert = database["alerts"].find_one({"_id": allowed.alert}, wanted)
    if alert is None:
        _refuse(text("answer gone"))
        return
    used = database[_book(allowed)].find_one({"_id": allowed.id})
    st.title(plain(alert["subject"]), anchor=False)
    st.caption(text.moment(alert["created"], time.time()))
    if used is not None:
        st.success(text("answer used", when=text.moment(used["at"], time.time())))
        return
    note = st.text_input(text("answer note"), max_chars=NOTE) if allowed.act in CAUSES else ""
    if not st.button(_button(allowed, alert, text), type="primary", width="stretch"):
        return
    try:
        database[_book(allowed)].insert_one(record(allowed, alert["episodes"], time.time(), note))
    except DuplicateKeyError:
        pass  # pressed twice, or by two people: it is done
    if allowed.act in CAUSES:
        episodes = database["episodes"].find({"_id": {"$in": alert["episodes"]}}, {"edge_flags": 1})
        flags = reduce(or_, (each["edge_flags"] for each in episodes), 0)
        st.success(teaches(text, allowed.act, flags))
    else:
        st.success(text(f"answer {allowed.act}"))


def _button(allowed: Permission, alert: Document, text: Words) -> str:
    if allowed.act in CAUSES:
        return text("answer is", cause=text(f"cause {allowed.act}"))
    if allowed.act == "model":
        return text("do model", device=plain(alert["letter"]["next"]["device"]))
    every = allowed.act == "acknowledge" and len(alert["episodes"]) > 1
    return text("do acknowledge all" if every else f"do {allowed.act}")


def record(allowed: Permission, episodes: list[str], now: float, note: str = "") -> Document:
    """What the press of a button leaves: one document, whose id is the token's."""
    document: Document = {
        "_id": allowed.id,
        "alert": allowed.alert,
        "episodes": episodes,
        "at": now,
        "by": "mail",
    }
    if allowed.act in CAUSES:
        document |= answer(allowed.act, note)
    elif allowed.act not in ACKNOWLEDGED:
        document["label"] = allowed.act
    return document


def _book(allowed: Permission) -> str:
    return "acknowledgements" if allowed.act in ACKNOWLEDGED else "labels"
