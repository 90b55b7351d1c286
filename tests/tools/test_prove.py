"""The forest's exactness, in small: board, readable source, replay and twin agree on every reading."""

import json
from dataclasses import replace

from tools import prove


def test_the_boards_forest_is_exact():
    proof = prove.exactness(readings=30_000, forests=18, seed=1)
    assert proof.readings == 30_000
    assert proof.holds, proof
    assert proof.band > 0
    assert not replace(proof, board=1).holds
    assert not replace(proof, outside=1).holds


def test_the_proof_prints_its_table_and_json(capsys):
    assert prove.main(["--readings", "600", "--forests", "6"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("| float predict, outside the rounding band |") for line in lines)
    assert json.loads(lines[-1])["holds"] is True
