"""`python -m cloud alert test`: sends one mail with a made-up episode, and says whether it went out."""

import sys
import time
from dataclasses import replace

import numpy as np

from cloud.alerts import channels, chart, letters, page
from cloud.alerts.channels.channel import Failed, Later, Mail, Sent, Unknown
from cloud.alerts.episodes import Episode
from cloud.alerts.facts import EpisodeCurve, Facts
from cloud.alerts.letters import LetterContext, Matter
from cloud.alerts.links import Links
from cloud.alerts.policy import Letter
from cloud.settings import AlertSettings, FolderSettings, MailSettings, SendGridSettings
from cloud.words import Words, plain
from device import codes


def send(settings: MailSettings) -> int:
    """Send the test mail and print the outcome; returns the exit code.

    The mail is stored in no database and does not count for the daily budget.
    """
    who = ", ".join(settings.to)
    way = type(settings.via).__name__.removesuffix("Settings")
    print(f"sending a test to {who} by {way} …", flush=True)
    match channels.open_sender(settings).send(mail(settings, time.time())):
        case Sent(id=name):
            where = "written to" if isinstance(settings.via, FolderSettings) else "handed over as"
            print(f"{where} {name}")
            if isinstance(settings.via, SendGridSettings):
                print("SendGrid took it; its Activity page and the inbox show whether it arrives")
            return 0
        case Later(reason=reason) | Failed(reason=reason):
            print(f"not sent: {reason}", file=sys.stderr)
        case Unknown(reason=reason):
            print(f"perhaps sent: {reason}. Look into the inbox before you try again", file=sys.stderr)
    return 1


def mail(settings: MailSettings, now: float) -> Mail:
    """A mail like any other, whose first lines say that it is a test."""
    words = Words(settings.language, settings.zone)
    episode, facts = example(now)
    context = LetterContext(words, Links(b"no link of a test works"), AlertSettings())
    letter = Letter("opening", episode.severity, (episode.id,))
    made = letters.page(Matter(letter, "test", now, facts), [episode], context)
    lead = words("test lead")
    made = replace(made, subject=words("test subject"), leads=(lead, *made.leads), preview=lead)
    return Mail(
        to=settings.to,
        subject=plain(made.subject),
        text=plain(page.text(made)),
        html=page.html(made),
        picture=chart.draw(episode, facts, words, now),
        categories=("vigie", "mail test"),
        tags={"mail": "test"},
    )


def example(now: float) -> tuple[Episode, Facts]:
    """A fridge whose door stays open: the made-up episode and its facts."""
    ts = np.arange(now - 3 * 3600, now, 10.0)
    chance = np.random.default_rng(7)
    since = np.clip(ts - (now - 420), 0, None) / 420
    t = 5.1 + 0.35 * np.sin(ts / 900) + chance.normal(0, 0.03, len(ts)) + 6.3 * since**0.8
    h = 61 - 1.4 * np.sin(ts / 900) + chance.normal(0, 0.2, len(ts)) + 17 * since**0.7
    abnormal = t > 6.4
    when, warm, damp = ts[abnormal], np.rint(100 * t[abnormal]), np.rint(100 * h[abnormal])
    episode = Episode(
        id="example/fridge/00000000/1",
        site="example",
        device="fridge",
        opened=float(when[0]),
        last=float(when[-1]),
        severity="severe",
        abnormal=len(when),
        agreed=len(when) - 2,
        edge_flags=codes.LIMIT | codes.ZSCORE | codes.ENVELOPE,
        cloud_flags=codes.FOREST,
        t_min=int(warm.min()),
        t_max=int(warm.max()),
        h_min=int(damp.min()),
        h_max=int(damp.max()),
    )
    return episode, Facts((4.6, 5.6), (59.2, 62.8), 86400.0, EpisodeCurve(ts, t, h, abnormal))
