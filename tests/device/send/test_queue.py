"""What is sent when, with a real outbox; the cloud is played by calls of sent() and acked()."""

from device.outbox.outbox import Outbox
from device.send.queue import MOST, Sender
from tests.device import scratch
from tests.device.outbox.test_outbox import ROOMY, Small, fill


def sent(sender, now, hold=False):
    run = sender.take(now, hold)
    if run:
        sender.sent(run[0], run[1], now)
    return run


def all_sent(sender, now):
    runs = []
    run = sent(sender, now)
    while run:
        runs.append(run)
        run = sent(sender, now)
    return runs


def box_of(folder, old, new):
    """An outbox with `old` readings of the last boot and `new` of this one."""
    fill(Outbox(folder, ROOMY), old)
    box = Outbox(folder, ROOMY)
    fill(box, new)
    return box


def test_live_readings_go_first_then_the_backlog_oldest_first_in_a_window():
    with scratch.Folder() as folder:
        sender = Sender(box_of(folder, 500, 3), 60)
        backlog = [(n * MOST, (n + 1) * MOST - 1) for n in range(5)]
        assert all_sent(sender, 0) == [(500, 502)] + backlog[:4]
        assert sender.acked(0, MOST - 1, 1) == MOST
        assert all_sent(sender, 1) == backlog[4:]


def test_a_quiet_reading_waits_for_others_and_an_abnormal_one_does_not():
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY)
        sender = Sender(box, 60)
        fill(box, 1)
        assert sent(sender, 0) == (0, 0)
        sender.acked(0, 0, 1)
        fill(box, 5)
        assert sent(sender, 50) is None
        assert sent(sender, 60) == (1, 5)
        sender.acked(1, 5, 60)
        fill(box, 2)
        sender.urgent(7)
        assert sent(sender, 61) == (6, 7)
        fill(box, 1)
        assert sent(sender, 62) is None
        fill(box, MOST - 1)
        assert sent(sender, 63) == (8, 7 + MOST)


def test_after_an_outage_the_newest_go_first_and_nothing_is_left_out():
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY)
        sender = Sender(box, 60)
        fill(box, 10)
        assert sent(sender, 0) == (0, 9)
        fill(box, 200)  # the network is gone for a while
        runs = all_sent(sender, 5000)
        assert runs[0] == (210 - MOST, 209)
        seen = set()
        now = 5000
        while box.waiting():
            for first, last in runs:
                sender.acked(first, last, now)
                seen.update(range(first, last + 1))
            now += 40
            runs = all_sent(sender, now)
        assert seen == set(range(210))


def test_what_is_not_acknowledged_is_due_after_30_s_then_twice_as_long_up_to_10_minutes():
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY)
        sender = Sender(box, 60)
        fill(box, 3)
        times = []
        for now in range(4000):
            if sent(sender, now):
                times.append(now)
        assert times == [0, 30, 90, 210, 450, 930, 1530, 2130, 2730, 3330, 3930]


def test_only_what_still_waits_is_sent_again():
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY)
        sender = Sender(box, 60)
        fill(box, 10)
        sent(sender, 0)
        sender.acked(0, 9, 1)
        assert all_sent(sender, 10000) == []


def test_when_the_link_is_back_what_was_on_its_way_is_due_at_once():
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY)
        sender = Sender(box, 60)
        fill(box, 3)
        sent(sender, 0)
        sender.again(10)
        assert sent(sender, 10) == (0, 2)
        assert sent(sender, 39) is None
        assert sent(sender, 40) == (0, 2)


def test_a_cloud_that_is_away_for_hours_makes_no_small_messages_and_keeps_live_ones_going():
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY)
        sender = Sender(box, 60)
        biggest = 0
        for now in range(0, 21600, 60):
            fill(box, 6)
            live = box.newest()
            runs = all_sent(sender, now)
            assert any(last == live for _, last in runs), now
            biggest = max(biggest, len(sender._flights))
        assert biggest <= 12
        seen = set()
        now = 21600
        rounds = 0
        while box.waiting():
            for first, last in all_sent(sender, now):
                sender.acked(first, last, now)
                seen.update(range(first, last + 1))
            now += 1
            rounds += 1
            assert rounds < 300


def test_poison_is_found_by_halves_then_goes_once_an_hour_and_blocks_nobody():
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY)
        sender = Sender(box, 60)
        poison = 13
        tries = []
        for now in range(0, 60000, 10):
            if now % 60 == 0:
                fill(box, 6)
            for first, last in all_sent(sender, now):
                if first <= poison <= last:
                    tries.append(now)
                    # The cloud takes only messages without it; such a one is refused as a whole.
                    continue
                sender.acked(first, last, now)
        assert list(sender.refused) == [poison]
        assert box.waiting() == 1
        hourly = [b - a for a, b in zip(tries[-5:], tries[-4:])]
        assert hourly == [3600] * 4
        sender.acked(poison, poison, now)
        assert not sender.refused


def test_poison_in_a_whole_message_frees_its_neighbours():
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY)
        fill(box, 40)
        sender = Sender(box, 60)
        now = 0
        while box.waiting() > 2:  # it and the youngest
            for first, last in all_sent(sender, now):
                if not first <= 13 <= last:
                    sender.acked(first, last, now)
            fill(box, 1)  # a living cloud
            sender.urgent(box.newest())
            now += 10
            assert now < 40000
        assert box.next_waiting(0) == 13


def test_readings_of_this_boot_are_held_until_they_can_be_dated():
    with scratch.Folder() as folder:
        sender = Sender(box_of(folder, 5, 3), 60)
        assert sent(sender, 0, True) == (0, 4)
        assert sent(sender, 1, True) is None
        assert sent(sender, 2) == (5, 7)


def test_a_message_never_crosses_a_segment():
    with scratch.Folder() as folder, Small():
        box = Outbox(folder, ROOMY)
        fill(box, 10)
        sender = Sender(box, 60)
        assert all_sent(sender, 0) == [(0, 3), (4, 7), (8, 9)]


def test_segments_that_had_to_make_room_are_not_sent_again():
    with scratch.Folder() as folder, Small():
        box = Outbox(folder, 4 * 4096)
        sender = Sender(box, 60)
        fill(box, 8)
        assert all_sent(sender, 0) == [(0, 3), (4, 7)]
        fill(box, 40)
        sender.sweep()
        runs = all_sent(sender, 60)
        assert min(first for first, _ in runs) == box.next_waiting(0) >= 30


def test_more_poison_than_fits_is_given_up_and_reported():
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY)
        fill(box, 40)
        sender = Sender(box, 60)
        now = 0
        while now < 60000 and box.dropped + len(box.journal.dropped) == 0:
            for first, last in all_sent(sender, now):
                if first >= 40:
                    sender.acked(first, last, now)
            fill(box, 1)
            sender.urgent(box.newest())
            now += 15
        assert box.journal.dropped == [[0, box.journal.dropped[0][1]]]
        assert len(sender.refused) <= 32
