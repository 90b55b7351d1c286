"""Settings: from the environment and from `.env`, checked whole before anything starts.

    settings = load(os.environ, Path(".env"))

The environment wins over the file. An error names everything that is wrong at once, each with its place and
its cure. Secrets never appear in a `repr`, and so in no log.
"""

import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cloud.contract import keys
from cloud.settings import checks
from cloud.settings.environment import Part, Source
from cloud.settings.environment import SettingsError as SettingsError
from cloud.settings.environment import old_language as old_language
from cloud.settings.names import DASHBOARD_KEYS as DASHBOARD_KEYS
from cloud.settings.names import KEYS as KEYS
from cloud.settings.names import OLD_KEY
from cloud.words import LANGUAGES


@dataclass(frozen=True)
class DatabaseSettings:
    """All that is needed to read: the dashboard, the export, the audit."""

    uri: str = field(repr=False)
    name: str


@dataclass(frozen=True)
class BrokerSettings:
    """TLS always; `ca` is a PEM file, or None for the certificates of the system."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    ca: str | None
    client_id: str
    share: str | None  # name of a shared subscription, for several workers; None = a subscription of its own


@dataclass(frozen=True)
class SendGridSettings:
    """`host` is only set for a stand-in."""

    key: str = field(repr=False)
    host: str | None = None
    template: str | None = None  # id of a dynamic template; None = Vigie's own pages


@dataclass(frozen=True)
class SmtpSettings:
    host: str
    port: int
    user: str | None = None
    password: str = field(default="", repr=False)
    security: str = "starttls"  # "starttls", "tls" from the first byte on, or "none"
    ca: str | None = None  # PEM file; None = the certificates of the system


@dataclass(frozen=True)
class FolderSettings:
    """Mails become files."""

    folder: Path


@dataclass(frozen=True)
class MailSettings:
    """Who writes to whom, how, and in which language."""

    via: SendGridSettings | SmtpSettings | FolderSettings
    sender: str
    to: tuple[str, ...]
    second: tuple[str, ...] = ()  # who gets a mail about a severe episode that nobody acknowledged
    dashboard: str | None = None  # its address, for links in mails
    language: str = "en"
    zone: str = "UTC"


@dataclass(frozen=True)
class AlertSettings:
    """Which events become a mail, and when (cloud.alerts.policy)."""

    per_day: int = 100  # mails; each recipient counts; a day is a UTC day
    severe_share: float = 0.3  # of them only for severe episodes
    cost: int = 1  # recipients of a mail
    second_cost: int = 0  # recipients of an escalation; 0 = nobody
    single: int = 5  # mails about one episode each in ten minutes; later episodes share a mail
    cool_down: float = 1800.0  # s between two mails about one device
    repeat: float = 14400.0  # s until the first reminder; then after twice as long each time; 0 = never
    escalate: float = 3600.0  # s that a severe episode may stay unacknowledged
    quiet_hours: tuple[int, int] | None = None  # minutes of the day, local: warnings wait
    digest_minute: int = 8 * 60  # minute of the day, local
    zone: str = "UTC"


AUTO_MODELS = ("yes", "ask", "now")


@dataclass(frozen=True)
class WorkerSettings:
    """All that ingest needs: a process that writes no mail has no mail key."""

    broker: BrokerSettings
    database: DatabaseSettings
    key: bytes = field(repr=False)  # the master secret, 32 bytes
    health_port: int  # of /healthz, /readyz and /metrics; 0 = none
    heartbeat: str | None = field(repr=False)  # requested each minute while all is well
    json_logs: bool


@dataclass(frozen=True)
class Settings(WorkerSettings):
    """All that the whole backend needs: the process that watches also writes mails, seals and deletes."""

    mail: MailSettings
    alerts: AlertSettings
    retention_days: int
    quota: int  # bytes of data and indexes that the database may hold; 0 = no limit
    auto_model: str  # "yes", "ask", "now": when a board gets its next model


@dataclass(frozen=True)
class AccessSettings:
    """Who may write on the dashboard: anybody with the password, and these people of the OIDC provider."""

    password_hash: str | None = field(repr=False)  # cloud.password; None = no login by password
    people: tuple[str, ...] = ()  # mail addresses in small letters


@dataclass(frozen=True)
class Site:
    """Where a site is, in degrees."""

    name: str
    latitude: float
    longitude: float


def load(environment: Mapping[str, str], file: Path | None = None) -> Settings:
    """The backend's settings. Raises SettingsError."""
    return read(backend, environment, file)


