"""Each page on a real database, without a browser."""

import signal

import pytest
from house import APP, calm
from streamlit.testing.v1 import AppTest

from cloud.dashboard import source
from cloud.dashboard.parts import undelivered
from cloud.read.reader import Reader
from cloud.words import plain
from device import codes
from tools.local import ports


@pytest.fixture
def app(address):
    return AppTest.from_file(str(APP), default_timeout=30)


def go(app, name):
    """To the page of that address: AppTest's own way knows only pages that are files."""
    app._page_hash = next(
        key for key, page in app._registered_pages.items() if page.get("url_pathname") == name
    )
    return app.run()


def words_of(app):
    """Everything a page says, in its order."""
    kinds = ("title", "markdown", "caption", "warning", "error", "info", "header")
    return plain(
        "\n".join(str(getattr(element, "value", "")) for kind in kinds for element in getattr(app, kind))
    )


def charts_of(app):
    return app.get("vega_lite_chart") or app.get("arrow_vega_lite_chart")


def curves_of(app):
    """A page's charts, and the little pictures of cards."""
    return [*charts_of(app), *app.get("image")]


def test_the_fleet_shows_who_needs_a_person_first(app, house, now):
    house.furnish(now)
    app.run()
    assert not app.exception
    assert app.title[0].value == "2 of 3 boards need a look"
    page_text = words_of(app)
    assert [link.label for link in app.page_link] == ["**C002**", "**C003**", "**C001**"]
    for text in ("Warning", "Sensor fails", "Fine", "no answer", "Nothing abnormal.", "°C", "%RH", "Updated"):
        assert text in page_text
    assert len(curves_of(app)) == 3


@pytest.mark.parametrize("language, badge", [("en", "Not authenticated"), ("fr", "Non authentifiée")])
def test_a_board_that_does_not_sign_what_it_sends_is_told_apart(app, house, address, now, language, badge):
    address.setenv("VIGIE_LANGUAGE", language)
    house.furnish(now)
    house.database["latest"].update_one({"_id": "demo/C002"}, {"$unset": {"contract": 1}})
    app.run()
    assert not app.exception
    assert words_of(app).count(badge) == 1


def test_the_curve_of_a_board_that_has_just_begun_grows_with_each_look(house, address, now):
    house.state("C001")
    assert source.spark("en", "demo", "C001").empty
    for k in range(3):
        house.put("C001", {k: (now - 20 + 10 * k, calm(now))})
        assert source.spark("en", "demo", "C001").readings == k + 1


def test_a_backend_that_is_gone_is_told(app, house, now):
    house.furnish(now)
    house.database["lease"].delete_many({})
    app.run()
    assert "The backend was never seen." in app.error[0].value
    assert "python -m cloud run" in app.error[0].value


def test_one_boards_curves_hold_what_is_stored(app, house, now):
    house.furnish(now)
    app.query_params["board"] = "C002"
    app.run()
    go(app, "board")
    assert not app.exception
    assert app.title[0].value == "C002"
    text = words_of(app)
    stored = Reader(house.database).readings("demo", "C002")
    board, cloud = stored.edge_abnormal.sum(), stored.cloud_abnormal.sum()
    assert board > cloud > 0
    assert f"{len(stored)} readings · board says abnormal: {board} · cloud says abnormal: {cloud}" in text
    assert "18 readings of this range are not stored yet" in text
    assert "going on for 3 min" in text and "over after 3 min" in text
    assert len(charts_of(app)) == 1


@pytest.mark.parametrize("span", ["6h", "24h", "7d", "30d", "1y"])
def test_every_range_is_drawn(app, house, now, span):
    house.furnish(now)
    app.run()
    go(app, "board")
    app.button_group(key="range choice").set_value(span).run()
    assert not app.exception
    assert len(charts_of(app)) == 1


def test_a_link_to_an_episode_shows_its_time_and_does_not_move(app, house, now):
    house.furnish(now)
    app.run()
    app.query_params["board"] = "C002"
    app.query_params["from"], app.query_params["to"] = str(int(now - 2400)), str(int(now - 1200))
    go(app, "board")
    assert not app.exception
    assert "Back to now" in [link.label for link in app.page_link]
    assert not app.button_group
    assert "every" not in app.caption[1].value


