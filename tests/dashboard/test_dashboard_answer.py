"""The page that a mail's buttons lead to: opening it changes nothing, one press counts once."""

import time

import pytest
from house import APP
from streamlit.testing.v1 import AppTest

from cloud.alerts.courier import pending
from cloud.alerts.links import Links
from cloud.alerts.policy import Letter, NextModel
from cloud.contract.keys import link_key
from cloud.read.reader import Reader
from device import codes

MASTER = bytes(range(32))
ALERT = "1800000000000-0-opening"
EPISODE = "demo/C002/9f3a1c07/1"


@pytest.fixture
def key(address):
    address.setenv("LINK_KEY", link_key(MASTER).hex())
    address.delenv("VIGIE_LANGUAGE", raising=False)
    return link_key(MASTER)


@pytest.fixture
def alert(house):
    letter = Letter("opening", "severe", (EPISODE,))
    subject = "C002, severe: [outside](http://evil) its range"
    house.database["alerts"].insert_one(pending(ALERT, letter, ["a@example.org"], subject, time.time()))


def follow(act="acknowledge", *, key=link_key(MASTER), token=None):
    """A person, or a program, opens the link."""
    link = Links(key, "http://x").link(act, ALERT) if token is None else f"http://x?token={token}"
    app = AppTest.from_file(str(APP), default_timeout=30)
    app.query_params["token"] = link.partition("token=")[2]
    app.run()
    app._page_hash = next(
        name for name, page in app._registered_pages.items() if page.get("url_pathname") == "answer"
    )
    return app.run()


def books(house):
    return list(house.database["acknowledgements"].find()), list(house.database["labels"].find())


def test_opening_a_link_changes_nothing(house, key, alert):
    app = follow()
    assert not app.exception and [button.label for button in app.button] == ["I have seen it"]
    assert app.title[0].value == r"C002\, severe\: \[outside\]\(http\:\/\/evil\) its range"
    assert books(house) == ([], [])


def test_one_press_acknowledges_and_the_link_is_used(house, key, alert):
    app = follow()
    app.button[0].click().run()
    assert app.success[0].value == "Thank you: marked as seen."
    (kept,), labels = books(house)
    assert (kept["alert"], kept["episodes"], labels) == (ALERT, [EPISODE], [])
    again = follow()
    assert "was used already" in again.success[0].value and not again.button


def test_an_answer_has_a_cause_and_a_line_of_text_and_says_what_it_changes(house, key, alert, now):
    house.episode("C002", now - 60, now, edge=codes.ZSCORE, cloud=0, _id=EPISODE)
    app = follow("door")
    assert [button.label for button in app.button] == ["It was: Door"]
    app.text_input[0].set_value("Ann <b>was</b> in").run()
    app.button[0].click().run()
    thanks = app.success[0].value
    assert thanks.startswith("Thank you: Door.") and "(sudden change)" in thanks
    _, (label,) = books(house)
    assert (label["label"], label["cause"], label["note"]) == ("false", "door", "Ann <b>was</b> in")
    (kept,) = Reader(house.database).episodes()
    assert (kept.label, kept.cause, kept.note) == ("false", "door", "Ann <b>was</b> in")


@pytest.mark.parametrize(("cause", "label"), [("fault", "real"), ("unknown", "unknown"), ("moved", "false")])
def test_each_cause_is_also_a_label_that_older_programs_know(house, key, alert, cause, label):
    follow(cause).button[0].click().run()
    _, (kept,) = books(house)
    assert (kept["label"], kept["cause"]) == (label, cause) and "note" not in kept


def test_the_button_about_a_next_model_is_recorded_as_the_backend_looks_for_it(house, key):
    asked = NextModel("demo", "C002", "8b7da160", False, 30.0, 9, 2)
    letter = Letter("model", "warning", (), next=asked)
    house.database["alerts"].insert_one(pending(ALERT, letter, ["a@example.org"], "C002", time.time()))
    app = follow("model")
    assert [button.label for button in app.button] == ["Give it to C002"]
    app.button[0].click().run()
    assert "over the air" in app.success[0].value
    (kept,), labels = books(house)
    assert (kept["_id"], labels) == (f"{ALERT}/model", [])


def test_a_link_of_an_older_mail_still_works(house, key, alert):
    follow("real").button[0].click().run()
    _, (kept,) = books(house)
    assert kept["label"] == "real" and "cause" not in kept


def test_two_people_who_press_at_once_count_once(house, key, alert):
    first, second = follow("false"), follow("false")
    first.button[0].click().run()
    second.button[0].click().run()
    assert not second.exception and second.success
    acknowledged, (label,) = books(house)
    assert label["label"] == "false" and acknowledged == []


@pytest.mark.parametrize("token", ["", "nonsense", "acknowledge.x.y.z"])
def test_a_forged_link_has_no_button(house, key, alert, token):
    app = follow(token=token)
    assert not app.button and "Vigie did not make this link" in app.error[0].value


def test_a_link_signed_by_another_has_no_button(house, key, alert):
    assert not follow(key=b"x" * 32).button


def test_an_alert_that_is_gone_is_told(house, key):
    assert "no longer stored" in follow().error[0].value


def test_a_dashboard_without_a_key_says_what_to_set(house, address):
    for name in ("LINK_KEY", "VIGIE_KEY"):
        address.delenv(name, raising=False)
    assert "LINK_KEY" in follow().error[0].value


def test_the_page_of_an_answer_speaks_french(house, key, alert, address):
    address.setenv("VIGIE_LANGUAGE", "fr")
    assert follow().button[0].label == "Je l'ai vu"


def test_mails_that_did_not_go_out_stand_on_the_fleet_page_with_the_reason(house, key, alert, now):
    house.furnish(now)
    change = {"state": "failed", "error": "SendGrid does not take this mail (400 bad)"}
    house.database["alerts"].update_one({"_id": ALERT}, {"$set": change})
    app = AppTest.from_file(str(APP), default_timeout=30).run()
    assert not app.exception
    text = "\n".join(each.value for each in app.markdown)
    assert r"SendGrid does not take this mail \(400 bad\)" in text and "given up" in text


def test_a_silent_board_is_not_told_as_abnormal():
    from dataclasses import replace

    from cloud.dashboard.parts import needs
    from cloud.read.rows import Episode, Latest
    from cloud.words import Words, plain

    now = 1_800_000_000.0
    quiet = Episode(
        "x", "demo", "C001", now - 900, None, now - 900, "warning", 0, 0, 0, 0, False, kind="silence"
    )
    board = Latest("demo", "C001", now - 900, seq=1, t=21.0, h=45.0, online=False, period=10.0)
    (card,) = needs.cards(Words("en"), [board], [quiet], now)
    assert card.need is needs.Need.OFFLINE and "The broker lost it 15 min ago" in plain(card.sentence)
    assert needs.about(Words("en"), replace(quiet, why="offline")) == "The broker lost the connection to it."
