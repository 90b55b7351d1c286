"""What one board may send: pure; time is a number that goes up."""

import pytest

from cloud.share import BURST, FLOOD, Allowances, rate

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
    assert sent(allowances, "C001", 0.0, 60, DAY / 10 / 40 / 60) == DAY // 10 // 40
    assert allowances.floods(60.0) == []


def test_a_whole_flash_is_sent_at_once():
    assert BURST >= 17_280 / 40 * 1.25


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
        sent(allowances, owner, 0.0, 2000, a_second)
        for _ in range(3):
            allowances.hold_back(owner)
    (flood,) = allowances.floods(2000.0)
    assert flood.owner == "C001" and flood.times == pytest.approx(50) and flood.held == 3
    assert allowances.floods(2015.0) == [] and FLOOD > 1.4


def test_a_known_period_makes_room_for_a_fast_board():
    allowances = Allowances(0.0)
    sent(allowances, "C001", 0.0, 60, 100)
    allowances.learn("C001", 0.5)
    assert sent(allowances, "C001", 60.0, 600, 2) == 1200
