"""Settings: from the environment and from `.env`, checked whole before anything starts.

    settings = load(os.environ, Path(".env"))

The environment goes before the file. Everything that is wrong is told at once, each with its place and its
cure. Secrets never appear in a `repr`, and so in no log.
"""

from __future__ import annotations

import difflib
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv.parser import parse_stream
from pymongo.errors import ConfigurationError, InvalidURI
from pymongo.uri_parser import parse_uri

from cloud import password
from cloud.contract import keys
from cloud.words import LANGUAGES

Part = TypeVar("Part")


class SettingsError(Exception):
    """What is wrong with the settings, all of it."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(
            "\n".join(["The settings do not work:", *(f"  - {problem}" for problem in problems)])
        )


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
    """`host` only for a stand-in."""

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
    second: tuple[str, ...] = ()  # who hears of a severe episode that nobody acknowledged
    dashboard: str | None = None  # its address, for links in mails
    language: str = "en"
    zone: str = "UTC"


@dataclass(frozen=True)
class AlertSettings:
    """Which of all that happens becomes a mail (cloud.alerts.policy)."""

    per_day: int = 100  # mails; each recipient counts; a day is a UTC day
    severe_share: float = 0.3  # of them only for severe episodes
    cost: int = 1  # recipients of a mail
    second_cost: int = 0  # recipients of an escalation; 0 = nobody
    single: int = 5  # mails about one episode in ten minutes; then those that follow come together
    cool_down: float = 1800.0  # s between two mails about one device
    repeat: float = 14400.0  # s until the first reminder; then after twice as long each time; 0 = never
    escalate: float = 3600.0  # s that a severe episode may stay unacknowledged
    quiet_hours: tuple[int, int] | None = None  # minutes of the day, local: warnings wait
    digest_minute: int = 8 * 60  # minute of the day, local
    zone: str = "UTC"


@dataclass(frozen=True)
class WorkerSettings:
    """All that ingest needs: no mail key for a process that writes no mail."""

    broker: BrokerSettings
    database: DatabaseSettings
    key: bytes = field(repr=False)  # the master secret, 32 bytes
    health_port: int  # of /healthz, /readyz and /metrics; 0 = none
    heartbeat: str | None = field(repr=False)  # asked each minute while all is well
    json_logs: bool


@dataclass(frozen=True)
class Settings(WorkerSettings):
    """All that the backend needs: who watches also writes mails and keeps house."""

    mail: MailSettings
    alerts: AlertSettings
    retention_days: int
    quota: int  # bytes of data and indexes that the database may hold; 0 = no limit


@dataclass(frozen=True)
class AccessSettings:
    """Who may write on the dashboard: who knows the password, and these people of the OIDC provider."""

    password_hash: str | None = field(repr=False)  # cloud.password; None = no login by password
    people: tuple[str, ...] = ()  # mail addresses in small letters


@dataclass(frozen=True)
class Site:
    """Where a site is, in degrees."""

    name: str
    latitude: float
    longitude: float


MAKE_KEY = 'make one with: python -c "import secrets; print(secrets.token_hex(32))"'
OLD_KEY = "it is what VIGIE_KEY was until now"
DATABASE_KEYS = ("MONGODB_URI", "MONGODB_DATABASE")
DASHBOARD_KEYS = (*DATABASE_KEYS, "DASHBOARD_PASSWORD_HASH", "DASHBOARD_PEOPLE", "SITES", "VIGIE_LANGUAGE")
KEYS = (
    *("MQTT_HOST", "MQTT_PORT", "MQTT_USER", "MQTT_PASSWORD", "MQTT_CA", "MQTT_CLIENT_ID", "MQTT_SHARE"),
    *DASHBOARD_KEYS,
    "VIGIE_KEY",
    *("MAIL_VIA", "MAIL_FROM", "MAIL_TO", "MAIL_ESCALATE_TO", "MAIL_FOLDER", "DASHBOARD_URL"),
    *("SENDGRID_API_KEY", "SENDGRID_HOST", "SENDGRID_TEMPLATE_ID"),
    *("SMTP_HOST", "SMTP_PORT", "SMTP_USER", "SMTP_PASSWORD", "SMTP_SECURITY", "SMTP_CA"),
    *("MAIL_PER_DAY", "MAIL_SEVERE_PERCENT", "ALERT_SINGLE_MAILS", "ALERT_COOL_DOWN_MINUTES"),
    *("ALERT_REPEAT_MINUTES", "ALERT_ESCALATE_MINUTES", "QUIET_HOURS", "DIGEST_TIME"),
    *("VIGIE_LANGUAGE", "TIMEZONE", "LINK_KEY"),
    *("RETENTION_DAYS", "STORAGE_QUOTA_MB", "HEALTH_PORT", "HEARTBEAT_URL", "LOG_FORMAT"),
)

_ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+|[^@\s<>]+@localhost")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,23}")
A_BROKER = "abc123.s1.eu.hivemq.cloud"
A_DATABASE = "mongodb+srv://user:password@cluster0.abc.mongodb.net"


def load(environment: Mapping[str, str], file: Path | None = None) -> Settings:
    """The backend's settings. Raises SettingsError."""
    return _read(_backend, environment, file)


