"""A stand-in for SendGrid's `POST /v3/mail/send`: every mail it takes becomes files that a person can open.

    with SendGrid(Path("var/outbox"), key="SG.demo") as sendgrid:
        SendGridAPIClient("SG.demo", host=sendgrid.url)

It answers as the original does: 202 with an empty body and X-Message-Id, 200 and no mail in sandbox mode;
400, 401, 403 and 413 with its error JSON; 429 with X-RateLimit headers. `refuse` makes it do what a healthy
account would not (refuse, be out of credits, hang).
"""

import html
import json
import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from tools.process.files import write
from tools.process.part import Part

MAX_BYTES = 30 * 1024 * 1024  # "The total size of your email, including attachments, must be less than 30MB"
RATE_LIMIT = 600
REASON = {
    400: "Bad Request",
    401: "The provided authorization grant is invalid, expired, or revoked",
    403: "The from address does not match a verified Sender Identity. "
    "Mail cannot be sent until this error is resolved.",
    413: "Payload too large",
    429: "too many requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
Problem = tuple[str, str | None]  # message, field


@dataclass(frozen=True)
class ReceivedMail:
    """What was taken: the request's body and where it can be read."""

    id: str
    received: float  # Unix seconds
    subject: str
    to: tuple[str, ...]
    body: dict[str, Any]
    file: Path  # .json; beside it .txt and .html where the mail has them


@dataclass(frozen=True)
class Refusal:
    status: int
    message: str = ""
    reset_in: float = 0.0  # s until a 429's X-RateLimit-Reset
    delay: float = 0.0  # s of silence before the answer


class SendGridStandIn(Part):
    """Listens from `start` to `stop`. `mails` holds what was taken in this run, oldest first."""

    def __init__(
        self,
        outbox: Path,
        *,
        key: str,
        port: int = 0,
        on_mail: Callable[[ReceivedMail], None] | None = None,
    ) -> None:
        self.outbox, self.key, self.on_mail = outbox, key, on_mail
        self.mails: list[ReceivedMail] = []
        self.scopes: tuple[str, ...] = ("mail.send", "2fa_required", "sender_verification_eligible")
        self.refused = 0
        self._refusals: deque[Refusal] = deque()
        self._lock = threading.Lock()
        outer = self

        class Handler(_Handler):
            standin = outer

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        self.outbox.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def refuse(
        self,
        status: int,
        times: int = 1,
        *,
        message: str | None = None,
        reset_in: float = 1.0,
        delay: float = 0.0,
    ) -> None:
        """Let the next `times` requests fail with `status`, after `delay` s of silence."""
        refusal = Refusal(status, message or REASON.get(status, "error"), reset_in, delay)
        with self._lock:
            self._refusals.extend([refusal] * times)

    def forgive(self) -> None:
        """Refuse nothing more."""
        with self._lock:
            self._refusals.clear()

    @property
    def refusals(self) -> int:
        """How many requests will still fail."""
        return len(self._refusals)

    def next_refusal(self) -> Refusal | None:
        with self._lock:
            return self._refusals.popleft() if self._refusals else None

    def problems(self, body: Any) -> list[Problem]:
        """Each error for which SendGrid would refuse the mail; [] = it would take it."""
        return problems_of(body)

    def keep(self, body: dict[str, Any]) -> ReceivedMail:
        """Write the mail into the outbox as .json and, for people, .txt and .html."""
        now = time.time()
        message_id = secrets.token_urlsafe(16)
        first = body["personalizations"][0]
        subject = str(first.get("subject") or body.get("subject"))
        to = tuple(str(person["email"]) for group in body["personalizations"] for person in group["to"])
        with self._lock:
            stamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d-%H%M%S")
            words = re.sub(r"[^A-Za-z0-9]+", "-", subject).strip("-")[:60]
            stem = f"{stamp}-{len(self.mails) + 1:03d}-{words}"
            file = self.outbox / f"{stem}.json"
            mail = ReceivedMail(message_id, now, subject, to, body, file)
            envelope = {"id": message_id, "received": now, "body": body}
            write(file, json.dumps(envelope, indent=2, ensure_ascii=False))
            for part in body.get("content", []):
                if part["type"] == "text/plain":
                    head = f"From: {body['from']['email']}\nTo: {', '.join(to)}\nSubject: {subject}\n\n"
                    write(self.outbox / f"{stem}.txt", head + part["value"])
                elif part["type"] == "text/html":
                    page = _self_contained(part["value"], body.get("attachments", []))
                    write(self.outbox / f"{stem}.html", page)
            self.mails.append(mail)
        if self.on_mail:
            self.on_mail(mail)
        return mail


class _Handler(BaseHTTPRequestHandler):
    standin: SendGridStandIn
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        """What the key of the request may do."""
        if self.path != "/v3/scopes":
            self._refuse(Refusal(404, "Not Found"))
        elif not self._has_key():
            self._refuse(Refusal(401, REASON[401]))
        else:
            self._answer(200, {"scopes": list(self.standin.scopes)})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length >= MAX_BYTES:
            self.close_connection = True
            self._refuse(Refusal(413, REASON[413]))
            return
        raw = self.rfile.read(length)
        if self.path != "/v3/mail/send":
            self._refuse(Refusal(404, "Not Found"))
        elif refusal := self.standin.next_refusal():
            threading.Event().wait(refusal.delay)
            self._refuse(refusal)
        elif not self._has_key():
            self._refuse(Refusal(401, REASON[401]))
        else:
            self._take(raw)

    def _take(self, raw: bytes) -> None:
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        if problems := self.standin.problems(body):
            self._refuse(Refusal(400), problems)
        elif (body.get("mail_settings") or {}).get("sandbox_mode", {}).get("enable") is True:
            self._answer(200)  # it would be taken; nothing is delivered
        else:
            self._answer(202, headers={"X-Message-Id": self.standin.keep(body).id})

    def _has_key(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {self.standin.key}"

    def _refuse(self, refusal: Refusal, problems: Sequence[Problem] = ()) -> None:
        self.standin.refused += 1
        headers = {}
        if refusal.status == 429:
            reset_at = int(time.time() + refusal.reset_in + 0.999)
            headers = {"Limit": RATE_LIMIT, "Remaining": 0, "Reset": reset_at}
        problems = problems or [(refusal.message, None)]
        errors = [{"message": text, "field": field, "help": None} for text, field in problems]
        named = {f"X-RateLimit-{name}": str(value) for name, value in headers.items()}
        self._answer(refusal.status, {"errors": errors}, named)

    def _answer(self, status: int, answer: Any = None, headers: Mapping[str, str] | None = None) -> None:
        body = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        if body:
            self.send_header("Content-Type", "application/json")
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except ConnectionError:
            self.close_connection = True  # the client did not wait for the answer

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the mails themselves are the log."""


def problems_of(body: Any) -> list[Problem]:
    """The first checks of the original, with its words where they are documented."""
    if not isinstance(body, dict):
        return [(REASON[400], None)]
    problems: list[Problem] = []
    groups = body.get("personalizations")
    if not isinstance(groups, list) or not groups:
        text = "The personalizations field is required and must have at least one personalization."
        problems.append((text, "personalizations"))
        groups = []
    for index, group in enumerate(groups):
        people = group.get("to") if isinstance(group, dict) else None
        if not isinstance(people, list) or not people:
            text = "The to array is required for all personalization objects."
            problems.append((text, f"personalizations.{index}.to"))
        elif not all(_is_address(person) for person in people):
            problems.append(("Does not contain a valid address.", f"personalizations.{index}.to"))
    if not _is_address(body.get("from")):
        problems.append(("The from object must be provided for every email send.", "from.email"))
    subjects = [body.get("subject"), *(group.get("subject") for group in groups if isinstance(group, dict))]
    if not any(isinstance(subject, str) and subject for subject in subjects):
        problems.append(("The subject is required.", "subject"))
    if "content" in body or not body.get("template_id"):
        problems.extend(_content_problems(body.get("content")))
    return problems


def _content_problems(content: Any) -> list[Problem]:
    if not isinstance(content, list) or not content:
        return [("Unless a valid template_id is provided, the content parameter is required.", "content")]
    types = [part.get("type") if isinstance(part, dict) else None for part in content]
    values = [part.get("value") if isinstance(part, dict) else None for part in content]
    if not all(isinstance(value, str) and value for value in values):
        return [("The content value must be a string at least one character in length.", "content.0.value")]
    if "text/plain" in types[1:]:
        return [("text/plain must come before text/html, and only once.", "content")]
    return []


def _is_address(value: Any) -> bool:
    email = value.get("email") if isinstance(value, dict) else None
    return isinstance(email, str) and re.fullmatch(r"[^@\s]+@[^@\s]+", email) is not None


def _self_contained(page: str, attachments: list[dict[str, Any]]) -> str:
    """The page with its inline pictures (cid:…) inside, so that a browser shows what a mail client would."""
    for attachment in attachments:
        if content_id := attachment.get("content_id"):
            kind, content = (html.escape(str(attachment.get(name))) for name in ("type", "content"))
            page = page.replace(f"cid:{content_id}", f"data:{kind};base64,{content}")
    return page
