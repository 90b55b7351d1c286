"""`python -m tools.proofs`: the heavy proofs at full size; tables into docs/proofs.md, JSON last."""

import json
import sys
import time

from tools.process.places import ROOT
from tools.process.terminal import progress
from tools.proofs import ProofResult, forest, fuzz, mails

PROOFS = {
    "The board's forest is exact": forest.prove_all,
    "No mail goes out twice": mails.prove_all,
    "No message stops the worker": fuzz.prove_all,
}
PAGE = ROOT / "docs" / "proofs.md"


def main() -> int:
    page = ["# Proofs", "", "Written by `make prove`; `make test` runs the same, scaled down.", ""]
    outcomes: dict[str, ProofResult] = {}
    for title, prove in PROOFS.items():
        start = time.monotonic()
        outcomes[title] = outcome = prove(progress)
        progress("")
        verdict = "Holds." if outcome.holds else "**Does not hold.**"
        section = [f"## {title}", "", outcome.text, "", verdict, ""]
        page += section
        print("\n".join(section) + f"({time.monotonic() - start:.0f} s)\n", flush=True)
    PAGE.write_text("\n".join(page), encoding="utf-8")
    print(json.dumps({title: {**each.numbers, "holds": each.holds} for title, each in outcomes.items()}))
    return 0 if all(each.holds for each in outcomes.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
