"""The numbers that docs/board.md gives come from a board at work, by one command."""

import json

from tools.bench import board
from tools.board import deploy, provision


def test_a_board_at_work_gives_its_numbers_and_goes_on(wire, serial_board, cloud, capsys):
    wanted = cloud.wanted()
    deploy.deploy(wire)
    provision.write(wire, wanted, provision.authority(wanted))
    wire.close()
    capsys.readouterr()
    assert board.main(["--port", serial_board.device, "--seconds", "2"]) == 0
    printed = capsys.readouterr().out
    numbers = json.loads(printed.splitlines()[-1])
    assert 0 < numbers["start_s"]["TLS"] <= numbers["start_s"]["ack"] < board.START_S
    assert numbers["free"] > 0 and numbers["taken"] > 0 and numbers["block"] > 0
    assert 0 < numbers["mac_us"] < numbers["reading_us"]
    assert 0 < numbers["mac_bytes"] <= 2048, "1 KB on a chip, whose words are half as long"
    assert "s from reset to the first acknowledged reading" in printed
