"""Which board needs a person: one card for each board, the most urgent first. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from cloud import detectors
from cloud.dashboard.parts.markdown import plain
from cloud.read import settling
from cloud.read.rows import Episode, Latest
from cloud.words import Words
from device import codes

UNKNOWN_PERIOD = 10.0  # s, until two readings have shown it
BATCHING = 60.0  # s that a quiet reading may wait on the board to share a message
SILENT_AFTER = 180.0  # s, or five periods where that is longer


class Need(IntEnum):
    """How urgently a board needs a person, the most urgent first."""

    SEVERE = 0
    WARNING = 1
    SILENT = 2
    OFFLINE = 3
    NO_READING = 4
    UNUSUAL = 5
    SETTLING = 6
    WARMING_UP = 7
    FINE = 8

    @property
    def calls(self) -> bool:
        """Whether a person should look."""
        return self <= Need.NO_READING


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

    @property
    def acknowledged(self) -> bool:
        """Whether somebody has said that they have seen it."""
        return self.episode is not None and self.episode.acknowledged is not None


def cards(
    say: Words,
    latest: Iterable[Latest],
    open_episodes: Iterable[Episode],
    now: float,
    over: Iterable[Episode] = (),
) -> list[Card]:
    """A card for each board: those that need a person first, acknowledged ones behind others, then by name.

    `over`: episodes that have ended, newest first.
    """
    going_on: dict[tuple[str, str], Episode] = {}
    for episode in sorted(open_episodes, key=lambda each: (each.severity == "severe", each.opened)):
        if episode.kind != "silence":  # how long ago it was heard stands on the card anyway
            going_on[episode.site, episode.device] = episode
    ended = {(each.site, each.device): each for each in reversed(list(over)) if each.of_readings}
    made = []
    for board in latest:
        here = (board.site, board.device)
        made.append(card(say, board, going_on.get(here), now, ended.get(here)))
    return sorted(made, key=lambda each: (each.need, each.acknowledged, each.site, each.device))


def card(
    say: Words, latest: Latest, episode: Episode | None, now: float, over: Episode | None = None
) -> Card:
    """`episode`: the open one; `over`: the newest that has ended."""
    age = max(0.0, now - latest.received)
    fresh = freshness(age, latest.period)
    need = _need(latest, episode, fresh, over)
    return Card(latest, need, _sentence(say, need, latest, episode, age), age, fresh, episode)


def freshness(age: float, period: float | None) -> int:
    """4 (just heard) to 0 (silent), relative to how often that board should be heard."""
    every = period or UNKNOWN_PERIOD
    limits = (every + 10, 2 * every + BATCHING / 2, 3 * every + BATCHING, max(5 * every, SILENT_AFTER))
    return 4 - sum(age > limit for limit in limits)


def headline(say: Words, made: list[Card]) -> str:
    """The state of the fleet in one line."""
    calling = [card for card in made if card.need.calls]
    if not calling:
        return say("fleet fine") if len(made) == 1 else say("fleet all fine", count=say.count(len(made)))
    if len(calling) == 1:
        return say("fleet one", device=plain(calling[0].device))
    return say("fleet some", count=say.count(len(calling)), boards=say.many(len(made), "board"))


def _settles(latest: Latest, over: Episode | None) -> bool:
    """Whether its newest reading is as before `over`, and only windows that still hold the fault disagree."""
    if over is None or over.fault_seq is None or over.stream != latest.stream:
        return False
    if latest.seq is None or latest.t is None or latest.h is None:
        return False
    t, h, since = round(100 * latest.t), round(100 * latest.h), latest.seq - over.fault_seq
    return settling.settles(latest.abnormal_flags, t, h, over.before, since)


def _need(latest: Latest, episode: Episode | None, fresh: int, over: Episode | None) -> Need:
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
    if latest.abnormal:
        return Need.SETTLING if _settles(latest, over) else Need.UNUSUAL
    if latest.edge_flags & codes.WARMING_UP:
        return Need.WARMING_UP
    return Need.FINE


def _sentence(say: Words, need: Need, latest: Latest, episode: Episode | None, age: float) -> str:
    if episode:
        return about(say, episode)
    return say(
        f"card {need.name.lower().replace('_', ' ')}",
        age=say.duration(age),
        why=plain(say.reason(latest.why)),
        what=say.seen(latest.edge_flags | latest.cloud_flags),
    )


def about(say: Words, episode: Episode) -> str:
    """What was seen in an episode, and by whom; its flags are the union over all its readings."""
    if episode.kind == "silence":
        return say(f"silence {episode.why}" if episode.why in ("offline", "overslept") else "silence silent")
    if episode.kind in ("claim", "flood"):
        return say({"claim": "two boards", "flood": "floods"}[episode.kind])
    away = say.away(episode.away_t, episode.away_h)
    left = say("siblings left", others=plain(say.all_of(episode.left)), away=away) + "."
    if episode.kind == "siblings":
        return left
    what = say.seen(episode.edge_flags | episode.cloud_flags) or say("unusual readings")
    sentences = [f"{what[:1].upper()}{what[1:]}.", agreement(say, episode)]
    if episode.left:
        sentences.append(left)
    if episode.breach is not None and episode.closed is None:
        at = 300 * round(episode.breach / 300)
        limit = say.value(episode.limit, "°C")
        sentences.append(say("breach row", limit=limit, when=say.moment(at, at)) + ".")
    return " ".join(sentences)


def agreement(say: Words, episode: Episode) -> str:
    """Whether board and cloud agree about it, in words."""
    if episode.edge_flags & codes.ABNORMAL and not episode.cloud_flags & codes.ABNORMAL:
        return say("only board" if episode.edge_flags & detectors.CLOUD else "only board can")
    if episode.cloud_flags & codes.ABNORMAL and not episode.edge_flags & codes.ABNORMAL:
        return say("only cloud")
    if episode.agreed >= episode.abnormal:
        return say("both agree")
    return say(
        "both agree partly", agreed=say.count(episode.agreed), readings=say.many(episode.abnormal, "reading")
    )