def read(part: Callable[[Source], Part], environment: Mapping[str, str], file: Path | None = None) -> Part:
    """One part of the settings, checked as a whole: `part` is a function below. Raises SettingsError."""
    source = Source(environment, file)
    value = part(source)
    source.finish(whole=part in (backend, worker))
    return value


def backend(source: Source) -> Settings:
    """What the whole backend needs."""
    mails = mail(source)
    return Settings(
        **vars(worker(source)),
        mail=mails,
        alerts=_alerts(source, mails),
        retention_days=source.number("RETENTION_DAYS", 30, 1, 3650),
        quota=_quota(source),
        auto_model=source.choice("AUTO_MODEL", AUTO_MODELS[0], AUTO_MODELS),
    )


def worker(source: Source) -> WorkerSettings:
    """What a process that only ingests needs."""
    return WorkerSettings(
        broker=broker(source),
        database=database(source),
        key=master_key(source),
        health_port=source.number("HEALTH_PORT", 0, 0, 65535),
        heartbeat=source.checked("HEARTBEAT_URL", "", checks.secret_web_address) or None,
        json_logs=source.choice("LOG_FORMAT", "text", ("text", "json")) == "json",
    )


def broker(source: Source) -> BrokerSettings:
    """What a connection to the broker needs."""
    own_client_id = ("vigie-" + re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname()))[:23]
    return BrokerSettings(
        host=source.checked("MQTT_HOST", None, checks.host, f"the broker's name, such as {checks.A_BROKER}"),
        port=source.number("MQTT_PORT", 8883, 1, 65535),
        user=source.text("MQTT_USER", "the backend's user at the broker"),
        password=source.text("MQTT_PASSWORD", "that user's password"),
        ca=source.existing_file("MQTT_CA"),
        client_id=source.checked("MQTT_CLIENT_ID", own_client_id, checks.name),
        share=source.checked("MQTT_SHARE", "", checks.name) or None,
    )


def board(source: Source) -> tuple[str, str, int]:
    """A board's user, password and port at the broker, as for `make provision`."""
    return (
        source.text("BOARD_USER", "the board's user at the broker"),
        source.text("BOARD_PASSWORD", "that user's password"),
        source.number("BOARD_PORT", source.number("MQTT_PORT", 8883, 1, 65535), 1, 65535),
    )


def database(source: Source) -> DatabaseSettings:
    """What a reader needs."""
    cure = f"where MongoDB is, such as {checks.A_DATABASE}"
    return DatabaseSettings(
        uri=source.checked("MONGODB_URI", None, checks.mongodb_uri, cure),
        name=source.checked("MONGODB_DATABASE", "vigie", checks.database_name),
    )


def storage(source: Source) -> tuple[int, bytes | None]:
    """Bytes that the database may hold (0 = no limit), and the master secret if it is set."""
    return _quota(source), source.secret("VIGIE_KEY", needed=False) or None


def _quota(source: Source) -> int:
    return source.number("STORAGE_QUOTA_MB", 500, 0, 100_000_000) * 1_000_000


def access(source: Source) -> AccessSettings:
    """Who may write on the dashboard."""
    return AccessSettings(
        password_hash=source.checked("DASHBOARD_PASSWORD_HASH", "", checks.password_hash) or None,
        people=checks.addresses(source.checked("DASHBOARD_PEOPLE", "", checks.mail_addresses).lower()),
    )


def sites(source: Source) -> tuple[Site, ...]:
    """Where the sites are, for a map."""
    text = source.checked("SITES", "", checks.sites)
    return tuple(Site(match[1], float(match[2]), float(match[3])) for match in checks.SITE.finditer(text))


def link_key(source: Source) -> bytes | None:
    """The key that signs links in mails: LINK_KEY, else derived from VIGIE_KEY. None = neither is set."""
    own, master = source.secret("LINK_KEY", needed=False), source.secret("VIGIE_KEY", needed=False)
    return own or (keys.link_key(master) if master else None)


def master_key(source: Source) -> bytes:
    """The secret from which every device's key is derived, 32 bytes."""
    return source.secret("VIGIE_KEY")


