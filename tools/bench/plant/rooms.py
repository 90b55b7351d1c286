"""The kinds of rooms in one table, and rooms drawn from it: no two fridges of a street are alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# A row for each parameter, a column for each kind. J/K: heat that a part holds; W/K: heat that goes from one
# to another for each degree between them.
KINDS = ("fridge", "walk-in", "freezer", "pharmacy fridge", "wine cellar", "greenhouse", "server room")
TABLE: dict[str, tuple[float, ...]] = {
    # the thermostat, degC: cools above set + hysteresis until set - hysteresis
    "set": (4.0, 2.5, -19.0, 5.0, 12.5, 40.0, 22.0),
    "hysteresis": (1.0, 1.2, 1.5, 0.7, 0.6, 1.0, 0.8),
    # air with what warms as fast as it, goods on the shelves, walls and ceiling
    "air": (25e3, 120e3, 40e3, 12e3, 60e3, 400e3, 300e3),  # J/K
    "goods": (400e3, 2.5e6, 600e3, 100e3, 3e6, 8e6, 2e6),  # J/K
    "shell": (120e3, 800e3, 120e3, 60e3, 2e6, 200e3, 3e6),  # J/K
    "goods_air": (45.0, 250.0, 60.0, 15.0, 150.0, 400.0, 400.0),  # W/K
    "shell_air": (30.0, 150.0, 40.0, 12.0, 100.0, 300.0, 200.0),  # W/K
    "shell_out": (4.0, 22.0, 3.0, 1.2, 12.0, 200.0, 30.0),  # W/K
    "volume": (0.6, 25.0, 1.2, 0.35, 20.0, 100.0, 60.0),  # m3
    "draught": (2e-5, 3e-5, 1e-5, 1e-5, 8e-5, 3e-4, 1e-4),  # part of the air a second, doors shut
    "inside": (15.0, 150.0, 25.0, 8.0, 20.0, 0.0, 3000.0),  # W of fans, lamps, machines
    # the evaporator, and the refrigerant in it while the compressor runs
    "coil": (5e3, 40e3, 8e3, 3e3, 10e3, 1e3, 10e3),  # J/K
    "coil_air": (24.0, 280.0, 45.0, 14.0, 40.0, 0.0, 400.0),  # W/K, fan on and no ice
    "cold": (30.0, 320.0, 40.0, 12.0, 60.0, 0.0, 700.0),  # W/K, 0 = no compressor
    "evaporates": (-12.0, -12.0, -34.0, -8.0, -2.0, 0.0, 5.0),  # degC
    "choked": (700.0, 3000.0, 130.0, 400.0, 3000.0, 1e6, 1e4),  # g of ice that halve coil_air
    "defrost_every": (6.0, 6.0, 8.0, 8.0, 0.0, 0.0, 0.0),  # h, 0 = never
    "defrost_minutes": (20.0, 25.0, 20.0, 10.0, 0.0, 0.0, 0.0),  # at most: it ends when the coil is warm
    "defrost_heater": (0.0, 0.0, 700.0, 0.0, 0.0, 0.0, 0.0),  # W, 0 = the fan blows room air over the coil
    # people
    "openings": (40.0, 50.0, 20.0, 12.0, 4.0, 6.0, 2.0),  # of the door on a working day
    "open_s": (15.0, 15.0, 20.0, 12.0, 60.0, 60.0, 30.0),  # median, s
    "door": (0.04, 0.011, 0.03, 0.035, 0.004, 0.004, 0.003),  # part of the air a second, door wide open
    "loads": (0.6, 1.5, 0.4, 0.3, 0.1, 0.0, 0.0),  # deliveries on a working day
    "load_part": (0.15, 0.12, 0.08, 0.1, 0.02, 0.0, 0.0),  # of the goods are new, and as warm as
    "load_t": (9.0, 7.0, -12.0, 8.0, 16.0, 0.0, 0.0),  # degC
    # heating and moistening
    "heater": (0.0, 0.0, 0.0, 0.0, 0.0, 6000.0, 0.0),  # W
    "heat_set": (-99.0, -99.0, -99.0, -99.0, -99.0, 16.0, -99.0),  # degC
    "humidifier": (0.0, 0.0, 0.0, 0.0, 0.08, 0.0, 0.0),  # g/s
    "humid_set": (0.0, 0.0, 0.0, 0.0, 68.0, 0.0, 0.0),  # %RH, 3 either way
    "vent": (0.0, 0.0, 0.0, 0.0, 0.0, 0.02, 0.0),  # part of the air a second, open above
    "vent_set": (99.0, 99.0, 99.0, 99.0, 99.0, 26.0, 99.0),  # degC
    "wet": (2e-4, 4e-3, 0.0, 1e-5, 1e-4, 0.02, 0.0),  # m3/s: g/s that goods give for each g/m3 the air lacks
    # outside: a kitchen, a cellar, the open air
    "out_t": (22.0, 23.0, 21.0, 21.0, 19.0, 7.0, 22.0),  # degC over the year
    "out_day": (2.0, 3.0, 2.0, 1.0, 0.7, 4.0, 1.5),  # degC, half from morning to afternoon
    "out_season": (2.0, 2.0, 2.0, 1.0, 3.0, 6.0, 1.0),  # degC, half from winter to summer
    "out_rh": (50.0, 55.0, 50.0, 45.0, 42.0, 75.0, 42.0),  # %RH
    "sun": (0.0, 0.0, 0.0, 0.0, 0.0, 14e3, 0.0),  # W at noon in summer
    # the sensor in its housing
    "lag_t": (60.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0),  # s
    "lag_h": (20.0, 20.0, 25.0, 20.0, 20.0, 20.0, 20.0),  # s
}
AS_SOLD = ("set", "evaporates", "load_t", "heat_set", "humid_set", "vent_set", "out_t", "hysteresis")
HEATED = (300, 420)  # days of the year in which a place with a heater is looked at: November to February
SPREAD = 0.12  # of the logarithm of every other parameter, from room to room


@dataclass(frozen=True)
class Limit:
    """What a person would write as the room's own limit; None = no limit."""

    t_max: float | None = None  # degC
    t_min: float | None = None
    h_min: float | None = None  # %RH


