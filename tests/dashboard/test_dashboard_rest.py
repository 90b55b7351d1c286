"""Usage, system, sites, reasons: what these pages say of a database whose content is known."""

import time
from datetime import UTC, datetime

import pytest
from house import APP, STREAM, Moment
from streamlit.testing.v1 import AppTest
from test_dashboard_pages import charts_of, curves_of, go, words_of

from cloud import settings
from cloud.dashboard import source
from cloud.dashboard.draw.charts import LIGHT
from cloud.dashboard.parts import sites
from cloud.dashboard.parts.needs import Need
from cloud.dashboard.views import episodes
from cloud.dashboard.views.fleet import ON_A_PAGE
from cloud.dashboard.views.usage import remark
from cloud.plans import usage
from cloud.plans.plans import GB, FleetSize, in_use
from cloud.plans.usage import Gauge, Usage
from cloud.read.reader import Reader
from cloud.read.rows import Latest
from cloud.read.spans import spans
from cloud.settings import Site
from cloud.settings.environment import SettingsError
from cloud.store.sealing import Sealer
from cloud.words import COUNTED, TEXTS, Words, plain
from cloud.words import pages as page_texts
from device import codes

EN = Words("en")
EVIL = "<img src=x onerror=alert(1)> [x](http://evil)"


@pytest.fixture
def app(address):
    return AppTest.from_file(str(APP), default_timeout=30)


def tables_of(app):
    return "\n".join(frame.value.to_csv() for frame in app.dataframe)


# words


def test_every_text_of_the_pages_has_both_languages_and_the_same_values():
    import string

    for name, texts in page_texts.TEXTS.items():
        fields = [{field for _, field, _, _ in string.Formatter().parse(text) if field} for text in texts]
        assert fields[0] == fields[1] - {"nbsp"}, name
    assert len(TEXTS) > len(page_texts.TEXTS)


def test_a_panels_words_fit_a_phone_in_every_language():
    """A chart does not wrap its titles: at 390 px some 68 letters have room."""
    panels = [text for name, both in TEXTS.items() if name.startswith("panel ") for text in both]
    assert panels and [text for text in panels if len(text) > 68] == []


def test_french_uses_the_singular_for_nought():
    assert plain(Words("fr").many(0, "reading")) == "0 mesure"
    assert plain(EN.many(0, "reading")) == "0 readings"
    assert all(len(languages) == 2 for languages in COUNTED.values())


@pytest.mark.parametrize("page", ["", "board", "episodes", "model", "usage", "system"])
def test_every_page_speaks_french(app, house, address, now, page):
    address.setenv("VIGIE_LANGUAGE", "fr")
    house.furnish(now)
    go(app.run(), page)
    assert not app.exception
    text = words_of(app)
    assert "Mis à jour à" in text
    for english in ("Updated", "reading", "needs a look", "The "):
        assert english not in text


def test_who_looks_chooses_the_language_for_every_page(app, house, now):
    house.furnish(now)
    app.run().selectbox(key="language choice").select("fr").run()
    assert (
        not app.exception and "Mis à jour à" in words_of(app) and app.query_params["lang"] in ("fr", ["fr"])
    )
    go(app, "system")
    assert "Mis à jour à" in words_of(app)
    app.selectbox(key="language choice").select("en").run()
    assert "Updated" in words_of(app)


def test_a_bookmark_keeps_the_language(app, house, now):
    house.furnish(now)
    app.query_params["lang"] = "fr"
    assert "Mis à jour à" in words_of(app.run())


def test_a_language_that_there_is_not_is_said_on_every_page(app, house, now, address):
    house.furnish(now)
    address.setenv("VIGIE_LANGUAGE", "de")
    assert "`VIGIE_LANGUAGE`" in app.run().error[0].value


def test_the_old_name_of_the_language_in_streamlits_secrets_is_said(app, house, now):
    house.furnish(now)
    app.secrets["LANGUAGE"] = "fr"
    assert "`VIGIE_LANGUAGE`" in app.run().error[0].value


# usage


def measured(**more):
    free = ("HiveMQ Cloud Serverless", "Atlas M0", "SendGrid trial")
    known = {"fleet": FleetSize(10, 10.0), "stored": 0.1 * GB, "bucket": 2500.0, "plans": free}
    return Usage(**{**known, "mails_today": 7, "first_mail": None, **more})


def gauge(figures, name):
    return next(each for each in usage.gauges(figures, time.time()) if each.limit == name)


def test_storage_and_mails_are_measured_and_traffic_is_estimated():
    figures = measured()
    storage, mails = gauge(figures, "storage_gb"), gauge(figures, "mails_a_day")
    assert storage.measured and storage.share == pytest.approx(0.2)
    assert mails.measured and (mails.used, mails.most) == (7, 100)
    assert not gauge(figures, "traffic_gb").measured


