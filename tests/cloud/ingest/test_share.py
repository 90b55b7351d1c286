"""What one board may send: pure; time is a number that goes up."""

import math

import pytest

from cloud.ingest.share import BURST, FLOOD, Allowances, rate
from device.outbox import segment
from device.send import queue

DAY = 86400


def sent(allowances, owner, begin, seconds, a_second):
    """How many messages of so many were taken."""
    count = int(seconds * a_second)
    return sum(allowances.take(owner, begin + k / a_second) for k in range(count))


@pytest.mark.parametrize(
    "period, messages", [(10, 1.0), (2, 5.0), (1, 10.0), (0.05, 20.0), (600, 1.0), (0, 20.0)]
)
def test_the_rate_follows_from_the_period(period, messages):
    assert rate(period) == messages


def test_a_board_that_was_offline_for_a_day_sends_its_backlog_at_once():
    allowances = Allowances(0.0)
    assert sent(allowances, "C001", 0.0, 60, DAY / 10 / queue.MOST / 60) == DAY // 10 // queue.MOST
    assert allowances.floods(60.0) == []


def test_a_whole_flash_is_sent_within_ten_minutes():
    segments = math.ceil(17_280 / segment.RECORDS)
    messages = segments * math.ceil(segment.RECORDS / queue.MOST)
    assert sent(Allowances(0.0), "C001", 0.0, 600, 8) >= messages > BURST


def test_a_board_that_catches_up_after_days_is_held_back_and_is_no_flood():
    """It waits half a minute for what was held back, with four messages of its backlog on their way."""
    allowances, held, free, floods = Allowances(0.0), 0, 0, []
    for second in range(3600):
        if second >= free:
            for eighth in range(8):
                if not allowances.take("C001", second + eighth / 8):
                    allowances.hold_back("C001")
                    held += 1
                    if held % 4 == 0:
                        free = second + 30
                        break
        if second % 15 == 14:
            floods += allowances.floods(second + 1.0)
    assert held and floods == []


def test_a_flood_gets_its_rate_and_no_more_for_good():
    allowances = Allowances(0.0)
    taken = sent(allowances, "C001", 0.0, 3600, 100)
    assert taken == pytest.approx(BURST + 3600 * rate(10), abs=2)


def test_one_that_floods_costs_another_nothing():
    allowances = Allowances(0.0)
    sent(allowances, "C001", 0.0, 60, 1000)
    assert sent(allowances, "C002", 60.0, 60, 1) == 60


def test_a_flood_is_told_with_how_much_it_is_and_a_board_that_catches_up_is_none():
    allowances = Allowances(0.0)
    for owner, a_second in (("C001", 50), ("C002", 1.4)):
        taken = sent(allowances, owner, 0.0, 2000, a_second)
        for _ in range(2000 * 50 - taken if owner == "C001" else 3):
            allowances.hold_back(owner)
    (flood,) = allowances.floods(2000.0)
    assert flood.owner == "C001" and flood.times == pytest.approx(50) and flood.held > 90_000
    assert allowances.floods(2015.0) == [] and FLOOD > 1.4


def test_a_known_period_makes_room_for_a_fast_board():
    allowances = Allowances(0.0)
    sent(allowances, "C001", 0.0, 60, 100)
    allowances.learn("C001", 0.5)
    assert sent(allowances, "C001", 60.0, 600, 2) == 1200