# Food law and labels for the cold ones; what a grower, a cellarer and an operator would write for the others.
LIMITS = {
    "fridge": Limit(t_max=8),
    "walk-in": Limit(t_max=8),
    "freezer": Limit(t_max=-12),
    "pharmacy fridge": Limit(t_max=8, t_min=2),
    "wine cellar": Limit(t_max=16, h_min=55),
    "greenhouse": Limit(t_min=12, t_max=35),
    "server room": Limit(t_max=27),
}


@dataclass(frozen=True)
class Rooms:
    """Several rooms side by side; `p[name]` has each one's value of a row of TABLE."""

    seed: int
    names: tuple[tuple[str, int], ...]  # kind and number: they and the seed make all of a room's life
    p: dict[str, Floats]
    hour: Floats  # local time at step 0
    weekday: NDArray[np.int64]  # ... 0 = Monday
    season: Floats  # day of the year ...
    phase: Floats  # h since the last defrost ...

    def __len__(self) -> int:
        return len(self.names)

    def take(self, which: Sequence[int]) -> Rooms:
        """These rooms alone, the same to the bit."""
        at = np.asarray(which, np.int64)
        moments = {name: getattr(self, name)[at] for name in ("hour", "weekday", "season", "phase")}
        p = {name: values[at] for name, values in self.p.items()}
        return replace(self, names=tuple(self.names[i] for i in which), p=p, **moments)


def draw(seed: int, each: int, kinds: Sequence[str] = KINDS) -> Rooms:
    """`each` rooms of every kind. A room does not depend on how many others are drawn with it."""
    names = tuple((kind, number) for kind in kinds for number in range(each))
    rows, moments = [], []
    for kind, number in names:
        column = KINDS.index(kind)
        random = np.random.default_rng([seed, column, number])
        row = []
        for name, values in TABLE.items():
            chance = random.standard_normal()
            if name == "hysteresis":
                row.append(values[column] * np.exp(0.5 * SPREAD * chance))
            elif name in AS_SOLD:
                row.append(values[column] + float(np.clip(0.3 * chance, -0.5, 0.5)))
            else:
                row.append(values[column] * np.exp(SPREAD * chance))
        rows.append(row)
        dates = HEATED if TABLE["heater"][column] else (0, 365)
        moments.append((random.uniform(0, 24), random.integers(7), random.uniform(*dates), random.uniform()))
    table = np.array(rows, np.float64).T
    p = {name: table[i] for i, name in enumerate(TABLE)}
    hour, weekday, season, part = np.array(moments, np.float64).T
    return Rooms(seed, names, p, hour, weekday.astype(np.int64), season, part * p["defrost_every"])
