"""Every page for everybody: axe-core objects to nothing, the keyboard reaches all, the language is right."""

import time
from importlib.resources import files

import pytest
from conftest import LINK_KEY, PASSWORD
from house import SITE, House
from test_dashboard_browser import CHART, SPARK

from cloud.alerts.courier import pending
from cloud.alerts.links import Links
from cloud.alerts.policy import Letter

ALERT = "1800000000000-0-opening"
TABLE = "[data-testid=stDataFrame] canvas"
# Page -> what must be there, what is opened on it.
PAGES = {
    "": (SPARK, ()),
    "board?board=C002": (CHART, ("Why?", "Details")),
    "board?board=C001&range=1y": (CHART, ("Other",)),
    "episodes": ("text=going on for", ("Why?", "Details")),
    "model?board=C001": ("[data-testid=stImage] img", ()),
    "usage": ("[role=meter]", ()),
    "system": (TABLE, ()),
    "login": ("input[type=password]", ()),
    "answer": ("text=did not make this link", ()),
    f"answer?token={Links(LINK_KEY, 'x').link('acknowledge', ALERT).partition('token=')[2]}": (
        "button:has-text('I have seen it')",
        (),
    ),
}
FOUND = """() => axe.run({resultTypes: ['violations']}).then(found =>
    found.violations.flatMap(one => one.nodes.map(node => one.impact + ' ' + one.id + ': '
        + node.target.join(' ') + ' ' + node.html.slice(0, 160) + ' '
        + (node.any[0] ? node.any[0].message : ''))))"""

# What a person could press or type into. Of radio buttons Tab reaches the chosen one and arrows the others;
# what stands beside a table or chart shows with the pointer, and says nothing that the page does not.
CONTROLS = """() => [...document.querySelectorAll('a[href], button, input, select, textarea, summary')]
    .filter(one => one.checkVisibility({opacityProperty: true, visibilityProperty: true}))
    .filter(one => !one.disabled && one.tabIndex >= 0)
    .filter(one => !one.closest('[inert], [data-testid=stElementToolbar], .stDataFrame'))
    .filter(one => one.type !== 'radio' || one.checked)
    .filter(one => one.getAttribute('role') !== 'radio' || one.getAttribute('aria-checked') === 'true')
    .map((one, k) => { one.dataset.control ??= k + ' ' + (one.innerText || one.ariaLabel || one.type);
        return one.dataset.control })"""
FOCUSED = (
    "() => document.activeElement === document.body ? null : document.activeElement.dataset.control ?? ''"
)


@pytest.fixture
def furnished(shown):
    """With a board that has learned, and a mail whose button somebody may press."""
    shown.database.client.drop_database(shown.database.name)
    house = House(shown.database)
    house.learn("C001", time.time() - 3600)
    house.furnish(time.time())
    letter = Letter("opening", "severe", (f"{SITE}/C002/1",))
    house.database["alerts"].insert_one(pending(ALERT, letter, ["a@example.org"], "C002", time.time()))
    return house


def opened(looker, web, page):
    """`page` as one sees it, with all open on it that can be."""
    there, closed = PAGES[page]
    looker.open(web + page)
    looker.page.wait_for_selector(there)
    for name in closed:
        looker.page.get_by_text(name, exact=True).first.click()
    looker.page.wait_for_timeout(1000)
    return looker.page


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_objects_to_nothing_on_any_page(web, look, furnished, theme):
    pytest.importorskip("axe_playwright_python", reason="needs the package axe-playwright-python")
    script = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    by_page = {}
    for page in PAGES:
        looker = look(color_scheme=theme)
        seen = opened(looker, web, page)
        seen.add_style_tag(content="* {transition: none !important}")  # no colour is half way to another
        seen.evaluate(script)
        if objections := seen.evaluate(FOUND):
            by_page[page] = objections
        looker.context.close()
    assert not by_page, "\n".join(f"{page}: {each}" for page, all_of in by_page.items() for each in all_of)


@pytest.mark.parametrize("page", ["", "board?board=C002", "episodes", "login"])
def test_tab_reaches_each_control_and_shows_where_it_is(web, look, furnished, page):
    looker = look(height=2400)
    seen = opened(looker, web, page)
    waiting = set(seen.evaluate(CONTROLS))
    assert len(waiting) >= 9
    unseen, reached = [], set()
    for _ in range(3 * len(waiting)):  # from where one has just clicked to the end, and from the beginning
        seen.keyboard.press("Tab")
        name = seen.evaluate(FOCUSED)
        if name in waiting - reached:
            reached.add(name)
            if not shows_focus(seen):
                unseen.append(name)
        if reached == waiting:
            break
    assert waiting - reached == set()
    assert unseen == []


def shows_focus(seen):
    """Whether the control that has the focus looks otherwise without it."""
    handle = seen.evaluate_handle("() => document.activeElement")
    box = handle.as_element().bounding_box()
    clip = {
        "x": max(0, box["x"] - 6),
        "y": max(0, box["y"] - 6),
        "width": box["width"] + 12,
        "height": box["height"] + 12,
    }
    focused = seen.screenshot(clip=clip)
    seen.evaluate("one => one.blur()", handle)
    blurred = seen.screenshot(clip=clip)
    seen.evaluate("one => one.focus({focusVisible: true})", handle)
    return focused != blurred


def test_a_login_works_by_keyboard_alone(web, look, furnished):
    looker = look()
    seen = opened(looker, web, "login")
    seen.locator("input[type=password]").focus()
    seen.keyboard.type(PASSWORD)
    seen.keyboard.press("Enter")
    looker.sees("Log out")


def test_the_chart_has_a_name_and_the_page_says_its_language(web, look, shown):
    looker = look()
    looker.open(web + "board?board=C002&lang=fr")
    looker.page.wait_for_selector(CHART)
    looker.page.wait_for_function("() => document.documentElement.lang === 'fr'")
    looker.page.wait_for_selector(".stVegaLiteChart[aria-label^='Température, humidité et score de C002']")
