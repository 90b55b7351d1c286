"""What a mail about episodes says, in the words of its reader's language. Pure."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import urlencode

import msgspec

from cloud import detectors
from cloud.alerts import links
from cloud.alerts.episodes import Episode
from cloud.alerts.facts import Facts, Span, beyond
from cloud.alerts.links import Links
from cloud.alerts.page import Button, Figure, ListEntry, Page, Section, Tone
from cloud.alerts.policy import Letter, NextModel
from cloud.contract.messages import UNKNOWN
from cloud.process.alone import Alone
from cloud.process.printable import printable
from cloud.read.causes import CAUSES
from cloud.settings import AlertSettings
from cloud.words import NBSP, Words
from device import codes
from device.judge import table

LISTED = 40  # episodes in one section of a mail
AROUND = 1800.0  # s around an episode that the dashboard opens with
NO_FACTS = Facts()
ALONE_OVER = ("silence", "claim", "flood", "siblings")  # whose end has words of its own
ALONE = Alone(logging.getLogger("mail"))


@dataclass(frozen=True)
class LetterContext:
    """What writing a letter needs: words, links, rules."""

    words: Words
    links: Links
    rules: AlertSettings


@dataclass(frozen=True)
class Matter:
    """What a letter is about. `alert`: the id of the alert; `now`: Unix s."""

    letter: Letter
    alert: str
    now: float
    facts: Facts = NO_FACTS


def subject(letter: Letter, episodes: Sequence[Episode], words: Words, now: float, facts: Facts) -> str:
    """A subject that says enough on a lock screen.

    `episodes`: those of the letter that are still stored, then those of its lines.
    """
    if letter.kind == "rollout":
        return letter.subject
    if letter.next is not None:
        return words("subject model", device=letter.next.device)
    if letter.kind == "budget":
        return words("subject budget", count=words.count(len(letter.episodes)))
    if letter.kind == "digest":
        counts = {
            "digest open": len(letter.episodes),
            "digest over": sum(line.kind == "closed" for line in letter.lines) + letter.left_out,
            "digest late": sum(line.kind == "late" for line in letter.lines),
        }
        parts = [words(name, count=words.count(count)) for name, count in counts.items() if count]
        return words("subject digest", day=words.day(now), what=", ".join(parts) or words("digest nothing"))
    if len(letter.episodes) > 1 or not episodes:
        boards = len({name.rpartition("/")[0].rpartition("/")[0] for name in letter.episodes})
        text = words("subject many", count=words.count(boards))
    else:
        episode = episodes[0]
        if episode.severity == "severe" and episode.closed is None and episode.kind != "claim":
            episode = msgspec.structs.replace(episode, device=words("subject severe", device=episode.device))
        text = about(episode, words, now, facts)
        if episodes[0].closed is not None:
            return words("subject over", subject=text)
    wrapped = letter.kind in ("worse", "reminder", "escalation")
    return words(f"subject {letter.kind}", subject=text) if wrapped else text


def about(episode: Episode, words: Words, now: float, facts: Facts = NO_FACTS) -> str:
    """One episode in a line, its board first."""
    text = what(episode, words, now)
    if episode.breach is not None and episode.closed is None:
        text = words("subject breach", subject=text, breach=_breach(episode, words, now, "breach"))
    values = _telling(episode, words, facts)
    return words("subject values", subject=text, values=values) if values else text


def _breach(episode: Episode, words: Words, now: float, name: str) -> str:
    """When it will pass the user's limit, to the next five minutes."""
    limit = words.value(episode.limit / 100, "°C")
    return words(name, limit=limit, when=words.moment(300 * round((episode.breach or now) / 300), now))


def what(episode: Episode, words: Words, now: float) -> str:
    """What happened to which board, without values."""
    named = {
        "silence": episode.why if episode.why in ("offline", "overslept") else "silent",
        "flood": f"flood {episode.why}",
    }
    return words(
        f"subject {named.get(episode.kind, episode.kind)}",
        device=episode.device,
        when=words.moment(episode.opened, now),
        times=words.count(round(episode.times)),
        others=words.all_of(episode.left),
        away=words.away(episode.away_t / 100, episode.away_h / 100),
        why=words.reason(episode.why),
        what=words.seen(episode.edge_flags, 1) or words("unusual readings"),
    )


