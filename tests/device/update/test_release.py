"""A board takes a release only when the owner's key signed each byte of it, and when it is meant for it."""

import io
import struct
from hashlib import sha256

from device.update.release import RSA, fit, sizes, verified
from tests.device.update.signing import INFO, MODULUS, listed, release, sign

FILES = [("device/app.mpy", bytes(range(256)) * 9), ("safe.mpy", b"safe")]
GOOD = release(7, FILES)
SMALL = 8  # a release whose signature and the modulus together still have 384 bytes
HEAD = len(GOOD) - sum(len(data) for _, data in FILES)


def refusal(data, modulus=MODULUS):
    try:
        verified(io.BytesIO(data), modulus)
    except ValueError as error:
        return str(error)
    return None


def test_what_the_owner_signed_is_known_and_its_list_follows():
    file = io.BytesIO(GOOD)
    facts = verified(file, MODULUS)
    assert facts["number"] == 7 and facts["version"] == "9.9.9"
    list_ = listed(FILES)
    assert file.read(len(list_)) == list_
    assert sizes(GOOD[:8])[1] == len(list_)


def test_a_bit_changed_anywhere_in_the_head_is_noticed():
    for at in range(0, HEAD, 13):
        changed = bytearray(GOOD[:HEAD])
        changed[at] ^= 1 << at % 8
        assert refusal(bytes(changed)), at


def test_what_is_truncated_empty_or_something_else_is_refused():
    for end in (0, 3, 7, 8, 20, HEAD - RSA, HEAD - 1):
        assert refusal(GOOD[:end]), end
    assert "no release" in refusal(b"VGS1" + GOOD[4:])


def test_another_key_and_a_key_that_is_not_there_open_nothing():
    other = bytearray(MODULUS)
    other[-1] ^= 2
    for modulus in (bytes(other), b"", MODULUS[1:], b"\x00" * RSA, b"\xff" * RSA):
        assert "not signed" in refusal(GOOD, modulus)


def test_a_signature_that_is_none_is_refused():
    n = int.from_bytes(MODULUS, "big")
    good = int.from_bytes(GOOD[HEAD - RSA : HEAD], "big")
    for number in (0, 1, n - 1, n - good):
        assert "not signed" in refusal(GOOD[: HEAD - RSA] + number.to_bytes(RSA, "big"))


def test_one_signature_has_one_form():
    made = release(SMALL, FILES)
    number = int.from_bytes(made[HEAD - RSA : HEAD], "big") + int.from_bytes(MODULUS, "big")
    assert refusal(made) is None
    assert "not signed" in refusal(made[: HEAD - RSA] + number.to_bytes(RSA, "big"))


def test_a_padding_that_leaves_room_is_refused():
    """Bleichenbacher's forgery needs a reader that does not look at all of it."""
    short = b"\x00\x01" + b"\xff" * 8 + b"\x00" + INFO
    for padding in (
        bytes(RSA - 32 - len(short)) + short,
        b"\x00\x01" + b"\xff" * (RSA - 3 - 32) + b"\x00",  # no word of SHA-256
        b"\x00\x02" + b"\xff" * (RSA - 3 - len(INFO) - 32) + b"\x00" + INFO,
    ):
        made = release(7, FILES, signer=lambda head, padding=padding: sign(head, padding=padding))
        assert "not signed" in refusal(made)


def test_the_signature_of_one_release_is_none_for_another():
    other = release(8, FILES)
    assert len(other) == len(GOOD)
    assert "not signed" in refusal(other[: HEAD - RSA] + GOOD[HEAD - RSA :])


def misfit(**changes):
    facts = {"number": 7, "version": "1", "expires": 1000, "mpy": 11014, "firmware": [1, 23, 0]}
    facts.update(changes)
    try:
        fit(facts, 6, 900, (1, 23, 0), 11014)
    except ValueError as error:
        return str(error)
    return None


def test_older_expired_and_for_another_chip_or_firmware_is_refused():
    assert misfit() is None and misfit(mpy=6) is None and misfit(firmware=[1, 22, 9]) is None
    assert "older than release 6" in misfit(number=6) and "older" in misfit(number=5)
    assert "expired" in misfit(expires=899)
    assert "another chip" in misfit(mpy=12038) and "another chip" in misfit(mpy=5)
    assert "MicroPython 1.24.0" in misfit(firmware=[1, 24, 0])


def test_the_format_has_its_bytes_for_good():
    """What boards in the field can read: this format stays."""
    assert GOOD[:4] == b"VGA1"
    facts, listing = struct.unpack(">HH", GOOD[4:8])
    assert HEAD == 8 + facts + listing + RSA
    line = GOOD[8 + facts :].split(b"\n")[0].split(b" ")
    assert line[1:] == [b"2304", b"device/app.mpy"] and len(line[0]) == 64
    assert sha256(FILES[0][1]).digest().hex().encode() == line[0]
