"""The house rules that no linter knows."""

import re
import subprocess
import tomllib
from collections import Counter
from pathlib import Path

from device import VERSION
from tests import tree
from tools.repo import lock

ROOT = Path(__file__).parents[3]


def test_every_target_of_the_makefile_has_one_line_in_its_help():
    text = (ROOT / "Makefile").read_text()
    phony = set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split())
    matches = re.findall(r"^([a-z-]+):.*## \S", text, re.MULTILINE)
    assert sorted(matches) == sorted(phony)
    listing = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True).stdout
    assert [line.split()[1] for line in listing.splitlines()] == matches


def test_every_package_that_an_extra_names_is_pinned_and_explained():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [line for extra in project["optional-dependencies"].values() for line in extra]
    extras = [re.match(r"[A-Za-z0-9_.-]+", line)[0] for line in wanted]
    pinned = set(re.findall(r"^(\S+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    text = (ROOT / "docs" / "dependencies.md").read_text()
    assert extras
    assert {lock.normal(name) for name in extras} <= pinned
    assert [name for name in extras if f"`{name}`" not in text] == []


def test_no_two_test_files_have_one_name():
    """pytest would take the second for the first."""
    names = [path.name for path in tree.files() if path.name.startswith("test_")]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def test_no_folder_has_more_than_about_a_dozen_files_and_none_has_one():
    """Except the root, the pages, the judge with a file for each detector, and what others look for."""
    folders = Counter(path.parent.relative_to(ROOT).as_posix() for path in tree.files())
    for known in (".", "docs", "device/judge", ".github/workflows", "deploy/hivemq"):
        del folders[known]
    assert {folder: files for folder, files in folders.items() if not 2 <= files <= 14} == {}


def test_every_recipe_has_at_most_five_places():
    recipes = (
        (ROOT / "CONTRIBUTING.md").read_text().partition("## Where do I change")[2].partition("\n## ")[0]
    )
    assert "**a detector**" in recipes and "\n6. " not in recipes


def test_the_places_that_contributing_names_are_there():
    named = re.findall(
        r"`((?:cloud|device|tools|tests|docs|\.github|\.ci)/[\w./-]+)`",
        (ROOT / "CONTRIBUTING.md").read_text(),
    )
    assert len(named) > 30
    assert [name for name in named if "NAME" not in name and not (ROOT / name).exists()] == []


def test_the_changelog_has_the_version_that_is_shown():
    assert f"## [{VERSION}] - 20" in (ROOT / "CHANGELOG.md").read_text()


def test_lock_files_name_no_host():
    assert not re.search(r"https?:|index-url|find-links", (ROOT / "constraints.txt").read_text())


def test_no_large_file_is_kept():
    assert [path.name for path in tree.files() if path.stat().st_size > 1_000_000] == []


def test_the_lock_keeps_what_only_other_platforms_install():
    before = "fiftyone-db==1\nold==2\nnumpy==1\n"
    assert lock.merged(before, {"numpy": "2", "vigie": "0", "pip": "1"}).splitlines()[1:] == [
        "fiftyone-db==1",
        "numpy==2",
    ]
