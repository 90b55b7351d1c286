"""Programs that PyPI does not have: a test that needs one skips where it is not, and says how to get it."""

import re
import shutil
from collections import Counter

import pytest

from tools.local.broker import hivemq
from tools.local.broker.broker import find_mosquitto

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def find_chromium():
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


# Program -> what finds it, the packages of Debian that have it.
PROGRAMS = {
    "mosquitto": (find_mosquitto, "mosquitto"),
    "hivemq": (lambda: not hivemq.missing(), "default-jdk-headless maven"),
    "chromium": (find_chromium, "chromium"),
    "npm": (lambda: shutil.which("npm"), "npm"),
    "systemd-analyze": (lambda: shutil.which("systemd-analyze"), "systemd"),
}
SKIPPED = re.compile(r"Skipped: needs ([\w-]+): sudo apt install ")


def need(program):
    """What finds `program` here; without it the test skips."""
    find, packages = PROGRAMS[program]
    if path := find():
        return path
    return pytest.skip(f"needs {program}: sudo apt install {packages}")


def summary(reasons):
    """One line on what was skipped for `reasons` and how it would run; None when all of them are others."""
    lacking = Counter(match[1] for reason in reasons if (match := SKIPPED.match(reason)))
    if not lacking:
        return None
    named = ", ".join(f"{program} ({count})" for program, count in lacking.items())
    packages = " ".join(PROGRAMS[program][1] for program in lacking)
    return f"tests skipped for want of {named}: sudo apt install {packages}"
