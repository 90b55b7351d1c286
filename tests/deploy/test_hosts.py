"""What hosts read is true as far as shows without an account: well formed, its paths exist, it starts."""

import json
import re
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml

from cloud import settings
from tests import tree
from tests.cloud.conftest import wait_for
from tests.deploy.conftest import ROOT
from tests.needed import need
from tools.local import ports
from tools.repo import lock


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as reply:
            return reply.status
    except (urllib.error.URLError, OSError):
        return None


def lines(file):
    """A Dockerfile's instructions, each on one line."""
    text = (ROOT / file).read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


# requirements


@pytest.mark.parametrize("extra", lock.REQUIREMENTS)
def test_requirements_hold_exactly_the_pinned_versions(extra, monkeypatch):
    monkeypatch.chdir(ROOT)
    file = lock.REQUIREMENTS[extra][0]
    pins = lock.pinned(Path("constraints.txt").read_text())
    assert file.read_text() == lock.requirements(extra, pins), "make lock writes it anew"


IMPORTS = """
import importlib.metadata as metadata, pathlib, pkgutil, sys
lines = pathlib.Path(sys.argv[1]).read_text().splitlines()
allowed = {"vigie", *(line.partition("==")[0] for line in lines if "==" in line)}
normal = lambda name: name.lower().replace("_", "-").replace(".", "-")
owners = metadata.packages_distributions()
class Only:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if "." not in name and top in owners and not {normal(one) for one in owners[top]} & allowed:
            raise ModuleNotFoundError(f"{name} is in no requirements", name=name)
sys.meta_path.insert(0, Only())
import importlib
for name in sys.argv[2:]:
    package = importlib.import_module(name)
    for found in pkgutil.iter_modules(package.__path__, name + "."):
        if not found.name.endswith((".app", ".__main__")):
            importlib.import_module(found.name)
"""


@pytest.mark.parametrize(
    ("file", "packages"),
    [
        ("cloud/dashboard/requirements.txt", ["cloud.dashboard"]),
        ("requirements.txt", ["cloud", "cloud.alerts", "cloud.training", "cloud.doctor", "cloud.dashboard"]),
    ],
)
def test_the_code_imports_nothing_that_its_requirements_lack(file, packages):
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, file, *packages],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]


# Streamlit


def test_the_secrets_example_names_settings_and_holds_none():
    example = tomllib.loads((ROOT / ".streamlit" / "secrets.toml.example").read_text())
    plain = {name: value for name, value in example.items() if not isinstance(value, dict)}
    assert {
        "MONGODB_URI",
        "MONGODB_DATABASE",
        "LINK_KEY",
        "DASHBOARD_PASSWORD_HASH",
        "VIGIE_LANGUAGE",
    } <= set(plain)
    assert not plain["LINK_KEY"] and not plain["DASHBOARD_PASSWORD_HASH"]
    assert tree.is_ignored(".streamlit/secrets.toml") and tree.is_ignored(".env")


def test_streamlits_configuration_is_known_to_streamlit():
    from streamlit import config

    known = set(config.get_config_options(force_reparse=True))
    written = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    for section, values in written.items():
        for name, value in values.items():
            if isinstance(value, dict):
                assert all(f"{section}.{name}.{inner}" in known for inner in value)
            else:
                assert f"{section}.{name}" in known


# Procfile, Railway, Render


def test_the_procfiles_worker_starts_and_its_web_is_the_dashboard(environment, run):
    processes = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    worker = run(processes["worker"], environment)
    worker.says("listening to the boards")
    port = ports.free()
    web = run(["sh", "-c", processes["web"]], {**environment, "PORT": str(port)})
    wait_for(lambda: get(f"http://127.0.0.1:{port}/_stcore/health") == 200, "the dashboard", 60)
    assert worker.stop() == 0
    web.stop()


