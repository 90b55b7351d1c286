"""Children never outlive us, however we end."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from tools.process import guard
from tools.process.child import Child, ToolFailed

ROOT = Path(__file__).parents[2]
SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
# Ignores SIGTERM, and has a child of its own that does too.
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
if os.fork() == 0:
    print(os.getpid(), flush=True)
time.sleep(600)
"""


def alive(pid):
    """A zombie is not alive, though it still has its number."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def ended(pids, within):
    deadline = time.monotonic() + within
    while any(alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_output_goes_to_the_log_and_line_by_line_to_the_listener(tmp_path):
    heard = []
    child = Child(
        "c", [sys.executable, "-c", "print('a'); print('b')"], log=tmp_path / "log", on_line=heard.append
    )
    assert child.exited.wait(10)
    assert heard == ["a", "b"]
    assert (tmp_path / "log").read_text() == "a\nb\n"
    assert child.exit_code == 0


def test_a_command_that_does_not_exist_ends_with_its_reason(tmp_path):
    child = Child("c", ["no-such-command-anywhere"], log=tmp_path / "log")
    with pytest.raises(ToolFailed, match="No such file"):
        child.wait_until(lambda: False, "it was ready", 10)


def test_stop_ends_a_child_that_was_stopped_in_its_tracks(tmp_path):
    up = threading.Event()
    child = Child("c", [sys.executable, "-c", SLEEPER], log=tmp_path / "log", on_line=lambda _: up.set())
    assert up.wait(10)
    child.send(signal.SIGSTOP)
    child.stop()
    assert ended([child.pid], 5)


def test_stop_ends_those_that_do_not_listen(tmp_path):
    pids, both = [], threading.Event()

    def line(text):
        pids.append(int(text))
        if len(pids) == 2:
            both.set()

    child = Child("c", [sys.executable, "-c", STUBBORN], log=tmp_path / "log", on_line=line)
    assert both.wait(10)
    child.stop(grace=0.3)
    assert ended(pids, 5)


PARENT = """
import sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tools.process.child import Child
for n in range(3):
    child = Child(str(n), [sys.executable, "-c", {code!r}], log=Path(sys.argv[2]) / str(n))
    print(child.pid, flush=True)
print("all", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("after", [1, 2, 4], ids=["first child", "second child", "all"])
@pytest.mark.parametrize("code", [SLEEPER, STUBBORN], ids=["sleeper", "stubborn"])
def test_nothing_is_left_when_the_parent_is_killed(tmp_path, after, code):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(code=code), str(ROOT), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = [parent.stdout.readline().strip() for _ in range(after)]
    parent.kill()
    rest = parent.stdout.read().split()  # the children have their own output: this ends with the parent
    parent.wait()
    pids = [int(line) for line in (*lines, *rest) if line.isdigit()]
    assert pids
    assert ended(pids, 15)
    # A child that had just been started may not have told its number: none of its kind may be left either.
    assert marked(str(tmp_path)) == []


# Ends at once; its child stays, in the same group.
LEAVER = """
import os, time
if os.fork() == 0:
    print(os.getpid(), flush=True)
    time.sleep(600)
"""


def test_a_group_runs_until_its_last_process_has_ended_and_zombies_have():
    with subprocess.Popen(
        [sys.executable, "-c", LEAVER], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as leader:
        left = int(leader.stdout.readline())
        os.waitid(os.P_PID, leader.pid, os.WEXITED | os.WNOWAIT)  # a zombie from now to the end of this block
        assert guard.group_runs(leader.pid)
        os.kill(left, signal.SIGKILL)
        assert ended([left], 5)
        os.killpg(leader.pid, 0)  # while its group can still be found
        assert not guard.group_runs(leader.pid)
    assert not guard.group_runs(leader.pid)


def marked(text):
    lines = (" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"]))
    return [line for line in lines if text in line]
