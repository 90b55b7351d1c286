"""What a board is told: a TOML file, the environment, questions; checked whole before anything is written.

The file has the keys of config.json (device/config.py), so there is one schema for PC and board. `broker.ca`
names a certificate on this computer, PEM or DER; on the board it is /ca.der.
"""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable, Mapping
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
    "MQTT_PORT": ("broker", "port"),
    "MQTT_CA": ("broker", "ca"),
    "BOARD_USER": ("broker", "user"),
    "BOARD_PASSWORD": ("broker", "password"),
}
# What is asked for when nobody gave it: place, question, secret, default.
QUESTIONS = (
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
    if "device" in values and values["device"] != device:
        raise Failed(f"{name}: device is {values['device']!r}, you asked for {device}: change one of them")
    values["device"] = device
    for variable, place in ENVIRONMENT.items():
        text = environment.get(variable, "").strip()
        if text and get(values, place) is None:
            if variable == "MQTT_CA":
                text = str(Path(text).absolute())  # meant from here, not from the file's folder
            put(values, place, int(text) if variable == "MQTT_PORT" and text.isdecimal() else text)
    for place, question, secret, default in QUESTIONS:
        if get(values, place) is None and ask:
            put(values, place, ask(question, secret, default))
    if "sensor" not in values and ask:
        values["sensor"] = _sensor(ask)
    ca = get(values, ("broker", "ca"))
    if isinstance(values.get("broker"), dict):
        values["broker"]["ca"] = "/ca.der"
    if "key" not in values:
        values["key"] = _key(values, device, environment)
    try:
        config.check(copy.deepcopy(values), name)
    except config.ConfigError as error:
        ways = () if file else (WITHOUT_FILE.format(device=device),)
        raise Failed("\n".join(["nothing was written:", *error.problems, *ways])) from None
    return Provision({"v": 1, **values}, None if ca is None else _beside(ca, file))


def _sensor(ask: Ask) -> dict[str, Any]:
    """Asked for when none is named: a board with none makes readings up."""
    kind = ask("Sensor (dht22, sht3x, bme280 or simulated)", False, "dht22").lower()
    sensors: Mapping[str, Any] = SENSORS
    wires = {
        name: ask(f"GPIO of its {WIRES[name]}", False, str(USUAL_PIN if default is None else default))
        for name, (default, _, _) in sensors.get(kind, {}).items()
        if name in WIRES
    }
    return {"kind": kind, **{name: int(text) if text.isdecimal() else text for name, text in wires.items()}}


def read(file: Path) -> dict[str, Any]:
    """The TOML file's values. Raises Failed."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Failed(f"there is no {file}; docs/board.md has an example") from None
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
