"""Policy: which of all that happens becomes a mail, to whom, and when. Pure decisions, no I/O.

    desk, letters = decide(desk, happenings, now, rules)

`desk` is all that is remembered between two looks; it survives restarts as one document. An episode is told
once. What may not be told now (quiet hours, cool-down, too many at once, no budget) is held and told later in
one mail, or, when it is over by then, as a line of the daily digest. Nothing is forgotten on the way.

No board takes more than BOARD_SHARE of a day's mails: a severe episode of another one always has room.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from cloud.alerts.episodes import Action, Again, Changed, Closed, Episode, Opened, Severity, Worse
from cloud.settings import AlertSettings
from device import codes

Kind = Literal["opening", "worse", "together", "reminder", "escalation", "budget", "digest"]
Held = Literal["quiet hours", "cool-down", "many at once", "budget", "share"]

WINDOW = 600.0  # s in which `single` mails go out alone; then those that follow come together
GATHER = 60.0  # s that they are gathered the first time
LINES = 500  # of a digest; the rest is counted, first of the board that has most
BOARD_SHARE = 0.25  # of a day's mails for one board, each recipient counts; at least one mail
DAY = 86400


class Acknowledged(msgspec.Struct, frozen=True):
    """Somebody has seen these episodes."""

    episodes: tuple[str, ...]


Happening = Action | Acknowledged


class Followed(msgspec.Struct, frozen=True):
    """An open episode."""

    id: str
    owner: str  # site/device
    severity: Severity
    release: float  # Unix s when it may be told, while it is not
    told: float | None = None  # Unix s of the mail that told it
    worse: bool = False  # severe now, told as a warning
    held: Held | None = None
    acknowledged: bool = False
    reminders: int = 0
    remind: float = math.inf
    escalated: bool = False


class Line(msgspec.Struct, frozen=True):
    """One line of the next digest. `untold`: no mail spoke of it before."""

    id: str
    kind: Literal["closed", "late"]
    untold: bool = False


class Told(msgspec.Struct, frozen=True):
    """The last mail about a device."""

    at: float
    severity: Severity


class Desk(msgspec.Struct, frozen=True):
    """What is remembered."""

    followed: dict[str, Followed] = {}
    lines: dict[str, Line] = {}  # by episode, oldest first
    left_out: int = 0  # lines that found no room
    told: dict[str, Told] = {}  # by _matter, within the cool-down
    singles: tuple[float, ...] = ()  # Unix s of mails about one episode, within WINDOW
    together: float = 0.0  # Unix s from which a mail about many may go out
    day: int = 0  # UTC day, of `spent` and `warned`
    spent: int = 0  # mails planned that day, each recipient counts
    spent_by: dict[str, float] = {}  # of them, by owner; a mail about several boards counts in parts
    warned: bool = False  # that the budget is used up
    digested: float = 0.0  # Unix s of the last time that a digest was due


class Letter(msgspec.Struct, frozen=True):
    """A mail to be written. `second`: to the second address."""

    kind: Kind
    severity: Severity
    episodes: tuple[str, ...]
    lines: tuple[Line, ...] = ()
    left_out: int = 0
    held: Held | None = None  # why it did not come before
    second: bool = False


def decide(
    desk: Desk, happenings: Iterable[Happening], now: float, rules: AlertSettings, *, unsaid: bool = False
) -> tuple[Desk, list[Letter]]:
    """The next state and the mails that follow. `unsaid`: some mail before may not have arrived."""
    work = _Work(desk, now, rules)
    for happening in happenings:
        work.take(happening)
    work.tell()
    work.remind()
    work.escalate()
    work.digest(unsaid)
    return work.desk(), work.letters


class _Work:
    """One decision in the making: copies of the desk, changed in order."""

    def __init__(self, desk: Desk, now: float, rules: AlertSettings) -> None:
        self._old, self._now, self._rules = desk, now, rules
        self._followed, self._lines = dict(desk.followed), dict(desk.lines)
        self._left_out = desk.left_out
        self._told = {who: told for who, told in desk.told.items() if now - told.at < rules.cool_down}
        self._singles = tuple(at for at in desk.singles if now - at < WINDOW)
        self._together, self._digested = desk.together, desk.digested or now
        self._day, new = int(now // DAY), int(now // DAY) != desk.day
        self._spent, self._warned = (0, False) if new else (desk.spent, desk.warned)
        self._spent_by = {} if new else dict(desk.spent_by)
        self.letters: list[Letter] = []

    def desk(self) -> Desk:
        return Desk(
            followed=self._followed,
            lines=self._lines,
            left_out=self._left_out,
            told=self._told,
            singles=self._singles,
            together=self._together,
            day=self._day,
            spent=self._spent,
            spent_by=self._spent_by,
            warned=self._warned,
            digested=self._digested,
        )

    def take(self, happening: Happening) -> None:
        if isinstance(happening, Acknowledged):
            for name in happening.episodes:
                if name in self._followed:
                    self._change(self._followed[name], acknowledged=True)
            return
        episode = happening.episode
        known = self._followed.get(episode.id)
        if isinstance(happening, Opened):
            self._followed[episode.id] = _followed(episode, self._now)
        elif isinstance(happening, Again):
            self._again(episode)
        elif isinstance(happening, Worse) and known is not None:
            worse = known.told is not None and known.severity == "warning"
            self._change(known, severity="severe", worse=worse, release=self._now, acknowledged=False)
        elif isinstance(happening, Closed):
            self._close(episode, known)
        elif isinstance(happening, Changed):
            if known is not None and math.isinf(known.release) and not _can_wait(episode):
                self._change(known, release=self._now, held=None)
        elif not isinstance(happening, Worse):
            raise TypeError(happening)

    def _again(self, episode: Episode) -> None:
        """Its end was no end. When it was told, that stands; else it waits to be told as any other."""
        line = self._lines.pop(episode.id, None)
        followed = _followed(episode, self._now)
        if line is None or not line.untold:
            remind = self._now + self._rules.repeat if self._rules.repeat else math.inf
            followed = msgspec.structs.replace(followed, told=self._now, remind=remind)
        self._followed[episode.id] = followed

    def _close(self, episode: Episode, known: Followed | None) -> None:
        if known is not None:
            del self._followed[episode.id]
        untold = known is not None and known.told is None
        if len(self._lines) >= LINES:
            self._left_out += 1
            if not self._make_room(_board(episode.id)):
                return
        self._lines[episode.id] = Line(
            episode.id, "late" if episode.late else "closed", untold or episode.late
        )

    def _make_room(self, board: str) -> bool:
        """In a full digest the board with most lines loses its oldest, unless `board` has as many."""
        lines = Counter(map(_board, self._lines))
        most, count = lines.most_common(1)[0]
        if lines[board] >= count:
            return False
        del self._lines[next(name for name in self._lines if _board(name) == most)]
        return True

    # -- telling ---------------------------------------------------------------------------------------

    def tell(self) -> None:
        due = [
            one
            for one in self._followed.values()
            if (one.told is None or one.worse) and one.release <= self._now and not one.acknowledged
        ]
        ready = [one for one in due if self._may_be_told(one)]
        if not ready:
            return
        if len(ready) + len(self._singles) <= self._rules.single:
            for one in ready:
                self._write("worse" if one.worse else "opening", [one])
            return
        waited = any(one.held == "many at once" for one in ready)
        if self._now >= self._together and (waited or len(ready) >= self._rules.single):
            self._together = self._now + WINDOW
            self._write("together" if len(ready) > 1 else "worse" if ready[0].worse else "opening", ready)
            return
        if self._now >= self._together:  # few, but after many: see who else comes
            self._together = self._now + GATHER
        for one in ready:
            self._change(one, release=self._together, held="many at once")

    def _may_be_told(self, one: Followed) -> bool:
        """Holds it otherwise."""
        if not self._has_share(one.owner):
            self._change(one, release=float((self._day + 1) * DAY), held="share")
            return False
        if one.severity == "warning" and (end := self._quiet_until()) is not None:
            self._change(one, release=end, held="quiet hours")
            return False
        last = self._told.get(_matter(one))
        if last is not None and not (one.severity == "severe" and last.severity == "warning"):
            self._change(one, release=last.at + self._rules.cool_down, held="cool-down")
            return False
        return True

    def _write(self, kind: Kind, about: Sequence[Followed]) -> None:
        severity: Severity = "severe" if any(one.severity == "severe" for one in about) else "warning"
        if not self._afford(severity == "severe"):
            self._without_budget(about, severity)
            return
        self._charge(about, self._cost())
        held = next((one.held for one in about if one.held is not None), None)
        self.letters.append(Letter(kind, severity, tuple(one.id for one in about), held=held))
        self._have_told(about)
        if kind != "together":
            self._singles += (self._now,)

    def _without_budget(self, about: Sequence[Followed], severity: Severity) -> None:
        """They wait for tomorrow; that severe ones wait is worth one mail out of what is kept for the end."""
        if severity == "severe" and not self._warned and self._pay(self._cost(), self._rules.per_day):
            self._warned = True
            self.letters.append(Letter("budget", "severe", tuple(one.id for one in about), held="budget"))
            self._have_told(about)
            return
        tomorrow = float((self._day + 1) * DAY)
        for one in about:
            self._change(one, release=tomorrow, held="budget")

    def _have_told(self, about: Sequence[Followed]) -> None:
        for one in about:
            remind = self._now + self._rules.repeat if self._rules.repeat else math.inf
            self._change(one, told=self._now, worse=False, held=None, reminders=0, remind=remind)
            self._told[_matter(one)] = Told(self._now, one.severity)

    # -- again, and to others ----------------------------------------------------------------------------

    def remind(self) -> None:
        """Each time after twice as long: a mail that comes for ever is not read."""
        quiet = self._quiet_until()
        due = [
            one
            for one in self._open_and_unseen()
            if one.remind <= self._now
            and (one.severity == "severe" or quiet is None)
            and self._has_share(one.owner)
        ]
        if not due:
            return
        self._follow_up("reminder", due)
        for one in due:
            pause = self._rules.repeat * 2 ** min(one.reminders + 1, 10)
            self._change(one, reminders=one.reminders + 1, remind=self._now + pause)

    def escalate(self) -> None:
        if not self._rules.second_cost:
            return
        due = [
            one
            for one in self._open_and_unseen()
            if one.severity == "severe"
            and not one.escalated
            and one.told is not None
            and self._now - one.told >= self._rules.escalate
            and self._has_share(one.owner)
        ]
        if due and self._follow_up("escalation", due, second=True):
            for one in due:
                self._change(one, escalated=True)

    def _open_and_unseen(self) -> list[Followed]:
        return [one for one in self._followed.values() if one.told is not None and not one.acknowledged]

    def _follow_up(self, kind: Kind, about: Sequence[Followed], *, second: bool = False) -> bool:
        severe = any(one.severity == "severe" for one in about)
        if not self._afford(severe, second=second):
            return False
        self._charge(about, self._cost(second))
        severity: Severity = "severe" if severe else "warning"
        self.letters.append(Letter(kind, severity, tuple(one.id for one in about), second=second))
        return True

    def digest(self, unsaid: bool) -> None:
        due = self._digest_due()
        if self._digested >= due:
            return
        untold = [one.id for one in self._followed.values() if one.told is None and not one.acknowledged]
        if (self._lines or untold or unsaid) and not self._pay(self._cost(), self._rules.per_day):
            return  # tomorrow's budget is for it
        if self._lines or untold or unsaid:
            severe = any(self._followed[name].severity == "severe" for name in untold)
            lines, left = tuple(self._lines.values()), self._left_out
            severity: Severity = "severe" if severe else "warning"
            self.letters.append(Letter("digest", severity, tuple(untold), lines, left))
            self._have_told([self._followed[name] for name in untold])
            self._lines, self._left_out = {}, 0
        self._digested = self._now

    # -- money and time ----------------------------------------------------------------------------------

    def _cost(self, second: bool = False) -> int:
        return self._rules.second_cost if second else self._rules.cost

    def _afford(self, severe: bool, *, second: bool = False) -> bool:
        """Pay for one more mail if it may be had: two are kept for the end of the day, a share for severe."""
        limit = self._rules.per_day - 2 * self._rules.cost
        if not severe:
            limit = min(limit, math.floor(self._rules.per_day * (1 - self._rules.severe_share)))
        return self._pay(self._cost(second), limit)

    def _has_share(self, owner: str) -> bool:
        """Whether one more mail about this board is within its share of the day."""
        share = max(self._cost(), math.floor(self._rules.per_day * BOARD_SHARE))
        return self._spent_by.get(owner, 0.0) + self._cost() <= share

    def _charge(self, about: Sequence[Followed], cost: int) -> None:
        owners = {one.owner for one in about}
        for owner in owners:
            self._spent_by[owner] = self._spent_by.get(owner, 0.0) + cost / len(owners)

    def _pay(self, cost: int, limit: int) -> bool:
        if self._spent + cost > limit:
            return False
        self._spent += cost
        return True

    def _quiet_until(self) -> float | None:
        """The end of the quiet hours (Unix s) while they last."""
        if self._rules.quiet_hours is None:
            return None
        begin, end = self._rules.quiet_hours
        local = self._local(self._now)
        minute = local.hour * 60 + local.minute
        inside = begin <= minute < end if begin < end else minute >= begin or minute < end
        return self._next(end) if inside else None

    def _digest_due(self) -> float:
        """The newest moment up to now at which a digest was to be written (Unix s)."""
        return self._next(self._rules.digest_minute, back=1)

    def _next(self, minute: int, back: int = 0) -> float:
        """The next local time of day `minute` (Unix s), or with `back` the last one, now included.

        Moments are compared, not times on the clock: on the day that summer time begins, 02:30 is no time of
        that day, and stands for the moment an hour after 01:30.
        """
        today = self._local(self._now).replace(
            hour=minute // 60, minute=minute % 60, second=0, microsecond=0, fold=0
        )
        moments = [(today + timedelta(days=days)).timestamp() for days in (-2, -1, 0, 1, 2)]
        if back:
            return max(moment for moment in moments if moment <= self._now)
        return min(moment for moment in moments if moment > self._now)

    def _local(self, at: float) -> datetime:
        zone = ZoneInfo(self._rules.zone) if self._rules.zone != "UTC" else UTC
        return datetime.fromtimestamp(at, zone)

    def _change(self, one: Followed, **changes: object) -> None:
        now_known = self._followed[one.id]
        self._followed[one.id] = msgspec.structs.replace(now_known, **changes)


def _board(episode: str) -> str:
    """Whose episode this is: an id begins with site/device/."""
    return "/".join(episode.split("/", 2)[:2])


def _matter(one: Followed) -> str:
    """What cools down together: what a board measures, or that it floods, or that two claim to be it."""
    kind = one.id.split("/")[2]
    return f"{one.owner}/{kind}" if kind in ("claim", "flood") else one.owner


def _followed(episode: Episode, now: float) -> Followed:
    release = math.inf if _can_wait(episode) else now
    return Followed(episode.id, f"{episode.site}/{episode.device}", episode.severity, release)


def _can_wait(episode: Episode) -> bool:
    """A slow drift that nothing else confirms: one line of the next digest, and no mail of its own."""
    flags = (episode.edge_flags | episode.cloud_flags) & codes.ABNORMAL
    return episode.kind == "anomaly" and episode.severity == "warning" and flags == codes.DRIFT
