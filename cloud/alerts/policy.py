"""Policy: which episodes become a mail, to whom, and when. Pure decisions, no I/O.

    state, letters = decide(state, happenings, now, rules)

`state` is all that it remembers between two calls; it survives restarts as one document. Each episode gets
one mail. When a mail may not go out now (quiet hours, cool-down, too many at once, no budget), the policy
holds the episode and writes about it later in one mail or, if it is over by then, in a line of the daily
digest. It forgets no episode.

No board takes more than BOARD_SHARE of a day's mails: a severe episode of another board always has room.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from cloud.alerts.episodes import Action, Again, Closed, Episode, Opened, Severity, Worse
from cloud.contract.messages import SIBLINGS
from cloud.settings import AlertSettings
from device import codes

Kind = Literal[
    "opening", "worse", "together", "reminder", "escalation", "budget", "digest", "rollout", "model"
]
Held = Literal["quiet hours", "cool-down", "many at once", "budget", "share"]

WINDOW = 600.0  # s in which `single` episodes get a mail each; later episodes share one
GATHER = 60.0  # s that the policy waits for more episodes the first time
LINES = 500  # of a digest; further lines are only counted, first those of the board that has most
BOARD_SHARE = 0.25  # of a day's mails for one board (each recipient counts); at least one mail
DAY = 86400


class Acknowledged(msgspec.Struct, frozen=True):
    """Somebody has seen these episodes."""

    episodes: tuple[str, ...]


Happening = Action | Acknowledged


class Followed(msgspec.Struct, frozen=True, rename={"mailed": "told"}):
    """An open episode."""

    id: str
    owner: str  # site/device
    severity: Severity
    release: float  # Unix s from which a mail about it may go out, while none has
    mailed: float | None = None  # Unix s of the mail about it; stored as `told`
    worse: bool = False  # it is severe now, but the mail called it a warning
    held: Held | None = None
    acknowledged: bool = False
    reminders: int = 0
    remind: float = math.inf
    escalated: bool = False


class Line(msgspec.Struct, frozen=True):
    """One line of the next digest. `untold`: no mail was about it before."""

    id: str
    kind: Literal["closed", "late"]
    untold: bool = False


class LastMail(msgspec.Struct, frozen=True):
    """The last mail about a device."""

    at: float
    severity: Severity


class PolicyState(msgspec.Struct, rename={"mailed": "told"}):
    """Everything that the policy remembers. `decide` leaves the one that it gets as it is."""

    followed: dict[str, Followed] = {}
    lines: dict[str, Line] = {}  # by episode, oldest first
    left_out: int = 0  # lines for which the digest had no room
    mailed: dict[str, LastMail] = {}  # last mails by _matter, within the cool-down; stored as `told`
    singles: tuple[float, ...] = ()  # Unix s of mails about one episode, within WINDOW
    together: float = 0.0  # Unix s from which a mail about several episodes may go out
    day: int = 0  # UTC day, of `spent` and `warned`
    spent: int = 0  # mails planned that day, each recipient counts
    spent_by: dict[str, float] = {}  # of them, by owner; several boards share the cost of their mail
    warned: bool = False  # a mail has said that day that the budget is used up
    digested: float = 0.0  # Unix s of the last digest


class NextModel(msgspec.Struct, frozen=True):
    """A model that waits for a word to become the board's: what it did with the last days."""

    site: str
    device: str
    model: str
    first: bool  # the board has none yet
    days: float
    mails_before: int
    mails: int
    raised: tuple[str, ...] = ()  # detectors whose thresholds answers raised


class Letter(msgspec.Struct, frozen=True, rename={"subject": "said"}):
    """A mail to be written. `second`: to the second address. `next`: what a mail about a model asks."""

    kind: Kind
    severity: Severity
    episodes: tuple[str, ...]
    lines: tuple[Line, ...] = ()
    left_out: int = 0
    held: Held | None = None  # why it did not go out earlier
    second: bool = False
    subject: str = ""  # of a mail that is about no episode
    next: NextModel | None = None


