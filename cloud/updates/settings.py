"""Settings of a board, changed from here: understood, checked by the board's own schema, shown, sealed.

The cloud does not know all that a board got by cable: `state` tells its settings without passwords and key.
So the cloud sends only what changes, and the board changes its own file. Each time it sends all changes that
were made from here, so that a board that was away misses none.
"""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cloud.updates.vain import in_vain
from device.config import config
from device.update import settings as sealing

LIMITS = ("t_min", "t_max", "h_min", "h_max", "for_minutes")
SHORT: dict[str, tuple[str, ...]] = {name: ("limits", name) for name in LIMITS}
SHORT |= {f"severe.{name}": ("limits", "severe", name) for name in LIMITS}
TEXTS = ("ssid", "password", "host", "user", "name")  # always text, also where they look like numbers
MOST_BYTES = 4096  # a board takes 8 KB, and earlier changes travel besides
SECRET = (("wifi", "password"), ("wifi2", "password"), ("broker", "password"))
HIDDEN = "•" * 8
STANDS_FOR = "unknown here"  # a password that the cloud never had
NONE = ("none", "null", "")

Values = dict[str, Any]


class Wrong(Exception):
    """The change is refused; `str()` says what is wrong, a line for each thing."""


def change(assignments: Sequence[str]) -> Values:
    """What `t_max=8` and its like ask for, in the form of config.json; None: a key goes. Raises Wrong."""
    made: Values = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        place = SHORT.get(name, tuple(name.split(".")))
        if not equals or not all(place):
            raise Wrong(f"{text}: write NAME=VALUE, such as t_max=8 or wifi.password=…")
        if place[0] in sealing.CABLE:
            raise Wrong(f"{name}: only make provision changes that")
        put(made, place, None if value in NONE else _value(value, is_text=place[-1] in TEXTS))
    return made


def _value(text: str, *, is_text: bool) -> Any:
    if is_text:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def put(values: Values, place: Sequence[str], value: Any) -> None:
    for key in place[:-1]:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            raise Wrong(f"{'.'.join(place)}: {key} was given as a whole already")
    values[place[-1]] = value


def get(values: Mapping[str, Any], place: Sequence[str]) -> Any:
    value: Any = values
    for key in place:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def joined(old: Mapping[str, Any], new: Mapping[str, Any]) -> Values:
    """Two changes, one after the other, as one: here None stays, since the board must hear of it."""
    made = dict(old)
    for key, value in new.items():
        before = made.get(key)
        other = isinstance(value, dict) and "kind" in value  # a sensor with other options
        if isinstance(before, dict) and isinstance(value, dict) and not other:
            made[key] = joined(before, value)
        else:
            made[key] = value
    return made


def made(values: Mapping[str, Any], asked: Mapping[str, Any]) -> Values:
    """`values` of a config.json after the change, as the board makes it."""
    return dict(sealing.merged(values, asked))


def inverse(asked: Mapping[str, Any], current: Mapping[str, Any]) -> Values:
    """The change that takes `asked` back on a board with these `current` settings. Wrong: a password."""
    undone: Values = {}
    for place in _places(asked):
        if place in SECRET:
            raise Wrong(f"{'.'.join(place)}: the old one is not known here; change it board by board")
        put(undone, place, get(current, place))
    return undone


def check(site: str, device: str, current: Mapping[str, Any], asked: Mapping[str, Any]) -> Values:
    """The settings of a board with the `current` ones, after the change. Raises Wrong, with every problem."""
    before: Values = {"v": 1, "site": site, "device": device, "key": "0" * 64, **current}
    for place in SECRET:
        if isinstance(get(before, place[:1]), dict):
            put(before, place, STANDS_FOR)
    after = made(before, asked)
    try:
        config.check(json.loads(json.dumps(after)), "settings")
    except config.ConfigError as error:
        raise Wrong("\n".join(error.problems)) from None
    known = in_vain(before)
    if problems := [problem for problem in in_vain(after) if problem not in known]:
        raise Wrong("\n".join(f"settings: {problem}" for problem in problems))
    if len(encoded(asked)) > MOST_BYTES:
        raise Wrong(f"settings: all changes together are more than {MOST_BYTES} bytes: shorten them")
    return {key: value for key, value in after.items() if key not in sealing.CABLE}


def differences(
    current: Mapping[str, Any], after: Mapping[str, Any], asked: Mapping[str, Any]
) -> Iterator[str]:
    """A line for each setting that changes, passwords hidden."""
    for place in sorted({*_places(current), *_places(after)}):
        if place in SECRET:
            if get(asked, place) is not None:
                yield f"{'.'.join(place)}: a new one ({HIDDEN})"
            continue
        old, new = get(current, place), get(after, place)
        if old != new:
            yield f"{'.'.join(place)}: {_shown(old)} -> {_shown(new)}"


def _places(values: Mapping[str, Any], before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _places(value, (*before, key))
        else:
            yield (*before, key)


def _shown(value: Any) -> str:
    return "none" if value is None else json.dumps(value, ensure_ascii=False)


def masked(values: Mapping[str, Any]) -> Values:
    """A copy without secrets and key, which may be kept and shown."""
    made: Values = json.loads(json.dumps(values))
    for place in (("key",), *SECRET):
        if get(made, place):
            put(made, place, HIDDEN)
    return made


def seal(key: bytes, number: int, asked: Mapping[str, Any]) -> bytes:
    """The change, encrypted for the board with this `key` alone."""
    return bytes(sealing.sealed(number, encoded(asked), key, secrets.token_bytes(16)))


def encoded(values: Mapping[str, Any]) -> bytes:
    """As a board reads it: JSON, an emoji as it is, because MicroPython reads no pairs of \\u escapes."""
    return json.dumps(values, ensure_ascii=False).encode()


def unseal(key: bytes, blob: bytes) -> Values:
    """The change in `blob`. ValueError when it is not under this key."""
    values: Values = sealing.opened(blob, key)[1]
    return values
