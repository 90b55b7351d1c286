"""Episodes: when something abnormal begins, how it grows, when it is over. Pure decisions, no I/O.

    state, actions = decide(state, event, now)

`state` is all that the watch remembers of one device between two events; it survives restarts as a document.
Events may come in any order; each comes once. A device can have five open episodes: about its readings, about
its silence, about two boards under its name, about too many messages, and about its leaving the other boards
of its site while its own detectors are quiet.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import msgspec

from cloud.contract.messages import SIBLINGS, is_abnormal
from cloud.read import settling
from cloud.read.settling import Before
from device import codes

Kind = Literal["anomaly", "sensor", "silence", "claim", "flood", "siblings"]
Severity = Literal["warning", "severe"]
Number = TypeVar("Number", int, float)

DETECTORS = 3  # a reading is severe when this many detectors call it abnormal and the cloud agrees
FAR = 0.5  # a value this far outside the board's normal range, in widths of that range, is severe
UNKNOWN_PERIOD = 10.0  # s, until two readings show the real one


class Rules(msgspec.Struct, frozen=True):
    """When an episode opens and closes."""

    abnormal: int = 3  # this many abnormal readings ...
    among: int = 5  # ... among this many in a row open an episode
    quiet_readings: int = 30  # this many readings without an abnormal one close it,
    quiet_seconds: int = 600  # or this long
    merge_seconds: int = 900  # an episode that begins again within this time after its end is the same one
    late_seconds: int = 3600  # older readings make a note when they arrive, not an alarm, unless severe
    silent_periods: float = 5.0  # this many periods without a sign of life,
    silent_seconds: float = 180.0  # and at least this long, are silence
    offline_seconds: float = 60.0  # silence begins this long after the last will: a restart takes less
    overslept_seconds: float = 120.0  # silence begins this long after a sleeping board was due
    claim_seconds: float = 86400.0  # a claim is over this long after the last sign of a second board
    flood_seconds: float = 3600.0  # a flood is over this long after its last sign


RULES = Rules()


class _OfBoard(msgspec.Struct, frozen=True):
    site: str
    device: str


class Event(_OfBoard, frozen=True):
    """One reading from `events`: an abnormal one, or the first normal one after an abnormal one."""

    stream: str
    seq: int
    when: float  # Unix s: its date, or when it arrived if it has none
    edge_flags: int
    cloud_flags: int
    t: int | None = None  # hundredths of degC
    h: int | None = None
    why: str | None = None
    mask: int = codes.ABNORMAL  # the bits of edge_flags that are abnormal on its board
    beyond: float | None = None  # how far outside its normal range, in widths of it; None = not known
    staged: bool = False  # outside the user's limits, but not yet at their second stage, `severe`

    @property
    def abnormal(self) -> bool:
        return is_abnormal(self.edge_flags, self.mask)

    @property
    def flags(self) -> int:
        """The abnormal bits of its verdict."""
        return self.edge_flags & self.mask

    @property
    def failed(self) -> bool:
        return bool(self.edge_flags & codes.SENSOR_ERROR)

    @property
    def agreed(self) -> bool:
        """Whether the cloud calls it abnormal too."""
        return is_abnormal(self.cloud_flags)

    @property
    def severe(self) -> bool:
        """Outside the user's own limits, or far outside its range, or many detectors and the cloud agrees.

        Limits with two stages are severe from the second on.
        """
        if self.edge_flags & codes.LIMIT and not self.staged:
            return True
        if self.edge_flags & codes.RANGE and (self.beyond is None or self.beyond >= FAR):
            return True
        return (self.edge_flags & self.mask).bit_count() >= DETECTORS and self.agreed


class Progress(msgspec.Struct, frozen=True):
    """The newest known reading of a device: it closes an episode when nothing abnormal comes any more."""

    stream: str
    seq: int
    when: float
    abnormal: bool
    flags: int = 0  # the abnormal bits of its verdict
    t: int | None = None  # hundredths of degC
    h: int | None = None


class Sign(_OfBoard, frozen=True):
    """The last sign of life of a device, which a timer checks."""

    heard: float  # Unix s when the cloud last stored something of it
    listening: float  # Unix s since when the cloud has been able to hear it
    offline: float | None = None  # Unix s when its last will came, if nothing came after it
    due: float | None = None  # Unix s when it said that it would wake up again
    period: float | None = None  # s between its readings

    @property
    def gone(self) -> bool:
        """Whether its last will is the newest message from it."""
        return self.offline is not None and self.offline >= self.heard - 1


class Claim(_OfBoard, frozen=True):
    """A sign that two boards use this name (cloud.store.claims)."""

    stream: str
    seq: int
    when: float  # Unix s
    why: str  # "seqs", "boots", "streams"


class Flood(_OfBoard, frozen=True):
    """This board sends too much, and ingest holds back what is beyond its share (cloud.ingest.share)."""

    when: float  # Unix s
    why: str  # "messages", "streams"
    times: float  # how many times more messages than its period allows


class Parted(_OfBoard, frozen=True):
    """This board has left the other boards of its site, and how far, or is back (cloud.siblings)."""

    since: float  # Unix s
    when: float  # Unix s
    names: tuple[str, ...]  # of those that it left
    t: int  # hundredths of degC that it is away from them
    h: int  # ... of %RH
    over: bool = False


class Ahead(_OfBoard, frozen=True):
    """When the air will pass one of the user's limits if it goes on; None: nobody can tell."""

    breach: float | None  # Unix s
    limit: int = 0  # hundredths of degC
    staged: bool = False  # it is the first stage of limits that have a severe one