def _read(
    part: Callable[[_Source], Part],
    environment: Mapping[str, str],
    file: Path | None,
    only: tuple[str, ...] | None = None,
) -> Part:
    """One part of the settings, checked as a whole; `only` as for _Source.finish. Raises SettingsError."""
    source = _Source(environment, file)
    found = part(source)
    source.finish(KEYS, only)
    return found


def _backend(source: _Source) -> Settings:
    worker = _worker(source)
    mail = _mail(source)
    return Settings(
        **vars(worker),
        mail=mail,
        alerts=_alerts(source, mail),
        retention_days=source.number("RETENTION_DAYS", 30, 1, 3650),
        quota=_quota(source),
    )


def load_worker(environment: Mapping[str, str], file: Path | None = None) -> WorkerSettings:
    """What a process that only ingests needs. Raises SettingsError."""
    return _read(_worker, environment, file)


def _worker(source: _Source) -> WorkerSettings:
    return WorkerSettings(
        broker=_broker(source),
        database=_database(source),
        key=source.secret("VIGIE_KEY"),
        health_port=source.number("HEALTH_PORT", 0, 0, 65535),
        heartbeat=source.checked("HEARTBEAT_URL", "", _secret_web_address) or None,
        json_logs=source.checked("LOG_FORMAT", "text", _log_format) == "json",
    )


def load_broker(environment: Mapping[str, str], file: Path | None = None) -> BrokerSettings:
    """What a connection to the broker needs. Raises SettingsError."""
    return _read(_broker, environment, file)


def _broker(source: _Source) -> BrokerSettings:
    return BrokerSettings(
        host=source.checked("MQTT_HOST", None, _host, f"the broker's name, such as {A_BROKER}"),
        port=source.number("MQTT_PORT", 8883, 1, 65535),
        user=source.text("MQTT_USER", "the backend's user at the broker"),
        password=source.text("MQTT_PASSWORD", "that user's password"),
        ca=source.existing_file("MQTT_CA"),
        client_id=source.checked("MQTT_CLIENT_ID", _own_client_id(), _name),
        share=source.checked("MQTT_SHARE", "", _name) or None,
    )


def load_database(environment: Mapping[str, str], file: Path | None = None) -> DatabaseSettings:
    """What a reader needs. Raises SettingsError."""
    return _read(_database, environment, file, only=DATABASE_KEYS)


def load_storage(environment: Mapping[str, str], file: Path | None = None) -> tuple[int, bytes | None]:
    """Bytes that the database may hold (0 = no limit), and the master secret if it is set."""
    source = _Source(environment, file)
    quota, master = _quota(source), source.secret("VIGIE_KEY", needed=False)
    source.finish(KEYS, only=("STORAGE_QUOTA_MB", "VIGIE_KEY"))
    return quota, master or None


def _quota(source: _Source) -> int:
    return source.number("STORAGE_QUOTA_MB", 500, 0, 100_000_000) * 1_000_000


