"""The board's pure code on MicroPython with a chip's words: small ints of 31 bits, and old versions.

npm carries MicroPython for WebAssembly; package-lock.json pins it with the hash of each version. It has no
sockets, no viper, no littlefs, floats of 64 bits, and collects no garbage while Python runs.
"""

import fcntl
import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from tests.needed import need

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DEVICE = ROOT / "tests" / "device"
PINS = ("package.json", "package-lock.json")
VERSIONS = [
    name.removeprefix("micropython-") for name in json.loads((HERE / PINS[0]).read_text())["dependencies"]
]

# What cannot run there, or proves nothing there that it does not prove on the unix port.
SOCKETS = {"test_dns", "test_ntp", "test_dates"}
LITTLEFS = {"test_power", "test_update_power", "test_blocks_of_littlefs_that_cannot_be_read_never_stop_it"}
VIPER = {"test_micropython_walks_natively_and_cpython_does_not"}
GARBAGE = {"test_a_full_outbox_takes_little_memory", "test_memory_is_flat_over_a_day"}
FOLDERS = {
    "test_folders_and_strays_where_files_are_expected_stop_nothing"
}  # no folder with a removed file's name
HOURS = {"test_node", "test_sleep"}  # the loop over days; its parts run here
LEFT_OUT = SOCKETS | LITTLEFS | VIPER | GARBAGE | FOLDERS | HOURS
# Seconds each; of what they prove `make test` has a shorter form beside them.
SLOW = {
    "test_verdicts_with_sleep_equal_those_without",
    "test_what_is_forged_older_expired_mixed_truncated_or_for_another_chip_is_refused_and_nothing_changes",
    "test_files_that_are_damaged_at_random_never_stop_it_and_no_loss_is_silent",
    "test_two_files_that_claim_the_same_seqs_cost_neither_a_reading_nor_a_seq",
    "test_more_poison_than_fits_is_given_up_and_reported",
    "test_poison_is_found_by_halves_then_goes_once_an_hour_and_blocks_nobody",
    "test_a_cloud_that_is_away_for_hours_makes_no_small_messages_and_keeps_live_ones_going",
}


@pytest.fixture(scope="session")
def interpreters() -> Path:
    """The folder node_modules with each version, fetched once."""
    need("npm")
    pins = [(HERE / name).read_bytes() for name in PINS]
    folder = ROOT / "var" / "micropython" / hashlib.sha256(b"".join(pins)).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            for name, data in zip(PINS, pins, strict=True):
                (folder / name).write_bytes(data)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run(command, cwd=folder, check=True, timeout=120)
            (folder / "complete").touch()
    return folder / "node_modules"


def test_device_code_holds_on_32_bits_with_the_oldest_micropython(interpreters: Path) -> None:
    run(VERSIONS[0], interpreters, LEFT_OUT | SLOW)


@pytest.mark.long
@pytest.mark.parametrize("version", VERSIONS)
def test_device_code_holds_on_32_bits_with_micropython(version: str, interpreters: Path) -> None:
    run(version, interpreters, LEFT_OUT)


def run(version: str, interpreters: Path, but: set[str]) -> None:
    files = [path for path in DEVICE.rglob("test_*.py") if path.stem not in LEFT_OUT]
    modules = sorted(path.relative_to(DEVICE).with_suffix("").as_posix() for path in files)
    package = interpreters / f"micropython-{version}"
    program = ["node", HERE / "run.mjs", package, ROOT, json.dumps(modules), json.dumps(sorted(but))]
    result = subprocess.run(program, capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_test_that_is_left_out_exists() -> None:
    text = "".join(path.stem + path.read_text() for path in DEVICE.rglob("test_*.py"))
    assert [name for name in LEFT_OUT | SLOW if name not in text] == []
