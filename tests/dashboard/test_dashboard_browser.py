"""The dashboard as a person meets it: in a real browser, on a real database, refreshing by itself."""

import os
import signal
import time
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from house import House, Moment

from cloud.dashboard.draw import charts

CHART = ".stVegaLiteChart canvas"
SPARK = "[data-testid=stImage] img"
SIZES = ((1280, 900), (390, 844))
TOO_WIDE = """() => [...document.querySelectorAll('.stMain *')]
    .filter(one => one.getBoundingClientRect().right > window.innerWidth + 1)
    .filter(one => !one.closest('[data-testid=stElementToolbar]'))
    .filter(one => !one.parentElement.closest('[data-testid=stDataFrame]'))
    .map(one => one.className).slice(0, 3)"""
# How many pixels of the chart have exactly this colour.
PIXELS = """wanted => {
    const canvas = document.querySelector('.stVegaLiteChart canvas');
    const seen = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    let count = 0;
    for (let k = 0; k < seen.length; k += 4)
        count += wanted.every((value, channel) => value === seen[k + channel]);
    return count;
}"""


def board(device):
    return f"board?board={device}"


def remember(looker, drawn=CHART):
    """Mark this page and its first chart, so that a reload or another chart would be noticed."""
    looker.page.wait_for_selector(drawn)
    looker.page.wait_for_selector("[data-test-script-state='notRunning']")  # the page is whole
    looker.page.evaluate(
        f"() => {{ window.same = true; document.querySelector('{drawn}').dataset.same = 'yes' }}"
    )


def is_the_same(looker, drawn=CHART):
    return looker.page.evaluate(
        f"() => window.same && document.querySelector('{drawn}').dataset.same === 'yes'"
    )


def opacity(looker):
    """The least opacity on the page: a refresh that fades something is a flicker."""
    return looker.page.evaluate(
        "() => Math.min(...[...document.querySelectorAll('.stElementContainer, .stVegaLiteChart, .stImage')]"
        ".map(one => +getComputedStyle(one).opacity))"
    )


def until(ready, seconds=10.0, about=""):
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"not so after {seconds} s {about}"
        time.sleep(0.05)


def drag(looker, begin, end, place=0.15):
    """Draw across the chart, from one part of its width to another; `place`: which part of its height."""
    looker.page.wait_for_selector("[data-test-script-state='notRunning']")  # it may be drawing another one
    chart = looker.page.locator(".stVegaLiteChart").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    mouse, y = looker.page.mouse, box["y"] + box["height"] * place
    mouse.move(box["x"] + box["width"] * begin, y)
    mouse.down()
    mouse.move(box["x"] + box["width"] * end, y, steps=10)
    mouse.up()


def test_new_readings_appear_without_a_reload_and_without_a_flicker(web, look, shown):
    looker = look()
    looker.open(web)
    looker.sees("2 of 3 boards need a look")
    remember(looker, SPARK)
    faintest = 1.0
    for k, value in enumerate((31.25, 32.5)):
        now = time.time()
        shown.put("C001", {shown.last + 1 + k: (now, Moment(value, 40.0))})
        deadline = now + 15
        while not looker.page.get_by_text(f"{value:.2f} °C").count():
            faintest = min(faintest, opacity(looker))
            assert time.time() < deadline, "the new value did not appear by itself"
    assert is_the_same(looker, SPARK)
    assert faintest == 1.0
    assert looker.complaints == []


@pytest.mark.parametrize("place", [0.15, 0.9], ids=["curve", "lanes"])
def test_drawing_across_the_curve_or_the_lanes_shows_that_stretch_of_time(web, look, shown, place):
    looker = look(height=1300)
    looker.open(web + board("C002"))
    looker.page.wait_for_selector(CHART)
    drag(looker, 0.3, 0.45, place)
    looker.page.wait_for_url("**&from=*")
    looker.sees("Back to now")
    address = parse_qs(urlsplit(looker.page.url).query)
    begin, end = float(address["from"][0]), float(address["to"][0])
    assert 300 < end - begin < 900 and begin < time.time() - 1500
    looker.page.wait_for_selector(CHART)
    drag(looker, 0.5, 0.8, place)
    looker.page.wait_for_url(lambda url: f"from={int(begin)}" not in url)
    looker.page.get_by_role("link", name="Zoom out").click()
    looker.page.get_by_role("link", name="Back to now").click()
    looker.sees("every 3 s")
    assert looker.complaints == []


