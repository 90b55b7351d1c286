"""`make provision` holds the user's limits against the board's last week, where a database knows it."""

import time

import pytest

from cloud.store.writer import Store
from tests.cloud.conftest import entry
from tools.board.provisioning import limits_word

CONFIG = {
    "v": 1, "site": "demo", "device": "C001", "key": "0" * 64, "wifi": {"ssid": "net", "password": ""},
    "broker": {"host": "broker.test", "user": "demo-C001", "password": "word", "ca": "/ca.der"},
    "sensor": {"kind": "simulated"},
}  # fmt: skip
LIMITS = {"t_max": 8.0, "for_minutes": 10}


@pytest.fixture
def word(capsys, monkeypatch):
    monkeypatch.setattr(limits_word.screen.console, "width", 400)

    def run(environment, **limits):
        limits_word.tell({**CONFIG, **limits}, environment)
        return " ".join(capsys.readouterr().out.split())

    return run


def fill(database, warm):
    """Two days of a cooler, a reading each minute, which is at 9 degC for `warm` minutes each six hours."""
    store = Store(database)
    begin = time.time() - 2 * 86400
    rows = [
        entry(
            row,
            t=900 if row % 360 < warm else 400 + row % 3,
            h=7000 + row % 5,
            ts=int(begin + 60 * row),
            up=60 * row,
        )
        for row in range(2 * 1440)
    ]
    for first in range(0, len(rows), 500):
        store.write(rows[first : first + 500])


def test_it_says_how_often_the_last_week_would_have_alarmed_and_the_cure(database, mongod, word):
    fill(database, warm=22)
    environment = {"MONGODB_URI": mongod.uri, "MONGODB_DATABASE": database.name}
    output = word(environment, limits=LIMITS)
    assert (
        "would have alarmed 8 times in these days: for_minutes = 25 would not have (its last 2.0 days)"
        in output
    )
    assert "would not have alarmed" in word(environment, limits={"t_max": 8.0, "for_minutes": 25})
    assert word(environment) == "", "no limits, no word"


def test_it_says_where_to_look_where_nobody_can_tell_yet(database, mongod, word):
    assert "knows no database" in word({}, limits=LIMITS)
    fresh = {"MONGODB_URI": mongod.uri, "MONGODB_DATABASE": database.name}
    assert "too few readings are stored yet" in word(fresh, limits=LIMITS)
    away = {"MONGODB_URI": "mongodb://127.0.0.1:9/?directConnection=true"}
    assert "does not answer" in word(away, limits=LIMITS)
