"""What a board is told: a TOML file, the environment, questions; checked whole before anything is written.

The file has the keys of config.json (device/config.py), so there is one schema for PC and board. `broker.ca`
names a certificate on this computer, PEM or DER; on the board it is /ca.der.
"""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloud.keys import device_key
from device import config
from device.choices import SENSORS
from tools.child import Failed

# Where a value comes from when the file does not give it. MQTT_… and VIGIE_KEY are the backend's too (.env).
ENVIRONMENT = {
    "SITE": ("site",),
    "WIFI_SSID": ("wifi", "ssid"),
    "WIFI_PASSWORD": ("wifi", "password"),
    "MQTT_HOST": ("broker", "host"),
    "BOARD_PORT": ("broker", "port"),  # where boards log in, should that be another one than the backend's
    "MQTT_PORT": ("broker", "port"),
    "MQTT_CA": ("broker", "ca"),
    "BOARD_USER": ("broker", "user"),
    "BOARD_PASSWORD": ("broker", "password"),
}
# What is asked for when nobody gave it: place, question, secret, default.
Question = tuple[tuple[str, ...], str, bool, str | None]
QUESTIONS: tuple[Question, ...] = (
    (("site",), "Site", False, "home"),
    (("wifi", "ssid"), "Wi-Fi network (2.4 GHz)", False, None),
    (("wifi", "password"), "Wi-Fi password", True, None),
    (("broker", "host"), "Broker's host", False, None),
    (("broker", "user"), "Broker's user of this board", False, None),
    (("broker", "password"), "Broker's password of this board", True, None),
)
WIRES = {"pin": "data", "scl": "scl", "sda": "sda"}  # a sensor's options that are GPIOs, and their wires
USUAL_PIN = 4
SECRETS = (("key",), ("wifi", "password"), ("broker", "password"))
NO_KEY = """\
VIGIE_KEY is missing: the board's key, for models and acknowledgements, is made from it
    first time: python -c "import secrets; print('VIGIE_KEY=' + secrets.token_hex(32))" >> .env
    else copy it from the .env of your backend"""

MISSING = " is missing: "
WITHOUT_FILE = f"""\
make provision DEVICE={{device}} FILE={{device}}.toml gives them (an example: docs/board.md),
    or the environment and .env: {", ".join(ENVIRONMENT)}"""

Ask = Callable[[str, bool, str | None], str]


@dataclass(frozen=True)
class Provision:
    """`config`: config.json as it goes onto the board. `ca`: the certificate file's path here, or None."""

    config: dict[str, Any] = field(repr=False)
    ca: str | None


def gather(device: str, file: Path | None, environment: Mapping[str, str], ask: Ask | None) -> Provision:
    """All values for `device`; `ask(question, secret, default)` for missing ones. Raises Failed."""
    values = read(file) if file else {}
    name = str(file) if file else "settings"
    _refuse([problem for problem in _problems(values, name) if MISSING not in problem], device, file)
    if "device" in values and values["device"] != device:
        raise Failed(f"{name}: device is {values['device']!r}, you asked for {device}: change one of them")
    values["device"] = device
    for variable, place in ENVIRONMENT.items():
        text = environment.get(variable, "").strip()
        if text and get(values, place) is None:
            if variable == "MQTT_CA":
                text = str(Path(text).absolute())  # meant from here, not from the file's folder
            put(values, place, int(text) if variable.endswith("_PORT") and text.isdecimal() else text)
    for about in QUESTIONS:
        if get(values, about[0]) is None and ask:
            _answer(ask, values, name, about)
    if "sensor" not in values and ask:
        values["sensor"] = _sensor(ask)
    ca = get(values, ("broker", "ca"))
    if "key" not in values:
        values["key"] = _key(values, device, environment)
    _refuse(_problems(values, name), device, file)
    values["broker"]["ca"] = "/ca.der"
    return Provision({"v": 1, **values}, None if ca is None else _beside(ca, file))


def _answer(ask: Ask, values: dict[str, Any], name: str, about: Question) -> None:
    """Ask until the answer will do: here, and not after all the other questions."""
    place, question, secret, default = about
    at = f"{name}: {'.'.join(place)} "
    asked = question
    while asked:
        put(values, place, ask(asked, secret, default))
        told = next((problem for problem in _problems(values, name) if problem.startswith(at)), "")
        asked = f"{told.removeprefix(f'{name}: ')}\n  {question}" if told else ""


def _refuse(problems: Sequence[str], device: str, file: Path | None) -> None:
    if problems:
        without = not file and any(MISSING in problem for problem in problems)
        ways = [WITHOUT_FILE.format(device=device)] if without else []
        raise Failed("\n".join(["nothing was written:", *problems, *ways]))


