"""Handing a mail to SendGrid, and what its answers mean."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient

from cloud.alerts.mail import Mail
from cloud.settings import MailSettings

TIMEOUT = 10.0  # s
HOST = "https://api.sendgrid.com"
REFUSED_PAUSE = 300.0  # s until a refused key is tried again: a person has to act
QUOTA_PAUSE = 3600.0


@dataclass(frozen=True)
class Sent:
    """SendGrid has it."""

    id: str


@dataclass(frozen=True)
class Later:
    """It was not taken; trying again can help. `after`: s, None = the usual back-off."""

    reason: str
    after: float | None = None


@dataclass(frozen=True)
class Failed:
    """It was not taken and never will be as it is."""

    reason: str


@dataclass(frozen=True)
class Unknown:
    """It was handed over but no answer came: sending again could send it twice."""

    reason: str


Outcome = Sent | Later | Failed | Unknown


class SendGrid:
    """Sends through the `sendgrid` client."""

    def __init__(self, settings: MailSettings) -> None:
        self._sender = settings.sender
        self._client = SendGridAPIClient(settings.key, host=settings.host or HOST)
        self._client.client.timeout = TIMEOUT  # it has none of its own

    def send(self, mail: Mail) -> Outcome:
        """One try. Never raises for what a network or SendGrid can do."""
        try:
            response = self._client.client.mail.send.post(request_body=self._body(mail))
        except HTTPError as refusal:
            return _refused(refusal)
        except urllib.error.URLError as problem:  # raised before the whole request was out
            return Later(f"SendGrid cannot be reached: {problem.reason}")
        except (OSError, http.client.HTTPException) as problem:  # raised while waiting for the answer
            return Unknown(f"no answer from SendGrid: {problem or type(problem).__name__}")
        return Sent(str(response.headers.get("X-Message-Id", "")))

    def _body(self, mail: Mail) -> dict[str, Any]:
        return {
            "personalizations": [
                {"to": [{"email": address} for address in mail.to], "custom_args": mail.tags}
            ],
            "from": {"email": self._sender, "name": "Vigie"},
            "subject": mail.subject,
            "content": [
                {"type": "text/plain", "value": mail.text},
                {"type": "text/html", "value": mail.html},
            ],
            "categories": ["vigie", mail.category],
        }


def _refused(refusal: HTTPError) -> Outcome:
    status = int(refusal.status_code)
    said = _said(refusal.body)
    if status == 429:
        return Later("SendGrid's rate limit is reached", _reset(refusal.headers))
    if "credits exceeded" in said:  # comes as a 401
        return Later("SendGrid's quota is used up: no mail goes out until it is renewed", QUOTA_PAUSE)
    if status in (401, 403):
        cure = (
            "check SENDGRID_API_KEY"
            if status == 401
            else "MAIL_FROM must be a sender that SendGrid has verified"
        )
        return Later(f"SendGrid refuses us ({status} {said}): {cure}", REFUSED_PAUSE)
    if status >= 500:
        return Later(f"SendGrid has a problem of its own ({status} {said})")
    return Failed(f"SendGrid does not take this mail ({status} {said})")


def _said(body: bytes | str) -> str:
    """The message in an error's body, whatever it looks like."""
    try:
        return str(json.loads(body)["errors"][0]["message"])[:200]
    except (ValueError, KeyError, IndexError, TypeError):
        return ""


def _reset(headers: Any) -> float | None:
    """Seconds until the rate limit is lifted: X-RateLimit-Reset (Unix s), else Retry-After."""
    for name, read in (("X-RateLimit-Reset", _until), ("Retry-After", _after)):
        value = headers.get(name) if headers else None
        if value:
            try:
                return min(max(1.0, read(str(value))), QUOTA_PAUSE)
            except (ValueError, TypeError):
                continue
    return None


def _until(value: str) -> float:
    return float(value) - time.time()


def _after(value: str) -> float:
    return float(value) if value.isdigit() else parsedate_to_datetime(value).timestamp() - time.time()