SIGNS: dict[str, type[Claim | Flood | Parted]] = {"claim": Claim, "flood": Flood, "siblings": Parted}
Input = Event | Progress | Sign | Claim | Flood | Parted | Ahead


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """A run of trouble with one device. Temperatures and humidities in hundredths."""

    id: str
    site: str
    device: str
    stream: str = ""
    opened: float  # Unix s of its first abnormal reading; for silence: when the board was last heard
    last: float  # Unix s of its newest abnormal reading
    last_seq: int = 0
    closed: float | None = None
    severity: Severity
    abnormal: int = 0
    agreed: int = 0
    edge_flags: int = 0
    cloud_flags: int = 0
    late: bool = False
    t_min: int | None = None
    t_max: int | None = None
    h_min: int | None = None
    h_max: int | None = None
    why: str | None = None  # of the last failed read; "offline", "silent", "overslept"; what shows a claim
    quiet: float | None = None  # Unix s of the first normal reading after `last`
    heard: float = 0.0  # Unix s when something was last added
    kind: Kind = "anomaly"
    beyond: float | None = None  # the largest `beyond` of its readings
    again: int = 0  # how often it began again
    times: float = 0.0  # of a flood: how many times more messages than the board's period allows
    left: tuple[str, ...] = ()  # names of the boards of its site that it has left
    away_t: int = 0  # how far it is away from them
    away_h: int = 0
    breach: float | None = None  # Unix s at which it will pass the user's limit, ...
    limit: int = 0  # ... which is so many hundredths of degC
    before: Before | None = None  # where the values lay before; None = not known, then no reading settles
    fault_seq: int | None = None  # of `stream`: the newest reading of the fault itself (cloud.read.settling)


class Device(msgspec.Struct, frozen=True):
    """Everything that the watch remembers of one device."""

    recent: tuple[Event, ...] = ()  # abnormal readings that do not make an episode yet, oldest first
    episode: Episode | None = None  # of its readings, open
    over: Episode | None = None  # the last one, closed: it may begin again
    late: Episode | None = None  # the note that gathers a backlog
    silence: Episode | None = None
    silence_over: Episode | None = None
    claim: Episode | None = None  # two boards claim to be this one
    flood: Episode | None = None  # it sends too much
    siblings: Episode | None = None  # it has left the other boards of its site


class Action(msgspec.Struct, frozen=True):
    """What happened to an episode."""

    episode: Episode


class Opened(Action, frozen=True):
    """An episode began, and a person must hear of it."""


class Again(Action, frozen=True):
    """An episode that had just ended has resumed."""


class Worse(Action, frozen=True):
    """An episode has become severe."""


