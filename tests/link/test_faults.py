"""The link against a server that does everything wrong: it never hangs, and goes on as soon as it can."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.link.conftest import Certificates
from tests.link.driven_board import Board
from tests.link.server import (
    ACK_TOPIC,
    CONNACK,
    CONNECT,
    PINGREQ,
    PUBLISH,
    UP_TOPIC,
    Peer,
    Server,
    message,
    puback,
)

Start = Callable[..., Board]


@pytest.fixture
def serve(certificates: Certificates) -> Callable[..., Server]:
    return lambda script: Server(*certificates.server, script)


def test_the_whole_conversation_in_order(serve, board: Start, any_umqtt: Path) -> None:
    connects = []

    def script(peer: Peer, n: int) -> None:
        connects.append(peer.expect(CONNECT))
        peer.send(CONNACK)
        peer.subscribed()
        _, packet, payload = peer.published()
        assert payload == b'{"state": "online", "last_error": null}'
        peer.send(puback(packet))
        topic, _, payload = peer.published()
        assert topic == UP_TOPIC
        assert payload == "Grüße, 21 °C".encode()  # not cut by counting characters
        peer.send(message(b"stored"))
        peer.hold()

    with serve(script) as server, board(server.port, umqtt=any_umqtt) as client:
        client.expect("wifi on", ssid="home", password="wifi-secret")
        client.expect("ready")
        client.do("publish Grüße, 21 °C")
        client.expect("ack", text="stored")
        end = client.end()
    assert end["counts"] == {"connects": 1, "oversize packets": 0, "strange packets": 0}
    will = b'{"state": "offline", "last_error": null}'
    expected = [b"\0\x04MQTT\x04\xee\0\x1e"]  # user, password, retained will at QoS 1, clean session; 30 s
    for field in (b"vigie-demo-C001", b"vigie/1/demo/C001/state", will, b"demo/C001", b"secret"):
        expected += [len(field).to_bytes(2, "big"), field]
    assert connects == [b"".join(expected)]


def test_a_publish_is_one_write(serve, board: Start, any_umqtt: Path) -> None:
    sizes = []

    def script(peer: Peer, n: int) -> None:
        peer.welcome()
        sizes.append(len(peer.wire.recv(16384)))  # one TLS record: what was written at once
        peer.send(message(b"done"))
        peer.hold()

    with serve(script) as server, board(server.port, umqtt=any_umqtt) as client:
        client.expect("ready")
        client.do("big 900")
        client.expect("ack", text="done")
        client.end()
    assert sizes == [1 + 2 + 2 + len("vigie/1/demo/C001/up") + 2 + 900]


def test_a_server_that_drips_byte_by_byte_is_understood(serve, board: Start, any_umqtt: Path) -> None:
    def script(peer: Peer, n: int) -> None:
        whole = peer.send

        def drip(data: bytes) -> None:
            for i in range(len(data)):
                whole(data[i : i + 1])
                time.sleep(0.004)

        peer.send = drip
        peer.welcome()
        peer.send(message(b"one") + b"\xd0\0" + message(b"two"))
        peer.hold()

    with serve(script) as server, board(server.port, umqtt=any_umqtt) as client:
        client.expect("ack", text="one")
        client.expect("ack", text="two")
        assert client.end()["counts"]["connects"] == 1


def test_packets_glued_together_are_taken_apart(serve, board: Start, any_umqtt: Path) -> None:
    def script(peer: Peer, n: int) -> None:
        peer.welcome()
        peer.send(b"".join(message(b"ack %d" % i) for i in range(300)))
        peer.hold()

    with serve(script) as server, board(server.port, umqtt=any_umqtt) as client:
        for i in range(300):
            client.expect("ack", text=f"ack {i}")
        client.end()


def test_a_server_that_takes_tcp_but_not_tls_is_left(board: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute, board(mute.getsockname()[1], speed=10) as client:
        line = client.expect("warn")["text"]
        assert "does not speak TLS in time" in line
        assert client.end()["counts"]["tls timeouts"] == 1


def test_a_server_that_never_welcomes_is_left_and_tried_again(serve, board: Start) -> None:
    def script(peer: Peer, n: int) -> None:
        if n:
            peer.welcome()
        peer.hold()

    with serve(script) as server, board(server.port, speed=10) as client:
        assert "does not welcome this client in time" in client.expect("warn")["text"]
        client.expect("ready")
        assert client.end()["counts"]["login timeouts"] == 1


def test_a_subscription_that_is_never_confirmed_is_tried_again(serve, board: Start) -> None:
    def script(peer: Peer, n: int) -> None:
        if n == 0:
            peer.expect(CONNECT)
            peer.send(CONNACK)
            peer.hold()
        peer.welcome()
        peer.hold()

    with serve(script) as server, board(server.port, speed=10) as client:
        client.expect("warn")
        client.expect("ready")
        assert client.end()["counts"]["login timeouts"] == 1


def test_a_refused_subscription_is_told(serve, board: Start, any_umqtt: Path) -> None:
    def script(peer: Peer, n: int) -> None:
        peer.expect(CONNECT)
        peer.send(CONNACK)
        body = peer.read()[1]
        peer.send(b"\x90\x03" + body[:2] + b"\x80")
        peer.hold()

    with serve(script) as server, board(server.port, umqtt=any_umqtt, speed=10) as client:
        assert "does not let this user read its own ack topic" in client.expect("warn")["text"]
        assert client.end()["counts"]["login errors"] >= 1


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "another version of MQTT"),
        (2, "does not like the client's name"),
        (3, "is not available now"),
        (4, "check broker.user and broker.password"),
        (5, "does not authorize this user"),
        (99, "refuses with code 99"),
    ],
)
def test_a_refused_login_says_why(serve, board: Start, code: int, words: str) -> None:
    def script(peer: Peer, n: int) -> None:
        peer.expect(CONNECT)
        peer.send(b"\x20\x02\0" + bytes((code,)))

    with serve(script) as server, board(server.port) as client:
        assert words in client.expect("warn")["text"]
        assert client.end()["counts"]["login errors"] >= 1


def test_a_server_that_hangs_up_instead_of_a_welcome_points_at_the_password(serve, board: Start) -> None:
    with serve(lambda peer, n: peer.expect(CONNECT)) as server, board(server.port) as client:
        assert "hangs up instead of a welcome: check broker.user" in client.expect("warn")["text"]
        client.end()


@pytest.mark.parametrize("cut", [1, 2, 5, 25])
def test_a_packet_cut_by_a_disconnect_is_dropped_and_the_link_returns(serve, board: Start, cut: int) -> None:
    def script(peer: Peer, n: int) -> None:
        peer.welcome()
        if n == 0:
            peer.send(message(b"never whole")[:cut])
            return
        peer.send(message(b"whole"))
        peer.hold()

    with serve(script) as server, board(server.port, speed=10) as client:
        client.expect("ack", text="whole")
        end = client.end()
    assert [event["text"] for event in client.log if event["event"] == "ack"] == ["whole"]
    assert end["counts"]["connects"] == 2


def test_half_a_packet_does_not_hold_the_link_for_ever(serve, board: Start) -> None:
    def script(peer: Peer, n: int) -> None:
        peer.welcome()
        if n == 0:
            peer.send(message(b"half")[:10])
        peer.hold()

    with serve(script) as server, board(server.port, speed=10) as client:
        client.expect("ready")
        assert "no longer answers" in client.expect("warn")["text"]
        client.expect("ready")
        assert client.end()["counts"]["session timeouts"] == 1


def test_pubacks_in_any_order_twice_or_for_nothing_do_no_harm(serve, board: Start, any_umqtt: Path) -> None:
    def script(peer: Peer, n: int) -> None:
        peer.welcome()
        packets = [peer.published()[1] for _ in range(8)]
        for packet in reversed(packets):
            peer.send(puback(packet))
        peer.send(puback(packets[3]) + puback(packets[3]) + puback(0) + puback(65535))
        for _ in range(12):
            peer.send(puback(peer.published()[1]))
        peer.send(message(b"all twenty"))
        peer.hold()

    with serve(script) as server, board(server.port, umqtt=any_umqtt) as client:
        client.expect("ready")
        client.do("flooding 20")
        client.expect("ack", text="all twenty")
        end = client.end()
    assert end["counts"]["strange packets"] == 4
    assert end["counts"]["connects"] == 1


def test_without_pubacks_eight_publishes_wait_and_then_the_link_starts_afresh(serve, board: Start) -> None:
    taken = []

    def script(peer: Peer, n: int) -> None:
        peer.welcome()
        while n == 0:
            first, body = peer.read()
            if first == PINGREQ:
                peer.send(b"\xd0\0")
            else:
                taken.append(body[-1:])
        peer.hold()

    with serve(script) as server, board(server.port, speed=10) as client:
        client.expect("ready")
        for i in range(10):
            client.do("publish", i)
        given = [client.expect("published")["id"] for _ in range(10)]
        client.expect("down")
        client.expect("ready")
        assert client.end()["counts"]["session timeouts"] == 1
    assert None not in given[:7]
    assert given[8:] == [None, None]
    assert len(taken) <= 8


def test_packet_ids_wrap_past_zero(serve, board: Start, any_umqtt: Path) -> None:
    seen = []

    def script(peer: Peer, n: int) -> None:
        peer.welcome()
        for _ in range(5):
            seen.append(peer.published()[1])
            peer.send(puback(seen[-1]))
        peer.send(message(b"five"))
        peer.hold()

    with serve(script) as server, board(server.port, umqtt=any_umqtt) as client:
        client.expect("ready")
        client.do("last_id 65532")
        client.do("flooding 5")
        client.expect("ack", text="five")
        client.end()
    assert seen == [65533, 65534, 65535, 1, 2]


def test_publishing_while_an_ack_is_handled_loses_no_puback(serve, board: Start, any_umqtt: Path) -> None:
    def script(peer: Peer, n: int) -> None:
        peer.welcome()
        for i in range(30):
            peer.send(message(b"%d" % i))
            _, packet, payload = peer.published()
            assert payload == b"echo"
            peer.send(puback(packet))
        peer.send(message(b"end"))
        peer.hold()

    with serve(script) as server, board(server.port, umqtt=any_umqtt) as client:
        client.do("echoing")
        client.expect("ack", text="end")
        assert client.end()["counts"]["strange packets"] == 0


def test_a_huge_packet_is_skipped_and_counted(serve, board: Start, any_umqtt: Path) -> None:
    def script(peer: Peer, n: int) -> None:
        peer.welcome()
        fits = 576 - len(message(b"", ACK_TOPIC)) - 1  # one more byte of length
        peer.send(message(b"x" * 300_000) + message(b"y" * (fits + 1)) + message(b"z" * fits))
        peer.send(message(b"behind"))
        peer.hold()

    with serve(script) as server, board(server.port, umqtt=any_umqtt) as client:
        assert set(client.expect("ack")["text"]) == {"z"}
        client.expect("ack", text="behind")
        end = client.end()
    assert end["counts"]["oversize packets"] == 2
    assert end["counts"]["connects"] == 1


def test_junk_is_counted_and_passed_over(serve, board: Start, any_umqtt: Path) -> None:
    acknowledged = []

    def script(peer: Peer, n: int) -> None:
        peer.welcome()
        peer.send(message(b"retained junk", topic=b"vigie/1/demo/C002/ack", first=0x31))
        peer.send(message(b""))  # an empty payload clears a retained message
        peer.send(b"\xf0\0" + b"\xb0\x02\0\x01")  # packets that nobody asked for
        peer.send(b"\x90\x03\0\x63\0")  # SUBACK of another subscription
        peer.send(message(b"at QoS 1", first=0x32, packet=b"\x01\x02"))
        acknowledged.append(peer.read())
        peer.send(message(b"good"))
        peer.hold()

    with serve(script) as server, board(server.port, umqtt=any_umqtt) as client:
        client.expect("ack", text="at QoS 1")
        client.expect("ack", text="good")
        end = client.end()
    assert acknowledged == [(0x40, b"\x01\x02")]
    assert end["counts"]["strange packets"] == 5
    assert end["counts"]["connects"] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        b"\x30\xff\xff\xff\xff\x01",  # a length of five bytes
        b"\x30\x04\xff\xffab",  # a topic longer than its packet
        b"\x30\x01\x00",  # no room for a topic's length
        b"\x40\x00",  # PUBACK without id
        b"\xd0\x01\x00",  # PINGRESP with a body
        message(b"exactly once", first=0x34, packet=b"\0\x01"),  # QoS 2 was never granted
    ],
)
def test_malformed_packets_end_the_session_not_the_board(
    serve, board: Start, any_umqtt: Path, wrong: bytes
) -> None:
    def script(peer: Peer, n: int) -> None:
        peer.welcome()
        if n == 0:
            peer.send(wrong)
        peer.hold()

    with serve(script) as server, board(server.port, umqtt=any_umqtt, speed=10) as client:
        client.expect("ready")
        assert "sends what is not MQTT" in client.expect("warn")["text"]
        client.expect("ready")
        client.end()


def test_pings_go_out_at_half_the_keepalive(serve, board: Start, any_umqtt: Path) -> None:
    gaps = []

    def script(peer: Peer, n: int) -> None:
        peer.welcome()
        last = time.monotonic()
        for _ in range(4):
            peer.expect(PINGREQ)
            gaps.append(time.monotonic() - last)
            last = time.monotonic()
            peer.send(b"\xd0\0")
        peer.send(message(b"alive"))
        peer.hold()

    with serve(script) as server, board(server.port, umqtt=any_umqtt, speed=20, keepalive_s=20) as client:
        client.expect("ack", text="alive")
        assert client.end()["counts"]["connects"] == 1
    assert all(0.3 < gap < 1.0 for gap in gaps), gaps  # 10 s, twenty times faster


def test_a_missing_pingresp_ends_a_half_open_connection(serve, board: Start) -> None:
    def script(peer: Peer, n: int) -> None:
        peer.welcome()
        while n == 0:
            peer.read()
        peer.hold()

    with serve(script) as server, board(server.port, speed=20) as client:
        client.expect("ready")
        assert "no longer answers" in client.expect("warn")["text"]
        client.expect("ready")
        assert client.end()["counts"]["session timeouts"] == 1


def test_a_server_that_stops_reading_fills_no_memory_and_is_left(serve, board: Start) -> None:
    def script(peer: Peer, n: int) -> None:
        if n == 0:
            peer.wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.expect(CONNECT)
            peer.send(CONNACK)
            peer.subscribed()
            time.sleep(8)
            return
        peer.welcome()
        peer.hold()

    with serve(script) as server, board(server.port, speed=5) as client:
        client.expect("ready")
        for _ in range(10):
            client.do("big 8000")
        given = [client.expect("published")["id"] for _ in range(10)]
        client.expect("down")
        client.expect("ready")
        client.end()
    assert given[-1] is None


def test_a_slow_reader_gets_every_byte_in_order(serve, board: Start) -> None:
    count = 700

    def script(peer: Peer, n: int) -> None:
        peer.welcome()
        for i in range(count):
            body = peer.expect(PUBLISH)
            assert body[2 + len(UP_TOPIC) :] == b"%07d" % i * 143
            if i % 70 == 0:
                time.sleep(0.1)  # let the board run into a full socket
        peer.send(message(b"all"))
        peer.hold()

    with serve(script) as server:
        server.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with board(server.port) as client:
            client.expect("ready")
            client.do("stream", count)
            client.expect("ack", text="all", timeout=60)
            assert client.end()["counts"]["connects"] == 1


def test_a_long_message_goes_out_whole_and_the_next_waits_for_it(serve, board: Start) -> None:
    def script(peer: Peer, n: int) -> None:
        peer.welcome()
        assert peer.expect(PUBLISH)[2 + len(UP_TOPIC) + 2 :] == b"x" * 50_000
        peer.send(message(b"whole"))
        peer.hold()

    with serve(script) as server, board(server.port) as client:
        client.expect("ready")
        client.do("big 50000")
        client.expect("ack", text="whole")
        client.end()


def test_a_black_hole_is_left_without_waiting_in_it(board: Start) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = []
        for _ in range(4):  # the backlog is full: from now on nobody is answered
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
            fillers.append(filler)
        with board(full.getsockname()[1], speed=10) as client:
            assert "does not answer" in client.expect("warn")["text"]
            end = client.end()
        for filler in fillers:
            filler.close()
    assert end["counts"]["tcp timeouts"] == 1


def test_a_closed_port_is_told_once_and_tried_on(board: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with board(port, speed=20) as client:
        assert "refuses connections: is the broker running" in client.expect("warn")["text"]
        time.sleep(1.5)
        end = client.end()
    assert end["counts"]["tcp errors"] >= 3
    assert len(client.troubles()) == 1


def test_a_reconnected_board_says_what_went_wrong(serve, board: Start) -> None:
    states = []

    def script(peer: Peer, n: int) -> None:
        if n == 0:
            peer.expect(CONNECT)
            peer.send(b"\x20\x02\0\x03")
            return
        states.append(peer.welcome())
        peer.send(message(b"again"))
        peer.hold()

    with serve(script) as server, board(server.port) as client:
        client.expect("ack", text="again")
        client.end()
    assert b"is not available now" in states[0]


def test_memory_stays_flat_over_many_sessions(serve, board: Start) -> None:
    def script(peer: Peer, n: int) -> None:
        peer.welcome()
        peer.send(message(b"%d" % n))
        if n % 2:
            peer.send(message(b"cut")[:9])
        time.sleep(0.25)  # long enough, thirty times faster, to end the back-off

    with serve(script) as server, board(server.port, speed=30) as client:
        sizes = []
        start = time.monotonic()
        for n in (5, 25):
            client.expect("ack", text=str(n), timeout=60)
            client.do("memory")
            sizes.append(client.expect("memory")["bytes"])
        client.end()
    assert sizes[1] - sizes[0] < 512, sizes
    assert time.monotonic() - start < 40  # each rest is a first one; growing ones would take minutes


def test_goodbye_is_the_last_state_and_a_disconnect(serve, board: Start, any_umqtt: Path) -> None:
    heard = []

    def script(peer: Peer, n: int) -> None:
        peer.welcome()
        _, packet, payload = peer.published()
        peer.send(puback(packet))
        heard.extend([payload, peer.read()])

    with serve(script) as server, board(server.port, umqtt=any_umqtt) as client:
        client.expect("ready")
        client.do("close")
        assert client.expect("closed")["ms"] < 1100
        client.expect("down")
        client.end()
    assert heard == [b'{"state": "offline", "last_error": null}', (0xE0, b"")]


def test_goodbye_to_a_deaf_server_takes_a_second_at_most(serve, board: Start) -> None:
    def script(peer: Peer, n: int) -> None:
        peer.welcome()
        while True:
            peer.read()

    with serve(script) as server, board(server.port) as client:
        client.expect("ready")
        client.do("close")
        assert client.expect("closed")["ms"] < 1500
        client.end()
