"""What is skipped for want of a program is told in one line, with the command that brings it."""

import pytest

from tests import needed


def test_a_program_that_is_not_here_skips_with_its_package(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    for program, (_, packages) in needed.PROGRAMS.items():
        with pytest.raises(pytest.skip.Exception, match=f"needs {program}: sudo apt install {packages}"):
            needed.need(program)


def test_the_end_of_a_run_names_all_that_was_missing_in_one_line():
    reasons = ["Skipped: needs mosquitto: sudo apt install mosquitto"] * 2
    reasons += ["Skipped: needs chromium: sudo apt install chromium", "Skipped: data: no traces"]
    assert needed.summary(reasons) == (
        "tests skipped for want of mosquitto (2), chromium (1): sudo apt install mosquitto chromium"
    )
    assert needed.summary(["Skipped: data: no traces"]) is None