class Changed(Action, frozen=True):
    """An episode grew, or a late note did."""


class Closed(Action, frozen=True):
    """An episode is over; a late note is complete."""


Decision = tuple[Device, list[Action]]


def decide(state: Device, event: Input, now: float) -> Decision:
    """The next state of a device, and the actions that follow. `now`: Unix s."""
    return _STEPS[type(event)](state, event, now)


def _reading(state: Device, event: Event, now: float) -> Decision:
    if not event.abnormal:
        return _returned(state, event), []
    episode, over = state.episode, state.over
    if _settles(episode or over, event):
        return _returned(state, event), []
    if episode is not None and (event.severe or event.when >= episode.opened - RULES.quiet_seconds):
        grown = _grow(episode, event, now)
        worse = grown.severity != episode.severity
        return _with(state, episode=grown), [Worse(grown) if worse else Changed(grown)]
    if over is not None and over.opened - RULES.quiet_seconds <= event.when <= over.last:
        grown = _grow(over, event, now)  # it arrived after the end of its episode
        if grown.severity != over.severity:  # no mail has called the episode severe
            return _worse_again(state, grown, over)
        return _with(state, over=grown), [Changed(grown)]
    if episode is not None or (now - event.when > RULES.late_seconds and not event.severe):
        return _note(state, event, now)
    recent = tuple(sorted((*state.recent, event), key=lambda e: (e.when, e.seq)))
    dense = _dense(recent, event)
    if not dense:
        return _with(state, recent=recent[-RULES.among :]), []
    if over is not None and 0 <= dense[0].when - (over.closed or over.last) <= RULES.merge_seconds:
        episode = msgspec.structs.replace(over, closed=None, quiet=None, again=over.again + 1)
        rest = dense
    else:
        episode, rest, over = _begin(dense, now), dense[1:], None
    for further in rest:
        episode = _grow(episode, further, now)
    if over is not None and episode.severity != over.severity:
        return _worse_again(_with(state, recent=()), episode, over)
    actions: list[Action] = [Opened(episode) if over is None else Again(episode)]
    return _with(state, recent=(), episode=episode, over=None), actions


def _worse_again(state: Device, episode: Episode, over: Episode) -> Decision:
    """The closed episode `over` resumes as `episode`, and has become severe."""
    again = over.again + 1
    episode = msgspec.structs.replace(episode, closed=None, quiet=None, again=again)
    before = msgspec.structs.replace(episode, severity=over.severity)
    return _with(state, episode=episode, over=None), [Again(before), Worse(episode)]


def _progress(state: Device, at: Progress, now: float) -> Decision:
    actions: list[Action] = []
    if state.late is not None and now - state.late.heard >= RULES.quiet_seconds:
        actions.append(Closed(state.late))
        state = _with(state, late=None)
    for kind, patience in (("claim", RULES.claim_seconds), ("flood", RULES.flood_seconds)):
        run: Episode | None = getattr(state, kind)
        if run is not None and now - run.last >= patience:
            actions.append(Closed(msgspec.structs.replace(run, closed=run.last)))
            state = _with(state, **{kind: None})
    episode = state.episode
    if episode is None:
        return state, actions
    if at.abnormal and not _settles(episode, at):
        return state, actions
    readings = at.seq - episode.last_seq if at.stream == episode.stream else 0
    if readings < RULES.quiet_readings and at.when - episode.last < RULES.quiet_seconds:
        return state, actions
    end = episode.last if episode.quiet is None else episode.quiet
    closed = msgspec.structs.replace(episode, closed=end)
    return _with(state, episode=None, recent=(), over=closed), [*actions, Closed(closed)]


def _listen(state: Device, sign: Sign, now: float) -> Decision:
    reason = _missing(sign, now)
    open_one, over = state.silence, state.silence_over
    if open_one is not None:
        if reason is not None or sign.gone or sign.heard <= open_one.last:
            return state, []
        closed = msgspec.structs.replace(open_one, closed=sign.heard, heard=now)
        return _with(state, silence=None, silence_over=closed), [Closed(closed)]
    if reason is None:
        return state, []
    if over is not None and sign.heard - (over.closed or over.last) <= RULES.merge_seconds:
        silence = msgspec.structs.replace(
            over, closed=None, last=sign.heard, why=reason, heard=now, again=over.again + 1
        )
        return _with(state, silence=silence, silence_over=None), [Again(silence)]
    silence = _without_readings(sign, "silence", sign.heard, heard=now, why=reason)
    return _with(state, silence=silence, silence_over=None), [Opened(silence)]