def load_board(environment: Mapping[str, str], file: Path | None = None) -> tuple[str, str, int]:
    """A board's user, password and port at the broker, as for `make provision`. Raises SettingsError."""
    source = _Source(environment, file)
    user = source.text("BOARD_USER", "the board's user at the broker")
    password = source.text("BOARD_PASSWORD", "that user's password")
    port = source.number("BOARD_PORT", source.number("MQTT_PORT", 8883, 1, 65535), 1, 65535)
    source.finish(KEYS, only=())
    return user, password, port


def _database(source: _Source) -> DatabaseSettings:
    cure = f"where MongoDB is, such as {A_DATABASE}"
    return DatabaseSettings(
        uri=source.checked("MONGODB_URI", None, _mongodb_uri, cure),
        name=source.checked("MONGODB_DATABASE", "vigie", _database_name),
    )


def load_access(environment: Mapping[str, str], file: Path | None = None) -> AccessSettings:
    """Who may write on the dashboard. Raises SettingsError."""
    source = _Source(environment, file)
    access = AccessSettings(
        password_hash=source.checked("DASHBOARD_PASSWORD_HASH", "", _password_hash) or None,
        people=_addresses(source.checked("DASHBOARD_PEOPLE", "", _mail_addresses).lower()),
    )
    source.finish(KEYS, only=DASHBOARD_KEYS)
    return access


def load_sites(environment: Mapping[str, str], file: Path | None = None) -> tuple[Site, ...]:
    """Where the sites are, for a map. Raises SettingsError."""
    source = _Source(environment, file)
    text = source.checked("SITES", "", _sites)
    source.finish(KEYS, only=DASHBOARD_KEYS)
    return tuple(Site(one[1], float(one[2]), float(one[3])) for one in _SITE.finditer(text))


def load_mail(environment: Mapping[str, str], file: Path | None = None) -> MailSettings:
    """What sending needs. Raises SettingsError."""
    return _read(_mail, environment, file)


def load_link_key(environment: Mapping[str, str], file: Path | None = None) -> bytes | None:
    """What signs the links in mails: LINK_KEY, else made from VIGIE_KEY. None = neither is set."""
    source = _Source(environment, file)
    own = source.secret("LINK_KEY", needed=False)
    master = source.secret("VIGIE_KEY", needed=False)
    source.finish(KEYS, only=("LINK_KEY", "VIGIE_KEY"))
    return own or (keys.link_key(master) if master else None)


def load_master_key(environment: Mapping[str, str], file: Path | None = None) -> bytes:
    """The secret that every device's key is made of, 32 bytes. Raises SettingsError."""
    source = _Source(environment, file)
    master = source.secret("VIGIE_KEY")
    source.finish(KEYS, only=("VIGIE_KEY",))
    return master


def load_backup_keys(environment: Mapping[str, str], file: Path | None = None) -> tuple[bytes, ...]:
    """What may have signed a backup: VIGIE_KEY, and OLD_VIGIE_KEY where it is set. Raises SettingsError."""
    source = _Source(environment, file)
    new, old = source.secret("VIGIE_KEY"), source.secret("OLD_VIGIE_KEY", needed=False)
    source.finish((*KEYS, "OLD_VIGIE_KEY"), only=("OLD_VIGIE_KEY", "VIGIE_KEY"))
    return (new, old) if old else (new,)


def load_old_and_new_key(environment: Mapping[str, str], file: Path | None = None) -> tuple[bytes, bytes]:
    """OLD_VIGIE_KEY, which is only set while keys are changed, and VIGIE_KEY. Raises SettingsError."""
    source = _Source(environment, file)
    old, new = source.secret("OLD_VIGIE_KEY", cure=OLD_KEY), source.secret("VIGIE_KEY")
    source.finish((*KEYS, "OLD_VIGIE_KEY"), only=("OLD_VIGIE_KEY", "VIGIE_KEY"))
    if old == new:
        raise SettingsError(["VIGIE_KEY is still the old one: make a new one, and set OLD_VIGIE_KEY to this"])
    return old, new


