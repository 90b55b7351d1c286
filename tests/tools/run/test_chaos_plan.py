"""The plan of a chaos run: the same seed gives the same one, and no kind of fault is left out."""

from collections import Counter
from pathlib import Path

from tools.run.chaos.faults import FAULTS
from tools.run.chaos.lanes import Ordeal, planned
from tools.run.chaos.outcome import ChaosOutcome
from tools.run.chaos.tally import Tally
from tools.run.chaos.witness import without_copies

TARGETS = {
    "boards": ("C001", "C002", "C003"),
    "workers": ("backend", "worker"),
    "members": ("database 1", "database 2"),
    "house": ("",),
}


def plan(seed, faults=200):
    return [
        (fault.fault.kind, fault.name, fault.hold)
        for fault in planned(Ordeal(seed=seed, faults=faults), TARGETS)
    ]


def test_a_seed_gives_its_plan_again_and_another_one_another():
    assert plan(7) == plan(7)
    assert plan(7) != plan(8)
    assert len(plan(7)) == 200


def test_two_faults_of_one_thing_never_come_together():
    for each in planned(Ordeal(seed=3), TARGETS):
        assert each.name in TARGETS[each.fault.of] and each.occupies == (each.fault.part, each.name)


def test_every_kind_comes_before_any_comes_again():
    kinds = [kind for kind, _, _ in plan(7)]
    assert len(set(kinds[: len(FAULTS)])) == len(FAULTS)
    assert Counter(kinds)["power cut in a write"] >= 10


def test_each_kind_stands_in_the_docs():
    page = (Path(__file__).parents[3] / "docs" / "chaos.md").read_text()
    assert [each.kind for each in FAULTS if not all(part in page for part in each.kind.split(": "))] == []


def test_a_run_is_only_good_when_every_kind_was_seen_and_both_witnesses_agree():
    good = ChaosOutcome(
        seed=1,
        broker="mosquitto",
        batch=25,
        tallies={"C001": Tally(taken=5, stored=5)},
        faults=Counter(each.kind for each in FAULTS),
        drained=True,
    )
    assert good.problems() == []
    good.faults["broker killed"] = 0
    good.drained = False
    good.contradicted = ["the audit: 1 MISSING"]
    good.tallies["C001"] = Tally(
        lost=1, misdated=2, duplicated=3, unexplained=4, most_in_ram=26, longest_own_pause_s=2.5
    )
    assert sorted(good.problems()) == [
        "1 readings lost",
        "2 readings misdated",
        "3 readings duplicated",
        "4 readings unexplained",
        "C001: 2.5 s between two samples, over the period",
        "C001: a power cut took 26 readings, a batch is 25",
        "no fault of the kind: broker killed",
        "the audit: 1 MISSING",
        "the outboxes were not empty in time",
    ]


def test_what_only_a_copied_flash_had_is_no_loss_and_what_both_had_may_differ():
    ends_with_the_copy = "demo/C001 bbbbbbbb: seq 0 to 9: 5 stored, 5 MISSING (5-9)"
    two_of_one_seq = "demo/C001 aaaaaaaa: seq 0 to 9: 10 stored, 2 WITHOUT A CAUSE (3-4)"
    lost = [
        "demo/C001 aaaaaaaa: seq 0 to 9: 9 stored, 1 MISSING (9-9)",
        "demo/C002 cccccccc: seq 0 to 9: 10 stored, 2 WITHOUT A CAUSE (3-4)",
        "demo/C003 dddddddd: seq 0 to 9: 9 stored, 1 MISSING (9-9)",
    ]
    streams = {"C001": {"aaaaaaaa"}, "C002": {"cccccccc"}, "C003": {"dddddddd"}}
    copied = {"C001": {"aaaaaaaa", "bbbbbbbb"}, "C002": set(), "C003": set()}
    assert without_copies([ends_with_the_copy, two_of_one_seq, *lost], "demo", streams, copied) == lost