def test_what_was_drawn_is_no_zoom_when_the_pointer_hardly_moved(web, look, shown):
    looker = look(height=1300)
    looker.open(web + board("C002"))
    remember(looker)
    drag(looker, 0.5, 0.5)
    shown.put("C002", {shown.last + 1: (time.time(), Moment(27.5, 40.0))})
    looker.sees("27.50 °C")
    assert is_the_same(looker) and "from=" not in looker.page.url


@pytest.mark.parametrize(("scheme", "palette"), [("light", charts.LIGHT), ("dark", charts.DARK)])
def test_verdicts_of_board_and_cloud_and_own_limits_are_drawn_each_in_its_colour(
    web, look, shown, scheme, palette
):
    looker = look(color_scheme=scheme)
    looker.open(web + board("C002"))
    looker.page.wait_for_selector(CHART)
    for color in (palette.board, palette.cloud, palette.limit):
        wanted = list(bytes.fromhex(color[1:]))
        until(lambda wanted=wanted: looker.page.evaluate(PIXELS, wanted) > 20, about=color)
    looker.sees("Board says abnormal")
    looker.sees("Cloud says abnormal")
    looker.sees("Dashed: your limits, at most 26.0 °C, at least 38.0 %RH")


@pytest.mark.parametrize("page", ["", board("C002"), "episodes", "model", "usage", "system"])
def test_every_page_fits_every_screen_in_light_and_dark(web, look, shown, page):
    looker = look()
    looker.open(web + page)
    for (width, height), scheme in product(SIZES, ("light", "dark")):
        looker.page.set_viewport_size({"width": width, "height": height})
        looker.page.emulate_media(color_scheme=scheme)
        looker.sees("Updated")
        if page in ("", board("C002")):
            looker.page.wait_for_selector(CHART if page else SPARK)
        looker.page.wait_for_timeout(500)
        # A chart is drawn anew once its place has another width: until then it keeps the old one.
        until(lambda: looker.page.evaluate(TOO_WIDE) == [], about=(width, scheme))
    assert looker.complaints == []


def test_a_card_leads_to_its_board_and_an_episode_to_its_time(web, look, shown):
    looker = look()
    looker.open(web)
    looker.page.get_by_role("link", name="C002").click()
    looker.page.wait_for_url("**/board?board=C002")
    looker.sees("Episodes in this range")
    looker.page.get_by_role("link", name="C002").last.click()
    looker.sees("Back to now")
    looker.page.get_by_role("link", name="Back to now").click()
    looker.page.get_by_text("Back to now").wait_for(state="hidden")
    looker.sees("every 3 s")


def test_a_mails_link_leads_to_its_board_and_its_time(web, look, shown):
    """A mail names the site, for the day when there is a second one."""
    begin = int(time.time()) - 1800
    looker = look()
    looker.open(web + f"board?board=demo%2FC002&from={begin}&to={begin + 1200}")
    looker.sees("Back to now")
    looker.page.get_by_role("heading", name="C002").wait_for()
    assert looker.page.get_by_text("There is no board").count() == 0
    looker.page.get_by_role("link", name="Back to now").click()
    looker.page.get_by_text("Back to now").wait_for(state="hidden")
    looker.page.get_by_role("heading", name="C002").wait_for()
    assert looker.page.get_by_text("There is no board").count() == 0


def test_the_range_stands_in_the_address_and_outlives_a_reload(web, look, shown):
    looker = look()
    looker.open(web + board("C002"))
    looker.page.get_by_role("radio", name="7 d").click()
    looker.page.wait_for_url("**&range=7d")
    looker.sees("every 5 min")
    looker.page.reload()
    looker.sees("every 5 min")
    looker.open(web + board("C002") + "&range=24h&lang=fr")  # the same address in every language
    looker.page.get_by_role("radio", name="24 h", checked=True).wait_for()
    looker.open(web + board("C002") + "&range=3w&lang=en")
    looker.sees("There is no range 3w")
    looker.page.get_by_role("radio", name="1 h", checked=True).wait_for()
    looker.open(web + board("C002") + "&from=yesterday&to=1800000000")
    looker.sees("There is no range yesterday – 1800000000")


