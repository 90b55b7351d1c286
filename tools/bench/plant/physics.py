"""Heat and water of rooms, step by step. Pure: rooms, their state and days in, what the sensor feels out.

Four parts hold heat: air, goods, shell and the evaporator's coil. The air holds vapour, the coil ice. Heat
and water only move between parts or come from outside, and `State.heat` and `State.water` keep the account of
what came: energy and moisture of a room change by exactly that (tests/tools/bench/test_plant.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from tools.bench.plant.failures import WELL, Failure
from tools.bench.plant.life import STEP, STEPS, Day, day
from tools.bench.plant.moist_air import EVAPORATION, HELD, MELTING, saturation
from tools.bench.plant.rooms import Floats, Rooms

AIR, GOODS, SHELL, COIL = range(4)
REST = 180.0  # s that a compressor stands still at least
WARM = 8.0  # degC of the coil that end a defrost
MELT = 120.0  # W that ice takes for each degree of the coil above zero
STILL = 0.12  # of the exchange with air, the fan off
MOIST = 0.95  # of saturation, at the surface of goods
HUMID_BAND = 3.0  # %RH either way
FALLEN_LAG = 4.0  # times slower: no air moves there


@dataclass(frozen=True)
class RoomState:
    """Rooms at one moment; arrays [rooms], `t` [4, rooms]."""

    step: int  # since the beginning
    t: Floats  # degC of AIR, GOODS, SHELL, COIL
    vapour: Floats  # g/m3
    ice: Floats  # g on the coil
    cooling: NDArray[np.bool_]
    heating: NDArray[np.bool_]
    moistening: NDArray[np.bool_]
    rest: Floats  # s since the compressor stopped
    clock: Floats  # s since the last defrost was due
    defrost: Floats  # s that are left of one
    probe_t: Floats  # degC that the sensor has
    probe_water: Floats  # g/m3
    heat: Floats  # J that came in from outside so far, less what the compressor took
    water: Floats  # g that came in so far, less what drained

    def take(self, which: Sequence[int]) -> RoomState:
        """The state of these rooms alone."""
        at = np.asarray(which, np.int64)
        columns = {f.name: getattr(self, f.name)[..., at] for f in fields(self) if f.name != "step"}
        return replace(self, **columns)


@dataclass(frozen=True)
class Felt:
    """What the sensor would say without noise, and its noise; arrays [steps, rooms]."""

    t: Floats  # degC
    water: Floats  # g/m3
    noise_t: Floats
    noise_h: Floats
    sag: Floats  # [steps]


def begin(rooms: Rooms) -> RoomState:
    """Rooms at rest near their thermostat's setting."""
    p = rooms.p
    t0 = np.where(p["cold"] > 0, p["set"], p["heat_set"] + 2)
    t = np.stack([t0, t0, t0 + 0.25 * (p["out_t"] - t0), t0])
    vapour = 0.75 * saturation(t0)
    none, zero = np.zeros(len(rooms), np.bool_), np.zeros(len(rooms))
    return RoomState(
        0, t, vapour, zero, none, none, none, zero + REST, rooms.phase * 3600, zero, t0, vapour, zero, zero
    )


def run(rooms: Rooms, state: RoomState, steps: int, failure: Failure | None = None) -> tuple[RoomState, Felt]:
    """The next `steps` of STEP seconds. A failure, if given, begins now."""
    first, felt = state.step, []
    while state.step < first + steps:
        number, at = divmod(state.step, STEPS)
        until = min(STEPS, at + first + steps - state.step)
        state, part = _within(rooms, state, day(rooms, number), at, until, first, failure)
        felt.append(part)
    return state, Felt(*(np.concatenate([getattr(each, f.name) for each in felt]) for f in fields(Felt)))


