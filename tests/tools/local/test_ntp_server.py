"""The local time server, asked as any SNTP client asks."""

import socket
import struct
import time

from tools.local.ntp_server import EPOCH_1900, NtpServer, answer


def ask(port, request=b"\x23" + bytes(39) + b"COOKIE!!"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.sendto(request, ("127.0.0.1", port))
        return client.recv(512)


def test_it_tells_the_time_and_echoes_the_question():
    with NtpServer() as server:
        reply = ask(server.port)
    assert len(reply) == 48
    assert reply[0] == 0x24  # no leap, version 4, server
    assert 0 < reply[1] < 16  # a stratum that clients believe
    assert reply[24:32] == b"COOKIE!!"
    assert abs(struct.unpack("!I", reply[40:44])[0] - EPOCH_1900 - time.time()) < 2


def test_the_error_of_the_time_server_can_be_set():
    with NtpServer() as server:
        server.offset = -3600
        fields = struct.unpack("!I", ask(server.port)[40:44])[0] - EPOCH_1900
    assert abs(fields - time.time() + 3600) < 2


def test_what_is_no_question_gets_no_answer():
    assert answer(b"", 0.0) is None
    assert answer(b"\x24" + bytes(47), 0.0) is None  # a server's packet


def test_years_past_2036_wrap_as_ntp_does():
    reply = answer(b"\x23" + bytes(47), 2**32 - EPOCH_1900 + 5.0)
    assert reply is not None
    assert struct.unpack("!I", reply[40:44])[0] == 5
