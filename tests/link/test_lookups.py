"""DNS and NTP by UDP: silent, lying and wrong servers hold nobody up, and the next one is asked."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable

import pytest

from tests.link.conftest import Certificates
from tests.link.driven_board import HERE, Board
from tests.link.server import Peer, Server, welcome
from tools.virtual_board.virtual_board import find_micropython

Start = Callable[..., Board]
TO_1900 = 2208988800
UNIX_2000 = 946_684_800
SPEED = 20
STARTED = time.time()


class Udp:
    """Answers each datagram with those that `answers(question, n)` gives, n = 0, 1, …"""

    def __init__(self, answers: Callable[[bytes, int], list[bytes]]) -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self.name = "127.0.0.1:%d" % self._sock.getsockname()[1]
        self.questions: list[bytes] = []
        self._answers = answers
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                question, sender = self._sock.recvfrom(512)
            except OSError:
                return
            self.questions.append(question)
            for answer in self._answers(question, len(self.questions) - 1):
                self._sock.sendto(answer, sender)

    def __enter__(self) -> Udp:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()


def silent(question: bytes, n: int) -> list[bytes]:
    return []


def answer_to(question: bytes, address: str = "127.0.0.1") -> bytes:
    record = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04" + socket.inet_aton(address)
    return question[:2] + b"\x81\x80\0\x01\0\x01\0\0\0\0" + question[12:] + record


@pytest.fixture
def script() -> Callable[[Peer, int], None]:
    return welcome


def test_a_name_is_looked_up_and_kept(certificates: Certificates, board: Start, script) -> None:
    def drop_the_first(peer: Peer, n: int) -> None:
        peer.welcome()
        if n:
            peer.hold()

    def answers(question: bytes, n: int) -> list[bytes]:
        other = bytes((question[0] ^ 1,)) + answer_to(question, "192.0.2.1")[1:]
        return [other, answer_to(question)] if n else []  # the first question is lost

    with Udp(answers) as dns, Server(*certificates.server, drop_the_first) as server:
        with board(server.port, broker={"host": "broker.test"}, dns=dns.name, speed=5) as client:
            client.expect("ready")
            client.expect("down")
            client.expect("ready")
            client.end()
        assert len(dns.questions) == 2  # none for the second connection
        assert b"\x06broker\x04test\0\0\x01\0\x01" in dns.questions[0]


def test_a_silent_name_server_holds_nobody_up(board: Start) -> None:
    with Udp(silent) as dns, board(8883, broker={"host": "broker.test"}, dns=dns.name, speed=20) as client:
        line = client.expect("warn")["text"]
        end = client.end()
    assert line == (
        "no address for broker.test:8883: check broker.host in config.json, and that this network has DNS"
    )
    assert end["counts"]["dns timeouts"] == 1
    assert len(dns.questions) - 3 in range(3), "three times, and what a second look-up has begun by then"


def test_a_name_that_does_not_exist_is_told(board: Start) -> None:
    def no(question: bytes, n: int) -> list[bytes]:
        return [question[:2] + b"\x81\x83\0\x01\0\0\0\0\0\0" + question[12:]]

    with Udp(no) as dns, board(8883, broker={"host": "broker.test"}, dns=dns.name) as client:
        assert client.expect("warn")["text"].startswith("no address for broker.test:8883")
        assert client.end()["counts"]["dns errors"] == 1


def world(now: float) -> float:
    """The date (Unix s) in the board's world, which runs SPEED times as fast as that of the host."""
    return STARTED + (now - STARTED) * SPEED


def time_server(seconds: float = 0.0, **wrong: bytes) -> Callable[[bytes, int], list[bytes]]:
    """Tells the board's date plus `seconds`; `first`, `stratum` and `nonce` replace fields."""

    def answers(question: bytes, n: int) -> list[bytes]:
        now = world(time.time()) + TO_1900 + seconds
        stamp = int(now).to_bytes(4, "big") + int(now % 1 * 2**32).to_bytes(4, "big")
        head = wrong.get("first", b"\x24") + wrong.get("stratum", b"\x02") + b"\0\0" + bytes(20)
        return [head + wrong.get("nonce", question[40:48]) + stamp + stamp]

    return answers


def ask(*servers: str, timeout: float = 30) -> tuple[int, str]:
    """The error of the date that a board was told (whole seconds), and its last trouble."""
    command = [find_micropython(), str(HERE / "ntp_driver.py"), str(SPEED), *servers]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stdout + done.stderr
    sec, now, longest, trouble = done.stdout.split(" ", 3)
    assert int(longest) < 500
    return round(int(sec) + UNIX_2000 - world(float(now))), trouble.strip()


def test_the_date_is_right_to_the_second() -> None:
    with Udp(time_server()) as good:
        error, trouble = ask(good.name)
    assert abs(error) <= 1
    assert trouble == "None"
    assert good.questions[0][0] & 7 == 3
    assert len(good.questions[0]) == 48


@pytest.mark.parametrize(
    "answers",
    [
        silent,
        time_server(1000, first=b"\xe4"),
        time_server(1000, stratum=b"\0"),
        time_server(1000, nonce=b"replayed"),
        lambda question, n: [b"", b"short", bytes(48)],
    ],
    ids=["silent", "not synchronized", "kiss of death", "replayed", "rubbish"],
)
def test_after_a_bad_server_the_next_one_is_asked(answers: Callable[[bytes, int], list[bytes]]) -> None:
    with Udp(answers) as bad, Udp(time_server()) as good:
        error, trouble = ask(bad.name, good.name)
    assert abs(error) <= 1
    assert trouble == f"{bad.name}: no good answer"


@pytest.mark.parametrize("lie", [-86400, -60, 10, 3600])
def test_of_three_servers_one_may_be_wrong(lie: int) -> None:
    with Udp(time_server(lie)) as liar, Udp(time_server()) as first, Udp(time_server()) as second:
        for servers in ((liar, first, second), (first, liar, second), (first, second, liar)):
            error, _ = ask(*(server.name for server in servers))
            assert abs(error) <= 1


def test_two_servers_that_never_agree_tell_no_date() -> None:
    with Udp(time_server(3600)) as liar, Udp(time_server()) as good:
        with pytest.raises(subprocess.TimeoutExpired):
            ask(liar.name, good.name, timeout=3)
        assert len(liar.questions) > 2  # 60 s have passed for the board


def test_one_server_alone_is_believed_once_it_agrees_with_itself() -> None:
    with Udp(time_server(3600)) as only:
        assert abs(ask(only.name)[0] - 3600) <= 1
        assert len(only.questions) == 2


@pytest.mark.parametrize("others", [0, 1])
def test_a_single_wrong_first_answer_is_not_believed(others: int) -> None:
    """Also where no other server answers."""

    def once(question: bytes, n: int) -> list[bytes]:
        return time_server(365 * 86400 if n == 0 else 0)(question, n)

    with Udp(once) as first, Udp(silent) as mute:
        error, _ = ask(first.name, *[mute.name] * others)
    assert abs(error) <= 1


def test_a_server_that_is_not_there_and_a_name_that_is_none_are_passed_over() -> None:
    with Udp(silent) as silent_server:
        pass
    with Udp(time_server()) as good:
        error, trouble = ask("no-such-host.invalid:123", silent_server.name, good.name)
    assert abs(error) <= 1
    assert trouble.startswith(silent_server.name)
