"""Settings, a model and a release reach a board over the air: real broker, database, backend, interpreter."""

import argparse
import hmac
import shutil
import struct
import time
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cloud.contract.keys import device_key
from cloud.training.bundle import model_id
from cloud.updates import change
from cloud.updates.command import app
from tests.cloud.conftest import wait_for
from tools.board import release
from tools.local.stack import SITE, Stack, StackPlan
from tools.mpy import build
from tools.run.account import account
from tools.virtual_board.virtual_board import architecture, find_micropython

BOARD = (SITE, "C001")


def other(bundle, key):
    """(id, bundle) of a model that differs from `bundle` in what it tells people alone."""
    meta = bundle.index(b"META") + 8  # the last section: JSON, which a blank does not change
    size = struct.pack("<I", len(bundle) + 1), struct.pack("<I", len(bundle) - 32 - meta + 1)
    body = bundle[:8] + size[0] + bundle[12 : meta - 4] + size[1] + bundle[meta:-32] + b" "
    made = body + hmac.digest(key, body, "sha256")
    return model_id(made), made


def signed(key, folder, number):
    """The file of a release of this tree with another version."""
    shutil.copytree(build.ROOT / "device", folder / "device", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(build.ROOT / "main.py", folder / "main.py")
    (folder / "device" / "__init__.py").write_text('VERSION = "9.9.9"\n')
    arch = architecture(find_micropython())
    facts = {"number": number, "version": "9.9.9", "expires": int(time.time()) + 3600}
    facts |= {"mpy": build.mpy_of(arch), "firmware": [1, 23, 0]}
    path = folder / "vigie.release"
    path.write_bytes(release.signed(key, build.application(arch, folder), facts))
    return path


@pytest.mark.long  # tests/board/test_release_over_the_air.py has each alone
def test_settings_a_model_and_a_release_reach_a_board_and_no_reading_is_lost(tmp_path):
    plan = StackPlan(tmp_path, boards=("C001", "C002"), period_ms=500, history_s=7200.0, dashboard=False)
    lines = []
    with Stack(plan, on_board_line=lambda name, line: lines.append(f"{name} {line}")) as stack:
        database, key = stack.reader.database, device_key(stack.secrets.master_key, *BOARD)

        def state():
            return (database["latest"].find_one({"_id": "/".join(BOARD)}) or {}).get("state") or {}

        wait_for(lambda: state().get("settings"), "its settings", 60)
        number = change.want_settings(database, BOARD, key, state(), {"limits": {"t_max": 60}})
        began = time.monotonic()
        wait_for(lambda: kept(state(), "config", number), "the settings", 90)
        settings_s = time.monotonic() - began
        assert state()["config"] == number and state()["limits"] == {"t_max": 6000}

        running = wait_for(lambda: state().get("model"), "its model", 60)
        document = database["models"].find_one({"_id": running})
        name, bundle = other(bytes(document["bundle"]), key)
        database["models"].insert_one({**document, "_id": name, "bundle": bundle, "created": time.time()})
        boot = state()["boot"]
        began = time.monotonic()
        change.want_model(database, BOARD, name, running)
        wait_for(lambda: state().get("model") == name, "the model", 90)
        model_s = time.monotonic() - began
        change.want_model(database, BOARD, running, name)
        wait_for(lambda: state().get("model") == running, "the model before", 60)
        assert state()["boot"] == boot, "no start is needed"

        owner = rsa.generate_private_key(65537, 3072)
        known = owner.public_key().public_numbers().n.to_bytes(384, "big")
        (stack.boards["C001"].flash / "release.key").write_bytes(known)
        file = signed(owner, tmp_path / "tree", 12)
        began = time.monotonic()
        asked = argparse.Namespace(device="C001", file=str(file))
        assert app(asked, database, stack.secrets.master_key) == 0
        wait_for(lambda: kept(state(), "app", 12), "the release", 120)
        app_s = time.monotonic() - began
        assert state()["app"] == 12 and state()["version"] == "9.9.9" and state()["boot"] == boot + 1

        assert not [line for line in lines if line.startswith("C002") and "update" in line]
        for device, board in stack.boards.items():
            assert board.tell("stop", 20)
            taken = list(board.taken())
            stored = wait_for(partial(whole, stack, device, taken), "all of its readings", 60)
            tally = account(taken, stored)
            assert (tally.lost, tally.surplus, tally.misdated) == (0, 0, 0), tally
        print(f"settings {settings_s:.1f} s, a model of {len(bundle)} bytes {model_s:.1f} s")
        print(f"a release of {file.stat().st_size} bytes {app_s:.1f} s")


def kept(state, what, number):
    """Whether a board's `state` says that it keeps it."""
    return any(each[:3] == [what, f"{number:08x}", ""] for each in state.get("updates", ()))


def whole(stack, device, taken):
    stored = stack.reader.readings(SITE, device)
    return stored if len(stored) >= len(taken) else None
