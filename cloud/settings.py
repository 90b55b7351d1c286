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

from dotenv.parser import parse_stream
from pymongo.errors import ConfigurationError, InvalidURI
from pymongo.uri_parser import parse_uri


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
class MailSettings:
    """SendGrid; `host` only for a stand-in."""

    key: str = field(repr=False)
    host: str | None
    sender: str
    to: tuple[str, ...]
    dashboard: str | None  # its address, for links in mails


@dataclass(frozen=True)
class Settings:
    """All that the backend needs."""

    broker: BrokerSettings
    database: DatabaseSettings
    mail: MailSettings
    key: bytes = field(repr=False)  # the master secret, 32 bytes
    retention_days: int


DATABASE_KEYS = ("MONGODB_URI", "MONGODB_DATABASE")
KEYS = (
    *("MQTT_HOST", "MQTT_PORT", "MQTT_USER", "MQTT_PASSWORD", "MQTT_CA", "MQTT_CLIENT_ID", "MQTT_SHARE"),
    *DATABASE_KEYS,
    "VIGIE_KEY",
    *("SENDGRID_API_KEY", "SENDGRID_HOST", "MAIL_FROM", "MAIL_TO", "DASHBOARD_URL"),
    "RETENTION_DAYS",
)

_ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+|[^@\s<>]+@localhost")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,23}")


def load(environment: Mapping[str, str], file: Path | None = None) -> Settings:
    """The backend's settings. Raises SettingsError."""
    source = _Source(environment, file)
    settings = Settings(
        broker=BrokerSettings(
            host=source.text("MQTT_HOST", "the broker's name, such as abc123.s1.eu.hivemq.cloud"),
            port=source.number("MQTT_PORT", 8883, 1, 65535),
            user=source.text("MQTT_USER", "the backend's user at the broker"),
            password=source.text("MQTT_PASSWORD", "that user's password"),
            ca=source.existing_file("MQTT_CA"),
            client_id=source.checked("MQTT_CLIENT_ID", _own_client_id(), _name),
            share=source.checked("MQTT_SHARE", "", _name) or None,
        ),
        database=_database(source),
        mail=MailSettings(
            key=source.text(
                "SENDGRID_API_KEY", "a key with permission to send mail, made in SendGrid under API Keys"
            ),
            host=source.checked("SENDGRID_HOST", "", _web_address) or None,
            sender=source.checked(
                "MAIL_FROM", None, _mail_address, "the address that SendGrid knows as your sender"
            ),
            to=_addresses(
                source.checked("MAIL_TO", None, _mail_addresses, "who is warned: addresses with commas")
            ),
            dashboard=source.checked("DASHBOARD_URL", "", _web_address) or None,
        ),
        key=source.secret("VIGIE_KEY"),
        retention_days=source.number("RETENTION_DAYS", 30, 1, 3650),
    )
    source.finish(KEYS)
    return settings


def load_database(environment: Mapping[str, str], file: Path | None = None) -> DatabaseSettings:
    """What a reader needs. Raises SettingsError."""
    source = _Source(environment, file)
    settings = _database(source)
    source.finish(KEYS, only=DATABASE_KEYS)
    return settings


def _database(source: _Source) -> DatabaseSettings:
    cure = "where MongoDB is, such as mongodb+srv://user:password@cluster0.abc.mongodb.net"
    return DatabaseSettings(
        uri=source.checked("MONGODB_URI", None, _mongodb_uri, cure),
        name=source.checked("MONGODB_DATABASE", "vigie", _database_name),
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

    def secret(self, key: str) -> bytes:
        make = 'make one with: python -c "import secrets; print(secrets.token_hex(32))"'

        def problem(value: str) -> str | None:
            if re.fullmatch(r"[0-9a-fA-F]{64}", value):
                return None
            return f"must be 64 hex digits, it has {len(value)} characters: {make}"

        value = self.checked(key, None, problem, f"64 hex digits; {make}")
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


def _mongodb_uri(value: str) -> str | None:
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
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _mail_addresses(value: str) -> str | None:
    wrong = [part for part in _addresses(value) if not _ADDRESS.fullmatch(part)]
    return f'has no mail address in "{wrong[0]}"' if wrong else None


def _web_address(value: str) -> str | None:
    return (
        None
        if re.fullmatch(r"https?://[^\s/]+\S*", value)
        else f'must begin with http:// or https://: "{value}"'
    )
