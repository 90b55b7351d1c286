"""The forest's exactness, in small: board, readable source, replay and twin agree on every reading."""

import json
from dataclasses import replace

from tools.proofs import ProofResult, __main__, forest


def test_the_boards_forest_is_exact():
    proof = forest.exactness(readings=30_000, forests=18, seed=1)
    assert proof.readings == 30_000
    assert proof.holds, proof
    assert proof.band > 0
    assert "| float predict, outside the rounding band |" in forest.table(proof)
    assert not replace(proof, board=1).holds
    assert not replace(proof, outside=1).holds


def test_proofs_become_a_page_and_a_line_of_json(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(__main__, "PAGE", tmp_path / "proofs.md")
    outcomes = {
        "good": ProofResult("| a table |", {"n": 3}, True),
        "bad": ProofResult("| none |", {"n": 4}, False),
    }
    monkeypatch.setattr(
        __main__, "PROOFS", {title: lambda _, o=outcome: o for title, outcome in outcomes.items()}
    )
    assert __main__.main() == 1
    page = (tmp_path / "proofs.md").read_text()
    assert "## good\n\n| a table |\n\nHolds.\n" in page
    assert "**Does not hold.**" in page
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["good"] == {"n": 3, "holds": True}
