"""The judge of chaos must itself be right: what is lost, what was only in RAM, what is wrong."""

from dataclasses import replace

import numpy as np

from cloud.read.rows import Readings
from tools.run.chaos.tally import BoardReports, tally
from tools.virtual_board.virtual_board import Life, SampleTaken

STREAM = "0badcafe"
BEGAN = 1_800_000_000.0


def life(number, first, count, kept, began=BEGAN):
    """A boot with `count` readings, the first `kept` of them on flash; each value occurs once in a boot."""
    taken = [SampleTaken(1, 200 * i, began + 0.2 * i, 2000 + i, 4000, None) for i in range(count)]
    return Life("power on", began, STREAM, number, first, kept, taken)


def rows(*lives, without=(), **changes):
    """The readings of `lives` as they should be stored, without some seqs; `changes` replace columns."""
    readings = [
        (each.first + i, each.number, int(taken.host_ts), taken.t / 100, taken.h / 100)
        for each in lives
        for i, taken in enumerate(each.taken)
        if each.first + i not in without
    ]
    seq, boot, ts, t, h = (np.array(column) for column in zip(*readings, strict=True))
    zeros = np.zeros(len(readings))
    columns = {
        "stream": np.array([STREAM] * len(readings)),
        "seq": seq,
        "boot": boot,
        "ts": ts.astype(float),
        "up": zeros.astype(int),
        "t": t,
        "h": h,
        **dict.fromkeys(("edge_flags", "cloud_flags", "missing_before"), zeros.astype(int)),
        **dict.fromkeys(("edge_score", "cloud_score", "said"), zeros),
        **dict.fromkeys(("why", "model"), np.full(len(readings), None)),
        **changes,
    }
    return Readings("demo", "C001", **columns)


def check(lives, stored, reports=BoardReports(), frozen=()):
    return tally(lives, stored, reports, frozen, 0.2)


def test_all_is_well_when_every_reading_is_there_once():
    lives = [life(1, 0, 50, 50), life(2, 50, 50, 50, BEGAN + 60)]
    result = check(lives, rows(*lives))
    assert (result.taken, result.stored) == (100, 100)
    assert (result.lost, result.duplicated, result.misdated, result.cut_in_ram) == (0, 0, 0, 0)
    assert result.problems == []


def test_a_reading_whose_flush_returned_and_that_is_not_there_is_lost():
    lives = [life(1, 0, 50, 50)]
    result = check(lives, rows(*lives, without={17}))
    assert (result.lost, result.cut_in_ram) == (1, 0)
    assert result.problems == ["boot 1, seq 17: lost"]


def test_what_was_in_ram_at_a_cut_counts_apart_also_when_the_next_boot_gives_its_seqs_again():
    cut, after = life(1, 0, 50, 45), life(2, 45, 50, 50, BEGAN + 60)
    stored = rows(cut, after, without=())
    keep = ~((stored.boot == 1) & (stored.seq >= 45))
    stored = Readings(
        "demo", "C001", **{k: v[keep] for k, v in vars(stored).items() if isinstance(v, np.ndarray)}
    )
    result = check([cut, after], stored)
    assert (result.lost, result.duplicated) == (0, 0)
    assert (result.cut_in_ram, result.most_in_ram) == (5, 5)


def test_what_the_board_dropped_for_a_cause_counts_apart_and_without_one_it_is_unexplained():
    lives = [life(1, 0, 50, 50)]
    reports = BoardReports(dropped={STREAM: {3, 4}}, unexplained={STREAM: {3, 4, 9, 10}})
    result = check(lives, rows(*lives, without={3, 4, 9, 11}), reports)
    assert (result.dropped, result.unexplained, result.lost) == (2, 1, 1)
    assert result.problems == ["boot 1, seq 9: without a cause", "boot 1, seq 11: lost"]


def test_a_boot_that_kept_nothing_may_share_its_number_with_the_next():
    nothing, after = life(1, 0, 8, 0), life(1, 0, 50, 50, BEGAN + 60)
    result = check([nothing, after], rows(after))
    assert (result.lost, result.duplicated, result.cut_in_ram, result.misdated) == (0, 0, 8, 0)


def test_a_wrong_date_is_seen_and_none_is_no_wrong_one():
    lives = [life(1, 0, 50, 50)]
    right = rows(*lives).ts
    late = right.copy()
    late[20] += 4
    late[30] = np.nan
    result = check(lives, rows(*lives, ts=late))
    assert (result.misdated, result.undated) == (1, 1)
    assert result.problems == ["boot 1, seq 20: dated +4.0 s"]


def test_a_reading_that_no_sensor_gave_is_surplus():
    lives = [life(1, 0, 50, 50)]
    stored = rows(*lives)
    changed = stored.t.copy()
    changed[10] += 1
    result = check(lives, rows(*lives, t=changed))
    assert (result.lost, result.duplicated) == (1, 1)
    assert check([], stored).duplicated == 50


def test_a_pause_counts_unless_the_board_was_stopped_and_what_the_host_took_apart():
    lived = life(1, 0, 10, 10)
    lived.taken[5:] = [
        SampleTaken(1, taken.up_ms + 3000, taken.host_ts + 3, taken.t, taken.h, None)
        for taken in lived.taken[5:]
    ]
    assert check([lived], rows(lived)).longest_pause_s == 3
    lived.taken[5:] = [replace(taken, starved_ms=2900) for taken in lived.taken[5:]]
    result = check([lived], rows(lived))
    assert result.longest_pause_s == 3 and round(result.longest_own_pause_s, 3) == 0.1
    frozen = [(BEGAN + 1.5, BEGAN + 3.0)]
    assert check([lived], rows(lived), frozen=frozen).longest_pause_s < 0.001


def test_what_a_copy_of_the_board_sent_first_is_claimed_and_no_duplicate():
    mine, copy = life(2, 50, 30, 30), life(2, 50, 30, 30, BEGAN + 1)
    copy.taken = [replace(taken, t=taken.t + 500) for taken in copy.taken]
    stored, theirs = rows(mine), rows(copy)
    t = stored.t.copy()
    t[10:20] = theirs.t[10:20]
    result = tally([mine], replace(stored, t=t), BoardReports(), (), 0.2, [copy])
    assert (result.claimed, result.lost, result.duplicated, result.misdated) == (10, 0, 0, 0)
    t[5] = 99.0  # neither gave that
    assert tally([mine], replace(stored, t=t), BoardReports(), (), 0.2, [copy]).duplicated == 1


def test_a_copy_may_have_started_more_often_than_the_board():
    mine, copy = life(2, 50, 30, 30), life(3, 50, 30, 30, BEGAN + 1)
    copy.taken = [replace(taken, t=taken.t + 500) for taken in copy.taken]
    result = tally([mine], rows(copy), BoardReports(), (), 0.2, [copy])
    assert (result.claimed, result.lost, result.duplicated, result.stored) == (30, 0, 0, 0)
