"""The arithmetic of SNTP: which answers are good, and what date they tell."""

from device.net.ntp import seconds

NONCE = b"\x01\x02\x03\x04\x05\x06\x07\x08"


def answer(sec_1900, fraction=0, first=0x24, stratum=2, nonce=NONCE):
    packet = bytearray(48)
    packet[0] = first
    packet[1] = stratum
    packet[24:32] = nonce
    packet[40:44] = (sec_1900 & 0xFFFFFFFF).to_bytes(4, "big")
    packet[44:48] = fraction.to_bytes(4, "big")
    return bytes(packet)


def test_seconds_count_from_2000():
    assert seconds(answer(3155673600), NONCE, 0) == 0
    # 2026-11-22 12:00:00 UTC: Unix 1795348800, 848664000 s after 2000.
    assert seconds(answer(1795348800 + 2208988800), NONCE, 0) == 848664000


def test_half_of_the_round_trip_is_added_and_rounded():
    assert seconds(answer(3155673610, 0x80000000 - 1), NONCE, 0) == 10
    assert seconds(answer(3155673610, 0x80000000), NONCE, 2) == 11
    assert seconds(answer(3155673610, 0xC0000000), NONCE, 1600) == 12  # 10.75 s + 0.8 s = 11.55 s


def test_the_end_of_the_era_in_2036_does_no_harm():
    last = seconds(answer(0xFFFFFFFF), NONCE, 0)
    assert seconds(answer(0x100000000 + 4), NONCE, 0) == last + 5


def test_bad_answers_are_refused():
    good = 3155673610
    assert seconds(answer(good), NONCE, 0) == 10
    assert seconds(answer(good)[:47], NONCE, 0) is None
    assert seconds(b"", NONCE, 0) is None
    assert seconds(answer(good, first=0x23), NONCE, 0) is None  # a client's packet
    assert seconds(answer(good, first=0xE4), NONCE, 0) is None  # the alarm: not synchronized
    assert seconds(answer(good, stratum=0), NONCE, 0) is None  # "kiss of death"
    assert seconds(answer(good, stratum=16), NONCE, 0) is None
    assert seconds(answer(good, nonce=b"another!"), NONCE, 0) is None  # not to our question
    assert seconds(answer(0, 0), NONCE, 0) is None