def _signalled(state: Device, sign: Claim | Flood, now: float) -> Decision:
    """A claim or a flood makes one mail, however long it goes on.

    Meanwhile ingest stores no readings of one board, or holds back the surplus, so that no other board waits.
    """
    kind: Kind = "claim" if isinstance(sign, Claim) else "flood"
    run: Episode | None = getattr(state, kind)
    if run is not None:
        run = msgspec.structs.replace(run, last=max(run.last, sign.when), heard=now)
        return _with(state, **{kind: run}), [Changed(run)]
    more: dict[str, Any] = {"severity": "severe"} if isinstance(sign, Claim) else {"times": sign.times}
    run = _without_readings(sign, kind, sign.when, heard=now, why=sign.why, **more)
    return _with(state, **{kind: run}), [Opened(run)]


def _ahead(state: Device, ahead: Ahead, now: float) -> Decision:
    """What will be outside the user's limits soon is as severe as what is."""
    episode = state.episode
    if episode is None or (episode.breach, episode.limit) == (ahead.breach, ahead.limit):
        return state, []
    calm = ahead.breach is None or ahead.staged
    severity: Severity = episode.severity if calm else "severe"
    updated = msgspec.structs.replace(episode, breach=ahead.breach, limit=ahead.limit, severity=severity)
    return _with(state, episode=updated), [
        Worse(updated) if severity != episode.severity else Changed(updated)
    ]


def _parted(state: Device, parted: Parted, now: float) -> Decision:
    """An open episode of its readings learns whom it has left; without one, this is its own episode."""
    away = {"left": parted.names, "away_t": parted.t, "away_h": parted.h}
    open_one = state.siblings
    if open_one is not None:
        if parted.over:
            closed = msgspec.structs.replace(open_one, closed=parted.when, heard=now)
            return _with(state, siblings=None), [Closed(closed)]
        last = max(open_one.last, parted.when)
        grown = msgspec.structs.replace(open_one, last=last, heard=now, **away)
        return _with(state, siblings=grown), [Changed(grown)]
    if parted.over:
        return state, []
    if state.episode is not None:
        flags = state.episode.cloud_flags | SIBLINGS
        updated = msgspec.structs.replace(state.episode, cloud_flags=flags, heard=now, **away)
        return _with(state, episode=updated), [Changed(updated)]
    seen = {"last": parted.when, "cloud_flags": SIBLINGS, "why": "siblings", **away}
    begun = _without_readings(parted, "siblings", parted.since, heard=now, **seen)
    return _with(state, siblings=begun), [Opened(begun)]


def _without_readings(about: _OfBoard, kind: Kind, since: float, **more: Any) -> Episode:
    """An episode that is about no reading, a warning unless `more` of its fields say otherwise."""
    name = f"{about.site}/{about.device}/{kind}/{int(since)}"
    values = {"opened": since, "last": since, "severity": "warning", **more}
    return Episode(id=name, site=about.site, device=about.device, kind=kind, **values)


def _missing(sign: Sign, now: float) -> str | None:
    """Why it counts as silent; None while it does not, or while the cloud itself did not listen."""
    if sign.gone and sign.offline is not None:
        reason, begin, patience = "offline", sign.offline, RULES.offline_seconds
    elif sign.due is not None:
        reason, begin, patience = "overslept", max(sign.heard, sign.due), RULES.overslept_seconds
    else:
        periods = RULES.silent_periods * (sign.period or UNKNOWN_PERIOD)
        reason, begin, patience = "silent", sign.heard, max(periods, RULES.silent_seconds)
    return reason if now >= max(begin, sign.listening) + patience else None