def _problems(values: Mapping[str, Any], name: str) -> list[str]:
    """What the board would refuse, and what it would try in vain."""
    try:
        config.check(copy.deepcopy(dict(values)), name)
        problems = []
    except config.ConfigError as error:
        problems = list(error.problems)
    for place, cure in (
        (("wifi", "ssid"), "the network's name"),
        (("broker", "host"), "the broker's name"),
        (("broker", "ca"), "name the certificate's file, or leave it out for a broker with a public one"),
    ):
        if get(values, place) == "":
            problems.append(f"{name}: {'.'.join(place)} is empty: {cure}")
    host = get(values, ("broker", "host"))
    if isinstance(host, str) and not re.fullmatch(r"[\w.-]*", host):
        problems.append(f"{name}: broker.host is more than a name: write that alone; the port is broker.port")
    broker = values.get("broker")
    if isinstance(broker, dict) and "user" in broker and "password" not in broker:
        problems.append(
            f'{name}: broker.password{MISSING}this board\'s at the broker; "" where it wants none'
        )
    return problems + _shared_pins(values, name)


def _pins(values: Mapping[str, Any]) -> list[tuple[str, int]]:
    """(key, GPIO) of the sensor's wires and the LED."""
    sensor = values.get("sensor")
    options = sensor if isinstance(sensor, dict) else {}
    sensors: Mapping[str, Any] = SENSORS
    wires = [
        (key, known[0]) for key, known in sensors.get(str(options.get("kind")), {}).items() if key in WIRES
    ]
    pins = [(f"sensor.{key}", options.get(key, default)) for key, default in wires]
    pins.append(("led_pin", values.get("led_pin", config.DEFAULTS["led_pin"])))
    return [(key, pin) for key, pin in pins if isinstance(pin, int)]


def _shared_pins(values: Mapping[str, Any], name: str) -> list[str]:
    problems = []
    users: dict[int, str] = {}
    for key, pin in _pins(values):
        if pin in users:
            problems.append(f"{name}: {key} is {pin}, as {users[pin]} is: each takes a GPIO of its own")
        users.setdefault(pin, key)
    return problems


def check_pins(values: Mapping[str, Any], machine: str) -> None:
    """Refuse GPIOs that `machine`, as its firmware says, cannot use: known for the ESP32. Raises Failed."""
    if not re.search(r"\bESP32($|[^-\w])", machine):
        return
    for key, pin in _pins(values):
        if 6 <= pin <= 11 or pin >= 34:
            why = "its flash hangs on that one" if pin < 34 else "it can only read there"
            raise Failed(
                f"nothing was written: {key} is {pin}, and this is an ESP32: {why}; take 4, for example"
            )


def _sensor(ask: Ask) -> dict[str, Any]:
    """Asked for when none is named: a board with none makes readings up."""
    kind = ask("Sensor (dht22, sht3x, bme280 or simulated)", False, "dht22").lower()
    sensors: Mapping[str, Any] = SENSORS
    wires = {
        name: _gpio(ask(f"GPIO of its {WIRES[name]}", False, str(USUAL_PIN if default is None else default)))
        for name, (default, _, _) in sensors.get(kind, {}).items()
        if name in WIRES
    }
    return {"kind": kind, **wires}


def _gpio(text: str) -> int | str:
    """4 for "4", "GPIO4" and "D4", as boards print it; else the text, which the check refuses."""
    found = re.fullmatch(r"(?i)(?:GPIO|IO|D)? ?(\d+)", text)
    return int(found[1]) if found else text


def read(file: Path) -> dict[str, Any]:
    """The TOML file's values. Raises Failed."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise Failed(f"there is no {file}; docs/board.md has an example") from None
    except OSError as error:
        raise Failed(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Failed(f"{file} is no text in UTF-8: save it as that in your editor") from None
    except tomllib.TOMLDecodeError as error:
        raise Failed(f"{file} is not TOML: {error}") from None


def _key(values: Mapping[str, Any], device: str, environment: Mapping[str, str]) -> str:
    text = environment.get("VIGIE_KEY", "").strip()
    if not text:
        raise Failed(NO_KEY)
    try:
        master = bytes.fromhex(text)
    except ValueError:
        master = b""
    if len(master) != 32:
        raise Failed("VIGIE_KEY is no key: it takes 64 hex digits")
    return device_key(master, str(values.get("site")), device).hex()


def _beside(ca: str, file: Path | None) -> str:
    """A relative path in the file is meant from the file's folder."""
    return str((file.parent / ca) if file else ca)


def masked(values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy that may be shown."""
    shown: dict[str, Any] = copy.deepcopy(dict(values))
    for place in SECRETS:
        if get(shown, place):
            put(shown, place, "•" * 8)
    return shown


def get(values: Mapping[str, Any], place: tuple[str, ...]) -> Any:
    found: Any = values
    for key in place:
        if not isinstance(found, Mapping):
            return None
        found = found.get(key)
    return found


def put(values: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    for key in place[:-1]:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            return  # wrong in the file: the check says so
    values[place[-1]] = value
