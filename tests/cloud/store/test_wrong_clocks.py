"""A wrong clock, of a board or of the backend, costs no reading: what cannot be dated is kept undated."""

import csv
import io
import json
import time

import numpy as np
import pytest

from cloud.commands import explain
from cloud.commands.audit import audit, line
from cloud.ingest.rescore import Models, Rescorer
from cloud.ingest.worker import Inbox, Ingest, Received
from cloud.read import export
from cloud.read.reader import Reader
from cloud.store.clock import DatabaseClock
from cloud.store.sealing import Sealer
from cloud.store.writer import Store
from tests.cloud.conftest import MASTER, ROOT, entry, said_by, up, wait_for
from tests.cloud.whole.test_health import get
from tools.local import ports

YEAR = 365 * 86400


def worker(database, clock):
    """(handle(message), what was acknowledged) of a worker whose clock is `clock`."""
    acked = set()

    def publish(topic, payload):
        acked.update(seq for first, last in json.loads(payload)["runs"] for seq in range(first, last + 1))

    store = Store(database, clock)
    made = Ingest(Inbox(), store, Rescorer(Models(database, MASTER)), MASTER, publish, clock=clock)

    def handle(message):
        made.handle([Received("vigie/1/demo/C001/up", said_by("C001", message, "up"), lambda: None)])

    return made, handle, acked


@pytest.mark.parametrize("off", [-600, -YEAR])
def test_a_backend_whose_clock_is_behind_stores_every_reading_and_quarantines_none(database, off):
    now = int(time.time())
    clock = {"off": off}
    made, handle, acked = worker(database, lambda: time.time() + clock["off"])
    handle(up(range(40), ts=now))
    clock["off"] = 0  # the clock comes right: what is new is dated again, what is known stays as it is
    handle(up(range(20, 60), ts=now))
    assert acked == set(range(60)) and made.totals.doubted == 40
    assert database["quarantine"].count_documents({}) == 0
    readings = Reader(database).readings("demo", "C001")
    assert readings.seq.tolist() == list(range(60))
    assert np.isnan(readings.ts[:40]).all() and (readings.ts[40:] == now).all()
    assert (readings.said[:40] == now).all() and np.isnan(readings.said[40:]).all()
    (account,) = audit(Reader(database))
    assert account.stored == 60 and not account.quarantined and "none missing" in line(account)


@pytest.mark.parametrize("date", [0, 86400 * 365, "in a year", 2**32 - 1])
def test_a_board_that_is_a_year_off_is_stored_undated_with_what_it_said_open_and_sealed(database, date):
    now = int(time.time())
    wrong = now + YEAR if date == "in a year" else date
    _, handle, _ = worker(database, time.time)
    handle(up([0, 1, 2], ts=[now, wrong, now + 10]))
    reader = Reader(database)
    opened = reader.readings("demo", "C001")
    assert Sealer(database, clock=lambda: time.time() + 5).seal(0) == 1
    sealed = reader.readings("demo", "C001")
    for each in (opened, sealed):
        assert np.isnan(each.ts[1]) and each.said[1] == wrong
        assert each.t.tolist() == [21.0, 21.01, 21.02]
    assert reader.readings("demo", "C001", start=now - 5, end=now + 5).seq.tolist() == [0, 1]
    text = io.StringIO()
    export.write_csv([sealed], text)
    rows = list(csv.DictReader(io.StringIO(text.getvalue())))
    assert [row["ts"] for row in rows] == [str(now), "", str(now + 10)]
    assert [row["said"] for row in rows] == ["", str(wrong), ""]
    (line,) = [text for text in explain.lines(explain.explain(sealed, 1, None)) if "undated" in text]
    assert time.strftime("%Y-%m-%d", time.gmtime(wrong)) in line


def test_a_board_that_says_an_impossible_date_is_shown_with_it(database):
    now = int(time.time())
    _, handle, _ = worker(database, time.time)
    handle(up([0, 1], ts=[now, now + YEAR]))
    (latest,) = Reader(database).latest()
    assert (latest.seq, latest.ts, latest.said) == (1, None, now + YEAR)


@pytest.mark.parametrize("off", [-YEAR, -600, 600, YEAR])
def test_the_backend_goes_by_the_databases_clock_and_says_whose_is_off(database, off):
    clock = DatabaseClock(database, own=lambda: time.time() + off)
    assert clock.trouble() is None  # nothing is known yet
    clock.look()
    assert abs(clock() - time.time()) < 2 and abs(clock.ahead() - off) < 2
    assert abs(clock.latest() - max(time.time(), time.time() + off)) < 2
    assert abs(clock.earliest() - min(time.time(), time.time() + off)) < 2
    text = clock.trouble()
    assert ("365 days" if abs(off) == YEAR else "10 min") in text
    assert ("ahead of" if off > 0 else "behind") in text and "set NTP" in text
    clock.hear("demo/C001", time.time() - 20)
    assert "the boards agree with the database: set NTP on this machine" in clock.trouble()


def test_where_the_databases_clock_is_off_the_boards_say_so_and_no_reading_loses_its_date(database):
    ticks = {"at": 1000.0}
    clock = DatabaseClock(database, own=lambda: time.time() + 600, ticks=lambda: ticks["at"])
    clock.look()
    clock.hear("demo/C001", time.time() + 590)
    assert "the boards agree with this machine: set NTP on the database's" in clock.trouble()
    made, handle, _ = worker(database, clock.latest)
    handle(up([0], ts=int(time.time()) + 590))
    assert made.totals.doubted == 0


def test_a_clock_that_jumps_moves_nothing_and_two_that_agree_are_no_trouble(database):
    jump = {"by": 0.0}
    clock = DatabaseClock(database, own=lambda: time.time() + jump["by"])
    clock.look()
    assert clock.trouble() is None
    jump["by"] = 3600.0
    assert abs(clock() - time.time()) < 2 and "1 h" not in (clock.trouble() or "")
    assert "60 min ahead of" in clock.trouble()


@pytest.mark.parametrize("off", [YEAR, -YEAR])
def test_a_wrong_clock_deletes_nothing_for_its_age(database, off):
    Store(database).write([entry(seq) for seq in range(10)])
    assert Sealer(database, clock=lambda: time.time() + 5).seal(0) == 1
    clock = DatabaseClock(database, own=lambda: time.time() + off)
    clock.look()
    assert Sealer(database, clock, clock.earliest).expire(30) == 0
    assert len(Reader(database).readings("demo", "C001")) == 10


def test_readyz_names_the_clock_that_is_off(backend, board, database, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import time\nreal = time.time\ntime.time = lambda: real() - 600\n"
    )
    port = ports.free()
    running = backend(HEALTH_PORT=str(port), PYTHONPATH=f"{tmp_path}:{ROOT}")
    running.wait_for_line("behind the database's")
    running.wait_for_line("listening")
    now = int(time.time())
    c001 = board()
    c001.send(range(5), ts=now)
    wait_for(lambda: c001.acked == set(range(5)), "the acks")
    code, text = get(port, "/readyz")
    assert code == 503 and "10 min behind the database's" in text
    assert "the boards agree with the database" in text
    readings = Reader(database).readings("demo", "C001")
    assert (readings.ts == now).all() and database["quarantine"].count_documents({}) == 0
    (latest,) = Reader(database).latest()
    assert abs(latest.received - time.time()) < 30
