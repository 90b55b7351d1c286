"""`python -m tools.repo.pip_install ARGUMENTS`: `pip install ARGUMENTS`, shown as one line of progress.

It runs before anything is installed, so it needs only Python. It shows pip's output when pip fails.
"""

import subprocess
import sys
import time
from collections.abc import Sequence

from tools.process.terminal import progress

PIP = (sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off")
WORDS = {"Collecting": "found", "Downloading": "loading", "Using": "found", "Installing": "unpacking"}


def main(argv: Sequence[str]) -> int:
    """pip's exit code."""
    output: list[str] = []
    packages = 0
    began = time.monotonic()
    with subprocess.Popen(
        [*PIP, *argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as installing:
        for line in installing.stdout or ():
            output.append(line)
            word, _, name = line.strip().partition(" ")
            packages += word == "Collecting"
            if word in WORDS:
                short = "them, the longest part" if word == "Installing" else name.split("(")[0].split(";")[0]
                seconds = time.monotonic() - began
                progress(f"  {seconds:.0f} s, {packages} packages: {WORDS[word]} {short.strip()[:50]}")
    progress("")
    if installing.returncode:
        print("".join(output), end="", file=sys.stderr)
    return installing.returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("\nstopped while it installed; the same command goes on from there")
