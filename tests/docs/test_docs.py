"""The documents are true: links lead somewhere, commands work, and nothing that can be set is missing."""

import re
import subprocess
import sys
import tomllib
import urllib.request

import pytest
import yaml

from cloud import __main__ as cloud
from cloud import settings
from cloud.learning import learn_command as learning
from cloud.recording import recording_command as recording
from cloud.training import train_command as training
from device.config import config, schema
from tests.cloud.conftest import wait_for
from tests.deploy.conftest import ROOT
from tests.docs.documents import PAGES, anchors, blocks, commands, links, short, text
from tools.__main__ import COMMANDS
from tools.local import ports

REFERENCE = ROOT / "docs" / "reference.md"
DEPLOY, DEPLOY_FR = ROOT / "docs" / "deploy.md", ROOT / "docs" / "deploy.fr.md"


def section(heading):
    """A part of the reference, from its heading to the next."""
    match = re.search(rf"^## {heading}$(.*?)(?=^## |\Z)", text(REFERENCE), re.MULTILINE | re.DOTALL)
    assert match, f"docs/reference.md has no part called {heading}"
    return match[1]


def named(part):
    """Everything in backticks."""
    return set(re.findall(r"`([^`]+)`", part))


def lacking(what, wanted, part, where="docs/reference.md"):
    missing = sorted(set(wanted) - named(part))
    assert not missing, f"{where} lacks the {what} {', '.join(missing)}"


@pytest.mark.parametrize("page", PAGES, ids=short)
def test_every_link_leads_to_a_file_and_its_heading(page):
    for file, anchor in links(page):
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), f"{short(page)} points to {file}, which is not there"
        if anchor:
            assert anchor in anchors(target), f"{short(page)} points to {file}#{anchor}: no such heading"


def test_every_page_can_be_reached_from_the_readme():
    seen, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page not in seen and page.suffix == ".md":
            seen.add(page)
            todo += [(page.parent / file).resolve() for file, _ in links(page) if file]
    assert [short(page) for page in PAGES if page not in seen] == []


# What can be set, said and counted


def test_every_setting_is_in_the_reference_and_in_the_example():
    lacking("setting", [*settings.KEYS, "OLD_VIGIE_KEY"], section("Settings of the cloud"))
    example = (ROOT / ".env.example").read_text()
    missing = [key for key in settings.KEYS if not re.search(rf"^#?{key}=", example, re.MULTILINE)]
    assert not missing, f".env.example lacks {', '.join(missing)}"
    table = re.findall(r"^\| (`[^|]*) \|", section("Settings of the cloud"), re.MULTILINE)
    documented = {name for row in table for name in re.findall(r"`([A-Z_]+)`", row)}
    assert documented - {*settings.KEYS, "OLD_VIGIE_KEY"} == set(), (
        "docs/reference.md names what is no setting"
    )


