"""HMAC-SHA256 agrees with RFC 4231, and comparison sees every difference."""

from binascii import hexlify, unhexlify

from device.auth import hmac_sha256, same

# RFC 4231, test cases 1, 2, 3, 6 (a key longer than a block) and 7 (a long message too): key, message, mac.
RFC_4231 = (
    (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        b"\xaa" * 131,
        b"This is a test using a larger than block-size key and a larger than block-size data. "
        b"The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
)


def test_hmac_agrees_with_rfc_4231():
    for key, message, mac in RFC_4231:
        assert hexlify(hmac_sha256(key, (message,))).decode() == mac, key


def test_hmac_takes_keys_of_exactly_one_block_and_any_bytes_like():
    key = bytes(range(64))
    expected = hmac_sha256(key, (b"ack:9f3a1c07:1-40",))
    assert hmac_sha256(bytearray(key), (memoryview(b"ack:9f3a1c07:1-40"),)) == expected
    assert hmac_sha256(key + b"\0", (b"ack:9f3a1c07:1-40",)) != expected


def test_a_comparison_sees_every_single_bit_and_length():
    value = unhexlify("b0344c61d8db3853")
    assert same(value, bytearray(value))
    assert same(b"", b"")
    assert not same(value, value[:-1])
    assert not same(value[:-1], value)
    for i in range(len(value) * 8):
        other = bytearray(value)
        other[i // 8] ^= 1 << (i % 8)
        assert not same(value, other)
