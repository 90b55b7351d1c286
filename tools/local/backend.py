"""The backend as a process of its own, and its settings."""

import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tools.local.broker.broker import Broker
from tools.local.users import BACKEND_USER
from tools.process.child import Child
from tools.process.places import ROOT

TIMEOUT = 120.0  # s; scikit-learn takes its time to load on a busy machine


class Backend(Child):
    """`python -m WORDS`, started at once; `wait` returns when it listens to the boards."""

    def __init__(
        self,
        name: str,
        words: Sequence[str | Path],
        log: Path,
        settings: Mapping[str, str],
        on_exit: Callable[[], None] | None = None,
    ) -> None:
        self._listens = threading.Event()
        environment = {**os.environ, **settings, "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", *words]
        super().__init__(
            name,
            command,
            log=log,
            append=True,
            env=environment,
            cwd=ROOT,
            on_line=self._hear,
            on_exit=on_exit,
        )

    def _hear(self, line: str) -> None:
        if "listening to the boards" in line:
            self._listens.set()

    def wait(self) -> None:
        """Raises ToolFailed."""
        self.wait_until(self._listens.is_set, "it listened", TIMEOUT)


def settings_of(broker: Broker, uri: str, database: str, key: bytes, **more: str) -> dict[str, str]:
    """The settings of a backend that mails to nobody; those in `more` win."""
    return {
        "MQTT_HOST": "localhost",
        "MQTT_PORT": str(broker.backend_port),
        "MQTT_USER": BACKEND_USER,
        "MQTT_PASSWORD": broker.users[BACKEND_USER],
        "MQTT_CA": str(broker.pki.ca_pem.resolve()),
        "MONGODB_URI": uri,
        "MONGODB_DATABASE": database,
        "VIGIE_KEY": key.hex(),
        "SENDGRID_API_KEY": "SG.never-used",
        "MAIL_FROM": "vigie@example.org",
        "MAIL_TO": "you@example.org",
        **more,
    }
