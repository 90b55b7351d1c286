"""Mail, tested as the backend would send it; the doctor sends none unless asked to."""

import json
import time
import urllib.error
from collections.abc import Iterator

from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient

from cloud.alerts import channels
from cloud.alerts.channels.channel import Later, Mail, Sent
from cloud.alerts.channels.sendgrid import HOST, TIMEOUT, SendGrid
from cloud.alerts.channels.smtp import Smtp
from cloud.doctor.lines import Finding
from cloud.settings import FolderSettings, MailSettings, SendGridSettings, SmtpSettings

SEND = "mail.send"
EXAMPLE = "@example.org"  # of .env.example


def findings(settings: MailSettings, *, send: bool = False) -> Iterator[Finding]:
    """Test addresses, service and credential; with `send` also send one mail that says it is a test."""
    people = ", ".join(settings.to)
    if any(address.endswith(EXAMPLE) for address in (settings.sender, *settings.to)):
        text = f"from {settings.sender} to {people}: set MAIL_FROM and MAIL_TO to your own"
        yield Finding("mail", text, "warn")
    else:
        yield Finding("mail", f"from {settings.sender} to {people}", "plain")
    match settings.via:
        case SendGridSettings() as via:
            results = list(_sendgrid(via))
            if not send and results[0].kind == "good":
                results.append(_rehearsed(via, settings))
        case SmtpSettings() as via:
            results = [_smtp(via, settings.sender)]
        case FolderSettings(folder=folder):
            results = [Finding("mail", f"each mail becomes a file in {folder}; nobody is written to", "warn")]
    yield from results
    if send and not any(finding.kind == "bad" for finding in results):
        yield _sent(settings)
    elif not send:
        yield Finding("mail", "nothing was sent; to try it: python -m cloud doctor mail --send", "plain")


def _sendgrid(settings: SendGridSettings) -> Iterator[Finding]:
    """SendGrid tells what a key may do (GET /v3/scopes)."""
    client = SendGridAPIClient(settings.key, host=settings.host or HOST).client
    client.timeout = TIMEOUT
    try:
        scopes = set(json.loads(client.scopes.get().body)["scopes"])
    except HTTPError as refusal:
        cure = "make a new key under Settings, API Keys, and set SENDGRID_API_KEY"
        yield Finding("mail", f"SendGrid refuses the key ({refusal.status_code}): {cure}", "bad")
        return
    except (urllib.error.URLError, OSError) as problem:
        reason = getattr(problem, "reason", problem)
        yield Finding("mail", f"SendGrid cannot be reached: {reason} (check the network)", "bad")
        return
    except (ValueError, KeyError, TypeError):
        yield Finding("mail", "SendGrid's answer cannot be read; try again later", "bad")
        return
    if SEND not in scopes:
        cure = "give it Restricted Access with Mail Send: Full Access"
        yield Finding("mail", f"SendGrid knows the key, but it may not send: {cure}", "bad")
        return
    yield Finding("mail", "SendGrid knows the key, and it may send")
    # Every key carries a few scopes of its own beside what was given.
    more = {scope for scope in scopes if not scope.startswith(("mail.", "2fa_", "sender_verification_"))}
    if more:
        yield Finding("mail", "the key may do more than send: Restricted Access, Mail Send is enough", "warn")


def _rehearsed(via: SendGridSettings, settings: MailSettings) -> Finding:
    """A mail for SendGrid's sandbox, which checks it and delivers nothing."""
    outcome = SendGrid(via, settings.sender).rehearse(_trial(settings))
    if isinstance(outcome, Sent):
        return Finding("mail", "SendGrid's sandbox takes a mail like those of Vigie (nothing was sent)")
    return Finding("mail", outcome.reason, "bad")


def _smtp(settings: SmtpSettings, sender: str) -> Finding:
    server = Smtp(settings, sender).connect()
    if isinstance(server, Later):
        return Finding("mail", server.reason, "bad")
    server.close()
    no_login = "answers; no login was tried (SMTP_USER is not set)"
    text = f"{settings.host}:{settings.port} " + (f"lets {settings.user} in" if settings.user else no_login)
    if settings.security == "none":
        return Finding("mail", f"{text}, without TLS", "warn")
    return Finding("mail", f"{text}, over TLS")


def _sent(settings: MailSettings) -> Finding:
    outcome = channels.open_sender(settings).send(_trial(settings))
    if isinstance(outcome, Sent):
        place = settings.via.folder if isinstance(settings.via, FolderSettings) else "the inbox"
        return Finding("mail", f"a test was handed over as {outcome.id}: look into {place}")
    return Finding("mail", f"the test was not sent: {outcome.reason}", "bad")


def _trial(settings: MailSettings) -> Mail:
    from cloud.alerts import sample_mail  # noqa: PLC0415  few commands need it

    return sample_mail.mail(settings, time.time())
