"""A roll-out: a few boards first, a pause of good behaviour, and a halt by itself when one is not well."""

import json
import threading
import time
from functools import partial

import pytest

from cloud.alerts.courier import Post
from cloud.alerts.letters import LetterContext
from cloud.alerts.links import Links
from cloud.alerts.mail_writer import MailWriter
from cloud.contract import keys
from cloud.settings import AlertSettings
from cloud.updates import rollouts, settings
from cloud.updates.rollout import Behaviour, RolloutBoard, decide, waves
from cloud.updates.rollouts import Rollouts
from cloud.updates.wanted import Wanted
from cloud.words import Words
from device.update.settings import opened
from tests.cloud.conftest import MASTER

NAMES = [f"demo/C{number:03}" for number in range(1, 21)]
PAUSE = 600.0
WELL = Behaviour(has=True, boots=3)


def test_the_waves_are_one_board_then_a_tenth_then_all():
    assert [len(wave) for wave in waves(NAMES)] == [1, 2, 17]
    assert [len(wave) for wave in waves(NAMES[:3])] == [1, 1, 1]
    assert [len(wave) for wave in waves(NAMES[:1])] == [1]
    assert [len(wave) for wave in waves([f"b/{n}" for n in range(300)])] == [1, 30, 269]


def test_the_next_wave_begins_once_the_one_before_has_behaved_well_for_the_whole_pause():
    order = NAMES[:4]
    assert decide(order, {}, {}, PAUSE, 0.0).begin == (NAMES[0],)
    boards = {NAMES[0]: RolloutBoard(0.0)}
    assert decide(order, boards, {NAMES[0]: Behaviour(has=False)}, PAUSE, 99.0).begin == ()
    assert decide(order, boards, {NAMES[0]: WELL}, PAUSE, 99.0).settled == (NAMES[0],)
    settled = {NAMES[0]: RolloutBoard(0.0, 100.0, 3)}
    assert decide(order, settled, {NAMES[0]: WELL}, PAUSE, 699.0).begin == ()
    assert decide(order, settled, {NAMES[0]: WELL}, PAUSE, 700.0).begin == (NAMES[1],)
    all_ = {name: RolloutBoard(0.0, 100.0, 3) for name in order}
    assert decide(order, all_, dict.fromkeys(order, WELL), PAUSE, 700.0).done


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (Behaviour(has=False, refused="its self-test failed"), "self-test"),
        (Behaviour(has=False), "went back"),
        (Behaviour(has=True, boots=5), "started 2 times"),
        (Behaviour(has=True, boots=3, twin_differs=1), "twin"),
        (Behaviour(has=True, boots=3, episodes=3, episodes_before=1), "3 episodes"),
        (Behaviour(has=True, boots=3, silent=1000.0), "silent"),
    ],
)
def test_a_board_that_is_not_well_halts_it(behaviour, why):
    step = decide(NAMES, {NAMES[0]: RolloutBoard(0.0, 100.0, 3)}, {NAMES[0]: behaviour}, PAUSE, 2000.0)
    assert NAMES[0] in step.halt and why in step.halt and not step.begin


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(has=True, boots=3, episodes=2, episodes_before=1),
        Behaviour(has=True, boots=3, silent=5000.0, sleeps=True),
        Behaviour(has=True, boots=3, silent=5000.0, period=3600.0),
    ],
)
def test_what_is_ordinary_halts_no_rollout(behaviour):
    assert not decide(
        NAMES, {NAMES[0]: RolloutBoard(0.0, 100.0, 3)}, {NAMES[0]: behaviour}, PAUSE, 9000.0
    ).halt


class Fleet:
    """Boards as the database has them: they take what is wanted, but for those in `bad`."""

    def __init__(self, database, clock):
        self.database, self.clock, self.bad = database, clock, set()
        for name in NAMES:
            site, device = name.split("/")
            state = {"state": "online", "model": "0000000a", "boot": 3, "config": 0, "updates": []}
            state["settings"] = json.dumps(
                {"period_ms": 10000, "wifi": {"ssid": "x"}, "broker": {"host": "h"}}
            )
            board = {"_id": name, "site": site, "device": device, "state": state}
            database["latest"].insert_one({**board, "received": clock(), "period": 10.0})

    def live(self):
        """Every board takes what it is told, as its `state` would say."""
        wanted = Wanted(self.database).of([tuple(name.split("/")) for name in NAMES])
        for (site, device), document in wanted.items():
            for what, value in document["want"].items():
                name = f"{site}/{device}"
                change = {f"state.{what}": value}
                if name in self.bad:
                    change = {"state.updates": [[what, value, "its self-test failed"]]}
                elif what == "config":
                    change["state.updates"] = [[what, f"{value:08x}", ""]]
                self.database["latest"].update_one({"_id": name}, {"$set": change})
        self.database["latest"].update_many({}, {"$set": {"received": self.clock()}})

    def running(self, model):
        return self.database["latest"].count_documents({"state.model": model})


@pytest.fixture
def now():
    return [time.time()]


@pytest.fixture
def fleet(database, now):
    return Fleet(database, lambda: now[0])


@pytest.fixture
def work(database, now):
    return Rollouts(database, MASTER, lambda: now[0])


def begin(work):
    return work.start("model", dict.fromkeys(NAMES, "0000000b"), dict.fromkeys(NAMES, "0000000a"), PAUSE)


