"""Settling: readings that are normal again while windows forget prolong no episode, and hide no fault."""

import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.alerts.episodes import Again, Closed, Device, Event, Progress, decide
from cloud.read.reader import Reader
from cloud.read.settling import MEMORY, Before, settles, settling
from cloud.settings import AlertSettings, FolderSettings, MailSettings
from cloud.store.writer import Store
from cloud.watch.watch import Watch
from device import codes
from tests.cloud.conftest import entry
from tests.dashboard.draw.test_dashboard_curve import readings

MAIL = MailSettings(FolderSettings(Path("unused")), "vigie@example.org", ("a@example.org",))
NOW = 1_800_000_000.0
ROOM = Before(2090, 2110, 4460, 4540)
OFF, BACK = (2400, 3900), (2100, 4500)  # t, h during the fault, and after it
ECHO = codes.FOREST | codes.ENVELOPE


def event(seq, values=OFF, flags=ECHO, **more):
    return Event(
        "demo", "C001", "9f3a1c07", seq, NOW + 10 * seq, flags, more.pop("cloud", 0), *values, **more
    )


def newest(seq, values=BACK, flags=ECHO):
    return Progress("9f3a1c07", seq, NOW + 10 * seq, bool(flags), flags, *values)


def play(state, *events):
    actions = []
    for each in events:
        state, follows = decide(state, each, max(NOW, each.when))
        actions += follows
    return state, actions


def faulty(readings=40):
    """A board after so many readings of a fault, with what the watch found out about the time before."""
    state, _ = play(Device(), *(event(k) for k in range(3)))
    episode = msgspec.structs.replace(state.episode, before=ROOM, fault_seq=2)
    return play(msgspec.structs.replace(state, episode=episode), *(event(k) for k in range(3, readings)))[0]


def test_sixty_readings_that_settle_do_not_prolong_an_episode():
    state, actions = play(faulty(), *(event(k, BACK) for k in range(40, 69)), newest(68))
    assert actions == [] and state.episode.abnormal == 40
    state, (closed,) = play(state, newest(69))
    assert isinstance(closed, Closed) and closed.episode.closed == NOW + 400
    after, actions = play(state, *(event(k, BACK) for k in range(69, 100)))
    assert actions == [] and after.recent == ()


def test_what_outlasts_the_windows_is_abnormal():
    _, actions = play(faulty(), event(99, BACK), event(100, BACK))
    assert [action.episode.last_seq for action in actions] == [100]
    _, actions = play(faulty(), event(56, BACK, codes.JITTER))
    assert [action.episode.abnormal for action in actions] == [41]


@pytest.mark.parametrize(
    "again",
    [
        event(50),
        event(50, BACK, codes.STUCK),
        event(50, (2180, 4500)),
        event(50, (None, None), codes.SENSOR_ERROR),
    ],
    ids=["as before", "frozen", "smaller", "failed read"],
)
def test_a_second_fault_while_the_first_one_settles_prolongs_the_episode(again):
    state, actions = play(faulty(), *(event(k, BACK) for k in range(40, 50)), again)
    assert len(actions) == 1 and state.episode.last_seq == 50 and state.episode.quiet is None
    assert play(state, newest(69))[1] == []


def test_a_second_fault_after_the_end_begins_the_episode_again():
    state, _ = play(faulty(), event(40, BACK), newest(69))
    assert state.episode is None
    _, actions = play(state, *(event(k) for k in (71, 72, 73)))
    assert isinstance(actions[0], Again)


def test_a_severe_reading_is_never_settling():
    everything = codes.ZSCORE | codes.FOREST | codes.ENVELOPE | codes.LIMIT
    state, _ = play(faulty(), event(45, BACK, everything, cloud=codes.FOREST))
    assert state.episode.severity == "severe"


def test_without_knowledge_of_the_time_before_nothing_settles():
    state, _ = play(Device(), *(event(k) for k in range(3)), *(event(k, BACK) for k in range(3, 20)))
    assert state.episode.abnormal == 20


@settings(deadline=None)
@given(st.integers(1, 511), st.integers(-5, 70), st.integers(2050, 2150), st.integers(4400, 4600))
def test_episodes_and_pictures_say_the_same_of_each_reading(flags, since, t, h):
    """The watch asks reading by reading, the dashboard all at once."""
    if since <= 0:
        assert not settles(flags, t, h, ROOM, since)
        return
    seq = np.array([100, 100 + since])
    edge = np.array([codes.FOREST, flags], np.uint16)
    drawn = readings(
        [0.0, 10.0 * since], seq=seq, edge_flags=edge, t=np.array([24.0, t / 100]), h=np.array([39, h / 100])
    )
    assert settling(drawn, ROOM, 0.0)[0][1] == settles(flags, t, h, ROOM, since)


def live(seq, **more):
    return entry(seq, ts=int(time.time()) - 300 + seq, **more)


def test_the_watch_learns_the_time_before_from_what_is_stored(database):
    store, watch = Store(database), Watch(database, MAIL, AlertSettings())
    assert watch.lease.hold()
    store.write([live(seq, t=2100 + seq % 5, h=4500 + seq % 7) for seq in range(70)])
    store.write([live(seq, t=2400, h=3900, flags=ECHO) for seq in range(70, 110)])
    assert watch.step() == (False, 1)
    store.write([live(seq, t=2100 + seq % 5, h=4500 + seq % 7, flags=ECHO) for seq in range(110, 170)])
    watch.step()
    watch.step()
    (episode,) = Reader(database).episodes("demo", "C001")
    assert episode.abnormal == 40 and episode.closed is not None
    assert episode.before == Before(2095, 2109, 4480, 4526)
    stored = Reader(database).readings("demo", "C001")
    assert settling(stored, episode.before, episode.opened)[0].sum() == 60
    assert set(MEMORY) == {codes.ZSCORE, codes.FOREST, codes.ENVELOPE, codes.JITTER}