def test_storage_that_will_not_hold_all_says_for_how_long_it_lasts():
    assert gauge(measured(), "storage_gb").days_left is None
    many = measured(fleet=FleetSize(500, 10.0))
    a_day = 500 * 8640 / 360 * 2900 / GB
    assert gauge(many, "storage_gb").days_left == pytest.approx((0.475 - 0.1) / a_day, rel=0.01)


def test_traffic_beyond_the_plan_says_for_how_much_of_a_month_it_lasts():
    few, many = gauge(measured(), "traffic_gb"), gauge(measured(fleet=FleetSize(90, 1.0)), "traffic_gb")
    assert few.days_left is None and "never full at this pace" in remark(EN, few)
    assert many.days_left == pytest.approx(30 / many.share)
    assert f"lasts {int(many.days_left)} day" in remark(EN, many) and "of 30 at this pace" in remark(EN, many)


def test_a_trial_ends_on_its_day():
    figures = measured(first_mail=time.time() - 50 * 86400)
    assert gauge(figures, "months").days_left == pytest.approx(10, abs=0.01)


def test_only_boards_that_report_count_and_each_with_its_own_period():
    boards = [Latest("a", "1", 1000.0, period=10.0), Latest("a", "2", 1000.0, period=30.0)]
    asleep = Latest("a", "3", 1000.0 - 2 * 86400, period=1.0)
    fleet = usage.fleet_of([*boards, asleep], 1001.0, 30)
    assert fleet.devices == 2 and fleet.readings(30) == pytest.approx(4)
    assert usage.fleet_of([], 0.0, 30).devices == 0


def test_the_usage_page_shows_each_plan_that_is_in_use(app, house, now):
    house.furnish(now)
    used = ["Atlas M0", "HiveMQ Cloud Serverless", "SendGrid trial"]
    house.database["status"].replace_one({"_id": "settings"}, {"plans": used}, upsert=True)
    go(app.run(), "usage")
    assert not app.exception and app.title[0].value == "There is room everywhere"
    page_text = words_of(app)
    for text in (*used, "of 500 MB", "of 100 mails"):
        assert text in page_text
    assert "Railway" not in page_text


def test_a_system_on_machines_of_its_own_has_no_bar_of_a_plan(app, house, now):
    house.furnish(now)
    own = {"plans": [], "storage_mb": 2000, "mails_a_day": 40}
    house.database["status"].replace_one({"_id": "settings"}, own, upsert=True)
    go(app.run(), "usage")
    text = words_of(app)
    assert not app.exception and "STORAGE_QUOTA_MB" in text and "of 40 mails" in text
    for plan in ("Atlas", "HiveMQ", "SendGrid", "Railway"):
        assert plan not in text


@pytest.mark.parametrize(
    ("broker", "uri", "sendgrid", "plans"),
    [
        ("abc.s1.eu.hivemq.cloud", "mongodb+srv://c0.x.mongodb.net", True, [0, 1, 2]),
        ("localhost", "mongodb://127.0.0.1", False, []),
    ],
)
def test_a_plan_is_known_by_the_address_of_its_service(broker, uri, sendgrid, plans):
    known = ["HiveMQ Cloud Serverless", "Atlas M0", "SendGrid trial"]
    assert in_use(broker, uri, sendgrid, {}) == [known[k] for k in plans]


def test_a_plan_that_is_used_up_is_the_headline():
    from cloud.dashboard.views.usage import bar, headline

    full = Gauge("database", "Atlas M0", "storage_gb", 0.6, 0.5, True, "Atlas Flex")
    assert headline(EN, full) == "Storage: nothing is left"
    assert "width:100.0%" in bar(full.share, LIGHT, "Storage")


# system


def test_the_system_page_says_what_was_refused_and_why(app, house, now):
    house.furnish(now)
    refused = {"site": "demo", "device": EVIL, "stream": None, "seq": None, "reason": f"not JSON {EVIL}"}
    house.database["quarantine"].insert_one({**refused, "content": b"secret", "at": datetime.now(UTC)})
    go(app.run(), "system")
    assert not app.exception and app.title[0].value == "The system is running"
    assert "not JSON" in tables_of(app) and "whole message" in tables_of(app)
    assert "secret" not in tables_of(app)
    assert {"Backend seen", "Readings stored", "In quarantine"} <= {each.label for each in app.metric}


