"""`python -m tools hivemq`: HiveMQ CE on port 8883 until Ctrl-C, with the passwords of `make demo`."""

from collections.abc import Sequence
from pathlib import Path

from tools.local import pki, secrets_file
from tools.local.broker.broker import Broker
from tools.process.child import ToolFailed, WrongUse
from tools.process.terminal import say


def main(argv: Sequence[str]) -> int:
    """Runs until Ctrl-C."""
    if argv:
        raise WrongUse("usage: python -m tools hivemq")
    folder = Path("var/demo")
    known = secrets_file.load(folder / "secrets.json", [f"demo/C00{k}" for k in (1, 2, 3)])
    keys = pki.ensure(folder / "pki")
    log = folder / "log" / "hivemq.log"
    say("broker", "HiveMQ CE starts …")
    with Broker(folder / "hivemq", log, keys, known.passwords, port=8883, kind="hivemq") as broker:
        say("broker", f"on 127.0.0.1:8883, TLS; users and passwords in {folder}/secrets.json; Ctrl-C ends it")
        assert broker.child is not None
        broker.child.exited.wait()
        raise ToolFailed(f"HiveMQ ended by itself\n{broker.child.last_words()}")
