"""Limits with a second stage: the first is a warning, and the mail says when it has become severe."""

import numpy as np
import pytest
from test_forecast import START, at_work, begun

from cloud.alerts.episodes import Ahead, decide
from cloud.contract.messages import Stage, State, UserLimits
from cloud.read.reader import Reader
from cloud.siblings.air import Air
from cloud.watch import watch as watch_file
from cloud.watch.stage import outside_since
from cloud.words import plain
from device import codes
from tests.cloud.conftest import entry

SEVERE = {"t_max": 1000, "for_s": 600}
STEPS = [4.0] * 20 + [9.0] * 60 + [11.0] * 20


@pytest.mark.parametrize(
    ("t", "row"),
    [
        ([9.0] * 30, None),
        ([11.0] * 30, 0),
        ([9.0] * 21 + [11.0] * 9, 21),
        ([11.0] * 15 + [9.0] + [11.0] * 14, 16),
        ([11.0] * 29 + [9.0], None),
    ],
)
def test_the_second_stages_own_minutes_begin_anew(t, row):
    ts = START + 60 * np.arange(len(t))
    since = outside_since(SEVERE, Air(ts, np.array(t), np.full(len(t), 80.0)), ts[-1])
    assert since == (None if row is None else ts[row])


def test_what_comes_later_does_not_count():
    ts = START + 60 * np.arange(30)
    air = Air(ts, np.array([9.0] * 10 + [11.0] * 20), np.full(30, 80.0))
    assert outside_since(SEVERE, air, ts[5]) is None


def looked_at(database, severe, t=STEPS):
    """The mails about a room at 9 degC for an hour and at 11 degC after that, its limit 8 degC."""
    now, store, watch = at_work(database)
    limits = UserLimits(t_max=800, for_s=0, severe=severe)
    state = State(boot=7, stream="9f3a1c07", state="online", v=2, limits=limits)
    store.states([("demo", "C001", state)])
    mails = []
    for row, value in enumerate(t):
        flags = codes.LIMIT if value > 8 else 0
        now[0] = START + 60 * row + 1
        made = entry(row, t=round(100 * value), ts=int(START + 60 * row), up=60 * row, flags=flags)
        store.write([made])
        watch.step()
        sent = database["alerts"].count_documents({"letter.kind": {"$ne": "digest"}})
        mails += [row] * (sent - len(mails))
    subjects = [plain(each["subject"]) for each in database["alerts"].find().sort("_id", 1)]
    (episode,) = Reader(database).episodes(open_only=True)
    return mails, subjects, episode


def test_the_first_stage_is_a_warning_and_the_second_a_severe_alarm(database):
    mails, subjects, episode = looked_at(database, Stage(t_max=1000, for_s=600))
    assert episode.severity == "severe" and len(mails) == 2
    assert mails[0] < 30 and mails[1] == 90
    assert subjects[1].startswith("Now severe")


def test_readings_are_looked_up_once_for_a_stay_beyond_the_second_stage(database, monkeypatch):
    asked = []
    look = watch_file.stage.outside_since
    monkeypatch.setattr(watch_file.stage, "outside_since", lambda *args: asked.append(args) or look(*args))
    t = [4.0] * 20 + [9.0] * 30 + [11.0] * 8 + [9.0] * 2 + [11.0] * 30
    mails, subjects, episode = looked_at(database, Stage(t_max=1000, for_s=600), t)
    assert episode.severity == "severe" and mails[1] == 70 and len(asked) == 2, "eight minutes are not enough"


def test_without_a_second_stage_the_first_is_severe(database):
    mails, _, episode = looked_at(database, None)
    assert episode.severity == "severe" and len(mails) == 1 and mails[0] < 30


def test_the_second_stage_is_no_matter_of_a_forecast_of_the_first(database):
    state, _ = decide(begun(), Ahead("demo", "C001", 9000.0, 800, staged=True), 7300.0)
    assert state.episode.breach == 9000.0 and state.episode.severity == "warning"
