"""One artefact: what `make deploy` puts on a chip is what every virtual board runs."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.board.watched import Watched
from tools.board import deploy
from tools.mpy import build
from tools.virtual_board.virtual_board import architecture, find_micropython

TOLD = {"/config.json", "/ca.der", "/date.txt"}  # what a board is told


def tree(flash):
    return {
        f"/{path.relative_to(flash).as_posix()}": path.read_bytes()
        for path in flash.rglob("*")
        if path.is_file()
    }


def test_a_chip_a_virtual_board_and_make_deploy_have_the_same_files(tmp_path, wire, serial_board):
    virtual = tree(Watched(tmp_path).board.flash)
    for chip in ("xtensawin", "rv32imc"):
        assert set(build.files(chip)) == set(virtual) - TOLD
    for path, source in build.PLAIN.items():
        assert virtual[path] == (build.ROOT / source).read_bytes()
    deploy.deploy(wire)
    assert tree(serial_board.flash) == {path: data for path, data in virtual.items() if path not in TOLD}


def test_no_source_of_device_lies_on_a_board():
    assert {path for path in build.files("x64") if path.endswith(".py")} == set(build.PLAIN)


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A small tree, and a folder for what is built of it."""
    monkeypatch.setattr(build, "CACHE", tmp_path / "cache")
    (tmp_path / "device" / "chip").mkdir(parents=True)
    for name in ("boot.py", "main.py", "device/chip/choice.py", "device/__init__.py"):
        (tmp_path / name).write_text("")
    (tmp_path / "device/app.py").write_text("def main():\n    return 1\n")
    (tmp_path / "device/safe.py").write_text("def run(why):\n    return 0\n")
    (tmp_path / "device/memory.py").write_text("def share():\n    return 0\n")
    return tmp_path


def test_the_artefact_is_built_once_for_the_same_sources_and_anew_for_others(fresh, monkeypatch):
    first = build.application("x64", fresh)
    with monkeypatch.context() as without:
        without.setattr(build, "_built", None)
        assert build.application("x64", fresh) == first
    (fresh / "device/app.py").write_text("def main():\n    return 2\n")
    assert build.application("x64", fresh)["device/app.mpy"] != first["device/app.mpy"]
    (fresh / "main.py").write_text("print()\n")
    assert build.files("x64", fresh)["/main.py"] == b"print()\n"


def test_many_that_build_it_at_once_all_get_the_whole_of_it(fresh):
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda _: build.application("x64", fresh), range(12)))
    assert all(result == results[0] for result in results) and len(results[0]) == 5
    assert len(list((fresh / "cache").iterdir())) == 1


def test_what_was_kept_and_is_damaged_is_built_anew(fresh):
    first = build.application("x64", fresh)
    (kept,) = (fresh / "cache").iterdir()
    kept.write_bytes(kept.read_bytes()[:-30])
    assert build.application("x64", fresh) == first


def test_a_board_runs_where_the_artefact_cannot_be_kept(fresh):
    (fresh / "cache").write_text("a file where the folder would be")
    assert build.files("x64", fresh)


def test_a_firmware_that_takes_no_machine_code_gets_all_but_that_in_bytecode():
    built, native = build.application(""), build.application("x64")
    assert set(native) - set(built) == {"device/walk_viper.mpy"}, "walk_plain.mpy does the same"
    assert not [path for path, data in built.items() if path.endswith(".mpy") and data[2] >> 2]
    assert [path for path, data in native.items() if path.endswith(".mpy") and data[2] >> 2]


def test_machine_code_is_made_only_for_a_firmware_that_takes_it():
    assert build.arch_of(6 | 3 << 8 | 10 << 10) == "xtensawin"
    assert build.arch_of(6 | 2 << 8 | 10 << 10) == "", (
        "older than 1.23: bytecode runs, machine code would not"
    )
    assert architecture(find_micropython()) in build.ARCHES
