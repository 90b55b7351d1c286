"""The two commands as a person starts and ends them."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import psutil
import pytest

from tools.local import ports

ROOT = Path(__file__).parents[2]


class Demo:
    """`python -m tools demo`, or another command, in a folder of its own, with its output as it comes."""

    def __init__(self, folder, command, environment):
        self.mark = f"VIGIE_TEST={uuid.uuid4().hex}"
        self.lines = []
        self.news = threading.Condition()
        chosen = {name: str(ports.free()) for name in ("PORT_BROKER", "PORT_DASHBOARD")}
        self.process = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                **chosen,
                **environment,
                **dict([self.mark.split("=")]),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self.news:
                self.lines.append(line.rstrip())
                self.news.notify_all()

    def await_line(self, pattern, timeout):
        with self.news:
            match = self.news.wait_for(lambda: any(re.search(pattern, line) for line in self.lines), timeout)
        assert match, "\n".join(self.lines)

    def left(self):
        """Processes that carry this demo's mark in their environment, whatever they are called."""
        name, _, value = self.mark.partition("=")
        running = psutil.process_iter(["environ", "pid", "cmdline"], ad_value={})
        return [each.info for each in running if each.info["environ"].get(name) == value]

    def nothing_is_left(self, within):
        deadline = time.monotonic() + within
        while self.left() and time.monotonic() < deadline:
            time.sleep(0.1)
        return self.left() == []


@pytest.fixture
def demo(tmp_path):
    started = []

    def start(*command, **environment):
        started.append(Demo(tmp_path, command or ("-m", "tools", "demo"), environment))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
        each.process.wait()


# Somewhere in each stretch of the start: between the parts, in the middle of training, when the boards boot.
@pytest.mark.parametrize(
    "line",
    [
        pytest.param("^.{8}  pki", marks=pytest.mark.long),
        "^.{8}  broker",
        pytest.param("^.{8}  database", marks=pytest.mark.long),
        "^.{8}  training",
    ],
)
def test_nothing_is_left_when_it_is_killed_in_the_middle_of_its_start(demo, line):
    running = demo()
    running.await_line(line, 60)
    running.process.kill()
    running.process.wait()
    assert running.nothing_is_left(20), running.left()


STACK = """
from pathlib import Path
from tools.local.stack import Stack, StackPlan
import threading
with Stack(StackPlan(folder=Path("var/demo"), boards=("C001",), history_s=900.0)):
    print("all is up", flush=True)
    threading.Event().wait()
"""


def test_nothing_is_left_when_it_is_killed_with_everything_up(demo):
    running = demo("-c", STACK)
    running.await_line("all is up", 90)
    assert len(running.left()) > 10  # demo, broker, database, backend, dashboard, board, each with its guard
    running.process.kill()
    running.process.wait()
    assert running.nothing_is_left(20), running.left()


def test_ctrl_c_in_the_middle_of_its_start_ends_everything(demo):
    running = demo()
    running.await_line("^.{8}  training", 60)
    running.process.send_signal(signal.SIGINT)
    running.process.wait(60)
    assert running.nothing_is_left(5), running.left()


def test_a_port_in_use_is_told_with_the_way_out_and_nothing_is_started(demo):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        running = demo(PORT_BROKER=str(taken.getsockname()[1]))
        assert running.process.wait(60) == 1
        running.await_line(r"port \d+ \(broker\) is in use: .*PORT_BROKER=\d+", 5)
    assert running.nothing_is_left(1)


def test_a_recording_that_cannot_be_read_names_file_and_line(demo, tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("ts,t,h\n1600000000,20.1,45\nyesterday,20.2,45\n")
    running = demo(SENSOR=f"replay:{bad}")
    assert running.process.wait(60) == 1
    running.await_line("bad.csv:3: ts 'yesterday' is not", 5)


def test_a_second_demo_in_the_same_folder_is_refused(demo):
    first = demo()
    first.await_line("^.{8}  pki", 60)
    second = demo()
    assert second.process.wait(60) == 1
    second.await_line("another one runs", 5)
