"""Asks the database for a page: shared between viewers, bounded in time, never with a crash.

Answers are frozen and shared (`cache_resource`), not copied for each viewer. When the database does not
answer, the page keeps its last answer; `Answer.trouble` says why there is no newer one.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
import streamlit as st
from pymongo.errors import OperationFailure, PyMongoError, ServerSelectionTimeoutError

from cloud import settings
from cloud.alerts import facts
from cloud.dashboard import language
from cloud.dashboard.draw import curve
from cloud.dashboard.draw.curve import Curve
from cloud.learning.book import Book
from cloud.plans import usage
from cloud.plans.usage import Gauge
from cloud.read.reader import Reader, is_called
from cloud.read.rows import Episode, FleetSummary, Latest
from cloud.read.spans import spans
from cloud.settings import Site
from cloud.store.agreement import Agreement, KnownUnits
from cloud.store.database import Document, connect
from cloud.training.features import features
from cloud.words import Words
from device.judge.window import SIZE as WARM_UP

log = logging.getLogger("dashboard")

TIMEOUT = 5.0  # s for one question
SLOW = 2.0  # s: a page mentions an answer that took longer
SHARED = 2.0  # s that viewers share one answer
COUNTED = 30.0  # s: counting what is stored looks at every bucket
SPARK_SHARED = 15.0  # s: a card's little curve may be that old
NORMAL_SHARED = 600.0  # s: what is normal for a board changes slowly
KNOWN = 500  # answers that a session keeps; one left open for weeks starts anew
DRAWN = 70_000  # readings; a range with more is drawn of the sums over its stretches
SPARK_SPAN = 3600.0  # s
SPARK_SLICES = 40
DAY = 86400.0  # s
HOUSE = language.HOUSE

T = TypeVar("T")
P = ParamSpec("P")


class DatabaseTrouble(Enum):
    """Why the database gave no answer."""

    LOST = "lost"  # nobody is there
    SLOW = "slow"  # there, but no answer in time
    REFUSED = "refused"  # it answered, and said no


class Unavailable(Exception):
    """The database gave no answer, and there is none from before."""

    def __init__(self, trouble: DatabaseTrouble) -> None:
        super().__init__(trouble.value)
        self.trouble = trouble


@dataclass(frozen=True)
class Answer(Generic[T]):
    """The last answer. `at`: when the database gave it (Unix s); `took`: how long it took (s)."""

    value: T
    at: float
    took: float
    trouble: DatabaseTrouble | None = None

    @property
    def slow(self) -> bool:
        return self.took > SLOW


@dataclass(frozen=True)
class FleetState:
    """All boards now: their newest readings, their open episodes, and whether the backend lives."""

    latest: list[Latest]
    open_episodes: list[Episode]
    backend_seen: float | None  # Unix s; None = never
    over: list[Episode] = field(default_factory=list)  # of the last day, where a board may still settle

    @property
    def boards(self) -> dict[str, tuple[str, str]]:
        """Name for a person -> (site, device), sorted. The site is named where there is more than one."""
        one_site = len({board.site for board in self.latest}) == 1
        names = (
            (board.device if one_site else f"{board.site}/{board.device}", (board.site, board.device))
            for board in self.latest
        )
        return dict(sorted(names))

    def addressed(self, asked: str | None) -> dict[str, tuple[str, str]]:
        """`boards`, in which the board of an address has the name that it has there.

        Mails write SITE/DEVICE, however many sites there are; an old address may lack the site.
        """
        boards = self.boards
        if asked is None or asked in boards:
            return boards
        meant = [name for name, whose in boards.items() if is_called(*whose, asked)]
        if len(meant) != 1:
            return boards
        return {asked if name == meant[0] else name: whose for name, whose in boards.items()}

    def of(self, site: str, device: str) -> Latest | None:
        return next((board for board in self.latest if (board.site, board.device) == (site, device)), None)


@st.cache_resource(show_spinner=False)
def reader() -> Reader:
    """The one connection of this process. Raises settings.SettingsError."""
    known = settings.read(settings.database, os.environ, HOUSE / ".env")
    return Reader(connect(known.uri, known.name, timeout=TIMEOUT))


def begin() -> None:
    """Call before drawing a part of a page: it then asks the database again, even after a failure."""
    st.session_state["trouble"] = None


def ask(question: Callable[P, T], *args: P.args, **more: P.kwargs) -> Answer[T]:
    """The answer of `question(*args)`, or its last one in this session and why.

    Raises Unavailable, SettingsError.

    After one question has waited in vain, the others of the same part do not wait: a fleet of cards would
    take minutes.
    """
    known: dict[str, Answer[T]] = st.session_state.setdefault("known", {})
    about = " ".join([question.__name__, *map(str, args)])
    trouble: DatabaseTrouble | None = st.session_state.get("trouble")
    if trouble is None:
        try:
            answer = _asked(lambda: question(*args, **more))
        except PyMongoError as error:
            trouble = _why(error)
            log.warning("%s: the database is %s (%s)", about, trouble.value, type(error).__name__)
            if trouble is not DatabaseTrouble.REFUSED:  # that one comes at once, and concerns one question
                st.session_state["trouble"] = trouble
        else:
            if len(known) > KNOWN:
                known.clear()
            known[about] = answer
            return answer
    if about not in known:
        raise Unavailable(trouble)
    return replace(known[about], trouble=trouble)


def _asked(question: Callable[[], T]) -> Answer[T]:
    began = time.monotonic()
    try:
        if st.session_state.get("asked"):  # only a first wait is announced; later ones must not move the page
            value = question()
        else:
            with st.spinner(Words(language.spoken())("asking"), show_time=True):
                value = question()
    finally:
        st.session_state["asked"] = True
    return Answer(value, time.time(), time.monotonic() - began)


def _why(error: PyMongoError) -> DatabaseTrouble:
    if error.timeout and not isinstance(error, ServerSelectionTimeoutError):
        return DatabaseTrouble.SLOW
    return DatabaseTrouble.REFUSED if isinstance(error, OperationFailure) else DatabaseTrouble.LOST


@st.cache_resource(ttl=SHARED, max_entries=4, show_spinner=False)
def fleet() -> FleetState:
    ask_reader = reader()
    latest, going_on = ask_reader.latest(), ask_reader.episodes(open_only=True)
    over = []
    if any(board.abnormal for board in latest):
        over = ask_reader.episodes(start=time.time() - DAY)
    return FleetState(latest, going_on, ask_reader.backend_seen(), over)


def sites() -> tuple[Site, ...]:
    """Where the sites are. Raises SettingsError."""
    return settings.read(settings.sites, os.environ, HOUSE / ".env")


def spark(language: str, site: str, device: str) -> Curve:
    """The last hour, for a card. The curve of a new board is not kept, so that each new reading shows."""
    curve = _spark(language, site, device)
    if curve.readings < SPARK_SLICES:
        _spark.clear(language, site, device)
    return curve


@st.cache_resource(ttl=SPARK_SHARED, max_entries=500, show_spinner=False)
def _spark(language: str, site: str, device: str) -> Curve:
    now = time.time()
    readings = reader().readings(site, device, start=now - SPARK_SPAN, end=now + 1)
    episodes = reader().episodes(site, device, start=now - SPARK_SPAN, end=now + 1)
    return curve.shape(
        Words(language), readings, episodes, start=now - SPARK_SPAN, end=now, slices=SPARK_SLICES
    )


@dataclass(frozen=True)
class Normal:
    """What is normal for a board. `basis`: s of history that say so; None = its trained range, or unknown."""

    t: facts.Span | None
    h: facts.Span | None
    basis: float | None

    @property
    def table(self) -> curve.Table:
        ends = [] if self.t is None or self.h is None else [(*self.t, *self.h)]
        columns = np.array(ends, np.float64).reshape(-1, 4).T
        return dict(zip(("t_low", "t_high", "h_low", "h_high"), columns, strict=True))


@dataclass(frozen=True)
class BoardHistory:
    curve: Curve
    normal: Normal
    episodes: list[Episode]
    start: float  # Unix s, of the readings that are counted
    end: float


@st.cache_resource(ttl=SHARED, max_entries=32, show_spinner=False)
def history(  # noqa: PLR0917  these are the answer's name
    language: str,
    site: str,
    device: str,
    start: float | None,
    end: float | None,
    span: float,
    summed: bool,
) -> BoardHistory:
    """Readings and episodes of [start, end); with None for both: of the last `span` seconds.

    `summed`: whether there are too many for single readings.
    """
    finish = time.time() if end is None else end
    begin = finish - span if start is None else start
    say, asked = Words(language), reader()
    episodes = asked.episodes(site, device, start=begin, end=finish + 1)
    if summed:
        sums = spans(asked, site, device, begin, finish + 1)
        drawn = curve.shape_spans(say, sums, episodes, start=begin, end=finish)
        begin = min([begin, *sums.begin[:1]])  # the oldest stretch counts whole, so a download has it whole
    else:
        readings = asked.readings(site, device, start=begin, end=finish + 1)
        hours = asked.hours(site, device, start=begin, end=finish + 1)
        models = {bytes.fromhex(model) for model in readings.model if model}
        units = {model.hex(): unit for model, unit in KnownUnits(asked.database).of_models(models).items()}
        drawn = curve.shape(say, readings, episodes, start=begin, end=finish, hours=hours, units=units)
    usual = normal(site, device)
    return BoardHistory(replace(drawn, normal=usual.table), usual, episodes, begin, finish)


@st.cache_resource(ttl=NORMAL_SHARED, max_entries=500, show_spinner=False)
def normal(site: str, device: str) -> Normal:
    """The normal ranges, as in mails: 98 % of the readings of its last day that nobody called abnormal."""
    now = time.time()
    readings = reader().readings(site, device, start=now - facts.LEARNED, end=now + 1)
    return Normal(*facts.normal(readings, lambda: reader().model(site, device)))


@st.cache_resource(ttl=SHARED, max_entries=16, show_spinner=False)
def episodes(site: str | None, device: str | None, open_only: bool, limit: int) -> list[Episode]:
    return reader().episodes(site, device, open_only=open_only, limit=limit)


@dataclass(frozen=True)
class TrainedModel:
    id: str  # 8 hex digits
    report: Mapping[str, Any]
    picture: bytes | None  # PNG


@st.cache_resource(ttl=COUNTED, max_entries=32, show_spinner=False)
def model(site: str, device: str, in_use: str | None) -> TrainedModel | None:
    """A board's model `in_use`, where that is known, else its newest; None = none yet."""
    document = (in_use and reader().model(site, device, in_use)) or reader().model(site, device)
    if not document:
        return None
    picture = reader().database["models"].find_one({"_id": document["_id"]}, {"png": 1}) or {}
    return TrainedModel(document["_id"], document["report"], picture.get("png"))


