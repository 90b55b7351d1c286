"""On a laptop a test may skip for want of a part (mosquitto, Java), and the end says which; where
VIGIE_SKIPS_FAIL is set, none may.

A skip whose reason begins with "data:" is for want of recordings that are not ours to keep: it counts only
where their folder is there.
"""

import os
from pathlib import Path

import pytest

from tests import needed, sharing
from tests.parts import broker, hivemq, iotcore, mongod, mosquitto  # noqa: F401  fixtures

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "shared" / "data"


def pytest_configure(config):
    worker = sharing_worker(config)
    if worker and sharing.computes(worker):
        os.nice(sharing.NICENESS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return sharing.scheduler(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    return sharing.COMPUTING + sharing.OTHERS


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    node.workerinput["dist"] = node.config.getvalue("dist")


def sharing_worker(config):
    """The name of this process when it is a worker of such a run, else None."""
    worker = getattr(config, "workerinput", {})
    return worker.get("workerid") if worker.get("dist") == "loadscope" else None


def pytest_ignore_collect(collection_path, config):
    worker = sharing_worker(config)
    if worker and not sharing.computes(worker) and collection_path.name.startswith("test_"):
        file = collection_path.relative_to(HERE).as_posix()
        return None if collection_path.is_dir() or sharing.waits_in(file) else True
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What is heavy is long; what takes longest begins first."""
    for item in items:
        if "chromium" in item.fixturenames or sharing.scope(item.nodeid) == sharing.HEAVY:
            item.add_marker(pytest.mark.long)
    items.sort(key=lambda item: sharing.rank(item.nodeid))


def pytest_terminal_summary(terminalreporter):
    for reason in forbidden(terminalreporter):
        terminalreporter.write_line(f"skipped, and must not be here: {reason}", red=True)


def pytest_unconfigure(config):
    """The very last line."""
    if reporter := config.pluginmanager.get_plugin("terminalreporter"):
        skipped = reporter.stats.get("skipped", [])
        if line := needed.summary([report.longrepr[2] for report in skipped]):
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
