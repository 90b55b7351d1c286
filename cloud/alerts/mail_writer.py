"""Writes the mail of an alert when it is handed over, from what the database then says."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import msgspec
from pymongo.database import Database

from cloud.alerts import chart, facts, letters, page
from cloud.alerts.channels.channel import Mail
from cloud.alerts.episodes import Episode
from cloud.alerts.facts import Facts
from cloud.alerts.letters import Matter
from cloud.alerts.policy import Letter
from cloud.process.alone import Alone
from cloud.read.reader import Reader
from cloud.store.database import Document
from cloud.words import plain

log = logging.getLogger("mail")

CARRIED = 50  # earlier mails that one mail names by their subjects
CARRIED_WHOLE = 5  # the newest of these, which it also quotes
CARRIED_TEXT = 1200  # characters of each quotation


@dataclass(frozen=True)
class WrittenMail:
    """A mail, and the ids of the earlier mails whose content it carries."""

    mail: Mail
    carried: tuple[str, ...]


class MailWriter:
    """Writes the mails of one backend."""

    def __init__(self, database: Database[Document], context: letters.LetterContext) -> None:
        self._database, self._context = database, context
        self._reader = Reader(database)
        self._alone = Alone(log)

    def write(self, alert: Document, now: float) -> WrittenMail:
        """Raises PyMongoError. A chart that cannot be drawn is left out: the mail goes first."""
        letter = letter_of(alert)
        names = [*letter.episodes, *(line.id for line in letter.lines)]
        stored = self._database["episodes"].find({"_id": {"$in": names}})
        episode_by_id = self._alone.of(stored, "episode", episode_of)
        episodes = [episode_by_id[name] for name in names if name in episode_by_id]
        own = [episode_by_id[name] for name in letter.episodes if name in episode_by_id]
        known, picture = Facts(), None
        if len(letter.episodes) == 1 and own and letter.kind not in ("digest", "budget"):
            device, gather = own[0].device, partial(facts.gather, self._reader, own[0], now)
            known = self._alone(f"what is normal for {device}", gather) or known
            if not alert.get("plain"):
                draw = partial(chart.draw, own[0], known, self._context.words, now)
                picture = self._alone(f"the chart of {device}", draw)
        if picture is None:
            known = replace(known, curve=None)
        made = letters.page(Matter(letter, alert["_id"], now, known), episodes, self._context)
        carried = self._carried(alert)
        notes = [
            (document["subject"], document["text"][:CARRIED_TEXT] if place < CARRIED_WHOLE else "")
            for place, document in enumerate(carried)
        ]
        made = letters.carry(made, notes, self._context.words)
        mail = Mail(
            to=tuple(alert["to"]),
            subject=plain(made.subject),
            text=plain(page.text(made)),
            html=page.html(made),
            picture=picture,
            categories=categories(letter, own),
            tags=tags(letter, alert["_id"], own),
            thread=own[0].id if len(own) == 1 and letter.kind != "digest" else "",
            data=msgspec.to_builtins(made),  # what a user's own SendGrid template can show
        )
        return WrittenMail(mail, tuple(document["_id"] for document in carried))

    def _carried(self, alert: Document) -> list[Document]:
        """Earlier mails to the same people that may not have arrived, unless a later mail carried them."""
        lost = {
            "state": {"$in": ["unknown", "failed"]},
            "told": None,
            "to": {"$in": alert["to"]},
            "text": {"$ne": ""},
        }
        return list(self._database["alerts"].find(lost).sort("created", -1).limit(CARRIED))


def letter_of(alert: Document) -> Letter:
    return msgspec.convert(alert["letter"], Letter)


def episode_of(document: Document) -> Episode:
    return msgspec.convert({**document, "id": document["_id"]}, Episode)


def categories(letter: Letter, own: Sequence[Episode]) -> tuple[str, ...]:
    """At most 10 categories, by which SendGrid shows statistics."""
    boards = sorted({f"{episode.site}/{episode.device}" for episode in own})
    kinds = sorted({episode.kind for episode in own})
    board = boards if len(boards) == 1 else []
    return ("vigie", f"mail {letter.kind}", letter.severity, *kinds, *(f"board {name}" for name in board))


def tags(letter: Letter, alert: str, own: Sequence[Episode]) -> dict[str, str]:
    values = {"alert": alert, "mail": letter.kind, "severity": letter.severity}
    if len(own) == 1:
        episode = own[0]
        values |= {"board": f"{episode.site}/{episode.device}", "kind": episode.kind, "episode": episode.id}
    return values
