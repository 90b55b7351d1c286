"""Ports in use are told at once, all of them, each with its way out."""

import socket
import subprocess
import sys

import pytest

from tools.local import ports
from tools.process.child import ToolFailed


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_in_use_names_the_variable_that_moves_it_and_a_port_that_is_free(taken):
    with pytest.raises(ToolFailed, match=rf"port {taken} \(broker\) is in use.*PORT_BROKER=(\d+) ") as caught:
        ports.choose({"broker": taken}, {})
    offered = int(str(caught.value).split("PORT_BROKER=")[1].split()[0])
    assert ports.choose({"broker": taken}, {"PORT_BROKER": str(offered)})["broker"] == offered


def test_all_ports_in_trouble_are_told_at_once(taken):
    with pytest.raises(ToolFailed) as caught:
        ports.choose({"broker": taken}, {"PORT_DASHBOARD": "http", "PORT_MAIL": "70000"})
    assert [line.split()[0] for line in str(caught.value).splitlines()] == [
        "port",
        "PORT_DASHBOARD=http",
        "PORT_MAIL=70000",
    ]


def test_one_port_for_two_parts_is_refused(taken):
    free = ports.free()
    with pytest.raises(ToolFailed, match="wanted twice"):
        ports.choose({"broker": free, "dashboard": free}, {})


def test_zero_means_any_free_port():
    chosen = ports.choose({}, {})
    assert set(chosen) == set(ports.PARTS)
    assert len(set(chosen.values())) == len(chosen)


def test_a_port_that_another_process_was_given_is_not_given_again_before_its_part_listens(monkeypatch):
    first = ports.free()
    monkeypatch.setattr(ports, "OWN", range(first, first + 2))
    program = f"from tools.local import ports; ports.OWN = range({first}, {first + 2}); print(ports.free())"
    for _ in range(4):  # each would have taken the first one with a chance of a half
        chosen = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert int(chosen.stdout) == first + 1
