"""Checks of single values. Each returns what is wrong, in words, or None."""

import re
from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pymongo.errors import ConfigurationError, InvalidURI
from pymongo.uri_parser import parse_uri

from cloud import password

Check = Callable[[str], str | None]

_ADDRESS = r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+|[^@\s<>]+@localhost"
A_BROKER = "abc123.s1.eu.hivemq.cloud"
A_DATABASE = "mongodb+srv://user:password@cluster0.abc.mongodb.net"


def _like(pattern: str, otherwise: str) -> Check:
    """The check that a whole value is like `pattern`."""

    def problem(value: str) -> str | None:
        return None if re.fullmatch(pattern, value) else otherwise.format(value=value)

    return problem


name = _like("[A-Za-z0-9_-]{1,23}", 'may have letters, digits, "-" and "_", 23 at most, not "{value}"')
database_name = _like("[A-Za-z0-9_-]{1,63}", 'cannot name a database: "{value}"')
mail_address = _like(_ADDRESS, 'is not a mail address: "{value}"')
template = _like("d-[0-9a-f]{32}", 'must be a dynamic template\'s id, "d-" and 32 hex digits, not "{value}"')
time_of_day = _like("([01]?[0-9]|2[0-3]):[0-5][0-9]", 'must be a time of day such as 08:00, not "{value}"')
# A secret one is not shown.
secret_web_address = _like(r"https?://[^\s/]+\S*", "must begin with http:// or https://")
web_address = _like(r"https?://[^\s/]+\S*", 'must begin with http:// or https://: "{value}"')


def host(value: str) -> str | None:
    if value == A_BROKER:
        return "is still the example's: copy yours from HiveMQ Cloud, Overview, URL"
    if "/" in value or re.search(r"^[^:]*:[0-9]+$", value):
        return f'is a name alone, such as {A_BROKER}, without mqtts:// and without :8883; not "{value}"'
    return None


# Without a user, or with one whose "@" is the last one: another "@" may be part of a password.
_ESCAPED = re.compile(r"[a-z+]+://(?:[^@:/?]*(?::[^@:/?]*)?@)?[^@]*$")


def mongodb_uri(value: str) -> str | None:
    if value == A_DATABASE:
        return "is still the example's: copy yours from Atlas, Connect, Drivers"
    if not _ESCAPED.match(value):
        return "has @ : / or ? in its user or password: write them as %40 %3A %2F %3F"
    if value.startswith("mongodb+srv://"):
        return None  # DNS has the rest
    try:
        parse_uri(value)
    except (InvalidURI, ConfigurationError, ValueError) as problem:
        return f"cannot be read: {str(problem).replace(value, '…')} (mongodb://… or mongodb+srv://…)"
    return None


def addresses(value: str) -> tuple[str, ...]:
    """Each address once, whatever its capitals: SendGrid refuses a mail that names somebody twice."""
    named = [part.strip() for part in value.split(",") if part.strip()]
    return tuple({address.lower(): address for address in reversed(named)}.values())[::-1]


def mail_addresses(value: str) -> str | None:
    wrong = [part for part in addresses(value) if mail_address(part)]
    return f'has no mail address in "{wrong[0]}"' if wrong else None


def password_hash(value: str) -> str | None:
    return None if password.is_hash(value) else "is no hash of a password: python -m cloud password makes one"


_DEGREES = r"-?[0-9]{1,3}(?:\.[0-9]+)?"
SITE = re.compile(rf"\s*([A-Za-z0-9_.-]+)\s*=\s*({_DEGREES})\s*,\s*({_DEGREES})\s*(?:;|$)")


def sites(value: str) -> str | None:
    matches = list(SITE.finditer(value))
    whole = "".join(match[0] for match in matches) == value
    if whole and all(abs(float(match[2])) <= 90 and abs(float(match[3])) <= 180 for match in matches):
        return None
    return f'must be name=latitude,longitude; …, such as home=48.8566,2.3522, not "{value}"'


def zone(value: str) -> str | None:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f'is no time zone: "{value}" (such as Europe/Paris)'
    return None


def span_of_day(value: str) -> str | None:
    begin, _, end = value.partition("-")
    if time_of_day(begin) or time_of_day(end) or begin == end:
        return f'must be two times of day such as 22:00-07:00, not "{value}"'
    return None


def minute(value: str) -> int:
    hour, minute = value.split(":")
    return 60 * int(hour) + int(minute)
