"""Reading back: open and sealed buckets, undated readings, gaps, agreement, export, audit; a real mongod."""

import csv
import io
import math
import os
import subprocess
import sys
import time

import pytest
from bson import Decimal128

from cloud import __main__ as command
from cloud.commands import audit
from cloud.contract import messages
from cloud.read import export
from cloud.read.reader import UnknownBoard
from cloud.store.entries import Quarantined
from cloud.store.packing import SIZE
from cloud.store.sealing import Sealer
from device import codes
from tests.cloud.conftest import entry

NOW = int(time.time()) - 7200


@pytest.fixture(params=["open", "sealed"])
def settle(request, database):
    """Leave the buckets open, or seal them: every question must have the same answer."""
    sealer = Sealer(database, clock=lambda: time.time() + 5)
    return (lambda: sealer.seal(0)) if request.param == "sealed" else (lambda: None)


def test_a_span_is_cut_at_its_edges(store, reader, settle):
    store.write([entry(s, ts=NOW + s) for s in range(2 * SIZE)])
    settle()
    readings = reader.readings("demo", "C001", start=NOW + 300, end=NOW + 400)
    assert readings.seq.tolist() == list(range(300, 400))
    assert not readings.missing_before.any()
    assert len(reader.readings("demo", "C001", start=NOW + 9999)) == 0
    assert len(reader.readings("demo", "C404")) == 0


def test_every_column_comes_back(store, reader, settle):
    judged = {"flags": codes.ZSCORE, "cloud": codes.FOREST, "score": -7, "model": "0a0b0c00"}
    failed = {"flags": codes.SENSOR_ERROR, "cloud": codes.SENSOR_ERROR, "failed": "no answer"}
    store.write([entry(1, t=-512, h=9999, ts=NOW, boot=3, up=5, **judged)])
    store.write([entry(2, ts=None, boot=3, up=6, **failed)])
    settle()
    readings = reader.readings("demo", "C001")
    assert readings.t.tolist()[0] == -5.12 and readings.h.tolist()[0] == 99.99
    assert math.isnan(readings.t[1]) and math.isnan(readings.h[1]) and math.isnan(readings.ts[1])
    assert readings.why.tolist() == [None, "no answer"] and readings.model.tolist() == ["0a0b0c00", None]
    assert readings.edge_score.tolist()[0] == -7 and math.isnan(readings.edge_score[1])
    assert readings.boot.tolist() == [3, 3] and readings.up.tolist() == [5, 6]
    assert readings.edge_flags.tolist() == [codes.ZSCORE, codes.SENSOR_ERROR]
    assert readings.cloud_flags.tolist() == [codes.FOREST, codes.SENSOR_ERROR]
    assert readings.edge_abnormal.tolist() == [True, True] and readings.cloud_abnormal.tolist() == [
        True,
        True,
    ]
    assert readings.cloud_score.tolist()[0] == 0.4


def test_a_reading_says_how_many_are_missing_before_it(store, reader, settle):
    store.write([entry(s, ts=NOW + s) for s in (5, 6, 9, 10, 500)])
    settle()
    assert reader.readings("demo", "C001").missing_before.tolist() == [0, 0, 2, 0, 489]


def test_undated_readings_stand_between_their_neighbours(store, reader, settle):
    dated = [entry(s, ts=NOW + s) for s in (0, 1, 2, 6, 7)]
    store.write([*dated, *(entry(s, ts=None) for s in (3, 4, 5))])
    settle()
    assert reader.readings("demo", "C001").seq.tolist() == list(range(8))
    assert reader.readings("demo", "C001", end=NOW + 3).seq.tolist() == [0, 1, 2, 3, 4, 5]
    assert reader.readings("demo", "C001", start=NOW + 6).seq.tolist() == [6, 7]


