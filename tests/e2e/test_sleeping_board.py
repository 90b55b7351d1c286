"""A board that sleeps between samples, on the real broker, database, backend and interpreter."""

import argparse
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cloud.read.reader import Reader
from cloud.settings import AlertSettings, FolderSettings, MailSettings
from cloud.updates.command import app
from cloud.watch.watch import Watch
from tests.cloud.conftest import wait_for
from tests.e2e.test_updates import kept, signed, whole
from tools.local.stack import SITE, Stack, StackPlan
from tools.run.account import account

MAIL = MailSettings(FolderSettings(Path("unused")), "vigie@example.org", ("a@example.org",))
GATHER_S = 40 * 5  # a message full of readings


class Sleepers(Stack):
    def board_config(self, name):
        return {**super().board_config(name), "sleep": True}


class Heard:
    """What the boards' chips say, to be awaited."""

    def __init__(self):
        self.events = []
        self._more = threading.Condition()

    def __call__(self, name, event):
        with self._more:
            self.events.append(event)
            self._more.notify_all()

    def sleeps(self, count, seconds=60):
        """Wait until the chip fell asleep `count` times more."""
        before = self._count()
        with self._more:
            assert self._more.wait_for(lambda: self._count() >= before + count, seconds), self.events[-30:]

    def _count(self):
        return sum(event.startswith("sleep ") for event in self.events)


@pytest.mark.long  # tests/board/test_sleeping.py has the same without a cloud
def test_a_sleeping_board_tells_what_is_abnormal_at_once_and_the_rest_in_time(tmp_path):
    heard = Heard()
    plan = StackPlan(tmp_path, boards=("C001",), period_ms=5000, dashboard=False)
    with Sleepers(plan, on_board_event=heard) as stack:
        board, reader = stack.boards["C001"], stack.reader
        heard.sleeps(3)
        (latest,) = reader.latest()
        assert latest.state["state"] == "sleeping" and latest.online
        assert abs(latest.state["next"] - latest.received - GATHER_S) < 15
        first = len(reader.readings(SITE, "C001"))
        assert first < len(list(board.taken())), "quiet readings gather"

        board.inject("dropout", 12)
        wait_for(lambda: "no answer" in reader.readings(SITE, "C001").why.tolist(), "the failed read", 30)
        heard.sleeps(2)
        stored = reader.readings(SITE, "C001")
        assert (stored.missing_before == 0).all() and set(stored.boot.tolist()) == {1}
        up = stored.up.tolist()
        assert all(4 <= b - a <= 6 for a, b in zip(up, up[1:], strict=False)), "uptime and grid know no pause"
        wait_for(lambda: reader.latest()[0].state["state"] == "sleeping", "its good night")
        board.power_off()
        stack.backend.stop()
        silence_is_told_only_after_it_was_due(reader)

        stack.start_backend()
        board.power_on()
        taken = list(board.taken())
        wait_for(lambda: len(reader.readings(SITE, "C001")) > len(taken), "what was kept over the cut", 60)
        stored = reader.readings(SITE, "C001")
        tally = account(list(board.taken())[: len(stored)], stored)
        assert (tally.lost, tally.surplus, tally.misdated, tally.undated, tally.twin_differs) == (
            0,
            0,
            0,
            0,
            0,
        )


@pytest.mark.long  # tests/device/update has its parts
def test_a_release_for_a_board_that_sleeps_goes_from_the_command_to_kept_while_it_sleeps_and_wakes(
    tmp_path, capsys
):
    heard = Heard()
    plan = StackPlan(tmp_path, boards=("C001",), period_ms=5000, dashboard=False)
    with Sleepers(plan, on_board_event=heard) as stack:
        board, reader = stack.boards["C001"], stack.reader

        def state():
            return reader.latest()[0].state

        owner = rsa.generate_private_key(65537, 3072)
        (board.flash / "release.key").write_bytes(owner.public_key().public_numbers().n.to_bytes(384, "big"))
        heard.sleeps(1)
        wait_for(lambda: state().get("state") == "sleeping", "its good night", 30)
        asked = argparse.Namespace(device="C001", file=str(signed(owner, tmp_path / "tree", 12)))
        assert app(asked, reader.database, stack.secrets.master_key) == 0
        assert "hears of it when it wakes" in capsys.readouterr().out
        board.inject("dropout", 12)  # so that it connects at once and not after 40 readings
        wait_for(lambda: kept(state(), "app", 12), "the release", 240)
        assert state()["app"] == 12 and state()["version"] == "9.9.9" and state()["boot"] == 2
        assert (board.flash / "app/active").read_text() == "b"
        heard.sleeps(4)
        assert (board.flash / "app/active").read_text() == "b" and state()["boot"] == 2
        board.power_off()
        taken = list(board.taken())
        board.power_on()
        stored = wait_for(partial(whole, stack, "C001", taken), "what was kept", 120)
        tally = account(list(board.taken())[: len(stored)], stored)
        assert (tally.lost, tally.surplus, tally.misdated, tally.twin_differs) == (0, 0, 0, 0), tally


def silence_is_told_only_after_it_was_due(reader):
    """By a watch whose clock is ahead: the board is dead now, and nobody can know before it is due."""
    ahead = [0.0]
    watch = Watch(reader.database, MAIL, AlertSettings(), clock=lambda: time.time() + ahead[0])
    wait_for(watch.lease.hold, "the lease of the backend that was stopped", 60)
    due = reader.latest()[0].state["next"]

    def silences_at(moment):
        ahead[0] = moment - time.time()
        watch.step()
        return [
            episode.why
            for episode in Reader(reader.database).episodes(open_only=True)
            if episode.kind == "silence"
        ]

    assert silences_at(time.time() + 3) == []
    assert silences_at(due + 115) == []
    assert silences_at(due + 125) == ["overslept"]
    watch.lease.release()
