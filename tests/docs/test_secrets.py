"""Secrets stay where they are put: some are planted in every setting and looked for in all that is said."""

import gzip
import re

import pytest

from cloud import doctor, settings
from tests import tree
from tests.cloud.conftest import MASTER, wait_for
from tests.deploy.conftest import ROOT
from tools.local import ports

SECRET = re.compile("PASSWORD|_KEY|_URI|HEARTBEAT")
WORD = "planted"  # in each of them


@pytest.fixture
def planted(environment):
    """Wrong values for everything secret, each with the word in it; what is no secret stays right."""
    values = {
        "MQTT_PASSWORD": f"{WORD}-mqtt",
        "MONGODB_URI": f"mongodb://me:{WORD}-db@127.0.0.1:{ports.free()}/?serverSelectionTimeoutMS=500",
        "SENDGRID_API_KEY": f"SG.{WORD}",
        "SMTP_PASSWORD": f"{WORD}-smtp",
        "HEARTBEAT_URL": f"http://127.0.0.1:{ports.free()}/{WORD}",
        "VIGIE_KEY": "c0ffee" * 10 + "abcd",
        "LINK_KEY": "decade" * 10 + "abcd",
        "DASHBOARD_PASSWORD_HASH": f"scrypt:15:8:1:{WORD}-hash",
    }
    wanted = {key for key in settings.KEYS if SECRET.search(key)}
    assert set(values) == wanted, "a new secret must be planted here"
    return {**environment, **values}


def clean(text):
    for word in (WORD, "c0ffee", "decade"):
        assert word not in text, text
    return True


def test_a_backend_that_cannot_work_prints_no_secret(planted, run):
    lost = run(["python", "-m", "cloud", "run"], planted)
    lost.says("cannot be reached")
    assert lost.stop() == 0 and clean(lost.file.read_text())
    as_json = run(["python", "-m", "cloud", "run"], {**planted, "LOG_FORMAT": "json"})
    as_json.says("cannot be reached")
    assert as_json.stop() == 0 and clean(as_json.file.read_text())


def test_a_backend_without_its_broker_and_mail_prints_no_secret(planted, environment, run):
    reached = run(["python", "-m", "cloud", "run"], {**planted, "MONGODB_URI": environment["MONGODB_URI"]})
    reached.says("check MQTT_USER and MQTT_PASSWORD")
    assert reached.stop() == 0 and clean(reached.file.read_text())


@pytest.mark.parametrize(
    "command", ["doctor", "audit", "export", "explain C001", "alert test", "backup /dev/null/x"]
)
def test_commands_that_fail_print_no_secret(planted, run, command):
    done = run(["python", "-m", "cloud", *command.split()], {**planted, "MAIL_VIA": "sendgrid"})
    assert done.process.wait(120) in (1, 2)
    text = done.file.read_text()
    assert text and "Traceback" not in text and clean(text)


def test_wrong_settings_are_told_without_their_values(planted, run):
    for key in ("VIGIE_KEY", "LINK_KEY", "MONGODB_URI", "HEARTBEAT_URL"):
        command = ["alert", "key"] if key == "LINK_KEY" else ["run"]
        done = run(["python", "-m", "cloud", *command], {**planted, key: f"{WORD} is no {key}"})
        assert done.process.wait(60) == 2
        text = done.file.read_text()
        assert key in text and clean(text)


def test_printed_settings_show_no_secret(planted):
    assert clean(repr(settings.load(planted)))


def test_no_part_of_the_doctor_prints_a_secret(planted):
    clean("\n".join(finding.text for finding in doctor.examine(planted, None)))


def test_a_backup_holds_no_secret(environment, run, tmp_path):
    backend = run(["python", "-m", "cloud", "run"], environment)
    backend.says("listening to the boards")
    file = tmp_path / "b"
    saved = run(["python", "-m", "cloud", "backup", str(file)], environment)
    assert saved.process.wait(60) == 0
    assert backend.stop() == 0
    inside = wait_for(lambda: gzip.decompress(file.read_bytes()[4:-32]), "the backup")
    for key in ("MQTT_PASSWORD", "SENDGRID_API_KEY"):
        assert environment[key].encode() not in inside
    assert MASTER not in inside and MASTER.hex().encode() not in inside


def test_the_repository_holds_no_secret():
    suspect = []
    for line in suspects():
        uri = re.search(r"mongodb(?:\+srv)?://[^:/\s]+:([^@\s]+)@", line)
        if uri is None or not re.fullmatch(HARMLESS, uri[1]):
            suspect.append(line[:160])
    assert suspect == []


def suspects():
    """The lines that look like a secret, each with its file."""
    for path in tree.files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        for line in text.splitlines():
            if re.search(PATTERNS, line):
                yield f"{path.relative_to(ROOT)}:{line}"


PATTERNS = (
    r"mongodb(\+srv)?://[^:/ ]+:[^@ ]+@"
    r"|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.{10}"
    r"|(VIGIE_KEY|LINK_KEY)=[0-9a-fA-F]{64}"
)
# What documents and tests write in a password's place.
HARMLESS = r"password|PASSWORD|…|root|x|secret-\w+|planted.*|\{.*|\[.*|quote.*|.*\{.*"