def help_of(*words):
    done = subprocess.run(
        [sys.executable, "-m", "cloud", *words, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_command_and_flag_of_the_cloud_is_in_the_reference():
    part = section("Commands of the cloud")
    words = {word for each in named(part) for word in each.split()}
    subcommands = cloud._parser()._subparsers._group_actions[0].choices
    for name, parser in subcommands.items():
        assert name in words, f"docs/reference.md lacks the command {name}"
        flags = {flag for action in parser._actions for flag in action.option_strings if flag[:2] == "--"}
        if name in ("train", "recording"):
            flags = set(re.findall(r"--[a-z-]+[a-z]", help_of(name)))
        missing = sorted(flags - {"--help"} - words)
        assert not missing, f"docs/reference.md lacks {', '.join(missing)} of python -m cloud {name}"


def test_every_target_of_make_is_in_the_reference():
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()
    lacking("target", [f"make {name}" for name in phony], section("Targets of make"))


def test_every_key_of_a_boards_configuration_is_in_the_reference():
    wanted = {*config.DEFAULTS, *config._WIFI, *config._BROKER, *schema.SENSORS, *schema.LIMITS}
    wanted |= {"kind", "file", "for_minutes", *schema.OFFSETS} | {
        key for options in schema.SENSORS.values() for key in options
    }
    lacking("key of a board's configuration", wanted, section("Configuration of a board"))


def test_every_metric_is_in_the_reference_and_the_other_way_round(environment, run):
    port = ports.free()
    known = {**environment, "HEALTH_PORT": str(port)}
    run(["python", "-m", "cloud", "run"], known).says("listening to the boards")

    def metrics():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as reply:
            return reply.read().decode()

    answer = wait_for(metrics, "the metrics")
    there = set(re.findall(r"^(vigie_\w+)", answer, re.MULTILINE))
    part = section("Metrics")
    lacking("metric", there, part)
    written = {name for name in named(part) if name.startswith("vigie_")}
    assert written <= there, f"docs/reference.md names {written - there}, which is no metric"


# Commands


@pytest.mark.parametrize("page", PAGES, ids=short)
def test_commands_that_a_page_shows_are_understood(page, monkeypatch):
    for words in commands(page):
        where = f"{short(page)}: {' '.join(words)}"
        while re.match(r"[A-Z_]+=", words[0]):
            words = words[1:]
        if words[0] == "make":
            done = subprocess.run(
                ["make", "-n", *words[1:]], cwd=ROOT, capture_output=True, text=True, timeout=60
            )
            assert done.returncode == 0, f"{where}: {done.stderr}"
        elif words[1:3] == ["-m", "cloud"]:
            understood(words[3:], where)
        elif words[1:3] == ["-m", "tools"]:
            assert words[3:4] == [] or words[3] in (*COMMANDS, "COMMAND", "--version"), where
        elif words[1:2] == ["-m"] and words[2].startswith("tools."):
            module = ROOT / words[2].replace(".", "/")
            assert module.with_suffix(".py").exists() or (module / "__main__.py").exists(), where
        elif words[0].endswith("streamlit") and len(words) > 2:
            assert (ROOT / words[2]).exists(), where
        elif words[:2] == ["docker", "compose"]:
            services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
            options = {"--rm", "-T", "-d", "--build", "-fu"}
            left = [word for word in words[3:] if word not in options]
            if words[2] in ("run", "exec", "restart", "logs"):
                assert left[0] in services, where
            if left[1:4] == ["python", "-m", "cloud"]:
                understood(left[4:], where)


def understood(words, where):
    """Whether the cloud's own parser takes them; nothing is run."""
    if not words or words[0] in ("COMMAND", "x"):
        return
    try:
        if words[0] == "train":
            if len(words) > 1:
                training._options(words[1:])
        elif words[0] == "learn":
            if len(words) > 1:
                learning._options(words[1:])
        elif words[0] == "recording":
            if len(words) > 1:
                recording._options(words[1:])
        elif len(words) > 1 or words[0] in ("run", "audit", "doctor", "ingest", "watch", "explain", "rekey"):
            cloud._parser().parse_args([*words, "C001"] if words == ["explain"] else words)
        else:
            assert (
                words[0] in ("--help", "--version")
                or words[0] in cloud._parser()._subparsers._group_actions[0].choices
            )
    except SystemExit as end:
        assert end.code in (0, None), f"{where}: not understood"


@pytest.mark.parametrize("page", [DEPLOY, DEPLOY_FR], ids=short)
def test_files_that_the_guide_copies_are_there(page):
    for block in blocks(page):
        for line in block:
            if line.startswith(("cp ", "pip install -r ", ".venv/bin/pip install -r ")):
                source = line.split()[1] if line.startswith("cp ") else line.split()[-1]
                assert (ROOT / source).exists(), line
    for file in re.findall(r"`((?:cloud|device|deploy|tools)/[\w./]+)`", text(page)):
        assert (ROOT / file).exists(), f"{short(page)} names {file}"


def test_the_french_guide_says_what_the_english_one_says():
    assert blocks(DEPLOY_FR) == blocks(DEPLOY)
    variables = set(re.findall(r"`([A-Z]+_[A-Z_]+)", text(DEPLOY)))
    assert variables <= set(re.findall(r"`([A-Z]+_[A-Z_]+)", text(DEPLOY_FR)))
    steps = [
        len(re.findall(rf"^{'#' * depth} ", text(page), re.MULTILINE))
        for page in (DEPLOY, DEPLOY_FR)
        for depth in (1, 2)
    ]
    assert steps[:2] == steps[2:]


def test_the_guide_agrees_with_the_plans_that_make_plan_counts_with():
    plans = tomllib.loads((ROOT / "cloud" / "plans" / "plans.toml").read_text())["plan"]
    for plan in plans:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", plan["date"]):
            assert plan["date"] in text(DEPLOY), (
                f"docs/deploy.md does not know {plan['name']} of {plan['date']}"
            )
        if plan["price"]:
            assert f"{plan['price']} $" in text(DEPLOY), f"docs/deploy.md: the price of {plan['name']}"
