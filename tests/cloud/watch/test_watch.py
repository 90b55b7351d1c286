"""The watch: each event counts once, however often it is killed; of two one works. On a real mongod."""

import dataclasses
import time
from pathlib import Path

import pytest
from pymongo.errors import PyMongoError

from cloud.alerts.letters import LetterContext, Matter, page
from cloud.alerts.links import Links
from cloud.alerts.mail_writer import episode_of, letter_of
from cloud.alerts.page import text as text_of
from cloud.contract.messages import State
from cloud.settings import AlertSettings, FolderSettings, MailSettings
from cloud.store.lease import Lease, LeaseLost
from cloud.store.writer import Store
from cloud.watch.watch import AT_ONCE, Watch
from cloud.words import Words, plain
from device import codes
from tests.cloud.conftest import entry

MAIL = MailSettings(FolderSettings(Path("unused")), "vigie@example.org", ("a@example.org",))


def watching(database, **more):
    watch = Watch(database, MAIL, AlertSettings(), **more)
    assert watch.lease.hold()
    return watch


def live(seq, **more):
    return entry(seq, ts=int(time.time()) - 100 + seq, **more)


def test_an_episode_is_written_with_its_alert_and_ends(store, reader, database):
    watch = watching(database)
    store.write([live(seq, flags=codes.ZSCORE, t=2900 + seq) for seq in range(5)])
    assert watch.step() == (False, 1)
    (episode,) = reader.episodes(open_only=True)
    assert (episode.abnormal, episode.t_min, episode.t_max, episode.alert) == (5, 29.0, 29.04, "pending")
    store.write([live(seq) for seq in range(5, 40)])
    watch.step()
    watch.step()
    (episode,) = reader.episodes("demo", "C001")
    assert episode.closed is not None and reader.episodes(open_only=True) == []
    assert database["alerts"].count_documents({}) == 1
    assert database["events"].count_documents({"taken": False}) == 0


def test_an_episode_of_seqs_past_31_bits_and_dates_after_2038_is_like_any_other(store, reader, database):
    clock = lambda: 2**31 + 1000.0  # noqa: E731
    watch = watching(database, clock=clock)
    store = Store(database, clock=clock)
    first = 2**31 + 5
    store.write([entry(first + k, ts=2**31 + k, up=2**31 + k, flags=codes.ZSCORE) for k in range(5)])
    assert watch.step() == (False, 1)
    store.write([entry(first + k, ts=2**31 + k, up=2**31 + k) for k in range(5, 40)])
    watch.step()
    watch.step()
    (episode,) = reader.episodes("demo", "C001")
    assert episode.abnormal == 5 and episode.closed is not None


def test_a_watch_killed_before_its_commit_counts_nothing_twice(store, reader, database):
    store.write([live(seq, flags=codes.ZSCORE) for seq in range(5)])
    watch = watching(database)
    commit = watch._commit

    def die(*arguments):
        commit(*arguments)
        raise PyMongoError("killed")

    watch._commit = die
    for _ in range(3):
        with pytest.raises(PyMongoError, match="killed"):
            watch.step()
    watch._commit = commit
    assert watch.step() == (False, 1)
    assert reader.episodes()[0].abnormal == 5 and database["alerts"].count_documents({}) == 1


def test_a_new_watch_goes_on_where_the_old_one_stopped(store, reader, database):
    store.write([live(seq, flags=codes.ZSCORE) for seq in range(2)])
    first = watching(database)
    assert first.step() == (False, 0)
    first.lease.release()
    store.write([live(2, flags=codes.ZSCORE)])
    assert watching(database).step() == (False, 1)
    assert reader.episodes()[0].abnormal == 3


def test_ten_thousand_abnormal_readings_make_one_alert(store, reader, database):
    watch = watching(database)
    alerts = 0
    for first in range(0, 10_000, 500):
        store.write([entry(s, ts=int(time.time()), flags=codes.ZSCORE) for s in range(first, first + 500)])
        while True:
            more, made = watch.step()
            alerts += made
            if not more:
                break
    assert alerts == 1
    (episode,) = reader.episodes()
    assert episode.abnormal == 10_000


