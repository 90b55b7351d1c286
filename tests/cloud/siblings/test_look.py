"""A board that leaves its siblings is one episode and one mail, whoever looks. On a real mongod."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from cloud.alerts import letters, page
from cloud.alerts.episodes import Closed, Device, Event, Opened, Parted, decide
from cloud.alerts.links import Links
from cloud.alerts.mail_writer import episode_of, letter_of
from cloud.contract.messages import SIBLINGS
from cloud.dashboard.parts import needs
from cloud.read.reader import Reader
from cloud.settings import AlertSettings, FolderSettings, MailSettings
from cloud.siblings.air import BLOCK
from cloud.siblings.look import NEARBY, Look, Standing, _nearby
from cloud.store.writer import Store
from cloud.watch.watch import Watch
from cloud.words import Words, plain
from device import codes
from tests.cloud.conftest import entry

MAIL = MailSettings(FolderSettings(Path("unused")), "vigie@example.org", ("a@example.org",))
BOARDS = ("C001", "C002", "C003")
PERIOD = 120
START = 1_790_000_000
DAY = 86400


class Site:
    """Three boards of one room, whose readings are stored hour by hour; `now` is the clock of all."""

    def __init__(self, database):
        self.now, self.seq = float(START), 0
        self.database = database
        self.random = np.random.default_rng(3)
        self.store = Store(database, clock=lambda: self.now)
        self.watch = Watch(database, MAIL, AlertSettings(), clock=lambda: self.now)
        assert self.watch.lease.hold()

    def look(self):
        """By a process that knows nothing but what is stored."""
        Look(self.database, lambda: True, clock=lambda: self.now).look()

    def live(self, minutes, away=0.0, room=0.0):
        """`away`: degC that C002 goes on its own meanwhile, `room`: that all go."""
        base = getattr(self, "base", (0.0, 0.0))
        for name in BOARDS:
            made = []
            for k in range(minutes):
                ts = START + PERIOD * (self.seq + k)
                own, all_ = base[0] + away * k / minutes, base[1] + room * k / minutes
                t = 21 + 2 * np.sin(2 * np.pi * ts / DAY) + all_ + (own if name == "C002" else 0)
                t += float(self.random.normal(0, 0.03))
                h = 45 - 4 * np.sin(2 * np.pi * ts / DAY) + float(self.random.normal(0, 0.1))
                made.append(
                    entry(self.seq + k, device=name, t=round(100 * t), h=round(100 * h), ts=ts, up=ts - START)
                )
            for first in range(0, minutes, 500):
                self.now = float(made[min(first + 499, minutes - 1)].reading.ts + 1)
                self.store.write(made[first : first + 500])
        self.base = (base[0] + away, base[1] + room)
        self.seq += minutes


@pytest.fixture
def site(database):
    made = Site(database)
    made.live(int(1.3 * DAY / PERIOD))
    made.look()
    return made


def standing(site, name="C002"):
    document = site.database["siblings"].find_one({"_id": f"demo/{name}"})
    return msgspec.convert(document, Standing)


def test_a_board_that_leaves_its_siblings_is_one_episode_with_their_names_until_it_is_back(site):
    reader = Reader(site.database)
    assert standing(site).learned is not None and standing(site).note is None
    for _ in range(4):
        site.live(45, away=0.75)
        site.look()
        site.watch.step()

    (episode,) = reader.episodes(open_only=True)
    assert (episode.device, episode.kind, episode.left) == ("C002", "siblings", ("C001", "C003"))
    assert episode.away_t > 1 and episode.cloud_flags == SIBLINGS and episode.severity == "warning"
    (alert,) = site.database["alerts"].find()
    assert (
        plain(alert["subject"]).startswith("C002 has left C001 and C003: ") and "warmer" in alert["subject"]
    )
    newest = reader.readings("demo", "C002", start=site.now - 600)
    assert (newest.cloud_flags & SIBLINGS).all() and newest.cloud_abnormal.all()
    assert not reader.readings("demo", "C001", start=site.now - 600).cloud_abnormal.any()
    site.live(60, away=-3)
    site.live(300)
    site.look()
    site.watch.step()
    (episode,) = reader.episodes()
    assert episode.closed is not None and standing(site).away is None
    assert site.database["alerts"].count_documents({"letter.kind": "opening"}) == 1
    site.live(1)
    assert not (reader.readings("demo", "C002", start=site.now - 60).cloud_flags & SIBLINGS).any()


def test_a_room_that_warms_up_accuses_no_board(site):
    for _ in range(4):
        site.live(45, room=0.75)
        site.look()
        site.watch.step()
    assert Reader(site.database).episodes() == []


def test_a_look_repeated_after_a_kill_tells_nothing_twice(site):
    for _ in range(4):
        site.live(45, away=0.75)
    site.look()
    before = site.database["events"].count_documents({"kind": "siblings"})
    site.database["siblings"].update_one({"_id": "demo/C002"}, {"$set": {"looked": 0.0, "away": None}})
    site.look()
    assert site.database["events"].count_documents({"kind": "siblings"}) == before == 1


def test_what_stays_away_for_a_day_belongs_there(site):
    for _ in range(4):
        site.live(45, away=0.75)
        site.look()
    since = standing(site).away.since
    site.live(int(DAY / PERIOD))
    site.look()
    position = standing(site)
    assert position.away is None and position.stretches == ((since, site.now),)


def test_two_boards_or_a_young_one_learn_nothing(database):
    site = Site(database)
    site.live(300)
    site.look()
    assert standing(site).learned is None and "less than a day" in standing(site).note
    database["siblings"].delete_many({})
    database["latest"].delete_one({"_id": "demo/C003"})
    site.look()
    assert database["siblings"].count_documents({}) == 0


def test_few_new_readings_wait_for_a_whole_block(site):
    before = standing(site).looked
    site.live(BLOCK - 1)
    site.look()
    assert standing(site).looked == before
    site.live(1)
    site.look()
    assert standing(site).looked > before


AWAY = Parted("demo", "C002", 1000.0, 8000.0, ("C001", "C003", "C004"), 140, -300)


def test_an_episode_of_its_own_readings_learns_whom_it_has_left_and_no_second_one_begins():
    state = Device()
    for seq in range(4):
        event = Event("demo", "C002", "9f3a1c07", seq, 7000.0 + seq, codes.DRIFT, 0, 2300, 4000)
        state, _ = decide(state, event, 7010.0)
    state, actions = decide(state, AWAY, 8000.0)
    assert state.siblings is None and state.episode.left == AWAY.names
    assert state.episode.cloud_flags & SIBLINGS and not isinstance(actions[0], Opened)


def test_an_episode_of_siblings_opens_grows_and_closes():
    state, (opened,) = decide(Device(), AWAY, 8000.0)
    assert isinstance(opened, Opened) and opened.episode.id == "demo/C002/siblings/1000"
    state, _ = decide(state, msgspec.structs.replace(AWAY, t=250, when=9000.0), 9000.0)
    assert state.siblings.away_t == 250 and state.siblings.last == 9000.0
    state, (closed,) = decide(state, msgspec.structs.replace(AWAY, over=True, when=9900.0), 9900.0)
    assert isinstance(closed, Closed) and closed.episode.closed == 9900.0 and state.siblings is None
    assert decide(state, msgspec.structs.replace(AWAY, over=True), 9900.0) == (state, [])


@pytest.mark.parametrize(
    ("language", "wording"),
    [
        ("en", "C002 has left C001, C003 and C004: 1.4 °C warmer"),
        ("fr", "C002 s'écarte de C001, C003 et C004 : 1,4 °C plus chaud"),
    ],
)
def test_mail_and_dashboard_name_whom_it_has_left(language, wording, database):
    _, (opened,) = decide(Device(), AWAY, 8000.0)
    words = Words(language)
    assert plain(letters.what(opened.episode, words, 9000.0)) == wording
    letter = letter_of(
        {"letter": {"kind": "opening", "severity": "warning", "episodes": [opened.episode.id]}}
    )
    context = letters.LetterContext(words, Links(bytes(32), None), AlertSettings())
    mail = page.text(letters.page(letters.Matter(letter, "1", 9000.0), [opened.episode], context))
    assert "C001, C003" in mail and wording in plain(mail)
    assert episode_of({**msgspec.to_builtins(opened.episode), "_id": opened.episode.id}) == opened.episode
    row = Reader(database)
    database["episodes"].insert_one(
        {**msgspec.to_builtins(opened.episode), "_id": opened.episode.id, "d": "x"}
    )
    (stored,) = row.episodes()
    assert words.all_of(AWAY.names[1:]) in needs.about(words, stored)


@pytest.mark.parametrize("count", [3, 4, 9, 10, 40])
def test_a_board_is_compared_with_its_neighbours_by_name(count):
    names = [f"C{number:03}" for number in range(count)]
    for name in names:
        near = _nearby(name, names)
        assert len(near) == len(set(near)) == min(NEARBY, count - 1) and name not in near