def test_the_system_page_says_who_runs_what_and_what_is_under_way(app, house, now):
    house.furnish(now)
    updates = [["model", "0000000b", f"its self-test failed {EVIL}"]]
    state = {
        "state.version": "0.1.0",
        "state.config": 12,
        "state.model": "0000000a",
        "state.updates": updates,
    }
    house.database["latest"].update_one({"device": "C001"}, {"$set": state})
    want = {"config": 13, "model": "0000000b"}
    house.database["wanted"].insert_one({"_id": "demo/C001", "n": 13, "at": now, "want": want})
    source.fleet.clear()
    source.wanted.clear()
    go(app.run(), "system")
    assert not app.exception
    (table,) = [each.value for each in app.dataframe if "Over the air" in each.value.columns]
    row = table[table["Board"] == "demo/C001"].iloc[0]
    assert (row["Software"], row["Model"], row["Settings"]) == ("0.1.0", "0000000a", "12")
    assert "settings 13: under way" in row["Over the air"]
    assert "model 0000000b: not in use, its self-test failed" in row["Over the air"]
    other = table[table["Board"] != "demo/C001"].iloc[0]
    assert other["Over the air"] == "nothing is under way" and other["Settings"] == "set by cable"


def test_readings_that_come_late_are_told(app, house, now):
    house.furnish(now)
    house.database["latest"].update_one({"device": "C001"}, {"$inc": {"received": 4000.0}})
    source.fleet.clear()
    go(app.run(), "system")
    first = app.dataframe[0].value.iloc[0]
    assert first["Board"] == "demo/C001" and first["State"] == "late"


@pytest.mark.parametrize(("age", "red"), [(100, False), (200, True)])
def test_a_backend_not_seen_for_three_minutes_is_red(app, house, now, age, red):
    house.furnish(now)
    seen = datetime.fromtimestamp(now - age, UTC)
    house.database["lease"].update_one({"_id": "watch"}, {"$set": {"at": seen}})
    go(app.run(), "system")
    assert bool(app.error) is red
    assert app.title[0].value == ("The backend is not there" if red else "The system is running")


# sites


def test_sites_are_read_from_their_setting_and_a_wrong_one_is_named():
    sites = settings.read(settings.sites, {"SITES": "home=48.8566,2.3522; farm=-45.1,170"})
    assert sites == (Site("home", 48.8566, 2.3522), Site("farm", -45.1, 170.0))
    assert settings.read(settings.sites, {}) == ()
    for wrong in ("home", "home=91,0", "home=1,2,3", "home=1;2", "a=1,2 b=3,4"):
        with pytest.raises(SettingsError, match="SITES"):
            settings.read(settings.sites, {"SITES": wrong})


def test_a_map_keeps_distances_and_says_which_site_needs_a_person():
    placed = [Site("a", 45.0, 5.0), Site("b", 45.0, 6.0), Site("c", 46.0, 5.0)]
    worst = {"a": Need.FINE, "b": Need.SEVERE, "c": Need.FINE}
    _, tables = sites.drawn(EN, placed, worst, {"a": 1, "b": 2, "c": 3}, LIGHT)
    east, north = tables["sites"]["east"], tables["sites"]["north"]
    assert east[1] - east[0] == pytest.approx(78.6, rel=0.01)  # km a degree at 45 degrees
    assert north[2] - north[0] == pytest.approx(111.2, rel=0.01)
    assert list(tables["sites"]["calls"]) == [False, True, False]
    assert list(tables["sites"]["boards"])[1].endswith("2 boards")


def test_with_two_sites_the_fleet_has_a_map_and_can_be_narrowed(app, house, address, now):
    address.setenv("SITES", "demo=48.39,-4.49; lyon=45.76,4.84")
    house.furnish(now)
    moved = house.database["latest"].find_one({"device": "C003"})
    house.database["latest"].delete_one({"_id": moved["_id"]})
    house.database["latest"].insert_one({**moved, "_id": "lyon/C003", "site": "lyon"})
    app.run()
    assert not app.exception and len(curves_of(app)) == 4
    app.button_group(key="site").set_value("lyon").run()
    assert [link.label for link in app.page_link] == ["**C003**"]


def test_many_boards_are_paged(app, house, now):
    house.furnish(now)
    document = house.database["latest"].find_one({"device": "C001"})
    for k in range(40):
        house.database["latest"].insert_one({**document, "_id": f"demo/D{k:03d}", "device": f"D{k:03d}"})
    app.run()
    assert len(curves_of(app)) == ON_A_PAGE and app.title[0].value == "2 of 43 boards need a look"


# why, filters


def test_why_names_the_first_reading_its_detectors_and_their_thresholds(app, house, now):
    house.furnish(now)
    go(app.run(), "episodes")
    app.toggle[0].set_value(True).run()
    assert not app.exception
    text, table = words_of(app), app.dataframe[0].value
    assert "than in the" in text and "It began with" in text and "readings before:" in text
    zscore = table[table["Detector"] == "Z-score"].iloc[0]
    assert zscore["Board"] == "abnormal" and "deviations in temperature" in zscore["What"]