@pytest.mark.parametrize("window", [("x", "y"), ("5", "1"), ("nan", "inf"), ("-9", "9"), ("1e300", "1e301")])
def test_a_link_that_was_tampered_with_shows_now(app, house, now, window):
    house.furnish(now)
    app.run()
    app.query_params["from"], app.query_params["to"] = window
    go(app, "board")
    assert not app.exception
    assert len(charts_of(app)) == 1


def test_a_board_that_does_not_exist_is_told(app, house, now):
    house.furnish(now)
    app.run()
    app.query_params["board"] = "C999"
    go(app, "board")
    assert not app.exception
    assert "There is no board" in app.warning[0].value


def test_episodes_are_listed_newest_first_and_can_be_narrowed(app, house, now):
    house.furnish(now)
    app.run()
    go(app, "episodes")
    assert not app.exception
    assert app.title[0].value == "1 episode going on"
    page_text = words_of(app)
    assert page_text.index("going on for") < page_text.index("over after")
    for text in (
        "Warning",
        "Severe",
        "Sudden change",
        "12 abnormal readings",
        "24.1 to 26.8 °C",
        "no mail",
    ):
        assert text in page_text
    app.button_group(key="show").set_value("going on").run()
    assert "Severe" not in words_of(app)
    app.selectbox(key="of").set_value("C001").run()
    assert "None like this." in app.info[0].value


def test_many_episodes_are_paged(app, house, now):
    house.furnish(now)
    for k in range(30):
        house.episode("C001", now - 7200 - 60 * k, now - 7190 - 60 * k, edge=codes.STUCK, cloud=0)
    app.run()
    go(app, "episodes")
    assert words_of(app).count("abnormal readings") == 20
    app.pagination(key="page").set_value(2).run()
    assert words_of(app).count("abnormal readings") == 12


@pytest.mark.parametrize("page", ["", "board", "episodes"])
def test_an_empty_database_says_what_to_do(app, page):
    app.run()
    go(app, page)
    assert not app.exception
    assert app.title[0].value == "Waiting for the first board"
    assert "make demo" in words_of(app) and "python -m cloud run" in words_of(app)


def test_the_first_board_appears_by_itself(app, house, now):
    app.run()
    house.furnish(now)
    source.fleet.clear()
    app.run()
    assert app.title[0].value == "2 of 3 boards need a look"


def test_a_database_that_is_not_there_says_what_to_do(app, address):
    address.setattr(source, "TIMEOUT", 0.3)
    address.setenv("MONGODB_URI", f"mongodb://reader:planted-secret@127.0.0.1:{ports.free()}/")
    for page in ("", "board", "episodes"):
        app.run()
        go(app, page)
        assert not app.exception
        assert app.title[0].value == "The database does not answer"
        assert "MONGODB_URI" in words_of(app)
        assert "planted-secret" not in words_of(app)


def test_a_database_that_hangs_leaves_what_was_known_and_says_since_when(app, address, house, mongod, now):
    address.setattr(source, "TIMEOUT", 1.0)
    house.furnish(now)
    app.run()
    assert not app.warning
    mongod.child.send(signal.SIGSTOP)
    try:
        source.fleet.clear()
        app.run()
        assert not app.exception
        assert app.title[0].value == "2 of 3 boards need a look"
        assert (
            "The database" in app.warning[0].value and "Below is what was known then." in app.warning[0].value
        )
        app.session_state["known"].clear()
        source.fleet.clear()
        app.run()
        assert app.title[0].value in ("The database takes too long", "The database does not answer")
    finally:
        mongod.child.send(signal.SIGCONT)
    source.fleet.clear()
    app.run()
    assert not app.warning and app.title[0].value == "2 of 3 boards need a look"


def forget():
    """As when all that viewers share has grown old."""
    for shared in (source.fleet, source._spark, source.history, source.normal, undelivered._failed):
        shared.clear()