@st.cache_resource(ttl=COUNTED, max_entries=2, show_spinner=False)
def models() -> dict[tuple[str, str], Mapping[str, Any]]:
    """The newest model of each board, without its binaries and its report."""
    named = {"site": {"$type": "string"}, "device": {"$type": "string"}}
    documents = (
        reader().database["models"].find(named, {"site": 1, "device": 1, "created": 1}).sort("created", 1)
    )
    return {(document["site"], document["device"]): document for document in documents}


@st.cache_resource(ttl=SHARED, max_entries=64, show_spinner=False)
def lesson(site: str, device: str) -> tuple[Document, int]:
    """(what is known of a board's next model, mails about it since its first lesson)."""
    known = Book(reader().database).of((site, device))
    since = known.get("lesson", {}).get("since")
    return known, 0 if since is None else reader().mails(site, device, since, time.time())


@st.cache_resource(ttl=COUNTED, max_entries=64, show_spinner=False)
def agreement(site: str, device: str) -> list[Agreement]:
    return reader().agreement(site, device)


@st.cache_resource(ttl=NORMAL_SHARED, max_entries=64, show_spinner=False)
def recent_features(site: str, device: str) -> npt.NDArray[np.int16] | None:
    """The features of the last day's good readings, int16[n, 8]; None when there are too few."""
    now = time.time()
    readings = reader().readings(site, device, start=now - DAY, end=now + 1)
    good = ~np.isnan(readings.t)
    t, h = (np.rint(column[good] * 100).astype(np.int64) for column in (readings.t, readings.h))
    return features(t, h)[WARM_UP:] if len(t) > 2 * WARM_UP else None


@st.cache_resource(ttl=COUNTED, max_entries=2, show_spinner=False)
def summary() -> FleetSummary:
    return reader().summary()


@st.cache_resource(ttl=COUNTED, max_entries=2, show_spinner=False)
def quarantine() -> list[Document]:
    return reader().quarantine()


@st.cache_resource(ttl=SHARED, max_entries=2, show_spinner=False)
def wanted() -> dict[str, Document]:
    """What boards should have over the air, by "site/device"."""
    return {each["_id"]: each for each in reader().database["wanted"].find({}, {"want": 1})}


@st.cache_resource(ttl=COUNTED, max_entries=2, show_spinner=False)
def gauges() -> list[Gauge]:
    now = time.time()
    return usage.gauges(usage.measure(reader(), fleet().latest, now), now)