def backup_keys(source: Source) -> tuple[bytes, ...]:
    """The keys that may have signed a backup: VIGIE_KEY, and OLD_VIGIE_KEY if it is set."""
    new, old = master_key(source), source.secret("OLD_VIGIE_KEY", needed=False)
    return (new, old) if old else (new,)


def old_and_new_key(source: Source) -> tuple[bytes, bytes]:
    """OLD_VIGIE_KEY, which is only set while keys are changed, and VIGIE_KEY."""
    old, new = source.secret("OLD_VIGIE_KEY", cure=OLD_KEY), master_key(source)
    if old and old == new:
        source.problems.append(
            "VIGIE_KEY is still the old one: make a new one, and set OLD_VIGIE_KEY to this"
        )
    return old, new


def language(source: Source) -> str:
    """The language of pages: "en" or "fr"."""
    source.old_language()
    return source.choice("VIGIE_LANGUAGE", LANGUAGES[0], LANGUAGES)


def mail(source: Source) -> MailSettings:
    """What sending needs."""
    ways: dict[str, Callable[[Source], SendGridSettings | SmtpSettings | FolderSettings]] = {
        "sendgrid": _sendgrid,
        "smtp": _smtp,
        "folder": lambda source: FolderSettings(
            Path(source.text("MAIL_FOLDER", "the folder that mails are written to, because MAIL_VIA=folder"))
        ),
    }
    way = ways.get(source.choice("MAIL_VIA", "sendgrid", tuple(ways)))
    verified = "the address that mails come from; SendGrid must know it as a sender"
    people = "who is warned: addresses with commas"
    return MailSettings(
        via=way(source) if way else FolderSettings(Path()),  # `source` has recorded the wrong word
        sender=source.checked("MAIL_FROM", None, checks.mail_address, verified),
        to=checks.addresses(source.checked("MAIL_TO", None, checks.mail_addresses, people)),
        second=checks.addresses(source.checked("MAIL_ESCALATE_TO", "", checks.mail_addresses)),
        dashboard=source.checked("DASHBOARD_URL", "", checks.web_address).rstrip("/") or None,
        language=language(source),
        zone=source.checked("TIMEZONE", "UTC", checks.zone),
    )


def _sendgrid(source: Source) -> SendGridSettings:
    cure = "a key with permission to send mail, made in SendGrid under API Keys"
    return SendGridSettings(
        key=source.text("SENDGRID_API_KEY", cure),
        host=source.checked("SENDGRID_HOST", "", checks.web_address) or None,
        template=source.checked("SENDGRID_TEMPLATE_ID", "", checks.template) or None,
    )


def _smtp(source: Source) -> SmtpSettings:
    return SmtpSettings(
        host=source.text("SMTP_HOST", "the mail server's name, because MAIL_VIA=smtp"),
        port=source.number("SMTP_PORT", 587, 1, 65535),
        user=source.checked("SMTP_USER", "", lambda value: None) or None,
        password=source.checked("SMTP_PASSWORD", "", lambda value: None),
        security=source.choice("SMTP_SECURITY", "starttls", ("starttls", "tls", "none")),
        ca=source.existing_file("SMTP_CA"),
    )


def _alerts(source: Source, mail: MailSettings) -> AlertSettings:
    cost = max(1, len(mail.to))
    quiet = source.checked("QUIET_HOURS", "", checks.span_of_day)
    begin, _, end = quiet.partition("-")
    digest = source.checked("DIGEST_TIME", "08:00", checks.time_of_day)
    return AlertSettings(
        per_day=source.number("MAIL_PER_DAY", 100, 4 * cost, 1_000_000),
        severe_share=source.number("MAIL_SEVERE_PERCENT", 30, 0, 100) / 100,
        cost=cost,
        second_cost=len(mail.second),
        single=source.number("ALERT_SINGLE_MAILS", 5, 1, 1_000_000),
        cool_down=60.0 * source.number("ALERT_COOL_DOWN_MINUTES", 30, 0, 10_080),
        repeat=60.0 * source.number("ALERT_REPEAT_MINUTES", 240, 0, 10_080),
        escalate=60.0 * source.number("ALERT_ESCALATE_MINUTES", 60, 1, 10_080),
        quiet_hours=(checks.minute(begin), checks.minute(end)) if quiet else None,
        digest_minute=checks.minute(digest) if digest else 0,
        zone=mail.zone,
    )
