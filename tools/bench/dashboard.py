"""`make bench-dashboard`: seconds to each page's first paint, ten million readings stored; ends with JSON.

A real Chromium opens each page of the real dashboard on a real mongod. First paint: the page's headline is on
the screen, made of what the database said. Whole: its charts and tables are drawn too. The first visit loads
Streamlit's own scripts; later ones have them in the browser's cache, as for anybody who opens it daily. The
baseline is an empty Streamlit page, opened in turn with ours.
READINGS=100000 for a quick look.
"""

import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, sync_playwright
from pymongo.database import Database as MongoDatabase

from cloud.contract.messages import Reading, State, Verdict
from cloud.store import database as databases
from cloud.store.entries import JudgedReading
from cloud.store.writer import Store
from device import codes
from tools.bench.asked import whole
from tools.bench.cloud import store, workload
from tools.local import ports
from tools.local.dashboard_process import Dashboard
from tools.local.database.mongod import Database
from tools.process.child import ToolFailed, WrongUse
from tools.process.exit_code import exit_code
from tools.process.terminal import progress

READINGS = 10_000_000
BOARDS = 190
ROUNDS = 7
LIMIT = 2.0  # s
FOLDER = Path("var/bench-dashboard")
EMPTY = """import streamlit

streamlit.title("Nothing")
"""
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
# The time (Unix s) after the frame in which a thing was first drawn. Looked for in each frame, by the page
# itself: Playwright's wait_for_selector looks every half second, and told a page of 1.3 s as one of 1.8 s.
PAINTED = """what => new Promise(done => {
    const look = () => document.querySelector(what)?.checkVisibility()
        ? setTimeout(() => done(Date.now() / 1000))
        : requestAnimationFrame(look);
    look();
})"""
# Page -> what must be on it before it is whole.
CHART, TABLE = ".stVegaLiteChart svg, .stVegaLiteChart canvas", "[data-testid=stDataFrame] canvas"
PAGES = {
    "": "[data-testid=stImage] img",
    "board?board=B000": CHART,
    "board?board=B000&range=7+d": CHART,  # as its address says it, once it is chosen
    "board?board=B000&range=1+y": CHART,
    "episodes": "[data-testid=stToggle], [data-testid=stCheckbox]",
    "model": TABLE,
    "usage": "[role=meter]",
    "system": TABLE,
}


