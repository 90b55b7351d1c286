"""boot.py and main.py on virtual boards: whatever is wrong, the board comes back or leads to a REPL."""

import json
import os
import signal

import pytest

from tests.board.watched import CONFIG, Watched


@pytest.fixture
def watched(tmp_path):
    watched = Watched(tmp_path)
    yield watched
    watched.board.power_off()


def test_ctrl_c_within_two_seconds_leads_to_a_repl_without_a_watchdog(watched):
    watched.board.power_on()
    watched.wait("starts in 2 s")
    os.kill(watched.board.pid, signal.SIGINT)
    watched.wait("no watchdog")
    watched.wait("ended")
    assert not any("watchdog 60000" in line for line in watched.lines)
    assert not watched.flash("starts").exists()


def test_ctrl_c_later_flushes_and_gives_the_watchdog_an_hour(watched):
    watched.board.power_on()
    watched.wait("0 readings kept")
    os.kill(watched.board.pid, signal.SIGINT)
    watched.wait("watchdog 3600000")
    watched.wait("Ctrl-D starts again")


def test_a_broken_application_is_written_down_and_the_board_starts_again(watched):
    watched.flash("device/app.py").write_text("1 / 0\n")
    watched.board.power_on()
    watched.wait("Restart in 2 s")
    assert watched.flash("last_error.txt").read_text().startswith("ZeroDivisionError")
    watched.wait("boot hard")
    watched.wait("Restart in 4 s")
    assert watched.flash("starts").read_text() == "2"


def test_without_any_application_the_board_still_counts_its_starts(watched):
    for path in sorted(watched.flash("device").rglob("*.py")):
        path.unlink()
    watched.flash("starts").write_text("nonsense")
    watched.board.power_on()
    watched.wait("Restart in 2 s")
    assert "ImportError" in watched.flash("last_error.txt").read_text()


def test_after_four_failed_starts_comes_safe_mode_with_a_way_out(watched):
    watched.board.power_on()
    watched.wait("starts in 2 s")
    watched.flash("starts").write_text("4")
    watched.reset()
    watched.wait("Safe mode: 4 starts failed")
    watched.wait("Restart in 600 s")
    os.kill(watched.board.pid, signal.SIGINT)
    watched.wait("Ctrl-D starts again")
    assert not any("outbox" in line for line in watched.lines)


def test_power_that_comes_and_goes_leads_to_no_safe_mode(watched):
    watched.flash("starts").write_text("4")
    watched.board.power_on()
    watched.wait("outbox boot 1")
    assert watched.flash("starts").read_text() == "1"


def test_a_wrong_configuration_is_told_as_a_whole_and_leads_to_the_repl(watched):
    watched.flash("config.json").write_text(json.dumps(CONFIG | {"device": "C 1", "period_ms": 1}))
    watched.board.power_on()
    watched.wait("config.json: device is 'C 1'")
    watched.wait("config.json: period_ms is 1")
    watched.wait("ended")
    assert not watched.flash("starts").exists()


def test_the_last_error_is_told_by_the_next_start(watched):
    watched.flash("last_error.txt").write_text("ValueError: before")
    watched.flash("reset.txt").write_text("link: silent for an hour")
    watched.board.power_on()
    assert "after link: silent for an hour" in watched.wait("on home/C001")
    assert not watched.flash("reset.txt").exists()
