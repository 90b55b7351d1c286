"""The two answers that a person can give about an episode. Each is one new document; none is ever changed."""

import logging
import time

import streamlit as st
from bson import ObjectId
from pymongo.errors import PyMongoError

from cloud.dashboard import frame, source
from cloud.dashboard.views import access
from cloud.read.causes import Cause, answer
from cloud.read.rows import Episode
from cloud.store.database import Document
from cloud.words import Words

log = logging.getLogger("dashboard")


def acknowledge(episode: Episode) -> None:
    """Record that somebody has seen it, which stops mails about it; a toast says so."""
    _write("acknowledgements", episode, {}, frame.say()("answer acknowledge"))


def label(episode: Episode, cause: Cause, note: str) -> None:
    """Record what it was, and a line of text; the last answer counts. A toast says so."""
    _write("labels", episode, answer(cause, note), teaches(frame.say(), cause, episode.edge_flags))


def teaches(say: Words, cause: Cause, flags: int) -> str:
    """Thanks, and what an answer changes. `flags`: what alarmed."""
    what = {"fault": "teach fault", "unknown": "teach unknown"}.get(cause, "teach harmless")
    return say("teach thanks", cause=say(f"cause {cause}"), what=say(what, detectors=say.seen(flags)))


def _write(book: str, episode: Episode, more: Document, thanks: str) -> None:
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
    st.toast(thanks, icon=":material/check:")
