"""A command that is used wrongly says in a line or two what is wrong and what would be right."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from device import VERSION
from tools.__main__ import COMMANDS, main
from tools.repo import clean

ROOT = Path(__file__).parents[3]
OURS = (
    "BUNDLE",
    "DEVICE",
    "FILE",
    "FIRMWARE",
    "MONGODB_URI",
    "PORT",
    "SENSOR",
    "SITE",
    "VIGIE_KEY",
    "WIFI_SSID",
)


def use(folder, *words, **more):
    """Exit code and all that `python -m tools …` prints, with nobody at the keyboard."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    done = subprocess.run(
        [sys.executable, "-m", "tools", *words],
        cwd=folder, env={**kept, "PYTHONPATH": str(ROOT), **more},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
    )  # fmt: skip
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    "words, more, cure",
    [
        ("model", {}, "which model? make model DEVICE=C001 BUNDLE=file"),
        ("model none.bin", {}, "there is no none.bin: `make train"),
        ("model none.bin --device", {}, "requires an argument. (python -m tools model --help)"),
        ("deploy --nosuch", {}, "No such option: --nosuch"),
        ("logs", {"PORT": "socket://127.0.0.1"}, "lacks its host or port: socket://HOST:PORT"),
        ("logs too many", {}, "(too many) (python -m tools logs --help)"),
        ("provision", {}, "which board? make provision DEVICE=C001"),
        ("provision C001", {"VIGIE_KEY": "11" * 32}, "make provision DEVICE=C001 FILE=C001.toml gives them"),
        ("demo", {"SENSOR": "replay:none.csv"}, "there is no file none.csv"),
        ("roles", {}, "MONGODB_URI is not set; as an administrator"),
        ("compose show home/C001", {"HOUSE": "nowhere"}, "docker compose run --rm -T files"),
    ],
)
def test_a_wrong_use_ends_with_its_cure(tmp_path, words, more, cure):
    code, text = use(tmp_path, *words.split(), **more)
    assert code in (1, 2) and cure in text and "Traceback" not in text, text


def test_each_command_says_how_it_is_called_in_one_way(capsys):
    for name in COMMANDS:
        for word in ("-h", "--help"):
            try:
                code = main([name, word])
            except SystemExit as ended:  # argparse
                code = ended.code or 0
            streams = capsys.readouterr()
            assert code == 0 and not streams.err and name in streams.out, (name, word, streams)


@pytest.mark.parametrize(
    "words, code, out, err",
    [
        ([], 2, "", "usage: "),
        (["-h"], 0, "usage: ", ""),
        (["--version"], 0, f"vigie {VERSION}", ""),
        (["dmeo"], 2, "", "dmeo is no command"),
        (["plan", "10"], 2, "", "DEVICES=10"),
    ],
)
def test_help_goes_to_the_output_with_0_and_a_wrong_use_to_the_errors_with_2(capsys, words, code, out, err):
    assert main(words) == code
    streams = capsys.readouterr()
    assert streams.out.startswith(out) and bool(streams.out) == bool(out)
    assert err in streams.err and bool(streams.err) == bool(err)


def test_clean_deletes_what_was_made_but_not_under_a_running_demo(tmp_path):
    folder = tmp_path / "var" / "demo"
    folder.mkdir(parents=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert clean.main(tmp_path) == 1 and folder.exists()
    assert clean.main(tmp_path) == 0 and not folder.exists()
