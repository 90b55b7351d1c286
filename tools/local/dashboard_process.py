"""The dashboard as its own program, as `streamlit run` runs it."""

import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tools.process.child import Child
from tools.process.places import ROOT

APP = ROOT / "cloud" / "dashboard" / "app.py"
TIMEOUT = 60.0


class Dashboard(Child):
    """Started at once; `app`: its script; `arguments`: more of Streamlit's own. `log`: its output's file."""

    def __init__(
        self,
        port: int,
        log: Path,
        environment: Mapping[str, str],
        *,
        app: Path = APP,
        arguments: Sequence[str] = (),
        on_exit: Callable[[], None] | None = None,
    ) -> None:
        self.address = f"http://127.0.0.1:{port}"
        command: list[str | Path] = [
            *(sys.executable, "-m", "streamlit", "run", app, "--server.headless", "true"),
            *("--server.address", "127.0.0.1", "--server.port", str(port)),
            *("--server.fileWatcherType", "none", "--browser.gatherUsageStats", "false"),
            *arguments,
        ]
        super().__init__("dashboard", command, log=log, env=environment, cwd=ROOT, on_exit=on_exit)

    def wait(self) -> None:
        """Wait until it answers. Raises ToolFailed with its last lines."""
        self.wait_until(lambda: _answers(f"{self.address}/_stcore/health"), "its page was there", TIMEOUT)


def _answers(url: str) -> bool:
    """Whether a GET of `url` gives a 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:  # noqa: S310  our own address
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False