def test_a_whole_undated_bucket_stands_there_too(store, reader, settle):
    store.write([entry(s, ts=NOW + s) for s in (0, 2 * SIZE + 5)])
    store.write([entry(s, ts=None) for s in range(SIZE, SIZE + 4)])
    settle()
    middle = list(range(SIZE, SIZE + 4))
    assert reader.readings("demo", "C001").seq.tolist() == [0, *middle, 2 * SIZE + 5]
    assert reader.readings("demo", "C001", end=NOW + 10).seq.tolist() == [0, *middle]
    assert reader.readings("demo", "C001", start=NOW + 10).seq.tolist() == [2 * SIZE + 5]


def test_a_new_install_follows_the_old_one(store, reader, settle):
    store.write([entry(s, ts=NOW + s, stream="ffffffff") for s in range(3)])
    store.write([entry(s, ts=NOW + 100 + s, stream="00000000") for s in range(3)])
    settle()
    assert reader.readings("demo", "C001").seq.tolist() == [0, 1, 2, 0, 1, 2]


def test_agreement_is_counted_exactly(store, reader, settle):
    z, ran, differs = codes.ZSCORE, messages.TWIN_RAN, messages.TWIN_DIFFERS
    verdicts = [(z, z), (z, 0), (0, z), (0, 0), (0, ran), (0, ran | differs)]
    batch = [entry(s, flags=e, cloud=c, model="0a0b0c0d") for s, (e, c) in enumerate(verdicts)]
    for _ in range(2):  # a repeat counts nothing twice
        store.write([*batch, entry(400)])
    settle()
    without, with_model = reader.agreement("demo", "C001")
    assert (without.model, without.both_normal) == (None, 1)
    counts = (with_model.both_abnormal, with_model.edge_only, with_model.cloud_only, with_model.both_normal)
    assert counts == (1, 1, 1, 3) and (with_model.twin_ran, with_model.twin_differs) == (2, 1)


def test_score_differences_are_counted_exactly_for_each_model(store, reader, settle, database):
    database["models"].insert_one({"_id": "0a0b0c0d", "report": {"unit": 1000.0}})
    scores = [
        (1000, 0.5),
        (1000, 0.46),
        (2000, 0.25),
        (1000, 0.4),
        (0, 0.0),
    ]  # 2 ** -(sum / unit): .5 .5 .25 .5 1
    batch = [entry(s, model="0a0b0c0d", score=e, cloud_score=c) for s, (e, c) in enumerate(scores)]
    unmatched = [entry(9, model="0a0b0c0d", score=None), entry(400, model="11111111", score=1000), entry(401)]
    for _ in range(2):  # a repeat counts nothing twice
        store.write([*batch, *unmatched])
    settle()
    without, known, unknown = reader.agreement("demo", "C001")
    assert without.scores is None and unknown.scores is None and unknown.model == "11111111"
    apart = known.scores
    assert apart.count == 5 and apart.mean == pytest.approx((0 + 0.04 + 0 + 0.1 + 1) / 5)
    assert (apart.least, apart.greatest) == (0.0, 1.0) and len(apart.histogram) == len(apart.edges) + 1
    assert {k: n for k, n in enumerate(apart.histogram) if n} == {5: 2, 9: 1, 10: 2}
    assert apart.edges[8] <= 0.04 < apart.edges[9]


def test_how_far_the_twins_sums_are_off_is_counted(store, reader, settle):
    ran, differs = messages.TWIN_RAN, messages.TWIN_RAN | messages.TWIN_DIFFERS
    named = {"model": "0a0b0c0d", "score": 1000}
    store.write([entry(s, cloud=ran, **named) for s in range(6)])
    settle()
    (agreement,) = reader.agreement("demo", "C001")
    assert (agreement.twin.count, agreement.twin.mean, agreement.twin.greatest) == (6, 0.0, 0.0)
    assert agreement.twin.histogram == (6, 0, 0, 0)
    offs = enumerate((-31, 32, 1024, 2**31 - 1), 400)
    store.write([entry(s, cloud=differs, twin_off=off, **named) for s, off in offs])
    settle()
    (agreement,) = reader.agreement("demo", "C001")
    assert agreement.twin.histogram == (6, 1, 1, 2) and agreement.twin.greatest == 2**31 - 1
    assert (
        agreement.twin.mean == pytest.approx((31 + 32 + 1024 + 2**31 - 1) / 10)
        and agreement.twin_differs == 4
    )