def test_a_message_that_ends_normal_does_not_close_what_it_opened(store, reader, database):
    watch = watching(database)
    store.write([live(seq, flags=codes.ZSCORE if seq < 8 else 0) for seq in range(38)])
    assert watch.step() == (False, 1)
    assert reader.episodes(open_only=True)[0].abnormal == 8
    watch.step()
    assert reader.episodes(open_only=True) == []


def test_undated_readings_count_from_when_they_came(store, reader, database):
    watch = watching(database)
    store.write([entry(seq, ts=None, flags=codes.ZSCORE) for seq in range(5)])
    assert watch.step() == (False, 1)
    assert abs(reader.episodes()[0].opened - time.time()) < 10


def test_one_of_two_watches_holds_the_lease(database):
    first, second = Lease(database, "watch"), Lease(database, "watch")
    assert first.hold() and first.fence == 1
    assert not second.hold() and first.hold() and first.fence == 1
    first.release()
    assert second.hold() and second.fence == 2
    assert not first.hold()


def test_a_watch_that_slept_through_its_lease_writes_nothing(store, reader, database):
    sleeper = watching(database)
    database["lease"].update_one({"_id": "watch"}, {"$unset": {"until": ""}})  # it ran out
    other = watching(database)
    assert other.lease.fence == 2
    store.write([live(seq, flags=codes.ZSCORE) for seq in range(5)])
    with pytest.raises(LeaseLost):
        sleeper.step()
    assert reader.episodes() == [] and database["alerts"].count_documents({}) == 0
    assert other.step() == (False, 1)
    assert reader.backend_seen() == pytest.approx(time.time(), abs=5)


class Clock:
    def __init__(self):
        self.now = time.time()

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def steps(watch, clock, seconds):
    """One look a second; how many alerts were made."""
    made = 0
    for _ in range(seconds):
        clock.now += 1
        made += watch.step()[1]
    return made


def test_a_board_that_falls_silent_is_told_by_the_clock_alone(reader, database, clock):
    store = Store(database, clock)
    store.write([entry(seq, ts=int(clock.now)) for seq in range(5)])
    watch = watching(database, clock=clock)
    assert steps(watch, clock, 170) == 0
    assert steps(watch, clock, 15) == 1
    (episode,) = reader.episodes(open_only=True)
    assert episode.id.startswith("demo/C001/silence/") and episode.alert == "pending"
    store.write([entry(5, ts=int(clock.now))])
    steps(watch, clock, 3)
    assert reader.episodes(open_only=True) == []


def test_a_last_will_is_told_after_a_minute_and_a_restart_is_not(reader, database, clock):
    store = Store(database, clock)
    watch = watching(database, clock=clock)
    store.states([("demo", "C001", State(1, "9f3a1c07", 7, "offline"))])
    assert steps(watch, clock, 20) == 0
    store.states([("demo", "C001", State(1, "9f3a1c07", 8, "online"))])
    assert steps(watch, clock, 100) == 0
    store.states([("demo", "C001", State(1, "9f3a1c07", 8, "offline"))])
    assert steps(watch, clock, 65) == 1
    assert database["alerts"].find_one()["subject"].startswith("C001: offline since")


def test_a_sleeping_board_is_missed_only_after_it_was_due(database, clock):
    store = Store(database, clock)
    watch = watching(database, clock=clock)
    store.states([("demo", "C001", State(1, "9f3a1c07", 7, "sleeping", next=int(clock.now) + 600))])
    assert steps(watch, clock, 700) == 0
    assert steps(watch, clock, 30) == 1


def test_a_backend_that_comes_back_hears_no_life_in_what_a_dead_sleeper_said(database, clock):
    store = Store(database, clock)
    watch = watching(database, clock=clock)
    asleep = State(1, "9f3a1c07", 7, "sleeping", next=int(clock.now) + 600)
    store.states([("demo", "C001", asleep)])
    assert steps(watch, clock, 740) == 1
    store.states([("demo", "C001", asleep)])  # retained: the broker says it again to each who connects
    assert steps(watch, clock, 30) == 0
    assert database["watched"].find_one({"_id": "demo/C001"})["silence"]["closed"] is None


def test_a_thousand_boards_that_fail_at_once_are_one_mail_and_keep_the_budget(store, reader, database):
    watch = watching(database)
    boards = [f"B{k:04}" for k in range(1000)]
    store.write([live(1, device=name, flags=codes.LIMIT) for name in boards])
    made, more = 0, True
    while more:
        more, alerts = watch.step()
        made += alerts
    assert made == 1 and len(reader.episodes(open_only=True, limit=2000)) == 1000
    (alert,) = database["alerts"].find()
    assert alert["kind"] == "together" and alert["subject"] == "1 000 boards need a look"