def main(argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    if argv:
        raise WrongUse("usage: [READINGS=100000] python -m tools.bench.dashboard")
    readings = whole(environment, "READINGS", READINGS, least=BOARDS * 400)
    chromium = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if chromium is None:
        raise ToolFailed("needs Chromium: apt-get install chromium")
    shutil.rmtree(FOLDER, ignore_errors=True)
    with ExitStack() as parts:
        mongod = parts.enter_context(Database(FOLDER / "database", FOLDER / "database.log"))
        database = databases.connect(mongod.uri, "bench", timeout=60)
        databases.prepare(database)
        _fill(database, readings)
        port = ports.free()
        settings = {**environment, "MONGODB_URI": mongod.uri, "MONGODB_DATABASE": "bench"}
        dashboard = Dashboard(port, FOLDER / "dashboard.log", settings)
        parts.callback(dashboard.stop)
        dashboard.wait()
        script = FOLDER / "empty.py"
        script.write_text(EMPTY, encoding="utf-8")
        empty = Dashboard(ports.free(), FOLDER / "empty.log", environment, app=script)
        parts.callback(empty.stop)
        empty.wait()
        player = parts.enter_context(sync_playwright())
        browser = player.chromium.launch(executable_path=chromium, args=list(QUIET))
        parts.callback(browser.close)
        paints, nothing = _measure(browser, dashboard.address, empty.address)
    worst = max(page["median_s"] for page in paints.values())
    print(
        json.dumps({"readings": readings, "first_paint_s": worst, "empty_page_s": nothing, "pages": paints})
    )
    return 0 if worst <= LIMIT else 1


def _fill(database: MongoDatabase[dict[str, Any]], readings: int) -> None:
    """Sealed buckets up to a minute ago, a newest reading for each board, episodes, a model."""
    progress("training a model")
    model = workload.trained()
    database["models"].insert_one(model.document)
    each = readings // BOARDS
    began = int(time.time()) - each * workload.PERIOD - 60
    boards = workload.boards(BOARDS, min(each, 5000), model, began)
    store.fill(database, boards, readings)
    made = Store(database)
    now = time.time()
    entries = []
    for number, board in enumerate(boards):
        x = tuple(int(value) for value in board.x[0])
        flags = codes.ZSCORE if number % 19 == 0 else 0
        last = Reading(each, 1, int(now) - 5, each * workload.PERIOD, x, flags, 9000, None, board.model)
        entries.append(JudgedReading(workload.SITE, board.name, board.stream, last, Verdict(flags, 0.42)))
        made.states([(workload.SITE, board.name, State(1, board.stream, 1, "online", version="0.1.0"))])
    made.write(entries)
    database["episodes"].insert_many(
        _episode(board.name, now - 3600 * hour, hour)
        for hour, board in enumerate(board for _ in range(10) for board in boards)
    )
    database["lease"].update_one({"_id": "watch"}, {"$currentDate": {"at": True}}, upsert=True)
    progress("")


def _episode(device: str, opened: float, number: int) -> dict[str, Any]:
    going_on = number % 19 == 0 and number < BOARDS
    return {
        "_id": f"{workload.SITE}/{device}/{number}", "d": f"{workload.SITE}/{device}", "site": workload.SITE,
        "device": device, "opened": opened, "closed": None if going_on else opened + 600,
        "last": opened + 600, "severity": "severe" if number % 7 == 0 else "warning", "abnormal": 60,
        "agreed": 58, "edge_flags": codes.ZSCORE, "cloud_flags": codes.FOREST, "late": False,
        "t_min": 2400, "t_max": 2600, "h_min": 4000, "h_max": 4400, "why": None,
    }  # fmt: skip


def _measure(browser: Browser, address: str, empty: str) -> tuple[dict[str, dict[str, float]], float]:
    """A table for people; seconds by page, and of the page that is empty."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    _open(context, empty, "h1")
    first, _ = _open(context, f"{address}/", PAGES[""])
    print(f"the very first visit, with Streamlit's scripts to load: {first:.2f} s\n")
    print("| page | first paint, median s | worst | whole, median s |")
    print("|---|---:|---:|---:|")
    by_page = {}
    baseline = []
    for page, complete in PAGES.items():
        times = []
        for number in range(ROUNDS):
            progress(f"{page}: {number + 1} of {ROUNDS}")
            times.append(_open(context, f"{address}/{page}", complete))
            baseline.append(_open(context, empty, "h1")[0])
        progress("")
        paints = [paint for paint, _ in times]
        row = {
            "median_s": round(statistics.median(paints), 2),
            "worst_s": round(max(paints), 2),
            "whole_s": round(statistics.median(drawn for _, drawn in times), 2),
        }
        by_page[page or "fleet"] = row
        print(
            f"| {page or 'fleet'} | {row['median_s']:.2f} | {row['worst_s']:.2f} | {row['whole_s']:.2f} |",
            flush=True,
        )
    nothing = round(statistics.median(baseline), 2)
    print(f"| *an empty page of Streamlit's* | {nothing:.2f} | {max(baseline):.2f} | {nothing:.2f} |")
    context.close()
    return by_page, nothing


def _open(context: BrowserContext, url: str, complete: str) -> tuple[float, float]:
    """Seconds to the headline and to the whole page, in a new tab."""
    page = context.new_page()
    began = time.time()
    page.goto(url, wait_until="commit")
    painted = page.evaluate(PAINTED, "h1") - began
    drawn = page.evaluate(PAINTED, complete) - began
    page.close()
    return painted, drawn


if __name__ == "__main__":
    sys.exit(exit_code("bench-dashboard", lambda: main(sys.argv[1:])))
