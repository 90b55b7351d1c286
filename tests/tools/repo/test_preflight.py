"""What a machine lacks is told before anything is downloaded, a line each with its cure; no half is left."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.local.database.mongod import check_mongod, curl_libraries, find_mongod
from tools.process.child import ToolFailed
from tools.repo import preflight

ROOT = Path(__file__).parents[3]
BARE = {"PATH": os.environ["PATH"]}


@pytest.fixture
def machine(monkeypatch):
    """Another machine than this one: machine(system=…, machine=…, release={…}, has=(…))."""

    def other(system="Linux", machine="x86_64", release=None, micropython=None):
        monkeypatch.setattr("platform.system", lambda: system)
        monkeypatch.setattr("platform.machine", lambda: machine)
        monkeypatch.setattr("platform.freedesktop_os_release", lambda: release or {"ID": "debian"})
        monkeypatch.setattr("shutil.which", lambda name: micropython)

    return other


def test_this_machine_can_run_vigie(tmp_path):
    assert list(preflight.troubles(tmp_path / ".venv")) == []


@pytest.mark.parametrize(
    "system, architecture, release, cure",
    [
        ("Linux", "aarch64", {"ID": "debian", "VERSION_ID": "13"}, "sudo apt install micropython"),
        ("Linux", "aarch64", {"ID": "debian", "VERSION_ID": "12"}, "Debian 12 has none"),
        ("Linux", "aarch64", {"ID": "ubuntu", "ID_LIKE": "debian"}, "sudo apt install micropython"),
        ("Linux", "aarch64", {"ID": "fedora"}, "on PATH"),
        ("Darwin", "x86_64", {}, "brew install micropython"),
        ("Windows", "AMD64", {}, "WSL"),
    ],
)
def test_a_machine_for_which_pypi_has_no_interpreter_is_told_its_way(
    machine, tmp_path, system, architecture, release, cure
):
    machine(system, architecture, release)
    (line,) = preflight.troubles(tmp_path / ".venv")
    assert cure in line


def test_an_interpreter_of_ones_own_is_enough(machine, tmp_path):
    machine(machine="aarch64", micropython="/usr/bin/micropython")
    assert list(preflight.troubles(tmp_path / ".venv")) == []


def test_without_debians_python3_venv_the_cure_is_told_and_nothing_is_left(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: {"ID": "debian", "VERSION_ID": "12"})
    place = tmp_path / ".venv"
    assert preflight.main([str(place)]) == 1
    assert "sudo apt install python3-venv" in capsys.readouterr().err and not place.exists()


def test_too_little_room_is_told_before_a_download(monkeypatch, tmp_path):
    usage = shutil.disk_usage(tmp_path)._replace(free=500_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda place: usage)
    (line,) = preflight.troubles(tmp_path / ".venv")
    assert line == f"500 MB are free in {tmp_path}: 1600 MB are needed"


def test_an_environment_that_cannot_be_made_leaves_nothing(tmp_path, monkeypatch):
    def half(place, **options):
        (place / "bin").mkdir(parents=True)
        raise KeyboardInterrupt

    monkeypatch.setattr("venv.create", half)
    assert preflight.main([str(tmp_path / ".venv")]) == 130
    assert list(tmp_path.iterdir()) == []


def test_a_half_made_environment_of_an_earlier_call_is_made_anew(tmp_path):
    """As an older Vigie left it on a Debian without python3-venv: a Python, and no pip."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    python = tmp_path / ".venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True)
    done = subprocess.run(
        ["make", "-s", f"PYTHON={sys.executable}", ".venv/pip"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has a libcurl")
def test_the_wheels_mongod_runs_with_the_libcurl_of_a_wheel():
    """As on a bare Debian, where the system has none."""
    place, needed = curl_libraries()
    environment = {**BARE, "LD_LIBRARY_PATH": f"{place}:{needed}", "LD_BIND_NOW": "1"}
    done = subprocess.run([find_mongod(), "--version"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "db version" in done.stdout
    listed = subprocess.run(["ldd", find_mongod()], env=environment, capture_output=True, text=True).stdout
    assert f"libcurl.so.4 => {place}/libcurl.so.4" in listed


@pytest.mark.parametrize(
    "script, message",
    [
        (
            "echo 'mongod: error while loading shared libraries: libssl.so.3: cannot open' >&2; exit 127",
            "libssl3",
        ),
        ("kill -ILL $$", "a processor with AVX"),
        ("exit 0", None),
    ],
)
def test_a_mongod_that_cannot_run_is_told_with_its_cure(tmp_path, monkeypatch, script, message):
    mongod = tmp_path / "mongod"
    mongod.write_text(f"#!/bin/sh\n{script}\n")
    mongod.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    if message is None:
        check_mongod()
        return
    with pytest.raises(ToolFailed, match=message):
        check_mongod()


def test_without_any_libcurl_its_package_is_named(monkeypatch):
    monkeypatch.setattr("importlib.metadata.files", lambda name: [])
    with pytest.raises(ToolFailed, match="sudo apt install libcurl4"):
        curl_libraries()
