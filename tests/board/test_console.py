"""The prompt of a running board: Ctrl-C, ask, go on."""

import re

import pytest

from tests.board.test_sleeping import large_bundle
from tools.board import deploy, provision


def talk(wire, text, ending=b">>> ", seconds=15):
    """Type `text` at the friendly prompt; what comes until the next one."""
    wire._transport.serial.write(text)
    return wire.read_until(ending, seconds).decode(errors="replace")


@pytest.fixture
def running(wire, cloud):
    """A board in the middle of its work."""
    deploy.deploy(wire)
    wanted = cloud.wanted()
    provision.write(wire, wanted, provision.authority(wanted))
    assert deploy.watch(wire)
    return wire


def test_every_question_at_the_prompt_has_an_answer_and_the_board_goes_on(running):
    output = talk(running, b"\x03")
    assert "Ask: status()" in output
    for command, words in (
        ("status()", r"Vigie 0\.1\.0, up 0 h 00 min, boot 1"),
        ("status()", r"broker   connected"),
        ("last(2)", r"degC \d+\.\d\d %RH  (sent|waits)  warming up"),
        ("outbox()", r"kept     \d+ readings"),
        ("wifi()", r"Wi-Fi    up, -55 dBm"),
        ("model()", r"none: rules and Z-score"),
        ("selftest()", r"ok   broker"),
        ("selftest()", r"ok   forest  none: rules and Z-score alone"),
        ('last("x")', r"last\(5\) shows the newest 5 readings"),
        ("last(0)", r"say how many"),
        ('inject("spike", "x")', r"try inject"),
        ('inject("smoke")', r"no fault 'smoke': use spike, stuck"),
        ('inject("dropout", 100)', r"dropout from the next reading on"),
    ):
        answer = talk(running, command.encode() + b"\r")
        assert re.search(words, answer), answer
        assert "Traceback" not in answer and "FAIL" not in answer, answer
    output = talk(running, b"go()\r", b"ABNORMAL", 30)
    assert output.endswith("ABNORMAL"), output
    assert "Stopped again" in talk(running, b"\x03")


def test_what_is_told_at_the_prompt_is_true_now(running):
    """The board was stopped while all was well; then its radio went off."""
    assert "Ask: status()" in talk(running, b"\x03")
    assert re.search("broker   connected", talk(running, b"status()\r"))
    talk(running, b"from network import WLAN; WLAN.in_reach = False\r")
    for command in (b"status()\r", b"wifi()\r", b"selftest()\r"):
        answer = talk(running, command)
        assert re.search(r"broker +not connected: no Wi-Fi \(no such network in reach", answer), answer


def test_the_selftest_has_one_real_score_of_the_forest(wire, cloud, serial_board):
    deploy.deploy(wire)
    wanted = cloud.wanted()
    slots = serial_board.flash / "model"
    slots.mkdir(exist_ok=True)
    (slots / "a.bin").write_bytes(large_bundle(bytes.fromhex(wanted.config["key"])))
    (slots / "active").write_text("a")
    provision.write(wire, wanted, provision.authority(wanted))
    assert deploy.watch(wire)
    assert "Ask: status()" in talk(wire, b"\x03")
    assert re.search(r"ok   forest  \d+ in \d+ ms, abnormal below \d+", talk(wire, b"selftest()\r"))