def _within(  # noqa: PLR0917
    rooms: Rooms, state: RoomState, today: Day, at: int, until: int, first: int, failure: Failure | None
) -> tuple[RoomState, Felt]:
    """Simulate steps `at` to `until` of one day."""
    p, dt = rooms.p, float(STEP)
    held = np.stack([p[name] for name in ("air", "goods", "shell", "coil")])
    volume, every = p["volume"], np.where(p["defrost_every"] > 0, p["defrost_every"] * 3600, np.inf)
    length, electric = p["defrost_minutes"] * 60, p["defrost_heater"] > 0
    low, high = p["set"] - p["hysteresis"], p["set"] + p["hysteresis"]
    warm_low, warm_high = p["heat_set"] - p["hysteresis"], p["heat_set"] + p["hysteresis"]
    lag_t, lag_h = (1 - np.exp(-dt / p[name]) for name in ("lag_t", "lag_h"))
    fallen_t = 1 - np.exp(-dt / (FALLEN_LAG * p["lag_t"]))

    t, vapour, ice = state.t.copy(), state.vapour, state.ice
    cooling, heating, moistening = state.cooling, state.heating, state.moistening
    rest, clock, defrost = state.rest, state.clock, state.defrost
    probe_t, probe_water = state.probe_t, state.probe_water
    heat, water = state.heat, state.water
    count = until - at
    felt_t, felt_water = np.empty((count, len(rooms))), np.empty((count, len(rooms)))
    sag = np.zeros(count)
    health = WELL
    for i in range(at, until):
        if failure is not None:
            health = failure.health((state.step + i - at - first) * dt)
        air, coil, out_t = t[AIR], t[COIL], today.out_t[i]
        full = saturation(t)

        # What the thermostat, the defrost's clock, the heater and the humidifier do.
        clock = clock + dt
        due = clock >= every
        clock = np.where(due, 0.0, clock)
        left = np.where(coil > WARM, 0.0, np.maximum(defrost - dt, 0))
        defrost = np.where(due & health.defrost, length, left)
        melting = defrost > 0
        was = cooling
        cooling = np.where(cooling, air > low, (air > high) & (rest >= REST)) & ~melting
        rest = np.where(cooling, 0.0, np.where(was, 0.0, rest + dt))
        heating = np.where(heating, air < warm_high, air < warm_low)
        percent = 100 * vapour / full[AIR]
        moistening = percent < p["humid_set"] + np.where(moistening, HUMID_BAND, -HUMID_BAND)
        fan = health.fan * np.where(electric & (melting | (coil > air + 0.5)), 0.0, 1.0)
        flow = STILL + (1 - STILL) * fan

        # Heat (W) and water (g/s) that flow between parts.
        coil_air = p["coil_air"] * flow / (1 + ice / p["choked"])
        from_goods = p["goods_air"] * (0.4 + 0.6 * fan) * (t[GOODS] - air)
        from_shell = p["shell_air"] * (t[SHELL] - air)
        from_coil = coil_air * (coil - air)
        from_out = p["shell_out"] * (out_t - t[SHELL])
        change = p["draught"] + p["door"] * np.maximum(today.door[i], health.door)
        change = change + np.where(air > p["vent_set"], p["vent"], 0.0)
        through_door = change * volume * HELD * (out_t - air)
        water_door = change * volume * (today.out_water[i] - vapour)
        water_goods = p["wet"] * np.maximum(MOIST * full[GOODS] - vapour, 0)
        frost = np.maximum(coil_air / HELD * (vapour - full[COIL]), -ice / dt)
        melt = np.minimum(np.maximum(ice / dt + frost, 0), MELT / MELTING * np.maximum(coil, 0))
        mist = p["humidifier"] * health.humidifier * moistening
        warmth = p["heater"] * health.heater * heating
        taken = p["cold"] * health.cold * cooling * np.maximum(coil - p["evaporates"], 0)
        melter = p["defrost_heater"] * melting
        fresh = today.load[i] * (p["load_t"] - t[GOODS]) * held[GOODS] / dt

        into_air = through_door + today.inside[i] + warmth
        power = np.stack(
            [
                into_air + from_goods + from_shell + from_coil - EVAPORATION * mist,
                fresh - from_goods - EVAPORATION * water_goods,
                from_out - from_shell,
                (EVAPORATION + MELTING) * frost + melter - from_coil - taken - MELTING * melt,
            ]
        )
        t = t + power * (dt / held)
        vapour = vapour + (water_door + water_goods + mist - frost) * (dt / volume)
        ice = ice + (frost - melt) * dt
        dew = np.maximum(vapour - full[AIR], 0) * volume  # g that the air cannot hold run down the walls
        vapour = vapour - dew / volume
        t[SHELL] += EVAPORATION * dew / held[SHELL]
        heat = heat + dt * (into_air + from_out + EVAPORATION * water_door + melter + fresh - taken)
        water = water + dt * (water_door + water_goods + mist - melt) - dew

        fallen = health.fallen
        around = (1 - fallen) * t[AIR] + fallen * t[GOODS]
        probe_t = probe_t + (fallen_t if fallen else lag_t) * (around - probe_t)
        probe_water = probe_water + lag_h * (vapour - probe_water)
        felt_t[i - at], felt_water[i - at], sag[i - at] = probe_t, probe_water, health.sag
    after = RoomState(
        state.step + count, t, vapour, ice, cooling, heating, moistening, rest, clock, defrost,
        probe_t, probe_water, heat, water,
    )  # fmt: skip
    rows = slice(at, until)
    return after, Felt(felt_t, felt_water, today.noise_t[rows], today.noise_h[rows], sag)