def test_a_name_is_never_run_as_code(web, look, shown):
    evil = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"
    shown.database["latest"].update_one(
        {"device": "C003"}, {"$set": {"device": evil, "site": evil, "reading.why": evil}}
    )
    shown.database["episodes"].update_many({}, {"$set": {"device": evil, "site": evil, "why": evil}})
    refused = {"site": evil, "device": evil, "stream": None, "seq": None, "reason": evil, "content": b""}
    shown.database["quarantine"].insert_one({**refused, "at": datetime.now(UTC)})
    looker = look()
    for page in ("", "episodes", "board", "model", "system"):
        looker.open(web + page)
        if page not in ("model", "system"):  # these show it in tables, which are drawn
            looker.sees("<img src=x")
        looker.page.wait_for_timeout(500)
        assert looker.page.evaluate("() => window.hacked") is None
        assert looker.page.locator("img[src=x]").count() == 0


def test_a_database_that_comes_back_is_found_by_itself(web, look, shown, mongod):
    looker = look()
    looker.open(web)
    looker.sees("2 of 3 boards need a look")
    mongod.child.send(signal.SIGSTOP)
    try:
        looker.sees("Below is what was known then.")
        looker.sees("2 of 3 boards need a look")
    finally:
        mongod.child.send(signal.SIGCONT)
    looker.page.get_by_text("Below is what was known then.").wait_for(state="hidden")
    looker.sees("2 of 3 boards need a look")


def test_a_boards_page_that_was_opened_without_a_database_finds_it_by_itself(web, look, shown, mongod):
    looker = look()
    mongod.child.send(signal.SIGSTOP)
    try:
        looker.open(web + board("C002"))
        looker.sees("This page tries again by itself.")
    finally:
        mongod.child.send(signal.SIGCONT)
    looker.sees("Episodes in this range")


def test_nothing_secret_reaches_the_browser(look, web, shown, mongod):
    looker = look()
    seen = []
    looker.page.on(
        "response", lambda answer: seen.append(answer.text() if "json" in str(answer.headers) else "")
    )
    looker.page.on(
        "websocket", lambda socket: socket.on("framereceived", lambda frame: seen.append(str(frame)))
    )
    looker.open(web)
    looker.sees("Updated")
    everything = looker.page.content() + "".join(seen)
    assert "Updated" in everything
    for secret in (mongod.uri, f"127.0.0.1:{mongod.port}", "MONGODB_URI"):
        assert secret not in everything


# What must be there before a page's picture is taken, and how tall it is.
PICTURES = {
    "": (SPARK, 640),
    "board?board=C002": (CHART, 1330),
    "episodes": ("text=going on for", 640),
    "model": ("[data-testid=stDataFrame] canvas", 1010),
    "usage": ("[role=meter]", 1150),
    "system": ("[data-testid=stDataFrame] canvas", 860),
}
DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", PICTURES)
def test_each_page_has_its_picture_in_the_docs(web, look, shown, tmp_path, page):
    """VIGIE_PICTURES=1 takes them anew."""
    name = f"dashboard-{page.partition('?')[0] or 'fleet'}.png"
    folder = DOCS / "img" if os.environ.get("VIGIE_PICTURES") else tmp_path
    there, height = PICTURES[page]
    if page == "model":  # one board with a model of its own, two that are new
        shown.database.client.drop_database(shown.database.name)
        shown = House(shown.database)
        shown.models = dict.fromkeys(("C002", "C003"))
        shown.learn("C001", time.time() - 3600)
        shown.furnish(time.time())
    looker = look(height=height)
    looker.open(web + page)
    looker.page.wait_for_selector(there)
    looker.page.wait_for_timeout(1500)
    looker.page.screenshot(path=folder / name)
    assert 10_000 < (folder / name).stat().st_size < 250_000
    assert f"img/{name}" in (DOCS / "dashboard.md").read_text()
    assert (DOCS / "img" / name).stat().st_size < 250_000