def page(matter: Matter, episodes: Sequence[Episode], context: LetterContext) -> Page:
    """The whole mail. `episodes`: those of the letter that are still stored, then those of its lines."""
    letter, now, facts = matter.letter, matter.now, matter.facts
    named = {episode.id: episode for episode in episodes}
    own = [named[name] for name in letter.episodes if name in named]
    words = context.words
    line = subject(letter, own, words, now, facts)
    if letter.next is not None:
        made = _next(matter, letter.next, context)
    elif len(letter.episodes) == 1 and own and letter.kind not in ("digest", "budget"):
        made = _of_one_episode(matter, own[0], context)
    else:
        made = _many(matter, own, named, context)
    held = (words(f"held {letter.held}"),) if letter.held is not None and letter.kind != "budget" else ()
    return replace(made, subject=line, title=made.title or line, leads=(*made.leads, *held))


def carry(made: Page, carried: Sequence[tuple[str, str]], words: Words) -> Page:
    """The page, with the content of earlier mails that may not have arrived: (subject, text)."""
    if not carried:
        return made
    entries = tuple(ListEntry(subject, _below(text), tone="warning") for subject, text in carried)
    return replace(made, sections=(*made.sections, Section(words("carried"), entries)))


def _below(text: str) -> str:
    """The mail's facts, without its title (the first paragraph) and the links, which are for its reader."""
    parts = text.split("\n\n")[1:]
    return "\n\n".join(part for part in parts if "://" not in part and not part.startswith("-- ")).strip()


def _of_one_episode(matter: Matter, episode: Episode, context: LetterContext) -> Page:
    letter, alert, facts, now = matter.letter, matter.alert, matter.facts, matter.now
    words, over = context.words, episode.closed is not None
    tone: Tone = "calm" if over else episode.severity
    lead = _lead(episode, words, now)
    leads = [lead]
    if not over and letter.kind in ("worse", "reminder", "escalation"):
        leads.insert(0, words(f"lead {letter.kind}", length=words.duration(context.rules.escalate)))
    buttons = [
        *_offer(words("do acknowledge"), context.links.link("acknowledge", alert), primary=True),
        *_offer(words("do open"), _dashboard(context.links.base, episode, now)),
    ]
    answers = [
        button
        for cause in (CAUSES if episode.kind == "anomaly" else ())
        for button in _offer(words(f"cause {cause}"), context.links.link(cause, alert))
    ]
    values = _telling(episode, words, facts)
    opinion = f"{words('cloud')}: {_opinion(episode, words)}." if episode.abnormal else ""
    return Page(
        language=words.language,
        tone=tone,
        badge=words("section closed") if over else words(episode.severity),
        place=f"{episode.device} · {episode.site} · {words.moment(episode.opened, now)}",
        title=what(episode, words, now),
        preview=" ".join(part for part in (values and f"{values}.", opinion, lead) if part),
        leads=tuple(leads),
        figures=_figures(episode, facts, words),
        picture=words("chart alt", device=episode.device) if facts.curve is not None else "",
        rows=tuple(_rows(episode, facts, words, now)),
        buttons=tuple(buttons),
        ask=words("ask label"),
        answers=tuple(answers),
        foot=_foot(context, bool(buttons) and context.links.base is not None),
    )


def _next(matter: Matter, model: NextModel, context: LetterContext) -> Page:
    """The mail that asks whether the board may have this model."""
    words = context.words
    days, device = words.number(model.days, 0), model.device
    if model.first:
        lead = words("lead model first", device=device, days=days)
    else:
        before, after = (words.count(many) for many in (model.mails_before, model.mails))
        lead = words("lead model", device=device, days=days, before=before, after=after)
    buttons = _offer(
        words("do model", device=device), context.links.link("model", matter.alert), primary=True
    )
    rows = [(words("next model"), model.model)]
    if model.raised:
        rows.append((words("model raised"), words.detectors(model.raised)))
    return Page(
        language=words.language,
        tone="calm",
        badge=words("next model"),
        place=f"{device} · {model.site} · {words.moment(matter.now, matter.now)}",
        preview=lead,
        leads=(lead,),
        rows=tuple(rows),
        buttons=tuple(buttons),
        foot=(words("foot links", days=links.VALID_DAYS),) if buttons else (words("foot model"),),
    )


