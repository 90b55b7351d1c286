import os

from device.outbox.journal import DAMAGED, FULL, REFUSED, Journal
from tests.device import scratch

NOW = 836000000


def test_the_journal_remembers_over_a_reboot():
    with scratch.Folder() as folder:
        journal = Journal(folder + "/journal")
        journal.anchor(3, 10, NOW)
        journal.see(NOW + 4000)
        journal.see(NOW + 4100)  # once an hour is enough
        journal.drop(5, 9)
        again = Journal(folder + "/journal")
        assert again.anchors == [(3, 10, NOW)]
        assert again.seen == NOW + 4000
        assert again.dropped == [[5, 9]]


def test_the_date_of_a_record_never_changes_once_it_may_have_left():
    with scratch.Folder() as folder:
        journal = Journal(folder + "/journal")
        assert journal.date(3, 20) is None
        journal.anchor(3, 10, NOW)
        assert journal.date(3, 4) == NOW - 6  # before the clock was set
        assert journal.date(3, 20) == NOW + 10
        journal.anchor(3, 50000, NOW + 50002)  # the crystal lost two seconds
        assert journal.date(3, 20) == NOW + 10
        assert journal.date(3, 50001) == NOW + 50003
        assert journal.date(2, 20) is None


def test_a_cut_at_every_byte_keeps_all_whole_entries():
    with scratch.Folder() as folder:
        path = folder + "/journal"
        journal = Journal(path)
        journal.see(NOW)
        before = os.stat(path)[6]
        for n in range(4):
            journal.drop(10 * n, 10 * n)
        data = scratch.read(path)
        for length in range(len(data) + 1):
            scratch.write(path, data[:length])
            again = Journal(path)
            whole = max(0, (length - before) // 20)
            assert again.dropped == [[10 * n, 10 * n] for n in range(whole)], length
            again.anchor(1, 2, NOW)
            more = Journal(path)
            assert more.anchors == [(1, 2, NOW)]
            assert more.dropped == again.dropped


def test_a_cut_before_the_renaming_keeps_the_old_file():
    with scratch.Folder() as folder:
        path = folder + "/journal"
        Journal(path).drop(1, 2)
        scratch.write(path + ".new", b"half an ent")
        assert Journal(path).dropped == [[1, 2]]


def test_the_journal_stays_small_and_forgets_nothing_that_counts():
    with scratch.Folder() as folder:
        path = folder + "/journal"
        journal = Journal(path)
        journal.drop(1, 2)
        journal.anchor(7, 1, NOW)
        for n in range(500):
            journal.see(NOW + 3600 * n)
        assert os.stat(path)[6] <= 4096
        again = Journal(path)
        assert again.dropped == [[1, 2]]
        assert again.anchors == [(7, 1, NOW)]
        assert again.seen == NOW + 3600 * 499


def test_dropped_runs_join_and_are_settled_piece_by_piece():
    with scratch.Folder() as folder:
        journal = Journal(folder + "/journal")
        journal.drop(0, 9)
        journal.drop(10, 19)
        journal.drop(30, 39)
        assert journal.dropped == [[0, 19], [30, 39]]
        journal.settle(5, 34)
        assert journal.dropped == [[0, 4], [35, 39]]
        journal.settle(0, 100)
        assert journal.dropped == []
        assert Journal(folder + "/journal").dropped == []


def test_many_dropped_runs_are_bounded_and_none_is_forgotten():
    with scratch.Folder() as folder:
        journal = Journal(folder + "/journal")
        for n in range(200):
            journal.drop(n * 100, n * 100 + n)
        assert len(journal.dropped) == 24
        for n in range(200):
            assert any(a <= n * 100 and n * 100 + n <= b for a, b in journal.dropped)


def test_a_flash_that_refuses_is_counted_and_made_up_for():
    with scratch.Folder() as folder:
        journal = Journal(folder + "/missing/journal")
        journal.drop(1, 2)
        assert journal.failures >= 1
        os.mkdir(folder + "/missing")
        journal.drop(5, 6)
        assert Journal(folder + "/missing/journal").dropped == [[1, 2], [5, 6]]


def test_why_readings_were_dropped_is_kept_until_the_cloud_knows_it():
    with scratch.Folder() as folder:
        path = folder + "/journal"
        journal = Journal(path)
        journal.drop(5, 9, FULL)
        journal.drop(20, 20)
        assert Journal(path).why == FULL | DAMAGED
        journal.settle(5, 9)
        journal.catch_up()
        assert journal.why == FULL | DAMAGED
        journal.settle(20, 20)
        assert journal.why == 0 and Journal(path).why == 0
        journal.drop(30, 30, REFUSED)
        assert Journal(path).why == REFUSED


def test_the_last_date_that_was_told_counts_also_when_it_is_an_earlier_one():
    with scratch.Folder() as folder:
        journal = Journal(folder + "/journal")
        journal.anchor(3, 10, NOW + 365 * 86400)
        journal.see(NOW)
        assert Journal(folder + "/journal").seen == NOW
        journal._rewrite()
        assert Journal(folder + "/journal").seen == NOW