def language(environment: Mapping[str, str], file: Path | None = None) -> str:
    """The language of pages: "en" or "fr". Raises SettingsError."""
    return _read(_language, environment, file, only=("VIGIE_LANGUAGE",))


def _mail(source: _Source) -> MailSettings:
    ways: dict[str, Callable[[_Source], SendGridSettings | SmtpSettings | FolderSettings]] = {
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
        via=way(source) if way else FolderSettings(Path()),  # a wrong word is a problem already
        sender=source.checked("MAIL_FROM", None, _mail_address, verified),
        to=_addresses(source.checked("MAIL_TO", None, _mail_addresses, people)),
        second=_addresses(source.checked("MAIL_ESCALATE_TO", "", _mail_addresses)),
        dashboard=source.checked("DASHBOARD_URL", "", _web_address).rstrip("/") or None,
        language=_language(source),
        zone=source.checked("TIMEZONE", "UTC", _zone),
    )


def _sendgrid(source: _Source) -> SendGridSettings:
    cure = "a key with permission to send mail, made in SendGrid under API Keys"
    return SendGridSettings(
        key=source.text("SENDGRID_API_KEY", cure),
        host=source.checked("SENDGRID_HOST", "", _web_address) or None,
        template=source.checked("SENDGRID_TEMPLATE_ID", "", _template) or None,
    )


def _smtp(source: _Source) -> SmtpSettings:
    return SmtpSettings(
        host=source.text("SMTP_HOST", "the mail server's name, because MAIL_VIA=smtp"),
        port=source.number("SMTP_PORT", 587, 1, 65535),
        user=source.checked("SMTP_USER", "", lambda value: None) or None,
        password=source.checked("SMTP_PASSWORD", "", lambda value: None),
        security=source.choice("SMTP_SECURITY", "starttls", ("starttls", "tls", "none")),
        ca=source.existing_file("SMTP_CA"),
    )


def _alerts(source: _Source, mail: MailSettings) -> AlertSettings:
    cost = max(1, len(mail.to))
    quiet = source.checked("QUIET_HOURS", "", _span_of_day)
    times = [_minute(part) for part in quiet.split("-")] if quiet and not _span_of_day(quiet) else []
    digest = source.checked("DIGEST_TIME", "08:00", _time_of_day)
    return AlertSettings(
        per_day=source.number("MAIL_PER_DAY", 100, 4 * cost, 1_000_000),
        severe_share=source.number("MAIL_SEVERE_PERCENT", 30, 0, 100) / 100,
        cost=cost,
        second_cost=len(mail.second),
        single=source.number("ALERT_SINGLE_MAILS", 5, 1, 1_000_000),
        cool_down=60.0 * source.number("ALERT_COOL_DOWN_MINUTES", 30, 0, 10_080),
        repeat=60.0 * source.number("ALERT_REPEAT_MINUTES", 240, 0, 10_080),
        escalate=60.0 * source.number("ALERT_ESCALATE_MINUTES", 60, 1, 10_080),
        quiet_hours=(times[0], times[1]) if times else None,
        digest_minute=_minute(digest) if not _time_of_day(digest) else 480,
        zone=mail.zone if not _zone(mail.zone) else "UTC",
    )