def _many(matter: Matter, own: list[Episode], named: dict[str, Episode], context: LetterContext) -> Page:
    letter, alert, now = matter.letter, matter.alert, matter.now
    words = context.words
    named_so = letter.kind in ("reminder", "budget", "rollout", "escalation", "digest")
    name = f"lead {letter.kind if named_so else 'many'}"
    length = words.duration(context.rules.escalate)
    leads = [words(name, count=words.count(len(letter.episodes)), length=length)]
    silent = sum(episode.kind == "silence" for episode in own)
    if silent >= 3 and 2 * silent > len(own):
        leads.append(words("lead many silent"))
    going_on = [episode for episode in own if episode.closed is None]
    over = [episode for episode in own if episode.closed is not None]
    late: list[Episode] = []
    for line in letter.lines:
        if line.id in named:
            (late if line.kind == "late" else over).append(named[line.id])
    sections = [
        _section(words("section open"), going_on, context, now, gone=len(letter.episodes) - len(own)),
        _section(words("section closed"), over, context, now, gone=letter.left_out),
        _section(words("section late"), late, context, now),
    ]
    acknowledge = context.links.link("acknowledge", alert) if going_on else None
    buttons = [
        *_offer(words("do acknowledge all"), acknowledge, primary=True),
        *_offer(words("do open"), context.links.base),
    ]
    first = [
        ALONE(f"the words about {episode.id}", partial(about, episode, words, now)) or episode.device
        for episode in going_on[:3]
    ]
    worst: Tone = letter.severity if going_on or letter.kind == "rollout" else "calm"
    return Page(
        language=words.language,
        tone=worst,
        badge=words(worst) if worst != "calm" else words("section closed"),
        place=words.moment(now, now),
        preview=" ".join([*first, *leads]),
        leads=tuple(leads),
        sections=tuple(section for section in sections if section is not None),
        buttons=tuple(buttons),
        foot=_foot(context, bool(going_on) and context.links.base is not None),
    )


def _offer(label: str, url: str | None, *, primary: bool = False) -> list[Button]:
    """The button; none where there are no links."""
    return [] if url is None else [Button(label, url, primary)]


def _section(
    title: str, episodes: list[Episode], context: LetterContext, now: float, gone: int = 0
) -> Section | None:
    if not episodes and not gone:
        return None
    words = context.words
    ordered = sorted(episodes, key=lambda each: (each.severity != "severe", -each.opened))
    count = Counter[str]()

    def turn(episode: Episode) -> int:
        """Boards take turns, so that the episodes of one do not fill the section."""
        board = f"{episode.site}/{episode.device}"
        count[board] += 1
        return count[board]

    listed = {each.id for each in sorted(ordered, key=turn)[:LISTED]}
    entries = []
    for episode in (each for each in ordered if each.id in listed):
        entry = ALONE(f"the line about {episode.id}", partial(_entry, episode, context, now))
        entries.append(entry or ListEntry(episode.device, episode.id))
    rest = len(episodes) - len(entries) + gone
    return Section(title, tuple(entries), words("more", count=words.count(rest)) if rest else "")


def _entry(episode: Episode, context: LetterContext, now: float) -> ListEntry:
    words = context.words
    end = now if episode.closed is None else episode.closed
    length = words("for", length=words.duration(end - episode.opened))
    again = f", {words('again', count=episode.again)}" if episode.again else ""
    text = f"{words.moment(episode.opened, now)}, {length}{again}"
    url = _dashboard(context.links.base, episode, now)
    tone: Tone = "calm" if episode.closed is not None else episode.severity
    return ListEntry(about(episode, words, now), text, url, tone)


def _lead(episode: Episode, words: Words, now: float) -> str:
    where = {"device": episode.device, "site": episode.site, "when": words.moment(episode.opened, now)}
    where["others"] = words.all_of(episode.left)
    if episode.closed is not None:
        name = f"lead over {episode.kind}" if episode.kind in ALONE_OVER else "lead over"
        return words(name, length=words.duration(episode.closed - episode.opened), **where)
    name = {"anomaly": "opening", "silence": "silent"}.get(episode.kind, episode.kind)
    return words(f"lead {name}", **where)


def _figures(episode: Episode, facts: Facts, words: Words) -> tuple[Figure, ...]:
    """What was measured, beside what is normal here."""
    made = []
    for name, unit, low, high, usual in _quantities(episode, facts):
        note = words("normally", span=words.span(*usual, unit)) if usual is not None else ""
        value = _far_end(low, high, usual)
        text = words.span(low, high, unit) if value is None else words.value(value, unit)
        made.append(Figure(words(name), text, note, hot=value is not None))
    return tuple(made)


