"""A real mongod with a furnished database for each test, and the real dashboard on it."""

import os
import secrets
import time

import pytest
import streamlit as st
from house import House

from cloud import password
from cloud.dashboard import language, source
from cloud.store import database as databases
from tests.needed import need
from tools.local import ports
from tools.local.dashboard_process import Dashboard

WEB = "test_web"
PASSWORD = "a watchful lighthouse"
LINK_KEY = bytes(range(32))
SITES = "demo=48.39,-4.49; lyon=45.76,4.84; nice=43.70,7.27"
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--js-flags=--no-opt --no-maglev",  # a page lives for seconds: to compile it for speed costs more
)


@pytest.fixture
def database(mongod):
    made = databases.connect(mongod.uri, "test_" + secrets.token_hex(4))
    yield made
    made.client.drop_database(made.name)
    made.client.close()


@pytest.fixture
def house(database):
    return House(database)


@pytest.fixture
def address(mongod, database, monkeypatch, tmp_path):
    """The dashboard inside this process finds the test's database, and no file of whoever runs the tests."""
    monkeypatch.setenv("MONGODB_URI", mongod.uri)
    monkeypatch.setenv("MONGODB_DATABASE", database.name)
    monkeypatch.setattr(source, "HOUSE", tmp_path)
    monkeypatch.setattr(language, "HOUSE", tmp_path)
    st.cache_resource.clear()
    yield monkeypatch
    st.cache_resource.clear()


@pytest.fixture(scope="session")
def web(mongod, tmp_path_factory):
    """The address of a dashboard that runs as `streamlit run` runs it, on the database `WEB`."""
    environment = {
        **os.environ,
        "MONGODB_URI": mongod.uri,
        "MONGODB_DATABASE": WEB,
        "SITES": SITES,
        "DASHBOARD_PASSWORD_HASH": password.hashed(PASSWORD),
        "LINK_KEY": LINK_KEY.hex(),
    }
    running = Dashboard(ports.free(), tmp_path_factory.mktemp("web") / "dashboard.log", environment)
    try:
        running.wait()
        yield running.address + "/"
    finally:
        running.stop()


@pytest.fixture(scope="session")
def chromium():
    driver = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    executable = need("chromium")
    with driver.sync_playwright() as player:
        browser = player.chromium.launch(executable_path=executable, args=list(QUIET))
        yield browser
        browser.close()


class Looker:
    """A person with a browser, who also notes what the browser complains about."""

    def __init__(self, browser, **context):
        self.context = browser.new_context(timezone_id="Europe/Paris", locale="en-GB", **context)
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.complaints = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", lambda request: self.complaints.append(request.url))

    def open(self, address):
        self.page.goto(address)
        self.page.wait_for_selector("h1")

    def sees(self, text):
        from playwright.sync_api import TimeoutError as Late

        try:
            self.page.get_by_text(text, exact=False).first.wait_for()
        except Late:
            raise AssertionError(f"{text!r} is not in:\n{self.page.locator('body').inner_text()}") from None

    def sees_only(self, text):
        """The same, and what the page held before is gone: Streamlit removes it after it drew the new."""
        self.sees(text)
        self.page.locator("[data-stale=true]").first.wait_for(state="detached")


@pytest.fixture
def look(chromium):
    """look(width=…, height=…) -> Looker"""
    opened = []

    def start(width=1280, height=900, **context):
        opened.append(Looker(chromium, viewport={"width": width, "height": height}, **context))
        return opened[-1]

    yield start
    for each in opened:
        each.context.close()


@pytest.fixture
def shown(mongod):
    """The furnished house that `web` shows, new for each test."""
    made = databases.connect(mongod.uri, WEB)
    made.client.drop_database(WEB)
    house = House(made)
    house.last = house.furnish(time.time())
    yield house
    made.client.close()


@pytest.fixture
def now():
    return time.time()