class _Source:
    """Values by key with the place they came from; collects what is wrong."""

    def __init__(self, environment: Mapping[str, str], file: Path | None) -> None:
        self._problems: list[str] = []
        self._values: dict[str, tuple[str, str]] = {}  # key -> (value, place)
        if file is not None:
            self._read_file(file)
        for key, value in environment.items():
            self._values[key] = (value, "environment")
        self._file = file.name if file is not None else "environment"

    def text(self, key: str, cure: str) -> str:
        return self.checked(key, None, lambda value: None, cure)

    def checked(
        self, key: str, default: str | None, problem: Callable[[str], str | None], cure: str = ""
    ) -> str:
        """The value of `key`; `problem` says what is wrong with it. An empty value is no value."""
        value, place = self._values.get(key, ("", self._file))
        if not value.strip():
            if default is None:
                self._problems.append(f"{place}: {key} is missing: set it to {cure}")
                return ""
            return default
        value = value.strip()
        if (wrong := problem(value)) is not None:
            self._problems.append(f"{place}: {key} {wrong}")
        return value

    def number(self, key: str, default: int, least: int, most: int) -> int:
        def problem(value: str) -> str | None:
            if re.fullmatch(r"[0-9]{1,9}", value) and least <= int(value) <= most:
                return None
            return f'must be a whole number from {least} to {most}, not "{value}"'

        value = self.checked(key, str(default), problem)
        return int(value) if problem(value) is None else default

    def existing_file(self, key: str) -> str | None:
        def problem(value: str) -> str | None:
            return (
                None if Path(value).is_file() else f'names no file: "{value}" (a CA certificate in PEM form)'
            )

        return self.checked(key, "", problem) or None

    def choice(self, key: str, default: str, allowed: tuple[str, ...]) -> str:
        def problem(value: str) -> str | None:
            known = ", ".join(allowed)
            return None if value.lower() in allowed else f'must be one of {known}, not "{value}"'

        return self.checked(key, default, problem).lower()

    def renamed(self, old: str, new: str, values: tuple[str, ...]) -> None:
        """Refuse `old` in the file where it is one of `values`; in an environment it may be another's."""
        value, place = self._values.get(old, ("", "environment"))
        if place != "environment" and value.strip().lower() in values:
            self._problems.append(f"{place}: {old} is called {new} now: write {new}={value.strip().lower()}")

    def secret(self, key: str, *, needed: bool = True, cure: str = MAKE_KEY) -> bytes:
        """`cure`: where a key that is missing or wrong is to be had."""

        def problem(value: str) -> str | None:
            if re.fullmatch(r"[0-9a-fA-F]{64}", value):
                return None
            return f"must be 64 hex digits, it has {len(value)} characters: {cure}"

        value = self.checked(key, None if needed else "", problem, f"64 hex digits; {cure}")
        return bytes.fromhex(value) if problem(value) is None else b""

    def finish(self, known: tuple[str, ...], only: tuple[str, ...] | None = None) -> None:
        """Raise all that was found; `only`: a misspelling of other keys is somebody else's concern."""
        for key, (_, place) in self._values.items():
            close = difflib.get_close_matches(key, known, 1, 0.8) if key not in known else []
            if (
                close
                and (only is None or close[0] in only)
                and (place != "environment" or self._is_ours(key))
            ):
                self._problems.append(f"{place}: {key} is not a setting: did you mean {close[0]}?")
        if self._problems:
            raise SettingsError(self._problems)

    @staticmethod
    def _is_ours(key: str) -> bool:
        """An environment holds many other things; only names that begin like ours are looked at."""
        return key.startswith(tuple({name.partition("_")[0] + "_" for name in KEYS}))

    def _read_file(self, file: Path) -> None:
        try:
            with file.open(encoding="utf-8") as stream:
                for binding in parse_stream(stream):
                    place = f"{file.name} line {self._line(binding.original.string, binding.original.line)}"
                    if binding.error or (binding.key is not None and binding.value is None):
                        self._problems.append(f"{place}: is not KEY=value")
                    elif binding.key is not None:
                        self._values[binding.key] = (binding.value or "", place)
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as problem:
            self._problems.append(f"{file.name}: cannot be read: {problem}")

    @staticmethod
    def _line(text: str, line: int) -> int:
        """The parser counts from the blank lines and comments before a binding."""
        return line + len(text) - len(text.lstrip("\n"))


def _own_client_id() -> str:
    return ("vigie-" + re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname()))[:23]


def _name(value: str) -> str | None:
    return (
        None
        if _NAME.fullmatch(value)
        else f'may have letters, digits, "-" and "_", 23 at most, not "{value}"'
    )


def _database_name(value: str) -> str | None:
    return None if re.fullmatch(r"[A-Za-z0-9_-]{1,63}", value) else f'cannot name a database: "{value}"'