def _rows(episode: Episode, facts: Facts, words: Words, now: float) -> list[tuple[str, str]]:
    rows = [(words("since"), words.moment(episode.opened, now))]
    if episode.kind == "silence":
        how = {"offline": "by will", "overslept": "by due"}.get(episode.why or "", "by timer")
        rows = [(words("last heard"), words.moment(episode.last, now)), (words("why silent"), words(how))]
    elif episode.kind in ("claim", "flood", "siblings"):
        rows.append((words("last sign"), words.moment(episode.last, now)))
        if episode.kind == "claim":
            rows.append((words("why silent"), words(f"claim {episode.why}")))
    else:
        count = words.count(episode.abnormal)
        rows.append((words("readings"), count if episode.closed else words("so far", count=count)))
        seen = words.seen(episode.edge_flags)
        names = table.names(episode.edge_flags & (codes.ABNORMAL | UNKNOWN))
        rows.append((words("detectors"), f"{seen} ({', '.join(names)})"))
        if episode.edge_flags & codes.SENSOR_ERROR:
            rows.append((words("sensor says"), words.reason(episode.why)))
        rows.append((words("cloud"), _opinion(episode, words)))
        if episode.breach is not None and episode.closed is None:
            rows.append((words("ahead"), _breach(episode, words, now, "breach row")))
        if episode.left:
            away = words.away(episode.away_t / 100, episode.away_h / 100)
            text = words("siblings left", others=words.all_of(episode.left), away=away)
            rows.append((words("siblings"), text))
        usual = [words.span(*span, unit) for span, unit in ((facts.t, "°C"), (facts.h, "%RH")) if span]
        basis = words("normal trained")
        if facts.basis is not None:
            hours = f"{round(facts.basis / 3600)}{NBSP}h"  # minutes would mean nothing
            length = hours if facts.basis > 7200 else words.duration(facts.basis)
            basis = words("normal basis", length=length)
        text = f"{', '.join(usual)} ({basis})" if usual else words("not known")
        rows.append((words("normal here"), text))
        if facts.learning:
            rows.append((words("learning"), printable(facts.learning)))
    if episode.closed is not None:
        rows.append((words("lasted"), words.duration(episode.closed - episode.opened)))
    return rows


def _foot(context: LetterContext, with_links: bool) -> tuple[str, ...]:
    words = context.words
    lines = [words("foot once")] if with_links else []
    if context.rules.repeat:
        name = "foot reminder" if with_links else "foot reminder alone"
        lines.append(words(name, length=words.duration(context.rules.repeat)))
    if with_links:
        lines.append(words("foot links", days=links.VALID_DAYS))
    return tuple(lines)


def _telling(episode: Episode, words: Words, facts: Facts) -> str:
    """The most telling value: the one farthest from normal, or the temperature."""
    if episode.kind != "anomaly":
        return ""
    quantities = _quantities(episode, facts)
    if not quantities:
        return ""
    _, unit, low, high, usual = max(
        quantities,
        key=lambda quantity: max(beyond(quantity[2], quantity[4]), beyond(quantity[3], quantity[4])),
    )
    value = _far_end(low, high, usual)
    if value is None or usual is None:
        return words.span(low, high, unit)
    span = words("normally", span=words.span(*usual, unit))
    return f"{words.value(value, unit)} ({span})"


def _quantities(episode: Episode, facts: Facts) -> list[tuple[str, str, float, float, Span | None]]:
    """(name, unit, low, high, normal range) of what was measured in it."""
    quantities = []
    for name, unit, low, high, usual in (
        ("temperature", "°C", episode.t_min, episode.t_max, facts.t),
        ("humidity", "%RH", episode.h_min, episode.h_max, facts.h),
    ):
        if low is not None and high is not None:
            quantities.append((name, unit, low / 100, high / 100, usual))
    return quantities


def _far_end(low: float, high: float, usual: Span | None) -> float | None:
    """The end of [low, high] that is farther outside `usual`; None when neither is."""
    below, above = beyond(low, usual), beyond(high, usual)
    if max(below, above) == 0:
        return None
    return low if below > above else high


def _opinion(episode: Episode, words: Words) -> str:
    if episode.agreed == episode.abnormal:
        return words("agrees")
    if episode.agreed == 0:
        return words("disagrees" if episode.edge_flags & detectors.CLOUD else "board alone")
    return words("agrees partly", agreed=words.count(episode.agreed), count=words.count(episode.abnormal))


def _dashboard(base: str | None, episode: Episode, now: float) -> str | None:
    if base is None:
        return None
    end = now if episode.closed is None else episode.closed
    around = max(AROUND, (end - episode.opened) / 2)
    asked = {
        "board": f"{episode.site}/{episode.device}",
        "from": int(episode.opened - around),
        "to": int(end + around),
    }
    return f"{base}/board?{urlencode(asked)}"