def go(work, fleet, now, seconds, others=()):
    for _ in range(int(seconds // 60)):
        for each in (work, *others):
            each.step()
        fleet.live()
        now[0] += 60


def test_twenty_boards_unattended_by_two_processes_in_three_waves(database, work, fleet, now):
    begin(work)
    assert begin(work) is None, "one at a time"
    other = Rollouts(database, MASTER, lambda: now[0])
    seen = []
    for _ in range(60):
        go(work, fleet, now, 60, [other])
        seen.append(fleet.running("0000000b"))
    assert sorted(set(seen)) == [1, 3, 20]
    assert work.newest()["state"] == "done"
    assert {each["n"] for each in database["wanted"].find()} == {1}, "each board was told once"


def test_one_bad_board_halts_it_the_rest_stay_as_they_are_and_one_mail_says_so(database, work, fleet, now):
    fleet.bad = {NAMES[1]}
    begin(work)
    bell = threading.Event()
    words = Words("en", "UTC")
    tell = partial(rollouts.mail, Post(database, ("a@example.org",), words, bell, lambda: now[0]))
    for _ in range(40):
        go(work, fleet, now, 60)
    halted = work.newest()
    assert (
        halted["state"] == "halted" and "its self-test failed" in halted["why"] and NAMES[1] in halted["why"]
    )
    assert fleet.running("0000000b") == 2 and fleet.running("0000000a") == 18
    tell(halted)
    tell(halted)
    mails = list(database["alerts"].find())
    assert len(mails) == 1 and "self-test" in mails[0]["subject"] and bell.is_set()
    writer = MailWriter(database, LetterContext(words, Links(b"k" * 32, None), AlertSettings()))
    written = writer.write(mails[0], now[0]).mail
    assert written.subject == mails[0]["subject"] and "python -m cloud rollout back" in written.text
    assert set(work.back()) == set(NAMES[:3])
    fleet.bad = set()
    fleet.live()
    assert fleet.running("0000000a") == 20


def test_settings_are_sealed_for_each_board_when_its_turn_comes_and_can_be_taken_back(
    database, work, fleet, now
):
    values, before = {}, {}
    for name in NAMES[:2]:
        key = keys.device_key(MASTER, *name.split("/"))
        values[name] = settings.seal(key, 0, {"limits": {"t_max": 8}})
        before[name] = settings.seal(key, 0, settings.inverse({"limits": {"t_max": 8}}, {"period_ms": 10000}))
    work.start("config", values, before, PAUSE)
    go(work, fleet, now, 60)
    assert Wanted(database).of([("demo", "C002")]) == {}
    go(work, fleet, now, 2400)
    assert work.newest()["state"] == "done"
    kept = Wanted(database).settings(("demo", "C002"))
    key = keys.device_key(MASTER, "demo", "C002")
    assert opened(bytes(kept["sealed"]), key) == (kept["number"], {"limits": {"t_max": 8}})
    work.back()
    kept = Wanted(database).settings(("demo", "C002"))
    assert opened(bytes(kept["sealed"]), key) == (kept["number"], {"limits": {"t_max": None}})


def test_a_crash_between_the_mark_and_the_word_leaves_no_board_waiting(
    database, work, fleet, now, monkeypatch
):
    begin(work)
    monkeypatch.setattr(work, "_want", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        work.step()
    go(Rollouts(database, MASTER, lambda: now[0]), fleet, now, 300)
    assert fleet.running("0000000b") == 1


def test_a_backend_that_was_away_takes_its_own_silence_for_no_boards(database, work, fleet, now):
    begin(work)
    go(work, fleet, now, 300)
    now[0] += 3600
    after = Rollouts(database, MASTER, lambda: now[0])
    assert not after.step().halt
    now[0] += 1000
    assert "silent" in after.step().halt


def test_the_mail_of_a_halt_survives_the_process_that_halted(database, work, fleet, now):
    fleet.bad = {NAMES[0]}
    begin(work)
    for _ in range(4):
        go(work, fleet, now, 60)
    assert work.newest()["state"] == "halted"
    heard = []
    with pytest.raises(OSError):
        work.tell_halted(lambda halted: (_ for _ in ()).throw(OSError))
    other = Rollouts(database, MASTER, lambda: now[0])
    other.tell_halted(heard.append)
    other.tell_halted(heard.append)
    assert [each["_id"] for each in heard] == [work.newest()["_id"]]
    work.start("model", {NAMES[0]: "0000000c"}, {}, PAUSE)
    work.halt("a person has halted it")
    other.tell_halted(heard.append)
    assert len(heard) == 1, "who halts it needs no mail"


def test_what_a_board_may_try_once_more_halts_nothing_until_it_failed_again(database, work, fleet, now):
    begin(work)
    work.step()
    name = {"_id": NAMES[0]}
    silent = ["model", "0000000b", "it cannot be kept now: [Errno 28] ENOSPC", 1, True]
    database["latest"].update_one(name, {"$set": {"state.updates": [silent]}})
    assert not work.step().halt
    wanted = Wanted(database)
    document = wanted.of([tuple(NAMES[0].split("/"))])[tuple(NAMES[0].split("/"))]
    wanted.once_more(tuple(NAMES[0].split("/")), "model", document, now[0])
    assert not work.step().halt, "it was asked once more"
    silent[3] = 2
    database["latest"].update_one(name, {"$set": {"state.updates": [silent]}})
    assert "cannot be kept" in work.step().halt
