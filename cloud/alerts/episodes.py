"""Episodes: when a run of abnormal readings begins, how it grows, when it is over. Pure decisions, no I/O.

    state, actions = decide(state, event, now)

`state` is all that is remembered of one device between two events; it survives restarts as a document. Events
may come in any order; each comes once.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from cloud.contract import is_abnormal
from device import codes

Severity = Literal["warning", "severe"]

SEVERE: int = codes.RANGE | codes.LIMIT  # one such reading is enough
DETECTORS = 3  # so many detectors on one reading, and the cloud agreeing, are severe too


class Rules(msgspec.Struct, frozen=True):
    """When an episode opens and closes."""

    abnormal: int = 3  # this many abnormal readings ...
    among: int = 5  # ... among this many in a row open an episode
    quiet_readings: int = 30  # this many readings without an abnormal one close it,
    quiet_seconds: int = 600  # or this long
    late_seconds: int = 3600  # what is older when it arrives makes a note, not an alarm


RULES = Rules()


class Event(msgspec.Struct, frozen=True):
    """One reading out of `events`: abnormal, or the first normal one after an abnormal one."""

    site: str
    device: str
    stream: str
    seq: int
    when: float  # Unix s: its date, or when it arrived if it has none
    edge_flags: int
    cloud_flags: int
    t: int | None = None  # hundredths of degC
    h: int | None = None
    why: str | None = None

    @property
    def abnormal(self) -> bool:
        return is_abnormal(self.edge_flags)

    @property
    def agreed(self) -> bool:
        """Whether the cloud calls it abnormal too."""
        return is_abnormal(self.cloud_flags)

    @property
    def severe(self) -> bool:
        detectors = (self.edge_flags & codes.ABNORMAL).bit_count()
        return bool(self.edge_flags & SEVERE) or (detectors >= DETECTORS and self.agreed)


class Progress(msgspec.Struct, frozen=True):
    """The newest reading known of a device: what closes an episode when nothing abnormal comes any more."""

    stream: str
    seq: int
    when: float
    abnormal: bool


class Episode(msgspec.Struct, frozen=True):
    """A run of abnormal readings of one device. Temperatures and humidities in hundredths."""

    id: str
    site: str
    device: str
    stream: str
    opened: float  # Unix s of its first abnormal reading
    last: float  # ... of its newest one
    last_seq: int
    closed: float | None
    severity: Severity
    abnormal: int
    agreed: int
    edge_flags: int
    cloud_flags: int
    late: bool
    t_min: int | None = None
    t_max: int | None = None
    h_min: int | None = None
    h_max: int | None = None
    why: str | None = None
    quiet: float | None = None  # Unix s of the first normal reading after `last`
    heard: float = 0.0  # Unix s when something was last added


class Device(msgspec.Struct, frozen=True):
    """What is remembered of one device."""

    recent: tuple[Event, ...] = ()  # abnormal readings that do not make an episode yet, oldest first
    episode: Episode | None = None  # the open one
    late: Episode | None = None  # the note that gathers a backlog


class Opened(msgspec.Struct, frozen=True):
    """An episode began: a person is to be told."""

    episode: Episode


class Changed(msgspec.Struct, frozen=True):
    """An episode grew, or a late note did."""

    episode: Episode


class Closed(msgspec.Struct, frozen=True):
    """An episode is over."""

    episode: Episode


Action = Opened | Changed | Closed


def decide(
    state: Device, event: Event | Progress, now: float, rules: Rules = RULES
) -> tuple[Device, list[Action]]:
    """The next state of a device and what follows for the world."""
    if isinstance(event, Progress):
        return _progress(state, event, now, rules)
    if not event.abnormal:
        return _returned(state, event), []
    if _is_late(state, event, now, rules):
        return _note(state, event, now)
    if state.episode is not None:
        grown = _grow(state.episode, event, now)
        return _replace(state, episode=grown), [Changed(grown)]
    recent = tuple(sorted((*state.recent, event), key=lambda e: (e.when, e.seq)))[-rules.among :]
    if not event.severe and _most_in_a_row(recent, event.stream, rules.among) < rules.abnormal:
        return _replace(state, recent=recent), []
    episode = _begin(recent[0], now)
    for further in recent[1:]:
        episode = _grow(episode, further, now)
    return _replace(state, recent=(), episode=episode), [Opened(episode)]


def _progress(state: Device, at: Progress, now: float, rules: Rules) -> tuple[Device, list[Action]]:
    if state.late is not None and now - state.late.heard >= rules.quiet_seconds:
        state = _replace(state, late=None)
    episode = state.episode
    if episode is None or at.abnormal:
        return state, []
    readings = at.seq - episode.last_seq if at.stream == episode.stream else 0
    if readings < rules.quiet_readings and at.when - episode.last < rules.quiet_seconds:
        return state, []
    end = episode.last if episode.quiet is None else episode.quiet
    closed = msgspec.structs.replace(episode, closed=end)
    return _replace(state, episode=None, recent=()), [Closed(closed)]


def _returned(state: Device, event: Event) -> Device:
    """The first normal reading after an abnormal one: where the episode ends, should it stay quiet."""
    episode = state.episode
    if episode is None or event.stream != episode.stream or event.seq <= episode.last_seq:
        return state
    if episode.quiet is not None and episode.quiet <= event.when:
        return state
    return _replace(state, episode=msgspec.structs.replace(episode, quiet=event.when))


def _is_late(state: Device, event: Event, now: float, rules: Rules) -> bool:
    if state.episode is not None:
        return event.when < state.episode.opened - rules.quiet_seconds
    return now - event.when > rules.late_seconds


def _note(state: Device, event: Event, now: float) -> tuple[Device, list[Action]]:
    if state.late is None:
        note = msgspec.structs.replace(_begin(event, now), late=True)
    else:
        note = _grow(state.late, event, now)
    note = msgspec.structs.replace(note, closed=note.last)
    return _replace(state, late=note), [Changed(note)]


def _most_in_a_row(recent: tuple[Event, ...], stream: str, among: int) -> int:
    """The most abnormal readings of this stream within any `among` consecutive seqs."""
    seqs = sorted(event.seq for event in recent if event.stream == stream)
    return max(sum(1 for seq in seqs if first <= seq < first + among) for first in seqs)


def _begin(event: Event, now: float) -> Episode:
    return Episode(
        id=f"{event.site}/{event.device}/{event.stream}/{event.seq}",
        site=event.site,
        device=event.device,
        stream=event.stream,
        opened=event.when,
        last=event.when,
        last_seq=event.seq,
        closed=None,
        severity="severe" if event.severe else "warning",
        abnormal=1,
        agreed=int(event.agreed),
        edge_flags=event.edge_flags,
        cloud_flags=event.cloud_flags,
        late=False,
        t_min=event.t,
        t_max=event.t,
        h_min=event.h,
        h_max=event.h,
        why=event.why,
        heard=now,
    )


def _grow(episode: Episode, event: Event, now: float) -> Episode:
    newer = event.when >= episode.last
    return msgspec.structs.replace(
        episode,
        stream=event.stream if newer else episode.stream,
        opened=min(episode.opened, event.when),
        last=max(episode.last, event.when),
        last_seq=event.seq if newer else episode.last_seq,
        severity="severe" if event.severe else episode.severity,
        abnormal=episode.abnormal + 1,
        agreed=episode.agreed + int(event.agreed),
        edge_flags=episode.edge_flags | event.edge_flags,
        cloud_flags=episode.cloud_flags | event.cloud_flags,
        t_min=_least(episode.t_min, event.t),
        t_max=_most(episode.t_max, event.t),
        h_min=_least(episode.h_min, event.h),
        h_max=_most(episode.h_max, event.h),
        why=event.why or episode.why,
        quiet=None if newer else episode.quiet,
        heard=now,
    )


def _least(a: int | None, b: int | None) -> int | None:
    return min((v for v in (a, b) if v is not None), default=None)


def _most(a: int | None, b: int | None) -> int | None:
    return max((v for v in (a, b) if v is not None), default=None)


def _replace(state: Device, **changes: object) -> Device:
    return msgspec.structs.replace(state, **changes)
