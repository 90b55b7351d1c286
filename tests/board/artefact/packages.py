"""Small packages named `device`, imported from a folder of their own."""

import sys
from importlib import import_module


def loaded(sources, tmp_path, monkeypatch):
    """The module `app` of the package {path: text}; another such package that was imported is forgotten."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "device"]:
        monkeypatch.delitem(sys.modules, name)
    for path, text in sources.items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.replace("from micropython import const", "const = int"))
    monkeypatch.syspath_prepend(str(tmp_path))
    return import_module("device.app")
