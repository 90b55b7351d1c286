"""Questions and answers of DNS, byte by byte."""

from device.net.dns import _address, _query

# An answer to a question for broker.example: a CNAME, then its A record 192.0.2.7, names compressed.
QUESTION = b"\x06broker\x07example\0\0\x01\0\x01"
CNAME = b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x04\x01a\xc0\x13"
A = b"\x01a\xc0\x13\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x07"
AAAA = b"\xc0\x0c\0\x1c\0\x01\0\0\0\x3c\0\x10" + b"\x20\x01" + bytes(14)


def answer(*records, number=b"\x12\x34", flags=b"\x81\x80"):
    count = len(records).to_bytes(2, "big")
    return number + flags + b"\0\x01" + count + b"\0\0\0\0" + QUESTION + b"".join(records)


def no(packet):
    try:
        _address(packet, b"\x12\x34")
    except OSError:
        return True
    return False


def test_a_question_is_as_rfc_1035_says():
    assert _query(b"\x12\x34", "broker.example.") == b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0" + QUESTION


def test_the_first_ipv4_address_is_found_behind_aliases_and_ipv6():
    assert _address(answer(CNAME, A), b"\x12\x34") == "192.0.2.7"
    assert _address(answer(AAAA, CNAME, A), b"\x12\x34") == "192.0.2.7"


def test_answers_to_other_questions_and_cut_ones_are_passed_over():
    assert _address(answer(A, number=b"\x12\x35"), b"\x12\x34") is None
    assert _address(answer(A, flags=b"\x01\0"), b"\x12\x34") is None  # a question
    whole = answer(CNAME, A)
    for size in range(len(whole)):
        assert _address(whole[:size], b"\x12\x34") is None, size


def test_an_answer_that_says_no_is_an_error():
    assert no(answer(flags=b"\x81\x83"))  # no such name
    assert no(answer(flags=b"\x81\x82"))  # the server failed
    assert no(answer(AAAA))  # no IPv4 address
