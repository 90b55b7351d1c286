"""Whatever file of the artefact is damaged, the board is reachable and says which one it is."""

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from cloud.contract.messages import signed
from tests.board.watched import Watched
from tools.board.cable.startup import Start
from tools.mpy import build
from tools.virtual_board.virtual_board import architecture, find_micropython

FILES = sorted(build.files(architecture(find_micropython())))
LIST = "/app/a/sha256.txt"
APPLICATION = [path for path in FILES if path.startswith("/app/a/device/")] + [LIST]
OWN = [
    path for path in FILES if path not in (*APPLICATION, build.ACTIVE)
]  # of safe mode, and what leads to it
SEED = 20
AT_ONCE = 6  # boards; a start is mostly waiting


def damage(board, path, seed=SEED, most=64):
    """Other bytes in a range of a file; where flash gives ones, or what lay there before."""
    chance = random.Random(f"{path} {seed}")
    file = board.flash(path[1:])
    data = bytearray(file.read_bytes())
    at = chance.randrange(len(data))
    size = min(most, len(data) - at)
    before = bytes(data)
    while bytes(data) == before:
        data[at : at + size] = chance.choice([b"\xff" * size, bytes(size), chance.randbytes(size)])
    file.write_bytes(data)


def each(paths, folder, check):
    """`check(board, path)` for each path on a board of its own, some at once."""

    def on_its_own(path):
        place = folder / path.replace("/", "_")
        place.mkdir()
        board = Watched(place)
        try:
            check(board, path)
        finally:
            board.board.power_off()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(on_its_own, paths))


def test_a_damaged_file_of_the_application_is_told_before_it_is_imported_and_safe_mode_comes(tmp_path):
    def check(board, path):
        damage(board, path)
        board.board.power_on()
        board.wait("Vigie starts in 2 s", 30)
        board.wait(f"damaged (make deploy mends this): {path}", 30)
        board.wait("Safe mode: files are damaged", 30)
        board.wait("Wi-Fi up", 30)
        assert not any("Traceback" in line for line in board.lines), board.lines
        assert board.flash("last_error.txt").read_text().endswith(": " + path)

    each(APPLICATION, tmp_path, check)


def ended(lines):
    return any(line in ("ended", "KeyboardInterrupt") for line in lines)


def pressed_until_it_ends(board):
    """Ctrl-C, again where it had no effect, as a person does: here it is the damage that is tested. On a
    virtual board, whose flash is Python, one of some hundred is lost (tools/virtual_board/interpreter.py)."""
    for _ in range(5):
        board.board.interrupt()
        with suppress(AssertionError):
            board.wait_until(ended, 6)
            break


@pytest.mark.parametrize("seed", [1, 2])
def test_damage_to_what_leads_to_safe_mode_leaves_a_prompt_and_is_told(tmp_path, seed):
    def check(board, path):
        damage(board, path, seed)
        board.board.power_on()
        shown = board.wait_until(
            lambda lines: [x for x in lines if path in x or ("Error" in x and path != "/choice.py")], 30
        )  # the interpreter's own error where the file is not even Python any more; main.py tells choice.py's
        if any("mends this" in line for line in shown):
            # It measures all the same, and imports nothing for a while; or main.py is no Python any more.
            board.wait_until(lambda lines: any("model  none yet" in x or x == "ended" for x in lines), 40)
            pressed_until_it_ends(board)
        board.wait_until(ended, 30)

    each(OWN, tmp_path, check)


def test_with_both_safe_mode_and_the_application_damaged_there_is_a_prompt(tmp_path):
    board = Watched(tmp_path)
    damage(board, "/app/a/safe.mpy")
    damage(board, "/app/a/device/app.mpy")
    try:
        board.board.power_on()
        board.wait("/app/a/device/app.mpy, /app/a/safe.mpy")
        board.wait("Restart in 600 s; Ctrl-C for a REPL")
        board.board.interrupt()
        board.wait("Stopped")
        board.wait("ended")
    finally:
        board.board.power_off()


@pytest.mark.parametrize(
    "text",
    [b"0" * 1_000_000, b"0" * 64 + b" /" + b"x" * 1_000_000 + b"\n", b"\n" * 1000, b"a b c\n", b"0 \xff\n"],
)
def test_whatever_the_list_of_files_holds_the_start_goes_on_to_safe_mode(tmp_path, text):
    board = Watched(tmp_path)
    board.flash(LIST[1:]).write_bytes(text)
    try:
        board.board.power_on()
        board.wait("E files  damaged (make deploy mends this): /app/a/sha256.txt", 30)
        board.wait("Safe mode: files are damaged", 30)
    finally:
        board.board.power_off()


def test_a_damaged_configuration_leads_to_a_prompt_and_names_itself(tmp_path):
    def check(board, path):
        seed = int(path)
        damage(board, "/config.json", seed)
        data = board.flash("config.json").read_bytes()
        board.board.power_on()
        try:
            values = json.loads(data)
        except ValueError:
            values = None
        if values is None:
            board.wait("E config /config.json is not JSON: run make provision again", 30)
            board.wait("ended", 30)
        else:  # still JSON: refused by its values, or another Wi-Fi password, which nothing can know
            board.wait_until(lambda lines: any("config " in x or "outbox boot" in x for x in lines), 30)
        assert not board.flash("boot/starts").exists() or values is not None

    each([str(seed) for seed in range(8)], tmp_path, check)


def test_safe_mode_tells_the_broker_which_file_is_damaged(cloud, tmp_path):
    heard = []
    more = threading.Condition()

    def on_message(client, userdata, message):
        with more:
            heard.append(message.payload)
            more.notify_all()

    topic = "vigie/1/home/C001/state"
    client = cloud.client(on_message, topic)
    config = {**cloud.config(), "period_ms": 500}
    chosen = {"/app/a/device/app.mpy", "/app/a/device/__init__.mpy", LIST}
    chosen |= set(random.Random(SEED).sample(APPLICATION, 2))
    try:
        for path in sorted(chosen):
            folder = tmp_path / path.replace("/", "_")
            folder.mkdir()
            board = Watched(folder, config, cloud.ca_der)
            damage(board, path, 3)
            board.board.power_on()
            try:
                board.wait("state sent", 60)
                with more:
                    assert more.wait_for(
                        lambda path=path: any(path.encode() in payload for payload in heard), 10
                    ), heard
                body = heard[-1].rpartition(b',"mac":')[0] + b"}"
                assert heard[-1] == signed(bytes.fromhex(config["key"]), topic, body), "its own key signs it"
                state = json.loads(body)
                assert state["last_error"].endswith(": " + path)
                assert state["state"] == "online" and state["reset"] == "safe mode, files are damaged"
            finally:
                board.board.power_off()
    finally:
        client.disconnect()
        client.loop_stop()


def test_the_person_who_deploys_is_told_what_is_damaged():
    start = Start()
    for line in (
        "         E files  damaged (make deploy mends this): /app/a/device/app.mpy",
        "Safe mode: files are damaged. See /last_error.txt",
    ):
        start.feed(line)
    assert start.ended and start.ended.startswith("Safe mode: files are damaged\nfiles: damaged")
    assert "/app/a/device/app.mpy" in start.ended
