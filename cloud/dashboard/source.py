"""Asking the database for a page: shared between viewers, bounded in time, never a crash.

Answers are frozen and are shared as they are (`cache_resource`), not copied for each viewer. What was
known when the database was last reached stays on the page; `Answer.trouble` says why it is not newer.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Generic, TypeVar

import streamlit as st
from pymongo.errors import (
    ConnectionFailure,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from cloud import settings
from cloud.dashboard import curve
from cloud.dashboard.curve import Curve
from cloud.database import connect
from cloud.reader import Episode, Latest, Reader, Summary

log = logging.getLogger("dashboard")

TIMEOUT = 5.0  # s for one question
SLOW = 2.0  # s: more is worth telling
SHARED = 2.0  # s that viewers share one answer
COUNTED = 10.0  # s: counting what is stored looks at every bucket
SPARK_SHARED = 15.0  # s: a card's little curve may be that old
SPARK_SPAN = 3600.0  # s
HOUSE = Path(__file__).resolve().parents[2]

T = TypeVar("T")


class Trouble(Enum):
    """Why the database could not be asked."""

    LOST = "lost"  # nobody there
    SLOW = "slow"  # there, but no answer in time
    REFUSED = "refused"  # it answered, and said no


class Unavailable(Exception):
    """The database could not be asked, and nothing is known from before."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.value)
        self.trouble = trouble


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What is known. `at`: when the database said so (Unix s); `took`: how long it thought (s)."""

    value: T
    at: float
    took: float
    trouble: Trouble | None = None

    @property
    def slow(self) -> bool:
        return self.took > SLOW


@dataclass(frozen=True)
class Fleet:
    latest: list[Latest]
    open_episodes: list[Episode]
    summary: Summary

    @property
    def boards(self) -> dict[str, tuple[str, str]]:
        """Name for a person -> (site, device), sorted."""
        return dict(sorted((f"{one.site}/{one.device}", (one.site, one.device)) for one in self.latest))


@st.cache_resource(show_spinner=False)
def reader() -> Reader:
    """The one connection of this process. Raises settings.SettingsError."""
    known = settings.load_database(os.environ, HOUSE / ".env")
    return Reader(connect(known.uri, known.name, timeout=TIMEOUT))


def ask(about: str, question: Callable[[], T]) -> Answer[T]:
    """`question()`, or what it last said in this session and why. Raises Unavailable, SettingsError."""
    known: dict[str, Answer[T]] = st.session_state.setdefault("known", {})
    began = time.monotonic()
    try:
        if st.session_state.get("asked"):  # only a first wait is announced; later ones must not move the page
            value = question()
        else:
            with st.spinner("Asking the database…", show_time=True):
                value = question()
    except PyMongoError as error:
        trouble = _why(error)
        log.warning("%s: the database is %s (%s)", about, trouble.value, type(error).__name__)
        if about not in known:
            raise Unavailable(trouble) from error
        last = known[about]
        return Answer(last.value, last.at, last.took, trouble)
    finally:
        st.session_state["asked"] = True
    answer = Answer(value, time.time(), time.monotonic() - began)
    if len(known) > 50:  # a session left open for weeks
        known.clear()
    known[about] = answer
    return answer


def _why(error: PyMongoError) -> Trouble:
    if isinstance(error, ServerSelectionTimeoutError):
        return Trouble.LOST
    if isinstance(error, NetworkTimeout) or error.timeout:
        return Trouble.SLOW
    if isinstance(error, ConnectionFailure):
        return Trouble.LOST
    return Trouble.REFUSED if isinstance(error, OperationFailure) else Trouble.LOST


@st.cache_resource(ttl=SHARED, max_entries=4, show_spinner=False)
def fleet() -> Fleet:
    ask_reader = reader()
    return Fleet(ask_reader.latest(), ask_reader.episodes(open_only=True), summary())


@st.cache_resource(ttl=COUNTED, max_entries=2, show_spinner=False)
def summary() -> Summary:
    return reader().summary()


@st.cache_resource(ttl=SPARK_SHARED, max_entries=500, show_spinner=False)
def spark(site: str, device: str) -> Curve:
    """The last hour, for a card."""
    now = time.time()
    readings = reader().readings(site, device, start=now - SPARK_SPAN, end=now + 1)
    episodes = reader().episodes(site, device, start=now - SPARK_SPAN, end=now + 1)
    return curve.shape(readings, episodes, start=now - SPARK_SPAN, end=now, slices=40)


@dataclass(frozen=True)
class History:
    curve: Curve
    episodes: list[Episode]
    end: float  # Unix s


@st.cache_resource(ttl=SHARED, max_entries=32, show_spinner=False)
def history(site: str, device: str, start: float | None, end: float | None, span: float) -> History:
    """Readings and episodes of [start, end); with None for both: of the last `span` seconds."""
    finish = time.time() if end is None else end
    begin = finish - span if start is None else start
    readings = reader().readings(site, device, start=begin, end=finish + 1)
    episodes = reader().episodes(site, device, start=begin, end=finish + 1)
    return History(curve.shape(readings, episodes, start=begin, end=finish), episodes, finish)


@st.cache_resource(ttl=SHARED, max_entries=16, show_spinner=False)
def episodes(site: str | None, device: str | None, open_only: bool, limit: int) -> list[Episode]:
    return reader().episodes(site, device, open_only=open_only, limit=limit)


@dataclass(frozen=True)
class TrainedModel:
    report: Mapping[str, Any]
    picture: bytes | None  # PNG


@st.cache_resource(ttl=COUNTED, max_entries=32, show_spinner=False)
def model(site: str, device: str) -> TrainedModel | None:
    """The newest model of a board; None = none yet."""
    found = reader().model(site, device)
    return None if found is None else TrainedModel(found["report"], reader().model_picture(found["_id"]))
