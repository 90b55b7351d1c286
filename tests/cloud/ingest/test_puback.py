"""PUBACKs leave in the order in which their messages came, whatever is done first."""

import threading

from cloud.ingest.puback import Pubacks


def test_each_waits_for_those_before_it():
    sent = []
    pubacks = Pubacks(sent.append)
    first, second, third = (pubacks.expect(number) for number in (1, 2, 65535))
    third()
    second()
    assert sent == []
    first()
    assert sent == [b"\x40\x02\x00\x01\x40\x02\x00\x02\x40\x02\xff\xff"]


def test_those_of_a_connection_that_is_gone_are_not_sent():
    sent = []
    pubacks = Pubacks(sent.append)
    old = pubacks.expect(1)
    pubacks.restart()
    new = pubacks.expect(1)
    old()
    assert sent == []
    new()
    assert sent == [b"\x40\x02\x00\x01"]


def test_the_thread_that_reads_sends_many_together():
    sent = []
    pubacks = Pubacks(sent.append)
    pubacks.reader = threading.get_ident()
    for number in range(3):
        pubacks.expect(number)()
    assert sent == []
    pubacks.flush()
    assert len(sent) == 1 and len(sent[0]) == 12


def test_many_threads_keep_the_order():
    sent = []
    pubacks = Pubacks(sent.append)
    waiting = [pubacks.expect(number) for number in range(2000)]
    parts = [waiting[k::4][::-1] for k in range(4)]
    threads = [threading.Thread(target=lambda part=part: [done() for done in part]) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    packets = b"".join(sent)
    assert [int.from_bytes(packets[k + 2 : k + 4]) for k in range(0, len(packets), 4)] == list(range(2000))