def _host(value: str) -> str | None:
    if value == A_BROKER:
        return "is still the example's: copy yours from HiveMQ Cloud, Overview, URL"
    if "/" in value or re.search(r"^[^:]*:[0-9]+$", value):
        return f'is a name alone, such as {A_BROKER}, without mqtts:// and without :8883; not "{value}"'
    return None


# Without a user, or with one whose "@" is the last one; what stands there may be part of a password.
_ESCAPED = re.compile(r"[a-z+]+://(?:[^@:/?]*(?::[^@:/?]*)?@)?[^@]*$")


def _mongodb_uri(value: str) -> str | None:
    if value == A_DATABASE:
        return "is still the example's: copy yours from Atlas, Connect, Drivers"
    if not _ESCAPED.match(value):
        return "has @ : / or ? in its user or password: write them as %40 %3A %2F %3F"
    if value.startswith("mongodb+srv://"):
        return None  # the rest stands in DNS and is asked there
    try:
        parse_uri(value)
    except (InvalidURI, ConfigurationError, ValueError) as problem:
        return f"cannot be read: {str(problem).replace(value, '…')} (mongodb://… or mongodb+srv://…)"
    return None


def _mail_address(value: str) -> str | None:
    return None if _ADDRESS.fullmatch(value) else f'is not a mail address: "{value}"'


def _addresses(value: str) -> tuple[str, ...]:
    """Each once, however its letters are written: SendGrid refuses a mail that names somebody twice."""
    named = [part.strip() for part in value.split(",") if part.strip()]
    return tuple({address.lower(): address for address in reversed(named)}.values())[::-1]


def _mail_addresses(value: str) -> str | None:
    wrong = [part for part in _addresses(value) if not _ADDRESS.fullmatch(part)]
    return f'has no mail address in "{wrong[0]}"' if wrong else None


def _password_hash(value: str) -> str | None:
    return None if password.is_hash(value) else "is no hash of a password: python -m cloud password makes one"


_DEGREES = r"-?[0-9]{1,3}(?:\.[0-9]+)?"
_SITE = re.compile(rf"\s*([A-Za-z0-9_.-]+)\s*=\s*({_DEGREES})\s*,\s*({_DEGREES})\s*(?:;|$)")


def _sites(value: str) -> str | None:
    found = list(_SITE.finditer(value))
    whole = "".join(one[0] for one in found) == value
    if whole and all(abs(float(one[2])) <= 90 and abs(float(one[3])) <= 180 for one in found):
        return None
    return f'must be name=latitude,longitude; …, such as home=48.8566,2.3522, not "{value}"'


def _language(source: _Source) -> str:
    source.renamed("LANGUAGE", "VIGIE_LANGUAGE", LANGUAGES)
    return source.choice("VIGIE_LANGUAGE", LANGUAGES[0], LANGUAGES)


def _zone(value: str) -> str | None:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f'is no time zone: "{value}" (such as Europe/Paris)'
    return None


def _template(value: str) -> str | None:
    known = re.fullmatch(r"d-[0-9a-f]{32}", value)
    return None if known else f'must be a dynamic template\'s id, "d-" and 32 hex digits, not "{value}"'


def _time_of_day(value: str) -> str | None:
    known = re.fullmatch(r"([01]?[0-9]|2[0-3]):[0-5][0-9]", value)
    return None if known else f'must be a time of day such as 08:00, not "{value}"'


def _span_of_day(value: str) -> str | None:
    begin, _, end = value.partition("-")
    if _time_of_day(begin) or _time_of_day(end) or begin == end:
        return f'must be two times of day such as 22:00-07:00, not "{value}"'
    return None


def _minute(value: str) -> int:
    hour, minute = value.split(":")
    return 60 * int(hour) + int(minute)


def _log_format(value: str) -> str | None:
    return None if value in ("text", "json") else f'must be text or json, not "{value}"'


def _secret_web_address(value: str) -> str | None:
    return None if re.fullmatch(r"https?://[^\s/]+\S*", value) else "must begin with http:// or https://"


def _web_address(value: str) -> str | None:
    wrong = _secret_web_address(value)
    return f'{wrong}: "{value}"' if wrong else None
