"""What a day brings to each room: weather outside, doors, deliveries, sun and work, drawn from the seed.

A day depends only on the room and the day's number, so a failure does not change it.
"""

from dataclasses import dataclass

import numpy as np

from tools.bench.plant.moist_air import saturation
from tools.bench.plant.rooms import KINDS, Floats, Rooms

STEP = 10  # s
STEPS = 86400 // STEP  # a day
OPENING, CLOSING = 7, 20  # hours between which people come
WEEKEND = 0.25  # as many as on a working day
LONGEST = 240.0  # s that a door is open in a healthy room
LOAD_MINUTES = (4.0, 12.0)
LOAD_DOOR = 0.35  # of the door's opening while a delivery is brought in
KNOTS = 24  # of slow noise a day


@dataclass(frozen=True)
class Day:
    """Arrays [STEPS, rooms]."""

    out_t: Floats  # degC
    out_water: Floats  # g/m3
    door: Floats  # how far open, 0 to 1
    load: Floats  # part of the goods that are replaced, a step
    inside: Floats  # W of sun, fans, lamps and machines
    noise_t: Floats  # of the sensor, standard normal
    noise_h: Floats


def day(rooms: Rooms, number: int) -> Day:
    """Day `number` of every room, counted from its own step 0."""
    columns = [_day_of_room(rooms, room, number) for room in range(len(rooms))]
    return Day(*(np.stack(parts, axis=1) for parts in zip(*columns, strict=True)))


def _day_of_room(rooms: Rooms, room: int, number: int) -> tuple[Floats, ...]:
    p = {name: float(values[room]) for name, values in rooms.p.items()}
    random = _random(rooms, room, number)
    hours = float(rooms.hour[room]) + np.arange(STEPS) * (STEP / 3600)  # past 24 in the next local day
    hour = hours % 24
    weekday = (int(rooms.weekday[room]) + number + (hours >= 24)) % 7
    busy = np.where((hour >= OPENING) & (hour < CLOSING), np.where(weekday < 5, 1.0, WEEKEND), 0.0)
    date = float(rooms.season[room]) + number + np.arange(STEPS) / STEPS
    summer = np.cos(2 * np.pi * (date - 200) / 365)
    slow = [_slow(rooms, room, number, which) for which in range(3)]
    out_t = p["out_t"] + p["out_season"] * summer + p["out_day"] * np.cos(2 * np.pi * (hour - 15) / 24)
    out_t = out_t + 0.4 * p["out_day"] * slow[0]
    out_water = saturation(out_t) * np.clip(p["out_rh"] / 100 * (1 + 0.12 * slow[1]), 0.1, 0.98)
    height = np.clip(np.sin(np.pi * (hour - 6) / 12), 0, None)
    clouds = np.clip(0.6 + 0.5 * slow[2], 0.1, 1.0)
    work = 1 + 0.06 * slow[2] + 0.08 * (busy > 0)
    inside = p["inside"] * work + p["sun"] * (0.55 + 0.45 * summer) * height * clouds
    door, load = _visits(p, busy, random)
    return out_t, out_water, door, load, inside, random.standard_normal(STEPS), random.standard_normal(STEPS)


def _visits(p: dict[str, float], busy: Floats, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Door and deliveries. Each is drawn for every step; its probability follows how busy that step is."""
    door, load = np.zeros(STEPS), np.zeros(STEPS)
    part_of_day = 24 / (CLOSING - OPENING)
    for begin in random.integers(STEPS, size=random.poisson(p["openings"] * part_of_day)):
        seconds = min(LONGEST, p["open_s"] * np.exp(0.7 * random.standard_normal()))
        if random.random() < busy[begin]:
            whole, rest = divmod(seconds / STEP, 1)
            door[begin : begin + int(whole)] = 1
            door[begin + int(whole) : begin + int(whole) + 1] += rest
    for begin in random.integers(STEPS, size=random.poisson(p["loads"] * part_of_day)):
        steps = int(random.uniform(*LOAD_MINUTES) * 60 / STEP)
        if random.random() < busy[begin]:
            door[begin : begin + steps] += LOAD_DOOR
            load[begin : begin + steps] += p["load_part"] / steps
    return np.minimum(door, 1), load


def _slow(rooms: Rooms, room: int, number: int, which: int) -> Floats:
    """Noise of unit size that moves within hours and is continuous from one day to the next."""
    today = _random(rooms, room, number, which + 1).standard_normal(KNOTS)
    tomorrow = _random(rooms, room, number + 1, which + 1).standard_normal(KNOTS)[:1]
    knots = np.append(today, tomorrow)
    at = np.arange(STEPS) * (KNOTS / STEPS)
    return np.asarray(np.interp(at, np.arange(KNOTS + 1), knots), np.float64)


def _random(rooms: Rooms, room: int, number: int, which: int = 0) -> np.random.Generator:
    kind, own = rooms.names[room]
    return np.random.default_rng([rooms.seed, KINDS.index(kind), own, number, which])
