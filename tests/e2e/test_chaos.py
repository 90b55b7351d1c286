"""Every kind of fault once, on the real parts, in two minutes; `make chaos` is the long form."""

import pytest

from tests.needed import need
from tools.run.chaos.chaos import run
from tools.run.chaos.faults import FAULTS
from tools.run.chaos.lanes import Ordeal


@pytest.mark.long  # `make chaos` is there for a person
def test_under_every_kind_of_fault_nothing_is_lost_stored_twice_or_wrongly_dated(tmp_path):
    need("mosquitto")  # with rumqttd, updates need a backend alone: docs/over-the-air.md
    short = Ordeal(
        boards=8,
        faults=len(FAULTS),
        readings=0,
        seed=4,
        lanes=8,
        hold=(0.2, 1.2),
        long_every=1000,
        drain=90,
        limit=150,
    )
    outcome = run(tmp_path, short)
    summary = outcome.summary()
    assert outcome.problems() == []
    assert (summary["lost"], summary["duplicated"], summary["misdated"], summary["unexplained"]) == (
        0,
        0,
        0,
        0,
    )
    accounted = summary["stored"] + summary["cut_in_ram"] + summary["dropped"] + summary["claimed"]
    assert summary["taken"] == accounted > 300
    assert sum(summary["faults"].values()) == len(FAULTS)
    assert summary["bricked"] == 0 and summary["updates"] == {"config": 1, "model": 1, "app": 1}
