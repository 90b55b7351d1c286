"""A roll-out that nobody watches, over real boards and two backends: one board is bad. 4 boards, or 20 with
VIGIE_FULL=1, which then get a mended model too.
"""

import hmac
import os
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial

import pytest

from cloud.contract.keys import device_key
from cloud.learning.known import Known
from cloud.training import bundle, fit
from cloud.training.train_command import keep
from cloud.updates.rollout import waves
from tests.cloud.conftest import wait_for
from tests.e2e.test_updates import whole
from tests.needed import need
from tools.local.backend import Backend
from tools.local.stack import SITE, Stack, StackPlan
from tools.process.places import ROOT
from tools.run.account import account

FULL = bool(os.environ.get("VIGIE_FULL"))
NAMES = tuple(f"C{number:03}" for number in range(1, 21 if FULL else 5))
BAD = NAMES[1]  # of the second wave
PAUSE_MINUTES = 0.1
PATIENCE = len(NAMES) / 4  # five times as many boards take their time to start, on the same computer


def with_another_sum(blob, key):
    """A bundle whose first self-test vector is to give another sum."""
    body = bytearray(blob[:-32])
    body[body.index(b"VECT") + 8 + 16] ^= 1
    return bytes(body) + hmac.digest(key, body, "sha256")


class Fleet(Stack):
    """Boards with models of one and the same training, and two whole backends on a shared subscription."""

    def _settings(self):
        return {**super()._settings(), "MQTT_SHARE": "vigie"}

    def _make_models(self):
        trained = fit.train(SITE, NAMES[0], self.key(NAMES[0]), *self.plan.sensor.history(0, 1.0, 7200.0))
        self.report, self.known = trained.report, Known.of(trained.bundle, trained.model)
        self.first = self.offer("first")

    def key(self, name):
        return device_key(self.secrets.master_key, SITE, name)

    def offer(self, version, bad=None):
        """A newest model for each board; its id by the board's name. That of `bad` fails its self-test."""
        made = {}
        for name in self.plan.boards:
            blob, model = self.known.packed(self.key(name), {"version": version, "device": name})
            if name == bad:
                blob = with_another_sum(blob, self.key(name))
                model = replace(model, model_id=bundle.model_id(blob))
            report = {**self.report, "site": SITE, "device": name, "created": time.time()}
            keep(
                self.reader.database["models"], fit.Trained(blob, model, report, b""), self.secrets.master_key
            )
            made[name] = bundle.model_id(blob)
        return made

    def start_backend(self):
        super().start_backend()
        settings = {**self.environment(), "MQTT_CLIENT_ID": "second"}
        second = Backend("second backend", ["cloud", "run"], self.log("second"), settings)
        self._parts.callback(second.stop)
        second.wait()

    def state(self, name):
        return (self.reader.database["latest"].find_one({"_id": f"{SITE}/{name}"}) or {}).get("state") or {}

    def running(self):
        return {name: self.state(name).get("model") for name in self.plan.boards}

    def command(self, *words):
        asked = [sys.executable, "-m", "cloud", "rollout", *words]
        done = subprocess.run(
            asked, env=self.environment(), cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rollout(self):
        return self.reader.database["rollouts"].find_one({}, sort=[("_id", -1)])


@pytest.mark.long  # tests/cloud/updates/test_rollout.py has the same with twenty boards and no MicroPython
def test_one_bad_board_halts_a_roll_out_by_itself_with_one_mail_and_the_rest_stays_as_it_was(tmp_path):
    need("mosquitto")  # with rumqttd, updates need a backend alone: docs/over-the-air.md
    plan = StackPlan(tmp_path, boards=NAMES, period_ms=1000, dashboard=False)
    with Fleet(plan) as fleet:
        wait_for(lambda: fleet.running() == fleet.first, "all boards with their first model", 120 * PATIENCE)
        boots = {name: fleet.state(name)["boot"] for name in NAMES}
        second = fleet.offer("second", bad=BAD)
        start = ("start", "model", "--yes", "--pause", str(PAUSE_MINUTES))
        began = time.monotonic()
        assert f"first {SITE}/C001" in fleet.command(*start)
        halted = wait_for(
            lambda: (r := fleet.rollout())["state"] != "running" and r, "its end", 180 * PATIENCE
        )
        halted_s = time.monotonic() - began
        assert halted["state"] == "halted" and BAD in halted["why"] and "self-test" in halted["why"]
        names = [name for wave in waves(NAMES)[:2] for name in wave]
        assert {name.partition("/")[2] for name in halted["begun"]} == set(names)
        good = set(names) - {BAD}
        expected = {name: second[name] if name in good else fleet.first[name] for name in NAMES}
        wait_for(
            lambda: fleet.running() == expected, "good ones have it, the bad one and the rest do not", 60
        )
        (mail,) = wait_for(
            lambda: [m for m in fleet.sendgrid.mails if "roll-out" in m.subject], "a mail", 60 * PATIENCE
        )
        assert BAD in mail.subject

        assert BAD in fleet.command("back")
        wait_for(lambda: fleet.running() == fleet.first, "what they had before", 90 * PATIENCE)
        if FULL:
            third = fleet.offer("third")
            fleet.command(*start)
            began = time.monotonic()
            wait_for(lambda: fleet.rollout()["state"] != "running", "the mended one", 400)
            assert (fleet.rollout()["state"], fleet.running()) == ("done", third), fleet.rollout()["why"]
            print(f"{len(NAMES)} boards have the mended model after {time.monotonic() - began:.0f} s")

        assert {name: fleet.state(name)["boot"] for name in NAMES} == boots, "no start is needed"
        for name, board in fleet.boards.items():
            assert board.tell("stop", 20)
            taken = list(board.taken())
            stored = wait_for(partial(whole, fleet, name, taken), "all of its readings", 60 * PATIENCE)
            done = account(taken, stored)
            assert (done.lost, done.surplus, done.misdated, done.twin_differs) == (0, 0, 0, 0), (name, done)
        assert len([m for m in fleet.sendgrid.mails if "roll-out" in m.subject]) == 1
        print(f"{len(NAMES)} boards, two backends: halted after {halted_s:.0f} s")