def test_what_is_deleted_is_counted_no_more_and_other_devices_stand_apart(store, reader, settle, database):
    database["models"].insert_one({"_id": "0a0b0c0d", "report": {"unit": 1000.0}})
    named = {"model": "0a0b0c0d", "score": 1000}
    store.write([entry(0, **named), entry(SIZE, **named), entry(0, device="C002", **named)])
    settle()
    assert [(each.device, each.scores.count) for each in reader.agreement("demo")] == [
        ("C001", 2),
        ("C002", 1),
    ]
    database["buckets"].delete_one({"_id": "demo/C001/9f3a1c07/00000000"})
    assert [each.scores.count for each in reader.agreement("demo")] == [1, 1]


def test_the_summary_counts_the_fleet(store, reader, settle):
    store.write([entry(1), entry(2), entry(1, device="C002")])
    settle()
    assert reader.summary().readings == 3
    assert reader.devices() == [("demo", "C001"), ("demo", "C002")]


def test_an_export_reads_back_as_the_same_values(store, reader, settle, tmp_path):
    import pyarrow.parquet as pq

    store.write([entry(1, t=2105, ts=NOW), entry(2, ts=None, failed="no answer", flags=256)])
    settle()
    file = io.StringIO()
    assert export.write_csv([reader.readings("demo", "C001")], file) == 2
    first, second = csv.DictReader(io.StringIO(file.getvalue()))
    assert (first["device"], first["seq"], first["t"], first["ts"], first["why"]) == (
        "C001",
        "1",
        "21.05",
        str(NOW),
        "",
    )
    assert (second["t"], second["ts"], second["time"], second["why"]) == ("", "", "", "no answer")
    assert export.write([reader.readings("demo", "C001")], tmp_path / "x.parquet", "parquet") == 2
    table = pq.read_table(tmp_path / "x.parquet").to_pylist()
    assert table[0]["t"] == 21.05 and table[0]["time"].timestamp() == NOW and table[1]["t"] is None


def test_the_audit_finds_every_missing_seq(store, reader, settle, database):
    store.write([entry(s) for s in (0, 1, 2, 6, 400)])
    store.quarantine([Quarantined("demo", "C001", "9f3a1c07", 3, "bad", "{}")])
    known = {"v": 2, "stream": "9f3a1c07", "boot": 7, "state": "online"}
    store.states([("demo", "C001", messages.State(**known, dropped=[(4, 4), (6, 399)]))])
    settle()
    (audited,) = audit.audit(reader, "C001")
    assert (audited.stored, audited.dropped, audited.quarantined) == (5, [(4, 4), (7, 399)], [(3, 3)])
    assert audited.missing == [(5, 5)] and not audited.complete
    assert "1 MISSING (5)" in audit.line(audited)


def test_what_a_board_dropped_has_a_cause_only_when_it_told_one(store, reader):
    store.write([entry(s) for s in (0, 9)])
    known = {"v": 2, "stream": "9f3a1c07", "boot": 7, "state": "online"}
    store.states([("demo", "C001", messages.State(**known, dropped=[(1, 4)]))])
    store.states(
        [("demo", "C001", messages.State(**known, dropped=[(5, 6)], dropped_why=["damaged on flash"]))]
    )
    (audited,) = audit.audit(reader)
    assert audited.dropped == [(1, 6)] and audited.without_cause == [(1, 4)] and not audited.complete
    assert "6 dropped by the board (1-6: damaged on flash)" in audit.line(audited)
    older = messages.State(**known, dropped=[(1, 4), (7, 8)], counts={"dropped": 6})  # it counts, no more
    store.states([("demo", "C001", older)])
    (audited,) = audit.audit(reader)
    assert audited.without_cause == [] and audited.complete
    assert audited.causes == {"damaged on flash": [(5, 6)], "flash was full": [(1, 4), (7, 8)]}


