"""On a laptop a test may skip for want of a part (mosquitto, Java), and the end says which; where
VIGIE_SKIPS_FAIL is set, none may.

A skip whose reason begins with "data:" is for want of recordings that are not ours to keep: it counts only
where their folder is there.
"""

import os
from pathlib import Path

import pytest

from tests import needed
from tests.parts import broker, hivemq, iotcore, mongod, mosquitto  # noqa: F401  fixtures

DATA = Path(__file__).parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items):
    """Where several processes share the run, the tests of a file stay together, and so do all that need the
    JVM of HiveMQ or the browser: each is then started once. What takes longest begins first.
    """
    order = {"e2e": 0, "hivemq": 1, "browser": 2}
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_place(item)))
    items.sort(key=lambda item: order.get(_kind(item), 3))


def _place(item):
    kind = _kind(item)
    return item.nodeid if kind == "e2e" else kind or item.path.as_posix()


def _kind(item):
    """ "e2e" (a world of its own), "hivemq", "browser", or "" """
    if "e2e" in item.path.parts:
        return "e2e"
    chosen = getattr(item, "callspec", None)
    if "hivemq" in item.fixturenames or (chosen and chosen.params.get("broker") == "hivemq"):
        return "hivemq"
    return "browser" if {"web", "chromium"} & set(item.fixturenames) else ""


def pytest_terminal_summary(terminalreporter):
    for reason in forbidden(terminalreporter):
        terminalreporter.write_line(f"skipped, and must not be here: {reason}", red=True)


def pytest_unconfigure(config):
    """The very last line."""
    if reporter := config.pluginmanager.get_plugin("terminalreporter"):
        skipped = reporter.stats.get("skipped", [])
        if line := needed.told([report.longrepr[2] for report in skipped]):
            reporter.write_line(line)


def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and exitstatus == 0 and forbidden(reporter):
        session.exitstatus = 1


def forbidden(reporter):
    """Reasons of the skips that this machine does not excuse."""
    if not os.environ.get("VIGIE_SKIPS_FAIL"):
        return []
    reasons = [f"{report.nodeid}: {report.longrepr[2]}" for report in reporter.stats.get("skipped", [])]
    return [reason for reason in reasons if DATA.is_dir() or "data:" not in reason]
