"""A board's password at the broker, without its key, takes nothing from that board, nor from others."""

import json
import time

import pytest

from cloud.contract import messages
from cloud.read.reader import Reader
from cloud.store.entries import Quarantined, refused_item
from cloud.store.writer import CAUSES, QUARANTINE_KEPT, STRANGERS_A_DAY, STREAMS_A_DAY
from tests.cloud.conftest import up
from tests.cloud.ingest.test_authentication import STATE, hear, old, state
from tests.cloud.ingest.test_ingest import Wire


@pytest.fixture
def wire(database):
    return Wire(database)


def test_streams_made_up_before_a_board_first_speaks_do_not_keep_it_out(wire, database):
    for k in range(2 * STREAMS_A_DAY):
        hear(wire, messages.encode(old(up([1], stream=f"{k:08x}"))))
    assert database["streams"].count_documents({}) == STREAMS_A_DAY
    hear(wire, up([1], stream="9f3a1c07"))
    hear(wire, state(stream="9f3a1c07", dropped=[[4, 9]]), topic=STATE)
    assert wire.acked() == {1} and any("dropped" in ack for _, ack in wire.acks)


def test_names_made_up_in_version_1_do_not_multiply_what_is_kept(wire, database):
    """Where a broker has no rules, one password may use every name."""
    for k in range(0, STRANGERS_A_DAY + 40, 40):
        for name in range(k, k + 40):
            hear(wire, messages.encode(old(up([1]))), topic=f"vigie/1/demo/X{name}/up")
    assert database["streams"].count_documents({}) == STRANGERS_A_DAY
    assert database["buckets"].count_documents({}) == STRANGERS_A_DAY
    hear(wire, up([1]))
    assert wire.acked() == {1}


def test_what_was_acknowledged_into_quarantine_is_pushed_out_by_no_message_that_was_refused(wire, database):
    hear(wire, up([1, 2], x=[["no", 0, 0, 0, 0, 0, 0, 0], None]))
    assert wire.acked() == {1, 2}
    forged = refused_item("vigie/1/demo/C001/up", b"{}", "its mac is not by this board's key")
    for _ in range(4):
        wire.store.quarantine([forged] * 300)
    assert database["quarantine"].count_documents({"seq": None}) == QUARANTINE_KEPT
    assert database["quarantine"].count_documents({"seq": 1}) == 1


def test_refused_messages_under_made_up_names_share_one_place(wire, database):
    for k in range(4):
        wire.store.quarantine(
            [refused_item(f"vigie/1/demo/X{k}-{n}/up", b"{}", "forged") for n in range(QUARANTINE_KEPT)]
        )
    assert database["quarantine"].count_documents({}) == QUARANTINE_KEPT
    assert database["shares"].count_documents({}) == 1


def test_causes_without_end_do_not_grow_a_stream_until_the_database_refuses_it(wire, database):
    """With the board's own key: such a board would hold up all others with each of its messages."""
    for k in range(40):
        names = [f"cause {k}-{n}" for n in range(8)]
        hear(wire, state(dropped=[[9 * k, 9 * k + 3]], dropped_why=names), topic=STATE)
    (kept,) = database["streams"].find()
    assert len(kept["dropped_why"]) <= CAUSES + 1
    with_cause = {tuple(run) for runs in kept["dropped_why"].values() for run in runs}
    assert with_cause == {(9 * k, 9 * k + 3) for k in range(40)}  # each run has a cause


def test_the_reasons_of_what_is_in_quarantine_are_still_found(wire, database):
    wire.store.quarantine([Quarantined("demo", "C001", "9f3a1c07", 3, "bad", "{}")])
    hear(wire, b"rubbish")
    assert Reader(database).reasons("demo", "C001", "9f3a1c07") == ("bad",)
    assert database["quarantine"].count_documents({}) == 2


def long_texts():
    """Messages of the largest size, full of letters that are written out."""
    text = "\u202e" * 80_000
    readings = up(range(40)) | {"x": [["\u202e" * 2000]] * 40}
    return {"a state": state(last_error=text), "readings": readings}


@pytest.mark.parametrize("what", long_texts())
def test_no_text_takes_the_time_of_others(what):
    """Sixteen such messages fit into one board's part of the inbox, and all are worked on at once."""
    body = json.dumps(long_texts()[what], ensure_ascii=False).encode()
    assert 200_000 < len(body) <= messages.MAX_BYTES
    began = time.process_time()
    for _ in range(16):
        if what == "a state":
            assert len(messages.decode_state(body).last_error) == 512
        else:
            assert len(messages.decode_up("demo", "C001", body, 2e9).unfit) == 40
    assert time.process_time() - began < 0.3
