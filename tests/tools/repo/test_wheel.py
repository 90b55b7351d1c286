"""What `pip install vigie` would install: one package with every file, and the command `vigie`."""

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import zipfile

import pytest

from device import VERSION
from tests.tree import ROOT, files
from tools.mpy import build

FOLDERS = ("cloud", "device", "tools")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT]
    subprocess.run(command, check=True, timeout=300)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The `bin` of an environment with the wheel; what Vigie depends on is lent to it."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel]
    subprocess.run(pip, check=True, timeout=120)
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "lent.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin"


def run(*words, cwd):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


def test_it_holds_every_file_under_one_name(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    ours = [path.relative_to(ROOT) for path in files()]
    wanted = {f"vigie/{path}" for path in ours if path.parts[0] in (*FOLDERS, "boot.py", "main.py")}
    assert names == wanted | {"vigie/__init__.py"}


def test_its_command_reaches_the_cloud_a_board_and_the_demo(installed, tmp_path):
    for words, code, out in (
        (["--version"], 0, f"vigie {VERSION}\n"),
        (["cloud", "--version"], 0, f"vigie {VERSION}\n"),
        (["cloud", "doctor", "--help"], 0, "usage: vigie cloud doctor"),
        (["board", "--help"], 0, "usage: vigie board"),
        (["board", "deploy", "-h"], 0, "Usage: vigie board deploy"),
        (["demo", "--help"], 0, "`make demo`"),
        (["--help"], 0, "`vigie`: one command"),
        ([], 2, ""),
        (["board", "demo"], 2, ""),
    ):
        done = run(installed / "vigie", *words, cwd=tmp_path)
        assert (done.returncode, done.stdout.startswith(out)) == (code, True), (words, done)


def test_what_it_puts_on_a_board_is_what_the_repository_does(installed, tmp_path):
    script = (
        "import vigie, sys, hashlib, json; sys.path.insert(0, vigie.HOUSE); from tools.mpy import build; "
        "print(json.dumps({n: hashlib.sha256(d).hexdigest() for n, d in build.files('xtensawin').items()}))"
    )
    done = run(installed / "python", "-c", script, cwd=tmp_path)
    ours = {name: hashlib.sha256(data).hexdigest() for name, data in build.files("xtensawin").items()}
    assert json.loads(done.stdout or "{}") == ours, done.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "var"]
