"""Rests double within their bounds and are spread; cures come only in silence."""

from device.link.failure import RADIO, RECONNECT, RESET, cure_after, delay_ms


def test_rests_grow_from_one_second_to_five_minutes():
    most = [delay_ms(failures, 0) for failures in range(1, 40)]
    assert most[:4] == [2000, 4000, 8000, 16000]
    assert most[-1] == 300000
    assert most == sorted(most)


def test_rests_are_spread_over_the_upper_half():
    for failures in (1, 2, 5, 8, 9, 1000):
        most = delay_ms(failures, 0)
        rests = [delay_ms(failures, random * 7919) for random in range(2000)]
        assert min(rests) >= most // 2 >= 1000
        assert max(rests) <= most <= 300000
        assert len(set(rests)) > 800
        assert abs(sum(rests) // len(rests) - most * 3 // 4) < most // 20


def test_a_refusal_never_touches_radio_or_board():
    assert cure_after(0, 0, 3600) == RECONNECT
    assert cure_after(0, 100000, 3600) == RECONNECT


def test_silence_leads_to_the_radio_and_then_to_a_reset():
    climbed = [cure_after(silent, silent * 60, 3600) for silent in range(1, 61)]
    assert climbed[:8] == ([RADIO] + [RECONNECT] * 3) * 2
    assert climbed[-1] == RESET
    assert climbed.count(RESET) == 1