@pytest.mark.parametrize("page", ["fleet", "board"])
def test_a_database_that_hangs_is_waited_for_once_a_part_and_everything_known_stays(
    app, address, house, mongod, now, caplog, page
):
    address.setattr(source, "TIMEOUT", 1.0)
    house.furnish(now)
    app.run()
    if page == "board":
        go(app, page)
    known = len(curves_of(app))
    assert not app.warning and known
    mongod.child.send(signal.SIGSTOP)
    try:
        forget()
        caplog.clear()
        app.run()
        parts = {"fleet": 1, "board": 2}[page]  # the choice of a board, and what is chosen
        assert [record.args[0] for record in caplog.records if record.name == "dashboard"] == [
            "fleet"
        ] * parts
        assert not app.exception
        assert "Below is what was known then." in app.warning[0].value
        assert len(curves_of(app)) == known
        app.session_state["known"] = {"fleet": app.session_state["known"]["fleet"]}
        app.run()
        assert not app.exception
    finally:
        mongod.child.send(signal.SIGCONT)
    forget()
    app.run()
    assert not app.warning and len(curves_of(app)) == known


@pytest.mark.parametrize(
    ("uri", "named"),
    [
        ("", "MONGODB_URI"),
        ("mongo://reader:planted-secret@host", "MONGODB_URI"),
        ("http://planted-secret", "MONGODB_URI"),
    ],
)
def test_wrong_settings_are_named_and_never_shown(app, address, uri, named):
    address.setenv("MONGODB_URI", uri)
    app.run()
    assert not app.exception
    assert app.title[0].value == "The dashboard does not know its database"
    assert named in app.error[0].value
    assert "planted-secret" not in words_of(app)


def test_what_boards_say_is_shown_letter_by_letter(app, house, now):
    house.furnish(now)
    evil = "<img src=x onerror=alert(1)> [x](http://evil) :red[y]"
    house.database["latest"].update_one(
        {"device": "C003"},
        {"$set": {"device": evil, "reading.why": evil, "state.last_error": evil, "state.learning": evil}},
    )
    app.run()
    assert not app.exception
    assert evil not in words_of(app) + "".join(link.label for link in app.page_link)
    assert r"\<img src\=x onerror\=alert\(1\)\> \[x\]\(http\:\/\/evil\) \:red\[y\]" in words_of(app)


def test_a_board_without_a_model_says_what_will_happen(app, house, now):
    house.furnish(now)
    go(app.run(), "model")
    assert not app.exception
    assert "No model yet." in words_of(app) and "the backend trains its first model" in words_of(app)


def test_a_models_page_shows_what_it_learned_and_its_picture(app, house, now):
    house.furnish(now)
    house.learn("C001", now)
    go(app.run(), "model")
    assert not app.exception
    model = Reader(house.database).model("demo", "C001")
    text = words_of(app)
    assert model["_id"] in text
    assert f"{model['report']['readings']:,} readings".replace(",", " ") in text
    assert "where it would have alarmed" in app.get("image")[0].captions[0]


@pytest.mark.parametrize(
    ("collection", "damage", "page", "still_there"),
    [
        ("models", {"report": True}, "model", "Do board and cloud agree?"),
        ("models", {"report.readings": [1, "x"]}, "model", "Do board and cloud agree?"),
        ("models", {"created": None}, "model", "What it learned"),
        ("status", {"plans": 2**62}, "usage", ""),
    ],
)
def test_what_is_damaged_is_told_in_its_place_and_the_page_goes_on(
    app, house, now, collection, damage, page, still_there
):
    house.furnish(now)
    house.learn("C001", now)
    house.database[collection].update_many({}, {"$set": damage}, upsert=True)
    go(app.run(), page)
    assert not app.exception
    text = words_of(app)
    assert "This part cannot be shown" in text and still_there in text


def test_what_a_model_learned_is_said_in_french_too(app, house, now, address):
    address.setenv("VIGIE_LANGUAGE", "fr")
    house.furnish(now)
    house.learn("C001", now)
    go(app.run(), "model")
    assert not app.exception
    text = words_of(app)
    for french in ("Entraîné sur", "Fausses alertes", "écarts-types", "les tirets montrent sa plage"):
        assert french in text + app.get("image")[0].captions[0]
    for english in ("learned", "deviations", "a day", "None"):
        assert english not in text
