"""Handing a mail to an SMTP server, or to a folder, and what the answers mean."""

import smtplib
import ssl
import time
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, formataddr, make_msgid
from pathlib import Path

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
from cloud.settings import SmtpSettings

TIMEOUT = 10.0  # s for each answer
TOO_LARGE = 552
LOGIN_NEEDED = 530


class Smtp:
    """Sends to one server; `security` "none" is for a server on this machine."""

    def __init__(self, settings: SmtpSettings, sender: str) -> None:
        self._settings, self._sender = settings, sender

    def send(self, mail: Mail) -> SendOutcome:
        """Try once. Raises nothing for what a network or the server can do."""
        message = message_of(mail, self._sender)
        content = message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        server = self.connect()
        if isinstance(server, Later):
            return server
        try:
            return self._hand_over(server, mail, content, str(message["Message-ID"]))
        finally:
            server.close()

    def connect(self) -> smtplib.SMTP | Later:
        """A connection that is logged in, or why there is none."""
        try:
            return self._connect()
        except ssl.SSLCertVerificationError as problem:
            cure = "check SMTP_HOST and SMTP_CA"
            return self._refused(f"is not trusted ({problem.verify_message})", cure)
        except ssl.SSLError as problem:
            cure = "check SMTP_SECURITY and SMTP_PORT"
            return self._refused(f"does not begin with TLS ({problem.reason or problem})", cure)
        except smtplib.SMTPAuthenticationError as problem:
            answer = _answer(problem.smtp_code, problem.smtp_error)
            return self._refused(f"refuses us ({answer})", "check SMTP_USER and SMTP_PASSWORD")
        except smtplib.SMTPNotSupportedError as problem:
            return self._refused(f"cannot do this: {problem}", "check SMTP_SECURITY and SMTP_PORT")
        except smtplib.SMTPResponseException as problem:
            answer = _answer(problem.smtp_code, problem.smtp_error)
            return Later("server", f"{self._name} does not let us in ({answer})")
        except (OSError, smtplib.SMTPException) as problem:
            trouble = f"{self._name} cannot be reached: {problem or type(problem).__name__}"
            return Later("network", f"{trouble}: check SMTP_HOST, SMTP_PORT and the network")

    def _refused(self, trouble: str, cure: str) -> Later:
        return Later("key", f"{self._name} {trouble}: {cure}", REFUSED_PAUSE)

    @property
    def _name(self) -> str:
        return f"the mail server {self._settings.host}:{self._settings.port}"

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        context = ssl.create_default_context(cafile=settings.ca)
        server: smtplib.SMTP
        if settings.security == "tls":
            server = smtplib.SMTP_SSL(settings.host, settings.port, timeout=TIMEOUT, context=context)
        else:
            server = smtplib.SMTP(settings.host, settings.port, timeout=TIMEOUT)
        try:
            if settings.security == "starttls":
                server.starttls(context=context)
            if settings.user is not None:
                server.login(settings.user, settings.password)
            server.ehlo_or_helo_if_needed()
        except BaseException:
            server.close()
            raise
        return server

    def _hand_over(self, server: smtplib.SMTP, mail: Mail, content: bytes, name: str) -> SendOutcome:
        """Hand over step by step: only after the last step does silence leave the outcome open."""
        try:
            size = [f"size={len(content)}"] if server.has_extn("size") else []
            code, message = server.mail(self._sender, size)
            if code != 250:
                return _refused(code, message, "sender")
            refused = []
            for address in mail.to:
                code, message = server.rcpt(address)
                if code not in (250, 251):
                    refused.append((address, _refused(code, message, "refused")))
            if len(refused) == len(mail.to):
                later = [why for _, why in refused if isinstance(why, Later)]
                return later[0] if later else refused[0][1]
        except (OSError, smtplib.SMTPException) as problem:
            return Later("network", f"{self._name} went away: {problem or type(problem).__name__}")
        try:
            code, message = server.data(content)
        except smtplib.SMTPDataError as problem:  # the server refused to take the content
            return _refused(int(problem.smtp_code), problem.smtp_error, "refused")
        except (OSError, smtplib.SMTPException) as problem:
            return Unknown("no answer", f"no answer from {self._name}: {problem or type(problem).__name__}")
        if code != 250:
            return _refused(code, message, "refused")
        with suppress(OSError, smtplib.SMTPException):  # the server has the mail
            server.quit()
        return Sent(name, tuple(refused))


class Folder:
    """Writes each mail to a file that mail programs open."""

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder, self._sender = folder, sender

    def send(self, mail: Mail) -> SendOutcome:
        """Try once. Raises nothing for what a disk can do."""
        message = message_of(mail, self._sender)
        words = "".join(letter if letter.isalnum() else "-" for letter in mail.subject)[:60].strip("-")
        file = self._folder / f"{time.strftime('%Y-%m-%d-%H%M%S')}-{time.time_ns() % 10**9:09d}-{words}.eml"
        part = file.with_suffix(".part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(message.as_bytes())
            part.replace(file)
        except OSError as problem:
            return Later("server", f"the mail cannot be written: {problem}: check MAIL_FOLDER")
        return Sent(str(file))


def message_of(mail: Mail, sender: str) -> EmailMessage:
    """The mail in the form that every mail program reads: text, page, and the picture inside the page."""
    message = EmailMessage()
    message["From"] = formataddr((NAME, sender))
    message["To"] = ", ".join(mail.to)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    if mail.thread:
        message["References"] = thread_id(mail.thread)
    message["Auto-Submitted"] = "auto-generated"
    for name, value in mail.tags.items():
        message[f"X-Vigie-{name.capitalize()}"] = value
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    if mail.picture is not None:
        page = message.get_payload()[1]  # type: ignore[index]
        page.add_related(  # type: ignore[union-attr]
            mail.picture, "image", "png", cid="<chart>", filename="chart.png", disposition="inline"
        )
    return message


def _refused(code: int, message: bytes | str, kind: str) -> Later | Failed:
    answer = _answer(code, message)
    if code == LOGIN_NEEDED:
        cure = "check SMTP_USER and SMTP_PASSWORD"
        return Later("key", f"the mail server asks for a login ({answer}): {cure}", REFUSED_PAUSE)
    if code == TOO_LARGE:
        return Failed("size", f"the mail server finds this mail too large ({answer})")
    if 400 <= code < 500:
        return Later("server", f"the mail server takes it later ({answer})")
    if kind == "sender":
        return Later("sender", f"the mail server refuses MAIL_FROM ({answer})", REFUSED_PAUSE)
    return Failed("refused", f"the mail server does not take this mail ({answer})")


def _answer(code: int, message: bytes | str) -> str:
    text = message.decode(errors="replace") if isinstance(message, bytes) else str(message)
    return f"{code} {text}"[:200]
