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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Where several processes share the run, the tests of a file stay together, and so do all that need the
    JVM of HiveMQ or the browser: each is then started once.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return _place(nodeid)

    return Together(config, log) if config.getvalue("dist") == "loadscope" else None


def _place(nodeid):
    file = nodeid.partition("::")[0]
    if "/e2e/" in file:
        return nodeid  # a world of its own
    if "hivemq" in nodeid.partition("[")[2]:
        return "hivemq"
    return "browser" if file.endswith(("_browser.py", "_accessible.py")) else file


def pytest_collection_modifyitems(items):
    """What takes longest begins first."""
    order = ("e2e", "hivemq", "browser")
    first = {place: number for number, place in enumerate(order)}

    def rank(item):
        place = _place(item.nodeid)
        return first.get("e2e" if place == item.nodeid else place, len(order))

    items.sort(key=rank)


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