def test_what_is_quarantined_is_not_well_and_says_why(store, reader):
    store.write([entry(s) for s in (0, 1, 3)])
    store.quarantine([Quarantined("demo", "C001", "9f3a1c07", 2, "t is no number", "{}")])
    (audited,) = audit.audit(reader)
    assert not audited.missing and not audited.complete
    assert "1 quarantined (2: t is no number)" in audit.line(audited)
    assert "1 WITHOUT A CAUSE (2)" in audit.line(audited)


def test_audit_and_export_exit_with_0_only_when_all_is_well(
    store, monkeypatch, mongod, database, capsys, tmp_path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MONGODB_URI", mongod.uri)
    monkeypatch.setenv("MONGODB_DATABASE", database.name)
    store.write([entry(s, ts=NOW + s) for s in (0, 1)])
    assert command.main(["audit"]) == 0
    assert "none missing" in capsys.readouterr().out
    assert command.main(["export", "demo/C001", "--start", str(NOW + 1)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert command.main(["export", "C404"]) == 1
    assert "no readings of C404 are stored; there are demo/C001" in capsys.readouterr().err
    store.write([entry(3)])
    assert command.main(["audit", "C001"]) == 1
    monkeypatch.setenv("MONGODB_URI", "")
    assert command.main(["audit"]) == 2
    assert "MONGODB_URI is missing" in capsys.readouterr().err


def test_an_export_follows_the_ending_of_its_file_and_tells_where_it_cannot_write(
    store, monkeypatch, mongod, database, capsys, tmp_path
):
    monkeypatch.setenv("MONGODB_URI", mongod.uri)
    monkeypatch.setenv("MONGODB_DATABASE", database.name)
    store.write([entry(0), entry(1)])
    assert command.main(["export", "--output", str(tmp_path / "x.parquet")]) == 0
    assert (tmp_path / "x.parquet").read_bytes().startswith(b"PAR1")
    assert command.main(["export", "--output", str(tmp_path / "x.csv")]) == 0
    assert (tmp_path / "x.csv").read_text().startswith("site,device,")
    for name in ("x.csv", "x.parquet"):
        assert command.main(["export", "--output", str(tmp_path / "nowhere" / name)]) == 1
        assert f"{name} cannot be written: No such file or directory" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_ends_the_export_quietly(store, mongod, database):
    store.write([entry(s, ts=NOW + s) for s in range(3000)])
    environment = {**os.environ, "MONGODB_URI": mongod.uri, "MONGODB_DATABASE": database.name}
    export = subprocess.Popen(
        [sys.executable, "-m", "cloud", "export"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert export.stdout.readline().startswith("site,device,")
    export.stdout.close()
    assert export.stderr.read() == "" and export.wait() == 1


def test_a_board_is_known_by_its_name_alone_when_only_one_site_has_it(store, reader):
    with pytest.raises(UnknownBoard, match="no readings of any board are stored yet"):
        reader.named(None)
    with pytest.raises(UnknownBoard, match="no readings of C001 are stored, nor of any other board"):
        reader.board("C001")
    for site, device in (("home", "C001"), ("farm", "C002"), ("home", "C002")):
        store.write([entry(0, device=device)._replace(site=site)])
    assert reader.board("C001") == ("home", "C001")
    assert reader.board("farm/C002") == ("farm", "C002")
    assert reader.named("C002") == [("farm", "C002"), ("home", "C002")]
    with pytest.raises(UnknownBoard, match="C002 is at farm, home: say SITE/C002"):
        reader.board("C002")
    with pytest.raises(UnknownBoard, match="no readings of C003 are stored; there are farm/C002, home/C001"):
        reader.board("C003")


EPISODE = {"_id": "demo/C001/1", "d": "demo/C001", "site": "demo", "device": "C001", "closed": None}
WHOLE = {
    **EPISODE,
    "opened": 5.0,
    "last": 6.0,
    "severity": "severe",
    "abnormal": 3,
    "agreed": 3,
    "late": False,
    "edge_flags": 1,
    "cloud_flags": 1,
}
TORN = [
    ("latest", {"_id": "demo/C009"}),
    ("latest", {"_id": "demo/C009", "site": 5, "device": None, "received": 1.0}),
    ("latest", {"_id": "demo/C009", "site": "demo", "device": "C009", "received": "today"}),
    ("latest", {"_id": "demo/C009", "site": "demo", "device": "C009", "received": 1.0, "state": "online"}),
    (
        "latest",
        {"_id": "demo/C009", "site": "demo", "device": "C009", "received": 1.0, "reading": {"ts": "x"}},
    ),
    ("latest", {"_id": "demo/C009", "site": "demo", "device": "C009", "received": float("nan")}),
    (
        "latest",
        {"_id": "demo/C009", "site": "demo", "device": "C009", "received": 1.0, "state": {"abnormal": [1]}},
    ),
    (
        "latest",
        {"_id": "demo/C009", "site": "demo", "device": "C009", "received": 1.0, "state": {"dropped": -1}},
    ),
    ("episodes", {**WHOLE, "last": float("nan")}),
    ("episodes", {**WHOLE, "breach": float("inf")}),
    ("episodes", {**EPISODE, "opened": 5.0}),
    ("episodes", {**EPISODE, "opened": "x"}),
    ("alerts", {"_id": "x", "state": "failed", "created": 5.0}),
    ("acknowledgements", {"_id": "a", "episodes": ["demo/C001/1"]}),
    ("acknowledgements", {"_id": "a", "episodes": ["demo/C001/1"], "at": "x"}),
    ("lease", {"_id": "watch", "at": 5}),
    ("siblings", {"_id": "demo/C001", "stretches": [[1]], "away": 5}),
    ("models", {"_id": "deadbeef", "site": "demo", "device": "C001"}),
]


@pytest.mark.parametrize(("collection", "document"), TORN)
def test_one_document_that_cannot_be_read_hides_nothing_else(store, reader, database, collection, document):
    store.write([entry(1)])
    database[collection].insert_one(document)
    assert "C001" in [each.device for each in reader.latest()]
    assert ("demo", "C001") in reader.devices()
    assert reader.episodes() == [] and reader.undelivered() == []
    assert reader.summary().readings == 1 and reader.backend_seen() is None
    assert len(reader.readings("demo", "C001")) == 1 and reader.model("demo", "C001") is None


def test_an_answer_or_a_mail_that_cannot_be_read_hides_no_episode(reader, database):
    counts = {"abnormal": 1, "agreed": 0, "edge_flags": 4, "cloud_flags": 0}
    whole = {**EPISODE, **counts, "opened": 5, "last": 6.0, "severity": "warning", "late": False}
    database["episodes"].insert_one(whole)
    about = {"episodes": [EPISODE["_id"]]}
    database["labels"].insert_one({"_id": "a", **about, "at": 7.0, "label": 5, "cause": ["door"], "note": {}})
    database["alerts"].insert_one({"_id": "b", **about, "created": 7.0, "state": 5})
    database["acknowledgements"].insert_one({"_id": "c", **about, "at": Decimal128("7")})
    (episode,) = reader.episodes()
    assert (episode.id, episode.opened, episode.label, episode.cause) == (EPISODE["_id"], 5.0, None, None)
    assert (episode.note, episode.alert, episode.acknowledged) == (None, None, None)