def decide(
    state: PolicyState,
    happenings: Iterable[Happening],
    now: float,
    rules: AlertSettings,
    *,
    unsaid: bool = False,
) -> tuple[PolicyState, list[Letter]]:
    """The next state, and the mails to write now.

    `now`: Unix s. `unsaid`: an earlier mail may not have arrived, so the digest goes out even without lines.
    """
    work = _Work(state, now, rules)
    for happening in happenings:
        work.take(happening)
    work.tell()
    work.remind()
    work.escalate()
    work.digest(unsaid)
    return work.state, work.letters


class _Work:
    """One call of `decide`: it changes a copy of the state, step by step."""

    def __init__(self, before: PolicyState, now: float, rules: AlertSettings) -> None:
        self._now, self._rules = now, rules
        self.letters: list[Letter] = []
        self.state = state = msgspec.structs.replace(
            before,
            followed=dict(before.followed),
            lines=dict(before.lines),
            mailed={who: mail for who, mail in before.mailed.items() if now - mail.at < rules.cool_down},
            singles=tuple(at for at in before.singles if now - at < WINDOW),
            spent_by=dict(before.spent_by),
            digested=before.digested or now,
        )
        if state.day != int(now // DAY):
            state.day, state.spent, state.spent_by, state.warned = int(now // DAY), 0, {}, False

    @property
    def _tomorrow(self) -> float:
        return float((self.state.day + 1) * DAY)

    def take(self, happening: Happening) -> None:
        """Follow an episode that opened, resumed, got worse, closed or was acknowledged; no mail yet."""
        if isinstance(happening, Acknowledged):
            for name in happening.episodes:
                if name in self.state.followed:
                    self._change(self.state.followed[name], acknowledged=True)
            return
        episode = happening.episode
        known = self.state.followed.get(episode.id)
        if isinstance(happening, Opened):
            self.state.followed[episode.id] = _followed(episode, self._now)
        elif isinstance(happening, Again):
            self._again(episode)
        elif isinstance(happening, Closed):
            self._close(episode, known)
        elif known is None:
            return
        elif isinstance(happening, Worse):
            worse = known.mailed is not None and known.severity == "warning"
            self._change(known, severity="severe", worse=worse, release=self._now, acknowledged=False)
        elif math.isinf(known.release) and not _can_wait(episode):  # it has grown
            self._change(known, release=self._now, held=None)

    def _again(self, episode: Episode) -> None:
        """The episode resumed, so its end is withdrawn; a mail already sent still counts."""
        line = self.state.lines.pop(episode.id, None)
        followed = _followed(episode, self._now)
        if line is None or not line.untold:
            followed = msgspec.structs.replace(followed, mailed=self._now, remind=self._reminder())
        self.state.followed[episode.id] = followed

    def _close(self, episode: Episode, known: Followed | None) -> None:
        if known is not None:
            del self.state.followed[episode.id]
        untold = known is not None and known.mailed is None
        if len(self.state.lines) >= LINES:
            self.state.left_out += 1
            if not self._make_room(_board(episode.id)):
                return
        self.state.lines[episode.id] = Line(
            episode.id, "late" if episode.late else "closed", untold or episode.late
        )

    def _make_room(self, board: str) -> bool:
        """In a full digest the board with most lines loses its oldest line, unless `board` has as many.

        False = there is no room for `board`.
        """
        lines = Counter(map(_board, self.state.lines))
        most, count = lines.most_common(1)[0]
        if lines[board] >= count:
            return False
        del self.state.lines[next(name for name in self.state.lines if _board(name) == most)]
        return True

    # -- first mails -------------------------------------------------------------------------------------

    def tell(self) -> None:
        """Write the first mail about each episode that is due, or the mail that says it is severe now.

        Up to `rules.single` episodes in WINDOW get a mail each. Further ones are held and share a mail.
        """
        due = [
            followed
            for followed in self.state.followed.values()
            if (followed.mailed is None or followed.worse)
            and followed.release <= self._now
            and not followed.acknowledged
        ]
        ready = [followed for followed in due if self._may_be_told(followed)]
        if not ready:
            return
        if len(ready) + len(self.state.singles) <= self._rules.single:
            for followed in ready:
                self._write("worse" if followed.worse else "opening", [followed])
            return
        waited = any(followed.held == "many at once" for followed in ready)
        if self._now >= self.state.together and (waited or len(ready) >= self._rules.single):
            self.state.together = self._now + WINDOW
            self._write("together" if len(ready) > 1 else "worse" if ready[0].worse else "opening", ready)
            return
        if self._now >= self.state.together:  # few, but after many: wait for more
            self.state.together = self._now + GATHER
        for followed in ready:
            self._change(followed, release=self.state.together, held="many at once")

    def _may_be_told(self, followed: Followed) -> bool:
        """Whether a mail about it may go out now; if not, the episode is held, with the reason."""
        if not self._has_share(followed.owner):
            self._change(followed, release=self._tomorrow, held="share")
            return False
        if followed.severity == "warning" and (end := self._quiet_until()) is not None:
            self._change(followed, release=end, held="quiet hours")
            return False
        last = self.state.mailed.get(_matter(followed))
        if last is not None and not (followed.severity == "severe" and last.severity == "warning"):
            self._change(followed, release=last.at + self._rules.cool_down, held="cool-down")
            return False
        return True

    def _write(self, kind: Kind, about: Sequence[Followed]) -> None:
        if not self._afford(about):
            self._without_budget(about)
            return
        held = next((followed.held for followed in about if followed.held is not None), None)
        self._post(kind, about, held=held)
        self._have_told(about)
        if kind != "together":
            self.state.singles += (self._now,)

    def _without_budget(self, about: Sequence[Followed]) -> None:
        """Hold these episodes until tomorrow.

        When severe ones wait, one mail from the reserve says that the budget is used up.
        """
        reserve = not self.state.warned and _worst(about) == "severe"
        if reserve and self._pay(self._cost(), self._rules.per_day):
            self.state.warned = True
            self._post("budget", about, held="budget")
            self._have_told(about)
            return
        for followed in about:
            self._change(followed, release=self._tomorrow, held="budget")

    def _post(self, kind: Kind, about: Sequence[Followed], **more: Any) -> None:
        self.letters.append(Letter(kind, _worst(about), tuple(followed.id for followed in about), **more))

    def _have_told(self, about: Sequence[Followed]) -> None:
        new = {"mailed": self._now, "worse": False, "held": None, "reminders": 0, "remind": self._reminder()}
        for followed in about:
            self._change(followed, **new)
            self.state.mailed[_matter(followed)] = LastMail(self._now, followed.severity)

    def _reminder(self) -> float:
        return self._now + self._rules.repeat if self._rules.repeat else math.inf

    # -- reminders and escalation ------------------------------------------------------------------------

    def remind(self) -> None:
        """Remind of episodes that nobody has acknowledged, each time after twice as long a pause.

        People stop reading a mail that comes at short intervals for ever.
        """
        quiet = self._quiet_until()
        due = [
            followed
            for followed in self._open_and_unseen()
            if followed.remind <= self._now
            and (followed.severity == "severe" or quiet is None)
            and self._has_share(followed.owner)
        ]
        if due and self._afford(due):
            self._post("reminder", due)
        for followed in due:
            pause = self._rules.repeat * 2 ** min(followed.reminders + 1, 10)
            self._change(followed, reminders=followed.reminders + 1, remind=self._now + pause)

    def escalate(self) -> None:
        """Write to the second address about severe episodes that nobody acknowledged in `rules.escalate` s.

        It does so once for each episode.
        """
        if not self._rules.second_cost:
            return
        due = [
            followed
            for followed in self._open_and_unseen()
            if followed.severity == "severe"
            and not followed.escalated
            and followed.mailed is not None
            and self._now - followed.mailed >= self._rules.escalate
            and self._has_share(followed.owner)
        ]
        if due and self._afford(due, second=True):
            self._post("escalation", due, second=True)
            for followed in due:
                self._change(followed, escalated=True)

    def _open_and_unseen(self) -> list[Followed]:
        return [
            followed
            for followed in self.state.followed.values()
            if followed.mailed is not None and not followed.acknowledged
        ]

    def digest(self, unsaid: bool) -> None:
        """Write the daily digest when it is due and has something to say.

        It has the lines, and the open episodes that no mail was about. `unsaid` as in `decide`.
        """
        if self.state.digested >= self._next(self._rules.digest_minute, back=1):  # none was due since
            return
        untold = [
            followed
            for followed in self.state.followed.values()
            if followed.mailed is None and not followed.acknowledged
        ]
        if self.state.lines or untold or unsaid:
            if not self._pay(self._cost(), self._rules.per_day):
                return  # tomorrow's budget pays for it
            lines = tuple(self.state.lines.values())
            self._post("digest", untold, lines=lines, left_out=self.state.left_out)
            self._have_told(untold)
            self.state.lines, self.state.left_out = {}, 0
        self.state.digested = self._now

    # -- money and time ----------------------------------------------------------------------------------

    def _cost(self, second: bool = False) -> int:
        return self._rules.second_cost if second else self._rules.cost

    def _afford(self, about: Sequence[Followed], *, second: bool = False) -> bool:
        """Pay for one more mail about these; False = the budget forbids it.

        Two mails are reserved for the end of the day, and a share for severe episodes.
        """
        limit, cost = self._rules.per_day - 2 * self._rules.cost, self._cost(second)
        if _worst(about) != "severe":
            limit = min(limit, math.floor(self._rules.per_day * (1 - self._rules.severe_share)))
        if not self._pay(cost, limit):
            return False
        owners = {followed.owner for followed in about}
        for owner in owners:
            self.state.spent_by[owner] = self.state.spent_by.get(owner, 0.0) + cost / len(owners)
        return True

    def _has_share(self, owner: str) -> bool:
        """Whether one more mail about this board is within its share of the day."""
        share = max(self._cost(), math.floor(self._rules.per_day * BOARD_SHARE))
        return self.state.spent_by.get(owner, 0.0) + self._cost() <= share

    def _pay(self, cost: int, limit: int) -> bool:
        if self.state.spent + cost > limit:
            return False
        self.state.spent += cost
        return True

    def _quiet_until(self) -> float | None:
        """The end of the quiet hours (Unix s) while they last."""
        if self._rules.quiet_hours is None:
            return None
        begin, end = self._rules.quiet_hours
        local = self._local_time()
        minute = local.hour * 60 + local.minute
        inside = begin <= minute < end if begin < end else minute >= begin or minute < end
        return self._next(end) if inside else None

    def _next(self, minute: int, back: int = 0) -> float:
        """The next local time of day `minute` (Unix s), or with `back` the last one, now included.

        It compares moments, not times on the clock: on the day when summer time begins, there is no 02:30, so
        02:30 means the moment an hour after 01:30.
        """
        today = self._local_time().replace(
            hour=minute // 60, minute=minute % 60, second=0, microsecond=0, fold=0
        )
        moments = [(today + timedelta(days=days)).timestamp() for days in (-2, -1, 0, 1, 2)]
        if back:
            return max(moment for moment in moments if moment <= self._now)
        return min(moment for moment in moments if moment > self._now)

    def _local_time(self) -> datetime:
        zone = ZoneInfo(self._rules.zone) if self._rules.zone != "UTC" else UTC
        return datetime.fromtimestamp(self._now, zone)

    def _change(self, followed: Followed, **changes: object) -> None:
        newest = self.state.followed[followed.id]
        self.state.followed[followed.id] = msgspec.structs.replace(newest, **changes)


def _worst(about: Sequence[Followed]) -> Severity:
    return "severe" if any(followed.severity == "severe" for followed in about) else "warning"


def _board(episode: str) -> str:
    """The board of an episode: its id begins with site/device/."""
    return "/".join(episode.split("/", 2)[:2])


def _matter(followed: Followed) -> str:
    """The key of a cool-down: a board's readings and silence share one; floods and claims have their own."""
    kind = followed.id.split("/")[2]
    return f"{followed.owner}/{kind}" if kind in ("claim", "flood") else followed.owner


def _followed(episode: Episode, now: float) -> Followed:
    release = math.inf if _can_wait(episode) else now
    return Followed(episode.id, f"{episode.site}/{episode.device}", episode.severity, release)


def _can_wait(episode: Episode) -> bool:
    """A slow drift that nothing else confirms: one line of the next digest, and no mail of its own."""
    flags = (episode.edge_flags | episode.cloud_flags) & (codes.ABNORMAL | SIBLINGS)
    return episode.kind == "anomaly" and episode.severity == "warning" and flags == codes.DRIFT
