"""Handing a mail to SendGrid, and what its answers mean."""

import base64
import http.client
import json
import time
import urllib.error
from email.utils import parsedate_to_datetime
from typing import Any

from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient

from cloud.alerts.channels.channel import (
    NAME,
    REFUSED_PAUSE,
    Failed,
    Later,
    Mail,
    SendOutcome,
    Sent,
    Unknown,
    thread_id,
)
from cloud.settings import SendGridSettings

TIMEOUT = 10.0  # s
HOST = "https://api.sendgrid.com"
QUOTA_PAUSE = 3600.0
ACCEPTED, CHECKED = 202, 200  # HTTP's status for a mail that was taken, and in sandbox mode


class SendGrid:
    """Sends through the `sendgrid` client. `sender` must be one that SendGrid has verified."""

    def __init__(self, settings: SendGridSettings, sender: str) -> None:
        self._sender = sender
        self._template = settings.template
        self._client = SendGridAPIClient(settings.key, host=settings.host or HOST)
        self._client.client.timeout = TIMEOUT  # the client has no default

    def send(self, mail: Mail) -> SendOutcome:
        """Try once. Raises nothing for what a network or SendGrid can do."""
        return self._post(self._body(mail), ACCEPTED)

    def rehearse(self, mail: Mail) -> SendOutcome:
        """As `send`, but SendGrid only checks the request and delivers nothing."""
        return self._post({**self._body(mail), "mail_settings": {"sandbox_mode": {"enable": True}}}, CHECKED)

    def _post(self, body: dict[str, Any], good: int) -> SendOutcome:
        try:
            response = self._client.client.mail.send.post(request_body=body)
        except HTTPError as refusal:
            return _refused(refusal)
        except urllib.error.URLError as problem:  # raised before the whole request was out
            return Later("network", f"SendGrid cannot be reached: {problem.reason}")
        except (OSError, http.client.HTTPException) as problem:  # raised while waiting for the answer
            return Unknown("no answer", f"no answer from SendGrid: {problem or type(problem).__name__}")
        if response.status_code != good:
            return _another(str(response.status_code))
        return Sent(str(response.headers.get("X-Message-Id", "")))

    def _body(self, mail: Mail) -> dict[str, Any]:
        people: dict[str, Any] = {"to": [{"email": address} for address in mail.to], "custom_args": mail.tags}
        body: dict[str, Any] = {
            "personalizations": [people],
            "from": {"email": self._sender, "name": NAME},
            "subject": mail.subject,
            "categories": list(mail.categories),
            "headers": {"References": thread_id(mail.thread)} if mail.thread else {},
            # SendGrid must not rewrite links, which are signed, nor report who opens a mail.
            "tracking_settings": {
                "click_tracking": {"enable": False, "enable_text": False},
                "open_tracking": {"enable": False},
            },
        }
        if self._template is not None:
            body["template_id"] = self._template
            people["dynamic_template_data"] = {**mail.data, "subject": mail.subject, "text": mail.text}
        else:
            body["content"] = [
                {"type": "text/plain", "value": mail.text},
                {"type": "text/html", "value": mail.html},
            ]
        if mail.picture is not None:
            picture = {"type": "image/png", "filename": "chart.png", "content_id": "chart"}
            content = base64.b64encode(mail.picture).decode()
            body["attachments"] = [{**picture, "disposition": "inline", "content": content}]
        return body


def _refused(refusal: HTTPError) -> SendOutcome:
    status = int(refusal.status_code)
    message = _reason(refusal.body)
    answer = f"{status} {message}".strip()
    if status == 429:
        return Later("rate", "SendGrid's rate limit is reached", _reset(refusal.headers))
    if "credits exceeded" in message:  # comes as a 401
        text = "SendGrid's quota is used up: no mail goes out until it is renewed"
        return Later("quota", text, QUOTA_PAUSE)
    if status == 401:
        return Later("key", f"SendGrid refuses us ({answer}): check SENDGRID_API_KEY", REFUSED_PAUSE)
    if status == 403:
        cure = "MAIL_FROM must be a sender that SendGrid has verified, and the key must be allowed to send"
        return Later("sender", f"SendGrid refuses us ({answer}): {cure}", REFUSED_PAUSE)
    if status == 413:
        return Failed("size", f"SendGrid finds this mail too large ({answer})")
    if status >= 500:
        return Later("server", f"SendGrid has a problem of its own ({answer})")
    if status != 400:
        return _another(answer)
    return Failed("refused", f"SendGrid does not take this mail ({answer})")


def _another(answer: str) -> Later:
    """An answer that SendGrid does not give to a mail: it has not taken this one."""
    cure = "check SENDGRID_HOST, and what lies between it and here, such as a proxy"
    return Later("server", f"what answers is not SendGrid ({answer}): {cure}")


def _reason(body: bytes | str) -> str:
    """The message in an error's body; "" when there is none."""
    try:
        return str(json.loads(body)["errors"][0]["message"])[:200]
    except (ValueError, KeyError, IndexError, TypeError):
        return ""


def _reset(headers: Any) -> float | None:
    """Seconds until the rate limit is lifted: X-RateLimit-Reset (Unix s), else Retry-After."""
    for name in ("X-RateLimit-Reset", "Retry-After"):
        value = str(headers.get(name) or "") if headers else ""
        try:
            if name == "Retry-After" and value.isdigit():
                seconds = float(value)
            else:
                date = parsedate_to_datetime(value).timestamp() if name == "Retry-After" else float(value)
                seconds = date - time.time()
        except (ValueError, TypeError):
            continue
        return min(max(1.0, seconds), QUOTA_PAUSE)
    return None