def _settles(episode: Episode | None, reading: Event | Progress) -> bool:
    """Whether a reading is abnormal only because windows still hold the fault of `episode`."""
    if episode is None or episode.fault_seq is None or reading.stream != episode.stream:
        return False
    return settling.settles(
        reading.flags, reading.t, reading.h, episode.before, reading.seq - episode.fault_seq
    )


def _returned(state: Device, event: Event) -> Device:
    """Note the first normal or settling reading after an abnormal one: the end, if all stays normal."""
    episode = state.episode
    if episode is None or event.stream != episode.stream or event.seq <= episode.last_seq:
        return state
    if episode.quiet is not None and episode.quiet <= event.when:
        return state
    return _with(state, episode=msgspec.structs.replace(episode, quiet=event.when))


def _note(state: Device, event: Event, now: float) -> Decision:
    if state.late is None:
        note = msgspec.structs.replace(_begin((event,), now), late=True)
    else:
        note = _grow(state.late, event, now)
    note = msgspec.structs.replace(note, closed=note.last)
    return _with(state, late=note), [Changed(note)]


def _dense(recent: tuple[Event, ...], newest: Event) -> tuple[Event, ...]:
    """The readings that open an episode together; () when there are not enough of them yet."""
    near = [
        event
        for event in recent
        if event.stream == newest.stream and abs(event.seq - newest.seq) < RULES.among
    ]
    if newest.severe:
        return tuple(near)
    seqs = sorted(event.seq for event in near)
    for first in seqs:
        inside = [event for event in near if first <= event.seq < first + RULES.among]
        if len(inside) >= RULES.abnormal:
            return tuple(inside)
    return ()


def _begin(events: tuple[Event, ...], now: float) -> Episode:
    """An episode with the first of `events`; all of them together decide its kind."""
    event = events[0]
    empty = Episode(
        id=f"{event.site}/{event.device}/{event.stream}/{event.seq}",
        site=event.site,
        device=event.device,
        stream=event.stream,
        opened=event.when,
        last=event.when,
        severity="warning",
        kind="sensor" if 2 * sum(each.failed for each in events) > len(events) else "anomaly",
    )
    return msgspec.structs.replace(_grow(empty, event, now), fault_seq=None)


def _grow(episode: Episode, event: Event, now: float) -> Episode:
    newer = event.when >= episode.last
    fault_seq = episode.fault_seq if event.stream == episode.stream else None
    before = episode.before  # where the windows of detectors alone can explain that it is abnormal
    if before is None or not (settling.windowed(event.flags) and before.holds(event.t, event.h)):
        fault_seq = max(event.seq, fault_seq or 0)
    return msgspec.structs.replace(
        episode,
        stream=event.stream if newer else episode.stream,
        opened=min(episode.opened, event.when),
        last=max(episode.last, event.when),
        last_seq=event.seq if newer else episode.last_seq,
        fault_seq=fault_seq if newer or event.stream == episode.stream else episode.fault_seq,
        severity="severe" if event.severe else episode.severity,
        abnormal=episode.abnormal + 1,
        agreed=episode.agreed + int(event.agreed),
        edge_flags=episode.edge_flags | event.edge_flags,
        cloud_flags=episode.cloud_flags | event.cloud_flags,
        t_min=_known(min, episode.t_min, event.t),
        t_max=_known(max, episode.t_max, event.t),
        h_min=_known(min, episode.h_min, event.h),
        h_max=_known(max, episode.h_max, event.h),
        why=event.why or episode.why,
        quiet=None if newer else episode.quiet,
        heard=now,
        beyond=_known(max, episode.beyond, event.beyond),
    )


def _known(which: Callable[..., Number], *values: Number | None) -> Number | None:
    """The least or the greatest of the values that are known; None when none is."""
    known = [value for value in values if value is not None]
    return which(known) if known else None


def _with(state: Device, **changes: object) -> Device:
    return msgspec.structs.replace(state, **changes)


_STEPS: dict[type, Callable[[Device, Any, float], Decision]] = {
    Event: _reading,
    Progress: _progress,
    Sign: _listen,
    Claim: _signalled,
    Flood: _signalled,
    Parted: _parted,
    Ahead: _ahead,
}
