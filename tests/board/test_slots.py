"""choice.py chooses the slot: what it makes of /app/active, of damage, and of starts that failed."""

import shutil

import pytest

from tests.board.watched import Watched
from tools.mpy import build

NAME = "0000000c"


@pytest.fixture
def flash(tmp_path):
    """A folder for `/`; choice.py as it is, but that it works there."""
    (tmp_path / "app").mkdir()
    for slot in "ab":
        (tmp_path / "app" / slot / "device").mkdir(parents=True)
        fill(tmp_path / "app" / slot, {"device/app.mpy": slot.encode(), "safe.mpy": b"safe"})
    return tmp_path


def fill(folder, files):
    for path, data in files.items():
        (folder / path).write_bytes(data)
    (folder / "sha256.txt").write_bytes(build.listed(files))


def choice_of(flash):
    choice = {}
    source = (build.ROOT / "device" / "chip" / "choice.py").read_text().replace("import machine\n", "")
    exec(source.replace('"/', f'"{flash}/'), choice)
    return choice


def says(flash, text=None):
    if text is not None:
        (flash / "app" / "active").write_text(text)
    return (flash / "app" / "active").read_text()


def test_boot_py_is_short_and_knows_no_slot():
    text = (build.ROOT / "boot.py").read_text()
    assert len(text.splitlines()) < 60 and "/app" not in text


@pytest.mark.parametrize(
    "text", ["a", "b", "", "c", "\xff", "b trial", "a trial x", "a back 0000000c why not"]
)
def test_whatever_the_file_active_says_a_slot_is_chosen(flash, text):
    says(flash, text)
    assert choice_of(flash)["choose"]() == (text[0] if text[:1] in ("a", "b") else "a")
    assert says(flash) == text


def test_without_the_file_active_the_first_slot_runs(flash):
    assert choice_of(flash)["choose"]() == "a"


def test_a_release_on_trial_has_three_starts_and_a_wake_from_sleep_is_none(flash):
    says(flash, f"b trial {NAME} 0")
    for start in (1, 2, 3):
        assert choice_of(flash)["choose"]() == "b"
        for _ in range(5):
            assert choice_of(flash)["choose"](woke=True) == "b"
        assert says(flash) == f"b trial {NAME} {start}"
    (flash / "last_error.txt").write_text("ValueError: a bad day")
    assert choice_of(flash)["choose"]() == "a"
    assert says(flash) == f"a back {NAME} 3 starts without an acknowledgement: ValueError: a bad day"
    assert choice_of(flash)["choose"]() == "a"


def test_a_trial_whose_count_cannot_be_read_is_taken_back(flash):
    says(flash, f"b trial {NAME} many")
    assert choice_of(flash)["choose"]() == "a" and "back" in says(flash)


def test_a_damaged_release_on_trial_goes_back_at_once(flash):
    says(flash, f"b trial {NAME} 1")
    (flash / "app/b/device/app.mpy").write_bytes(b"x")
    assert choice_of(flash)["sound"]("b") == ("a", [])
    assert says(flash).startswith(f"a back {NAME} damaged: ")


def test_a_damaged_slot_gives_way_to_the_other_one_if_that_is_sound(flash):
    says(flash, "a")
    bad = flash / "app/a/device/app.mpy"
    bad.write_bytes(b"x")
    assert choice_of(flash)["sound"]("a") == ("b", [str(bad)]), "and is told"
    (flash / "app/b/device/app.mpy").write_bytes(b"x")
    assert choice_of(flash)["sound"]("a") == ("a", [str(bad)]), "safe mode"
    bad.write_bytes(b"a")
    (flash / "app/b/device/app.mpy").write_bytes(b"b")
    (flash / "app/a/safe.mpy").write_bytes(b"x")
    assert choice_of(flash)["sound"]("a")[0] == "a", "it measures without safe mode"


def test_a_board_with_a_damaged_slot_and_a_sound_one_measures_and_tells_it(tmp_path):
    board = Watched(tmp_path)
    slots = board.flash("app")
    shutil.copytree(slots / "a", slots / "b")
    (slots / "a" / "device" / "app.mpy").write_bytes(b"worn")
    try:
        board.board.power_on()
        board.wait("damaged (make deploy mends this): /app/a/device/app.mpy")
        board.wait("readings kept")
        board.wait_until(lambda _: len(list(board.board.taken())) > 3, 40)
    finally:
        board.board.power_off()


def test_a_release_that_hangs_before_it_has_a_watchdog_is_reset_by_choice_py(tmp_path):
    """In 3 s instead of a minute, for the test."""
    board = Watched(tmp_path)
    choice = board.flash("choice.py")
    choice.write_text(choice.read_text().replace("timeout=60000", "timeout=3000"))
    slots = board.flash("app")
    (slots / "active").write_text(f"b trial {NAME} 0")
    (slots / "b" / "device").mkdir(parents=True)
    files = {name: (slots / "a" / name).read_bytes() for name in ("memory.mpy", "device/__init__.mpy")}
    files["device/app.py"] = b"while True:\n    pass\n"
    fill(slots / "b", files)
    try:
        board.board.power_on()
        board.wait("release taken back: 3 starts without an acknowledgement", 60)
        board.wait("readings kept")
    finally:
        board.board.power_off()