def test_why_of_readings_that_are_gone_is_said(app, house, now):
    house.furnish(now)
    house.database["buckets"].delete_many({})
    go(app.run(), "episodes")
    app.toggle[0].set_value(True).run()
    assert not app.exception and "no longer stored" in words_of(app)


@pytest.mark.parametrize(("which", "left"), [("not seen", 1), ("not labelled", 1), ("severe", 1), ("all", 2)])
def test_episodes_are_filtered_by_what_people_said(app, house, now, which, left):
    house.furnish(now)
    (name,) = [episode["_id"] for episode in house.database["episodes"].find({"severity": "severe"})]
    document = {"_id": "1", "episodes": [name], "at": now, "by": "x"}
    house.database["acknowledgements"].insert_one(document)
    house.database["labels"].insert_one({**document, "label": "real"})
    stored = Reader(house.database).episodes()
    assert len([episode for episode in stored if episodes.wanted(episode, which)]) == left
    go(app.run(), "episodes")
    assert "Thank you" not in words_of(app)


# long ranges


def test_a_year_is_read_from_headers_open_sealed_and_reduced(house, now):
    """Whatever form a bucket has, its stretch says the same."""
    start = now - 4 * 3600
    moments = {k: (start + 10 * k, Moment(20 + (k % 7), 40.0)) for k in range(1080)}
    moments[5] = (start + 50, Moment(25, 40.0, codes.ZSCORE))
    failed = Moment(None, None, codes.SENSOR_ERROR, codes.SENSOR_ERROR, None, why="no answer")
    moments[9] = (start + 90, failed)
    house.put("C001", moments)
    reader = Reader(house.database)
    opened = spans(reader, "demo", "C001", now - 86400, now)
    assert Sealer(house.database, clock=lambda: now + 86400).seal() == 3
    sealed = spans(reader, "demo", "C001", now - 86400, now)
    for name in vars(opened):
        assert getattr(opened, name) == pytest.approx(getattr(sealed, name), nan_ok=True), name
    assert list(opened.readings) == [360] * 3 and list(opened.good) == [359, 360, 360]
    assert list(opened.board) == [2, 0, 0] and opened.t_high.max() == 26
    good = [moment.t for _, moment in moments.values() if moment.t is not None]
    assert (opened.t_mean * opened.good).sum() / len(good) == pytest.approx(sum(good) / len(good))
    assert len(reader.hours("demo", "C001", start=0, end=now)) == 0
    number = int(start // 3600) - 30
    hour = {"_id": f"demo/C001/{number:07d}", "d": "demo/C001", "h": number * 3600}
    values = {"n": 100, "e": 3, "t_min": 1000, "t_sum": 110_000, "t_max": 1200}
    house.database["hourly"].insert_one({**hour, **values, "h_min": 4000, "h_sum": 410_000, "h_max": 4200})
    both = spans(reader, "demo", "C001", now - 3 * 86400, now)
    assert len(both) == 4 and both.board[0] == 3 and both.t_mean[0] == 11.0 and both.readings[0] == 100


def test_a_year_of_a_board_is_drawn_and_too_much_is_not_downloaded(app, house, now, monkeypatch):
    from cloud.dashboard.parts import download

    house.furnish(now, hours=3)
    monkeypatch.setattr(download, "MOST", 100)
    monkeypatch.setattr(source, "DRAWN", 100)
    app.run()
    go(app, "board")
    app.button_group(key="range choice").set_value("1y").run()
    assert not app.exception and len(charts_of(app)) == 1
    text = words_of(app)
    assert "The chart shows mean, minimum and maximum" in text and "python -m cloud export" in text


def test_a_range_is_downloaded_as_it_is_stored(house, address, now):
    import io

    import pyarrow.parquet

    from cloud.dashboard.parts import download

    house.furnish(now)
    start = now - 7200
    csv = download.made("csv", "demo", "C002", start, now + 1).decode().splitlines()
    stored = len(Reader(house.database).readings("demo", "C002"))
    assert len(csv) == stored + 1 and csv[0].startswith("site,device,stream,seq") and STREAM in csv[1]
    table = pyarrow.parquet.read_table(io.BytesIO(download.made("parquet", "demo", "C002", start, now + 1)))
    assert table.num_rows == stored


def test_a_range_drawn_of_sums_is_downloaded_as_it_is_counted(house, address, now, monkeypatch):
    """Its oldest stretch began before the range did."""
    from cloud.dashboard.parts import download

    house.furnish(now, hours=3)
    monkeypatch.setattr(source, "DRAWN", 100)
    shown = source.history("en", "demo", "C002", now - 7000, now, 7000.0, True)
    assert shown.curve.summed and shown.curve.readings > 700
    csv = download.made("csv", "demo", "C002", shown.start, shown.end).decode().splitlines()
    assert len(csv) - 1 == shown.curve.readings
