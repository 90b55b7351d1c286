"""The files that hosts read, and the real parts of the cloud's tests."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cloud.conftest import (  # noqa: F401  fixtures
    backend,
    board,
    database,
    environment,
    sendgrid,
    wait_for,
)

ROOT = Path(__file__).parents[2]
ENOUGH = {
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "PYTHONPATH": str(ROOT),
    "HOME": "/tmp",
}


class Command:
    """A command line of a host's file, run here; its lines are kept."""

    def __init__(self, line, folder, known, cwd=ROOT):
        self.file = folder / "said"
        words = shlex.split(line) if isinstance(line, str) else line
        with self.file.open("w") as output:
            self.process = subprocess.Popen(
                words,
                cwd=cwd,
                env={**ENOUGH, **known},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a shell's children end with it
            )

    def says(self, text, timeout=60.0):
        def printed():
            output = self.file.read_text()
            assert text in output or self.process.poll() is None, output
            return text in output

        return wait_for(printed, text, timeout)

    def stop(self):
        self.signal(signal.SIGTERM)
        return self.process.wait(30)

    def signal(self, number):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass  # all of it has ended


@pytest.fixture
def run(tmp_path):
    """Starts commands as a host does, in the environment that it gives them."""
    started = []

    def start(line, known, **more):
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(Command(line, folder, known, **more))
        return started[-1]

    yield start
    for each in started:
        each.signal(signal.SIGKILL)
        each.process.wait(10)
