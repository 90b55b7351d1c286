"""Every kind of fault once, on the real parts, in a minute; `make chaos` is the long form."""

from tools.chaos.command import Ordeal, run
from tools.chaos.faults import FAULTS


def test_under_every_kind_of_fault_nothing_is_lost_stored_twice_or_wrongly_dated(tmp_path):
    short = Ordeal(
        boards=8,
        faults=len(FAULTS),
        readings=0,
        seed=4,
        lanes=8,
        hold=(0.2, 1.2),
        long_every=1000,
        drain=60,
        limit=90,
    )
    outcome = run(tmp_path, short)
    told = outcome.summary()
    assert outcome.problems() == []
    assert (told["lost"], told["duplicated"], told["misdated"]) == (0, 0, 0)
    assert told["taken"] == told["stored"] + told["cut_in_ram"] + told["dropped"] > 300
    assert sum(told["faults"].values()) == len(FAULTS)