def test_a_flood_of_events_delays_another_boards_alarm_by_one_look(store, reader, database):
    """Events of one board wait by the thousand; the other's comes last."""
    for first in range(0, 3 * AT_ONCE, 500):
        store.write([entry(seq, flags=codes.ZSCORE) for seq in range(first, first + 500)])
    store.write([entry(seq, device="C002", flags=codes.LIMIT) for seq in range(3)])
    watch = watching(database)
    assert watch.step()[0]
    assert any(episode.device == "C002" and episode.severity == "severe" for episode in reader.episodes())
    while watch.step()[0]:
        pass
    assert database["events"].count_documents({"taken": False}) == 0


@pytest.mark.parametrize(
    "language, subject, text",
    [
        (
            "en",
            "C001 sends 50 times what its period allows: the surplus is held back",
            "somebody else has its password",
        ),
        (
            "fr",
            "C001 envoie 50 fois ce que sa période permet\u00a0: le surplus est retenu",
            "quelqu'un d'autre",
        ),
    ],
)
def test_a_flood_is_told_once_and_ends_an_hour_after_its_last_sign(
    store, reader, database, clock, language, subject, text
):
    mail = dataclasses.replace(MAIL, language=language)
    watch = Watch(database, mail, AlertSettings(repeat=0), clock=clock)
    assert watch.lease.hold()
    store.clock = clock
    for seq in range(1, 11):
        clock.now += 600
        store.write([entry(seq)])
        store.flood("demo", "C001", "messages", 50.2)
        watch.step()
    (alert,) = database["alerts"].find()
    assert alert["subject"] == plain(subject)
    (episode,) = reader.episodes()
    assert (episode.kind, episode.severity, episode.closed) == ("flood", "warning", None)
    letter = letter_of(alert)
    context = LetterContext(Words(language), Links(b"k" * 32, None), AlertSettings())
    made = page(Matter(letter, "1", clock.now), [episode_of(database["episodes"].find_one())], context)
    assert text in plain(text_of(made))
    clock.now += 3700
    store.write([entry(11)])
    watch.step()
    assert reader.episodes()[0].closed is not None


def test_what_somebody_has_seen_is_not_told_again(store, database, clock):
    watch = watching(database, clock=clock)
    store.write([live(seq, flags=codes.ZSCORE) for seq in range(5)])
    assert steps(watch, clock, 1) == 1
    alert = database["alerts"].find_one()
    seen = {"_id": "x", "alert": alert["_id"], "episodes": alert["episodes"], "at": clock.now}
    database["acknowledgements"].insert_one(seen)
    steps(watch, clock, 3)
    policy = database["policy"].find_one()["desk"]
    assert [each["acknowledged"] for each in policy["followed"].values()] == [True]


def test_how_far_outside_its_trained_range_a_reading_is_decides_how_bad_it_is(store, reader, database):
    limits = {"t": [20.0, 22.0], "h": [40.0, 50.0]}
    database["models"].insert_one(
        {"site": "demo", "device": "C001", "created": 1, "report": {"limits": limits}}
    )
    watch = watching(database)
    store.write([live(seq, flags=codes.RANGE, t=2230) for seq in range(3)])
    watch.step()
    assert reader.episodes()[0].severity == "warning"
    store.write([live(3, flags=codes.RANGE, t=2330)])
    assert watch.step() == (False, 1)
    assert reader.episodes()[0].severity == "severe"
    assert [alert["kind"] for alert in database["alerts"].find().sort("created", -1)] == ["worse", "opening"]


def test_what_a_newer_board_calls_abnormal_opens_an_episode(reader, database):
    newer = 1 << 12
    state = State(2, "9f3a1c07", 7, "online", abnormal=codes.ABNORMAL | newer)
    Store(database).states([("demo", "C002", state)])
    store = Store(database)
    for device in ("C001", "C002"):
        store.write([live(seq, device=device, flags=newer) for seq in range(5)])
    watching(database).step()
    (episode,) = reader.episodes()
    assert (episode.device, episode.abnormal, episode.edge_flags) == ("C002", 5, newer)
