"""The prompt of a running board: Ctrl-C, ask, go on."""

import re

import pytest

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
    said = talk(running, b"\x03")
    assert "Ask: status()" in said
    for command, words in (
        ("status()", r"Vigie 0\.1\.0, up 0 h 00 min, boot 1"),
        ("status()", r"broker   connected"),
        ("last(2)", r"degC \d+\.\d\d %RH  (sent|waits)  warming up"),
        ("outbox()", r"kept     \d+ readings"),
        ("wifi()", r"Wi-Fi    up, -55 dBm"),
        ("model()", r"none: rules and Z-score"),
        ("selftest()", r"ok   broker"),
        ('inject("smoke")', r"no fault 'smoke': use spike, stuck"),
        ('inject("dropout", 100)', r"dropout from the next reading on"),
    ):
        answer = talk(running, command.encode() + b"\r")
        assert re.search(words, answer), answer
        assert "Traceback" not in answer and "FAIL" not in answer, answer
    said = talk(running, b"go()\r", b"ABNORMAL", 30)
    assert said.endswith("ABNORMAL"), said
    assert "Stopped again" in talk(running, b"\x03")
