"""A release over the air on a virtual board: it lands and is kept, or the one before comes back, and why."""

import shutil
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.board.test_over_the_air import air, watched
from tests.board.watched import Watched
from tools.board import release
from tools.mpy import build
from tools.virtual_board.virtual_board import architecture, find_micropython

__all__ = ["air", "watched"]
ARCH = architecture(find_micropython())


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(65537, 3072)


@pytest.fixture
def sign(key, air, watched, tmp_path):
    """Sign this tree with `changes` ({file: (old, new)}) as release `number`, and mean it for the board."""
    watched.flash("release.key").write_bytes(key.public_key().public_numbers().n.to_bytes(384, "big"))

    def make(number, changes, mean=True, **facts):
        tree = tmp_path / f"tree{number}"
        shutil.copytree(build.ROOT / "device", tree / "device", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("boot.py", "main.py"):
            shutil.copyfile(build.ROOT / name, tree / name)
        for path, (old, new) in {"device/__init__.py": ("0.1.0", f"0.2.{number}"), **changes}.items():
            text = (tree / path).read_text()
            assert old in text
            (tree / path).write_text(text.replace(old, new))
        head = {"number": number, "version": f"0.2.{number}", "expires": int(time.time()) + 3600}
        head |= {"mpy": build.mpy_of(ARCH), "firmware": [1, 23, 0], **facts}
        whole = release.signed(key, build.application(ARCH, tree), head)
        air.wholes["app", f"{number:08x}"] = whole
        if mean:
            air.want = {"n": number, "app": number}
        return whole

    return make


def became(number):
    """Whether a `state` says what became of the release."""
    name = f"{number:08x}"
    return lambda state: [each.text for each in state.updates if (each.what, each.id) == ("app", name)]


def test_a_release_lands_and_is_kept_once_a_reading_was_acknowledged(air, watched, sign):
    whole = sign(12, {})
    watched.board.power_on()
    began = time.monotonic()
    state = air.wait(became(12), 150)
    took = time.monotonic() - began
    assert became(12)(state) == [""] and state.version == "0.2.12" and state.app == 12
    assert state.reset == "release 12" and state.boot == 2
    assert watched.flash("app/active").read_text() == "b"
    fetched = len(air.gets)
    assert fetched < len(whole) / 1024, "what is the same in both is not fetched"
    print(f"{len(whole)} bytes, {fetched} parts, {took:.0f} s from power on until it was kept")
    watched.wait_until(lambda _: len(list(watched.board.taken())) > 10, 40)


def test_a_release_that_crashes_is_taken_back_and_the_last_line_of_its_traceback_is_told(air, watched, sign):
    sign(12, {"device/app.py": ('node = borrow("start").start()', 'raise ValueError("a bad day")')})
    watched.board.power_on()
    state = air.wait(became(12), 200)
    (why,) = became(12)(state)
    assert "3 starts without an acknowledgement: ValueError: a bad day" in why
    assert state.version == "0.1.0" and state.app == 0
    assert watched.flash("app/active").read_text() == "a"
    before = len(list(watched.board.taken()))
    watched.wait_until(lambda _: len(list(watched.board.taken())) > before + 5, 40)


def test_a_release_that_only_restarts_is_taken_back_too(air, watched, sign):
    sign(12, {"device/start.py": ("def start():\n", "def start():\n    sys.exit()\n\n\ndef _start():\n")})
    watched.board.power_on()
    state = air.wait(became(12), 200)
    assert became(12)(state) == ["3 starts without an acknowledgement: no error"]
    assert state.version == "0.1.0"


def test_a_release_whose_readings_nobody_acknowledges_is_taken_back_and_says_so(air, watched, sign):
    """Half an hour would be long for a test: this release waits for 15 s."""
    changes = {
        "device/update/trial.py": ("_MOST_S = const(1800)", "_MOST_S = const(15)"),
        "device/send/ack.py": ("def read_ack(", "def read_ack(*_):\n    raise ValueError('deaf')\n\n\ndef _(")
    }  # fmt: skip
    sign(12, changes)
    watched.board.power_on()
    state = air.wait(became(12), 250)
    assert "no reading was acknowledged in" in became(12)(state)[0] and state.version == "0.1.0"
    assert state.reset == "release 12 taken back"


@pytest.mark.long  # two trials, each a minute and a half
def test_a_good_release_that_was_taken_back_while_the_cloud_was_silent_is_kept_when_it_is_asked_for_again(
    air, watched, sign, cloud
):
    """It waits for 15 s instead of half an hour."""
    sign(12, {"device/update/trial.py": ("_MOST_S = const(1800)", "_MOST_S = const(15)")})
    watched.board.power_on()
    watched.wait("boot hard", 150)
    cloud.silent.set()
    state = air.wait(became(12), 250)
    (given_up,) = state.updates
    assert given_up.text.endswith("though the broker was there") and given_up.again and given_up.n == 12
    assert state.version == "0.1.0" and state.app == 0
    cloud.silent.clear()
    fetched = len(air.gets)
    air.want = {"n": 13, "app": 12}
    air.tell(state.stream)
    state = air.wait(lambda state: became(12)(state) == [""], 200)
    assert state.version == "0.2.12" and state.app == 12
    assert len(air.gets) - fetched < 10, "its files are in the slot still"


def test_what_another_key_has_signed_is_refused_and_the_board_goes_on(air, watched, sign):
    sign(12, {})
    other = rsa.generate_private_key(65537, 3072).public_key().public_numbers().n
    watched.flash("release.key").write_bytes(other.to_bytes(384, "big"))
    watched.board.power_on()
    state = air.wait(became(12), 60)
    assert became(12)(state) == ["it is not signed with the owner's key"]
    assert state.boot == 1 and state.app == 0 and not watched.flash("app/b").exists()


def test_a_release_whose_files_were_damaged_on_flash_is_not_imported(air, watched, sign):
    """Between the last part and the start, as by a bad block."""
    sign(12, {})
    watched.board.power_on()
    watched.wait("boot hard", 150)
    watched.flash("app/b/device/app.mpy").write_bytes(b"not what was signed")
    state = air.wait(became(12), 60)
    assert became(12)(state) == ["damaged: /app/b/device/app.mpy"] and state.version == "0.1.0"
    assert not any("Traceback" in line for line in watched.lines)


@pytest.fixture
def sleeper(cloud, tmp_path):
    """A board that sleeps between samples, where `watched` is asked for."""
    (tmp_path / "board").mkdir()
    config = {**cloud.config(), "period_ms": 5000, "sleep": True, "limits": None}
    made = Watched(tmp_path / "board", config, cloud.ca_der)
    yield made
    made.board.power_off()
    print("\n".join(line for line in made.lines if "pin" not in line))


class TestOfASleeper:
    @pytest.fixture
    def watched(self, sleeper):
        return sleeper

    def test_it_fetches_a_release_awake_and_keeps_it_before_it_sleeps(self, air, watched, sign):
        sign(12, {})
        watched.board.power_on()
        watched.wait("boot hard", 150)
        state = air.wait(became(12), 150)
        assert became(12)(state) == [""] and state.version == "0.2.12" and state.boot == 2
        lines = watched.lines
        restart = next(at for at, line in enumerate(lines) if line.startswith("boot hard"))
        kept = next(at for at, line in enumerate(lines) if "release 12 kept" in line)
        assert not [line for line in lines[restart:kept] if line.startswith("sleep ")]
        watched.wait_until(lambda lines: [each for each in lines[kept:] if each == "boot deep sleep"][1:], 60)
        assert watched.flash("app/active").read_text() == "b"

    @pytest.mark.long  # minutes of sleep
    def test_a_release_is_not_taken_back_for_sleeping_while_nobody_acknowledges(
        self, air, watched, sign, cloud
    ):
        """More wakes than a release has starts. This one waits for 8 s online instead of 45."""
        sign(12, {"device/sleep/sleeper.py": ("_ONLINE_MS = const(45000)", "_ONLINE_MS = const(8000)")})
        watched.board.power_on()
        watched.wait("boot hard", 150)
        cloud.silent.set()
        before = len(watched.lines)
        watched.wait_until(lambda lines: [e for e in lines[before:] if e == "boot deep sleep"][4:], 150)
        assert watched.flash("app/active").read_text().startswith("b trial 0000000c 1")
        cloud.silent.clear()
        state = air.wait(became(12), 150)
        assert became(12)(state) == [""] and state.version == "0.2.12" and state.boot == 2
