"""A virtual board that sleeps between samples: what its chip and its console say."""

import numpy as np
import pytest

from cloud.training import bundle, params
from cloud.training.forest.assemble import IsolationForestAssembler
from cloud.training.forest.interpret_packed import PackedInterpreter
from tests.board.watched import Watched


@pytest.fixture
def config(cloud):
    return {**cloud.config(), "period_ms": 5000, "sleep": True, "limits": None}


@pytest.fixture
def sleeper(cloud, config, tmp_path):
    (tmp_path / "board").mkdir()
    watched = Watched(tmp_path / "board", config, cloud.ca_der)
    yield watched
    watched.board.power_off()


def nth(text, count):
    """The position of the `count`-th line with `text`, once it is there."""

    def find(lines):
        places = [i for i, line in enumerate(lines) if line.startswith(text)]
        return places[count - 1] if len(places) >= count else None

    return find


def test_it_wakes_without_a_window_and_without_the_radio_and_a_crash_leads_back_to_measuring(sleeper):
    sleeper.board.power_on()
    first = sleeper.wait_until(nth("sleep ", 1), 60)
    assert any("first readings acknowledged" in line for line in sleeper.lines[:first])
    third = sleeper.wait_until(nth("sleep ", 3), 60)
    awake = sleeper.lines[first + 1 : third]
    assert "boot deep sleep" in awake
    assert not any("starts in 2 s" in line or "link" in line or "boot 2" in line for line in awake)
    assert not sleeper.flash("boot/starts").exists() or sleeper.flash("boot/starts").read_text() == "1"
    segments = list(sleeper.flash("outbox").glob("*.seg"))
    assert len(segments) == 1, "a wake goes on in the segment of before"

    (sleeper.flash("app/a/device") / "snapshot.mpy").write_bytes(b"M\0\0\0")
    sleeper.wait("Restart in 2 s", 30)
    assert sleeper.flash("last_error.txt").read_text().startswith("ValueError")
    sleeper.wait("boot hard", 20)
    sleeper.wait("starts in 2 s", 20, since=third)


def test_the_boot_button_held_while_it_wakes_leads_to_the_repl(sleeper):
    held = sleeper.board.folder / "firmware" / "machine.py"
    sleeper.board.power_on()
    sleeper.wait_until(nth("sleep ", 1), 60)
    text = held.read_text()
    held.write_text(text.replace("self._value = 1 if pull == self.PULL_UP else 0", "self._value = 0"))
    sleeper.wait("REPL: Vigie does not run", 30)
    sleeper.wait("ended", 10)


def test_ctrl_c_while_it_is_awake_leads_to_the_prompt(sleeper):
    sleeper.board.power_on()
    sleeper.wait("0 readings kept", 30)
    sleeper.board.interrupt()
    sleeper.wait("Ctrl-D starts again", 20)


def test_a_board_with_the_largest_forest_sleeps_and_wakes_with_it(sleeper, config):
    sleeper.board.put_model(large_bundle(bytes.fromhex(config["key"])))
    sleeper.board.power_on()
    sleeper.wait_until(nth("sleep ", 1), 60)
    sleeper.flash("app/a/device/console.mpy").write_bytes(
        b"damaged"
    )  # a wake does not spend its time on every file
    third = sleeper.wait_until(nth("sleep ", 3), 60)
    text = "\n".join(sleeper.lines[:third])
    assert " loaded" in text and "boot deep sleep" in text
    assert "Error" not in text and "forgotten" not in text and "damaged" not in text


def large_bundle(key):
    """A model of 300 trees, whose buffer alone is more than RTC memory holds."""
    from sklearn.ensemble import IsolationForest

    x = np.random.default_rng(1).integers(-3000, 3000, (2000, 8)).astype(np.int16)
    forest = IsolationForest(n_estimators=300, max_samples=256, random_state=1).fit(x.astype(np.float32))
    packed = PackedInterpreter().interpret(IsolationForestAssembler(forest).assemble())
    body = params.pack(params.DEFAULT, np.zeros(8, np.int64), np.zeros(36, np.int64))
    return bundle.build(key, forest=packed, threshold=0, params=body, x=x, meta={})
