"""umqtt.simple 1.3.4 for virtual boards: a chip has it in its firmware, here it comes from PyPI, unchanged.

The package is an sdist without setup.py. pip unpacks it and gives up, which leaves the one file wanted.
`python -m tools.virtual_board.umqtt` fetches it once into the environment; its SHA-256 must be right.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.process.child import ToolFailed
from tools.process.files import write

REQUIREMENT = "micropython-umqtt.simple==1.3.4"
DOWNLOAD = (sys.executable, "-m", "pip", "download", "--no-clean", "--no-deps", "-q", "-d")
SHA256 = "8555d2f654deb8eb0d724f79b0811a78cc94029d070f3d96bbd74288653d63a5"


def folder() -> Path:
    """The folder that holds umqtt/simple.py, fetched when it is missing. Raises ToolFailed with the cure."""
    place = Path(sys.prefix) / "share" / "vigie"
    file = place / "umqtt" / "simple.py"
    if not file.exists() or _digest(file) != SHA256:
        fetch(file)
    return place


def fetch(target: Path) -> None:
    """Download, check and put in place. Raises ToolFailed."""
    with tempfile.TemporaryDirectory() as scratch:
        run = subprocess.run(
            [*DOWNLOAD, scratch, REQUIREMENT],
            env={**os.environ, "TMPDIR": scratch},
            capture_output=True,
            text=True,
            check=False,  # it cannot build the package and says so; what matters is what it unpacked
        )
        files = [path for path in Path(scratch).rglob("umqtt/simple.py") if _digest(path) == SHA256]
        if not files:
            why = run.stderr.strip().splitlines()[-1:] or ["pip said nothing"]
            raise ToolFailed(
                f"could not fetch {REQUIREMENT} (check the network, then run make again): {why[0]}"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        write(target, files[0].read_bytes())


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    print(f"{REQUIREMENT} is in {folder()}")
