"""The GPIOs of each chip: what already uses them, and the defaults for a sensor and the LED."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from device.config import config
from device.config.schema import SENSORS
from tools.process.child import ToolFailed

WIRES = {"pin": "data", "scl": "scl", "sda": "sda"}  # a sensor's options that are GPIOs, and their wires


@dataclass(frozen=True)
class ChipPins:
    """`taken`: what hangs on a GPIO. `inputs`: GPIOs that can only read. `led`: None, no plain LED is usual.

    From the data sheets, chapter "Pin Definitions" (Espressif).
    """

    name: str
    gpios: frozenset[int]
    taken: Mapping[int, str]
    wires: Mapping[str, int]
    led: int | None = None
    inputs: frozenset[int] = field(default_factory=frozenset)

    def why_not(self, gpio: int) -> str:
        """Why `gpio` cannot be used for a sensor or an LED; "" when it can."""
        if gpio not in self.gpios:
            return f"it has no GPIO {gpio}"
        if gpio in self.taken:
            return f"its {self.taken[gpio]} hangs on that one"
        return "it can only read there" if gpio in self.inputs else ""


def _set(*ranges: tuple[int, int]) -> frozenset[int]:
    """The numbers of ranges whose first and last count."""
    return frozenset(number for first, last in ranges for number in range(first, last + 1))


def _taken(**groups: tuple[int, ...]) -> dict[int, str]:
    words = {"boot": "BOOT button", "console": "serial console", "usb": "USB port"}
    return {gpio: words.get(what, what) for what, gpios in groups.items() for gpio in gpios}


CHIPS = {
    "": ChipPins(
        "ESP32",
        _set((0, 19), (21, 23), (25, 27), (32, 39)),
        _taken(boot=(0,), console=(1, 3), flash=(6, 7, 8, 9, 10, 11)),
        {"data": 4, "scl": 22, "sda": 21},
        led=2,
        inputs=_set((34, 39)),
    ),
    "S2": ChipPins(
        "ESP32-S2",
        _set((0, 21), (26, 46)),
        _taken(boot=(0,), usb=(19, 20), flash=(26, 27, 28, 29, 30, 31, 32), console=(43, 44)),
        {"data": 4, "scl": 9, "sda": 8},
        inputs=_set((46, 46)),
    ),
    "S3": ChipPins(
        "ESP32-S3",
        _set((0, 21), (26, 48)),
        _taken(boot=(0,), usb=(19, 20), flash=(26, 27, 28, 29, 30, 31, 32), console=(43, 44)),
        {"data": 4, "scl": 9, "sda": 8},
    ),
    "C3": ChipPins(
        "ESP32-C3",
        _set((0, 21)),
        _taken(boot=(9,), flash=(11, 12, 13, 14, 15, 16, 17), usb=(18, 19), console=(20, 21)),
        {"data": 4, "scl": 7, "sda": 6},
    ),
    "C6": ChipPins(
        "ESP32-C6",
        _set((0, 30)),
        _taken(boot=(9,), usb=(12, 13), console=(16, 17), flash=(24, 25, 26, 27, 28, 29, 30)),
        {"data": 4, "scl": 7, "sda": 6},
    ),
}
# GPIOs that some modules use besides: a word of the firmware's or the chip's name, the GPIOs, for what.
MODULES = (
    ("", "SPIRAM", (16, 17), "memory"),
    ("", "PICO", (16, 17), "flash"),
    ("S3", "OCT", (33, 34, 35, 36, 37), "memory"),
)


def chip_of(machine: str) -> ChipPins | None:
    """The chip of `machine`, as its firmware says ("Generic ESP32 module with ESP32"); None when unknown."""
    match = re.match(r"ESP32-?([SCHP]\d+)?", machine.rpartition(" with ")[2])
    kind = (match[1] or "") if match else None
    if kind is None or kind not in CHIPS:
        return None
    more = [(gpios, what) for of, word, gpios, what in MODULES if of == kind and word in machine.upper()]
    taken = {gpio: what for gpios, what in more for gpio in gpios}
    return replace(CHIPS[kind], taken={**CHIPS[kind].taken, **taken})


def used(values: Mapping[str, Any]) -> dict[str, int]:
    """Each GPIO that a configuration names, by its key."""
    sensor = values.get("sensor")
    options = sensor if isinstance(sensor, Mapping) else {}
    named = {f"sensor.{key}": options.get(key) for key in WIRES} | {"led_pin": values.get("led_pin")}
    return {key: gpio for key, gpio in named.items() if isinstance(gpio, int)}


def shared(values: Mapping[str, Any]) -> list[str]:
    """Complaints about two keys that name the same GPIO."""
    problems = []
    users: dict[int, str] = {}
    for key, gpio in used(values).items():
        if gpio in users:
            problems.append(f"{key} is {gpio}, as {users[gpio]} is: each takes a GPIO of its own")
        users.setdefault(gpio, key)
    return problems


def problems(values: Mapping[str, Any], machine: str) -> list[str]:
    """What a configuration asks that the chip of `machine` cannot do, each with its cure."""
    chip = chip_of(machine)
    wrong = []
    for key, gpio in used(values).items() if chip else ():
        if chip and (why := chip.why_not(gpio)):
            free = ", ".join(str(each) for each in sorted(chip.gpios) if not chip.why_not(each))
            wrong.append(f"{key} is {gpio}, and this is an {chip.name}: {why}; free are {free}")
    return wrong + shared(values)


def fit(values: dict[str, Any], machine: str) -> None:
    """Fill in the missing GPIOs with those that are usual on the chip of `machine`. Raises ToolFailed.

    The board's own defaults are an ESP32's. Of a chip that is not in CHIPS nothing is known: they stay.
    """
    chip = chip_of(machine)
    values.setdefault("led_pin", chip.led if chip else config.DEFAULTS["led_pin"])
    options = values.get("sensor") or {}
    sensors: Mapping[str, Any] = SENSORS
    for key in sensors.get(str(options.get("kind")), {}):
        if chip and key in WIRES:
            options.setdefault(key, chip.wires[WIRES[key]])
    if wrong := problems(values, machine):
        raise ToolFailed("\n".join(["nothing was written:", *wrong]))