def test_railway_starts_the_backend_and_finds_it_healthy(environment, run):
    written = json.loads((ROOT / "railway.json").read_text())
    assert written["build"] == {"builder": "DOCKERFILE", "dockerfilePath": "Dockerfile"}
    assert (ROOT / written["build"]["dockerfilePath"]).is_file()
    deploy = written["deploy"]
    assert deploy["restartPolicyType"] == "ALWAYS"
    port = ports.free()
    backend = run(deploy["startCommand"], {**environment, "PORT": str(port)})
    wait_for(lambda: get(f"http://127.0.0.1:{port}{deploy['healthcheckPath']}") == 200, "health", 60)
    backend.says("listening to the boards")
    assert backend.stop() == 0


def test_render_asks_for_every_setting_that_has_no_default():
    (service,) = yaml.safe_load((ROOT / "render.yaml").read_text())["services"]
    assert service["type"] == "worker" and service["runtime"] == "docker"
    assert (ROOT / service["dockerfilePath"]).is_file()
    given = {variable["key"]: variable.get("value", "x") for variable in service["envVars"]}
    assert set(given) <= set(settings.KEYS)
    asked = {variable["key"] for variable in service["envVars"] if variable.get("sync") is False}
    assert asked >= {"MQTT_PASSWORD", "MONGODB_URI", "VIGIE_KEY", "SENDGRID_API_KEY"}
    whole = {"MONGODB_URI": "mongodb://x/", "VIGIE_KEY": "ab" * 32, "DASHBOARD_URL": "https://x.example"}
    settings.load({**given, **whole, "MAIL_FROM": "a@b.example", "MAIL_TO": "a@b.example"})


# Docker


@pytest.mark.parametrize("file", ["Dockerfile", "deploy/hivemq/Dockerfile"])
def test_an_image_copies_what_is_there_runs_as_nobody_special_and_is_watched(file):
    instructions = lines(file)
    for line in instructions:
        if line.startswith("COPY") and "--from" not in line:
            *sources, _ = line.split()[1:]
            for source in sources:
                assert (ROOT / source).exists(), line
    users = [line.split()[1] for line in instructions if line.startswith("USER")]
    assert users and users[-1] not in ("root", "0")
    assert instructions.index(f"USER {users[-1]}") > max(
        k for k, line in enumerate(instructions) if line.startswith("RUN") or (k and line.startswith("FROM"))
    )
    assert any(line.startswith("HEALTHCHECK") for line in instructions)


def test_the_context_holds_what_the_image_copies_and_no_secret():
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source
        for line in lines("Dockerfile")
        if line.startswith("COPY") and "--from" not in line
        for source in line.split()[1:-1]
    }
    assert copied == allowed
    assert (ROOT / ".dockerignore").read_text().splitlines()[0] == "*"
    assert not {".env", ".streamlit", "var"} & allowed


def test_the_images_command_starts_and_its_health_check_says_yes(environment, run):
    instructions = lines("Dockerfile")
    command = json.loads(next(line for line in instructions if line.startswith("CMD"))[3:])
    check = next(line for line in instructions if line.startswith("HEALTHCHECK"))
    check = json.loads(check[check.index("CMD") + 3 :])
    known = {**environment, "HEALTH_PORT": str(ports.free())}
    assert run(check, known).process.wait(30) != 0
    backend = run(command, known)
    backend.says("listening to the boards")
    assert run(check, known).process.wait(30) == 0
    assert backend.stop() == 0


# systemd


@pytest.mark.parametrize("name", ["vigie", "vigie-dashboard"])
def test_systemd_finds_nothing_wrong_with_the_units(name, tmp_path):
    need("systemd-analyze")
    text = (ROOT / "deploy" / "systemd" / f"{name}.service").read_text()
    here = re.sub(r"/opt/vigie/\.venv/bin/\w+", sys.executable, text).replace("/opt/vigie", str(ROOT))
    unit = tmp_path / f"{name}.service"
    unit.write_text(here)
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60)
    complaints = [line for line in done.stderr.splitlines() if name in line and "EnvironmentFile" not in line]
    assert done.returncode == 0 and not complaints, done.stderr


def test_the_units_command_is_the_backend(environment, run):
    text = (ROOT / "deploy" / "systemd" / "vigie.service").read_text()
    command = re.search(r"^ExecStart=/opt/vigie/\.venv/bin/(.*)$", text, re.MULTILINE)[1]
    backend = run(command, environment)
    backend.says("listening to the boards")
    assert backend.stop() == 0
