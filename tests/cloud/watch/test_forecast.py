"""When the air will pass the user's limit: told where a straight line holds, and nowhere else."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from test_watch import watching

from cloud.alerts import letters
from cloud.alerts.episodes import Ahead, Changed, Device, Event, Worse, decide
from cloud.contract.messages import State, UserLimits
from cloud.dashboard.parts import needs
from cloud.read.reader import Reader
from cloud.store.writer import Store
from cloud.watch.forecast import DAY, forecast
from cloud.words import Words, plain
from device import codes
from tests.cloud.conftest import entry

PERIOD = 60.0
START = 1_790_000_000.0


def cold_room(hours: float, rate: float, seed: int = 0, bend: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A day of cycles between 2 and 5 degC, then `hours` in which the air rises, `rate` degC an hour."""
    random = np.random.default_rng(seed)
    day = np.arange(0, DAY, PERIOD)
    cycles = 3.5 + 1.5 * np.sin(2 * np.pi * day / 1500)
    since = np.arange(0, hours * 3600, PERIOD) / 3600
    rise = 3.5 + rate * since - bend * since**2
    t = np.concatenate([cycles, rise]) + random.normal(0, 0.03, len(day) + len(since))
    return START + PERIOD * np.arange(len(t)), t


def at_work(database):
    """(the clock's hand, in a list; a Store and a Watch that go by it)."""
    now = [START]
    clock = lambda: now[0]  # noqa: E731
    return now, Store(database, clock=clock), watching(database, clock=clock)


def passes_at(ts, t, limit=8.0, side=1):
    return forecast(ts, side * t, side * limit, side, START + DAY + 2700)


def test_a_steady_rise_passes_the_limit_when_it_does():
    for seed in range(4):
        ts, t = cold_room(3.5, rate=1.0, seed=seed)
        forecasts = [passes_at(ts[:stop], t[:stop]) for stop in range(len(ts) - 30, len(ts), 5)]
        assert any(forecasts)
        assert all(abs(at - (START + DAY + 4.5 * 3600)) < 600 for at in forecasts if at), seed


def test_a_fall_is_forecast_as_a_rise_is():
    ts, t = cold_room(3.5, rate=1.0)
    assert passes_at(ts, t) is not None and passes_at(ts, t, side=-1) == pytest.approx(passes_at(ts, t))


def test_doors_do_not_disturb_it():
    ts, t = cold_room(3.5, rate=1.0)
    doors = np.random.default_rng(1).integers(int(DAY / PERIOD), len(t), 8)
    for row in doors:
        t[row : row + 2] += 4
    assert abs(passes_at(ts, t) - (START + DAY + 4.5 * 3600)) < 600


@pytest.mark.parametrize(
    ("hours", "rate", "bend", "why"),
    [
        (0.5, 2.0, 0.0, "it has only begun"),
        (4, 0.55, 0.0, "the limit is hours away"),
        (2.2, 1.0, 0.0, "the way there is longer than twice the way it has come"),
        (6, 1.2, 0.1, "it levels off before"),
        (4, 0.0, 0.0, "it does not rise"),
        (5, 1.0, 0.0, "it has passed"),
    ],
)
def test_nothing_is_said_where_nobody_can_tell(hours, rate, bend, why):
    assert passes_at(*cold_room(hours, rate, bend=bend)) is None, why


def test_nothing_is_said_of_a_cycling_room_or_without_a_history():
    ts, t = cold_room(0, rate=0.0)
    assert forecast(ts, t, 8.0, 1, float(ts[-1])) is None
    assert forecast(ts, t, 8.0, 1, START) is None and forecast(ts[:0], t[:0], 8.0, 1, START) is None


def begun(flags=codes.EXCURSION) -> Device:
    state = Device()
    for seq in range(4):
        event = Event("demo", "C001", "9f3a1c07", seq, 7000.0 + seq, flags, 0, 650, 8000)
        state, _ = decide(state, event, 7010.0)
    return state


def test_what_will_be_outside_soon_is_severe_and_told_once():
    state, (worse,) = decide(begun(), Ahead("demo", "C001", 9000.0, 800), 7300.0)
    assert isinstance(worse, Worse) and worse.episode.breach == 9000.0
    state, (changed,) = decide(state, Ahead("demo", "C001", 9100.0, 800), 7600.0)
    assert isinstance(changed, Changed)
    assert decide(state, Ahead("demo", "C001", 9100.0, 800), 7900.0) == (state, [])
    state, _ = decide(state, Ahead("demo", "C001", None), 7900.0)
    assert state.episode.breach is None and state.episode.severity == "severe"
    assert decide(Device(), Ahead("demo", "C001", 9000.0, 800), 7300.0) == (Device(), [])


@pytest.mark.parametrize(
    ("language", "wording"), [("en", "8.0 °C at about 04:40 UTC"), ("fr", "8,0 °C vers 04:40 UTC")]
)
def test_mail_and_dashboard_say_when(language, wording, database):
    _, (worse,) = decide(begun(), Ahead("demo", "C001", 4 * 3600 + 41 * 60.0, 800), 7300.0)
    words = Words(language)
    assert wording in plain(letters.about(worse.episode, words, 7300.0))
    assert wording not in plain(
        letters.about(msgspec.structs.replace(worse.episode, closed=8000.0), words, 9000.0)
    )
    row = {**msgspec.to_builtins(worse.episode), "_id": worse.episode.id, "d": "demo/C001"}
    database["episodes"].insert_one(row)
    (stored,) = Reader(database).episodes()
    about = plain(needs.about(words, stored))
    assert "04:40" in about and "04:40" not in plain(needs.about(words, replace(stored, closed=8000.0)))


def test_the_watch_looks_ahead_while_an_episode_goes_on(database):
    now, store, watch = at_work(database)
    ts, t = cold_room(4, rate=1.0)
    ts, t = ts[::2], t[::2]
    fails = int(DAY / PERIOD / 2) + 25
    made = [
        entry(
            row, t=round(100 * t[row]), ts=int(ts[row]), up=int(ts[row] - START),
            flags=codes.EXCURSION if row >= fails else 0,
        )
        for row in range(len(ts))
    ]  # fmt: skip
    state = State(boot=7, stream="9f3a1c07", state="online", v=2, limits=UserLimits(t_max=800))
    store.states([("demo", "C001", state)])
    for first in range(0, len(made), 10):
        now[0] = float(made[min(first + 9, len(made) - 1)].reading.ts + 1)
        store.write(made[first : first + 10])
        if first >= fails - 10:
            watch.step()
    (episode,) = Reader(database).episodes(open_only=True)
    assert episode.severity == "severe" and abs(episode.breach - (START + DAY + 4.5 * 3600)) < 600
    subjects = [
        plain(alert["subject"]) for alert in database["alerts"].find({"letter.kind": {"$ne": "digest"}})
    ]
    assert len(subjects) == 2 and "8.0 °C at about" in subjects[1] and subjects[1].startswith("Now severe")
