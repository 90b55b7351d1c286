"""Who needs a person: one card for each board, the most urgent first. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from cloud.dashboard import words
from cloud.reader import Episode, Latest
from device import codes

UNKNOWN_PERIOD = 10.0  # s, until two readings told it
BATCHING = 60.0  # s that a quiet reading may wait on the board to share a message
SILENT_AFTER = 180.0  # s, or five periods where that is longer


class Need(IntEnum):
    """How much a board needs somebody, the most first."""

    SEVERE = 0
    WARNING = 1
    SILENT = 2
    OFFLINE = 3
    NO_READING = 4
    UNUSUAL = 5
    WARMING_UP = 6
    FINE = 7

    @property
    def label(self) -> str:
        return _LABELS[self]

    @property
    def calls(self) -> bool:
        """Whether a person should look."""
        return self <= Need.NO_READING


_LABELS = {
    Need.SEVERE: "Severe",
    Need.WARNING: "Warning",
    Need.SILENT: "Silent",
    Need.OFFLINE: "Offline",
    Need.NO_READING: "Sensor fails",
    Need.UNUSUAL: "Unusual reading",
    Need.WARMING_UP: "Warming up",
    Need.FINE: "Fine",
}

_SILENCE = {
    "offline": "The broker lost its connection.",
    "overslept": "It did not wake up when it was due.",
}


@dataclass(frozen=True)
class Card:
    """One board at a glance."""

    latest: Latest
    need: Need
    sentence: str  # what is the matter, or that nothing is
    age: float  # s since something of it was stored
    freshness: int  # 4 = as fresh as can be … 0 = silent
    episode: Episode | None  # the open one

    @property
    def site(self) -> str:
        return self.latest.site

    @property
    def device(self) -> str:
        return self.latest.device


def cards(latest: Iterable[Latest], open_episodes: Iterable[Episode], now: float) -> list[Card]:
    """A card for each board: who needs a person first, then by site and name."""
    going_on: dict[tuple[str, str], Episode] = {}
    for episode in open_episodes:
        if episode.kind == "silence":
            continue  # how long ago it was heard stands on the card anyway
        held = going_on.get((episode.site, episode.device))
        if held is None or (episode.severity == "severe", episode.opened) > (
            held.severity == "severe",
            held.opened,
        ):
            going_on[episode.site, episode.device] = episode
    made = [card(board, going_on.get((board.site, board.device)), now) for board in latest]
    return sorted(made, key=lambda one: (one.need, one.site, one.device))


def card(latest: Latest, episode: Episode | None, now: float) -> Card:
    age = max(0.0, now - latest.received)
    fresh = freshness(age, latest.period)
    need = _need(latest, episode, fresh)
    return Card(latest, need, _sentence(need, latest, episode, age, now), age, fresh, episode)


def freshness(age: float, period: float | None) -> int:
    """4 (just heard of) to 0 (silent), measured by how often that board should be heard of."""
    every = period or UNKNOWN_PERIOD
    limits = (every + 10, 2 * every + BATCHING / 2, 3 * every + BATCHING, max(5 * every, SILENT_AFTER))
    return 4 - sum(age > limit for limit in limits)


def headline(made: list[Card]) -> str:
    """The state of the fleet in one line."""
    calling = [one for one in made if one.need.calls]
    if not calling:
        return "The board is fine" if len(made) == 1 else f"All {len(made)} boards are fine"
    if len(calling) == 1:
        return f"{words.plain(calling[0].device)} needs a look"
    return f"{len(calling)} of {words.count(len(made), 'board')} need a look"


def _need(latest: Latest, episode: Episode | None, fresh: int) -> Need:
    if episode:
        return Need.SEVERE if episode.severity == "severe" else Need.WARNING
    if latest.online is False:
        return Need.OFFLINE
    if fresh == 0:
        return Need.SILENT
    if latest.seq is None:
        return Need.WARMING_UP
    if latest.t is None:
        return Need.NO_READING
    if (latest.edge_flags | latest.cloud_flags) & codes.ABNORMAL:
        return Need.UNUSUAL
    if latest.edge_flags & codes.WARMING_UP:
        return Need.WARMING_UP
    return Need.FINE


def _sentence(need: Need, latest: Latest, episode: Episode | None, age: float, now: float) -> str:
    if episode:
        return about(episode)
    if need is Need.OFFLINE:
        return f"The broker lost it {words.duration(age)} ago: check its power and its Wi-Fi."
    if need is Need.SILENT:
        return f"Nothing came for {words.duration(age)}: check its power, its Wi-Fi and the broker."
    if need is Need.NO_READING:
        reason = words.plain(latest.why or "no reason given")
        return f"The last read failed ({reason}): check the sensor's wires."
    if need is Need.UNUSUAL:
        return f"Last reading: {words.seen(latest.edge_flags | latest.cloud_flags)}. Not an episode yet."
    if need is Need.WARMING_UP:
        return "It sees its first readings; verdicts begin after 60 of them."
    return "Nothing abnormal."


def about(episode: Episode) -> str:
    """What was seen in an episode, and by whom; its flags are the union over all its readings."""
    if episode.kind == "silence":
        return _SILENCE.get(episode.why or "", "Nothing was heard of it.")
    what = words.seen(episode.edge_flags | episode.cloud_flags) or "abnormal"
    return f"{what[:1].upper()}{what[1:]}. {agreement(episode)}"


def agreement(episode: Episode) -> str:
    """Whether board and cloud see it alike, in words."""
    if episode.edge_flags & codes.ABNORMAL and not episode.cloud_flags & codes.ABNORMAL:
        return "Only the board says so."
    if episode.cloud_flags & codes.ABNORMAL and not episode.edge_flags & codes.ABNORMAL:
        return "Only the cloud says so."
    if episode.agreed >= episode.abnormal:
        return "Board and cloud agree."
    return f"Board and cloud agree on {episode.agreed} of {words.count(episode.abnormal, 'reading')}."
