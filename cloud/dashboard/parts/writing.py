"""The two things that a person can say of an episode. Each is one new document; nothing is ever changed."""

from __future__ import annotations

import logging
import time
from typing import Literal

import streamlit as st
from bson import ObjectId
from pymongo.errors import PyMongoError

from cloud.dashboard import frame, source
from cloud.dashboard.pages import access
from cloud.read.rows import Episode
from cloud.store.database import Document

log = logging.getLogger("dashboard")

Label = Literal["real", "false"]


def acknowledge(episode: Episode) -> None:
    """Somebody has seen it: no more mails about it. Told as a toast."""
    _write("acknowledgements", episode, {}, "answer acknowledge")


def label(episode: Episode, said: Label) -> None:
    """It was real, or a false alarm; what was said last counts. Told as a toast."""
    _write("labels", episode, {"label": said}, f"answer {said}")


def _write(book: str, episode: Episode, more: Document, told: str) -> None:
    say, who = frame.say(), access.person()
    if who is None:  # the login ended while the buttons stood there
        st.toast(say("login first"), icon=":material/lock:")
        return
    document = {"_id": str(ObjectId()), "episodes": [episode.id], "at": time.time(), "by": who, **more}
    try:
        source.reader().database[book].insert_one(document)
    except PyMongoError as error:
        log.warning("%s: not written (%s)", book, type(error).__name__)
        st.toast(say("answer trouble"), icon=":material/cloud_off:")
        return
    source.episodes.clear()
    source.fleet.clear()
    source.history.clear()
    st.toast(say(told), icon=":material/check:")
