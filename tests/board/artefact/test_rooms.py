"""The rooms of device/: imports go one way, files are short, and only chip/ touches the chip."""

import ast
from pathlib import PurePosixPath

from device.judge.table import DETECTORS
from tools.mpy import build

FILES = sorted((build.ROOT / "device").rglob("*.py"))
CHIP = {"machine", "network", "esp32", "dht", "_thread"}
# Each imports, or borrows from, itself and those below it.
FLOORS = (
    {"console", "safe"}, {"app"}, {"start"}, {"node"}, {"sleep"}, {"send"}, {"update"}, {"link"}, {"net"},
    {"model"}, {"judge"}, {"outbox"}, {"config"}, {"starts", "auth"}, {"sensors"}, {"codes"}, {"chip", ""},
)  # fmt: skip


def room(parts):
    """Of device/link/link.py "link", of device/node.py "node", of the package itself ""."""
    name = PurePosixPath(parts[1] if len(parts) > 1 else "").stem
    return {"__init__": "", "tell": "node"}.get(name, name)  # tell.py has methods of the node


def imported(path):
    """(line, room) for each module of the package that `path` imports or borrows."""
    parts = path.relative_to(build.ROOT).parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = parts[: len(parts) - node.level]
            if node.module:
                yield node.lineno, room((*folder, *node.module.split(".")))
            else:
                for alias in node.names:
                    inner = (*folder, alias.name)
                    there = build.ROOT.joinpath(*inner)
                    yield (
                        node.lineno,
                        room(inner if there.is_dir() or there.with_suffix(".py").exists() else folder),
                    )
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "borrow" and len(parts) > 1:
            if isinstance(node.args[0], ast.Constant):
                yield node.lineno, room((build.PACKAGE, *node.args[0].value.split(".")))
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "lender":
            yield node.lineno, room((build.PACKAGE, *node.value.value.split(".")))


def test_imports_go_one_way():
    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    up = []
    for path in FILES:
        own = room(path.relative_to(build.ROOT).parts)
        up += [
            f"{path.relative_to(build.ROOT)}:{line}: {own} -> {other}"
            for line, other in imported(path)
            if other != own and floor[other] <= floor[own]
        ]
    assert up == []


def test_only_the_room_chip_touches_the_chip():
    touching = {
        path.relative_to(build.ROOT).as_posix()
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Import) and CHIP & {alias.name for alias in node.names})
        or (isinstance(node, ast.ImportFrom) and not node.level and node.module in CHIP)
    }
    assert {path.split("/")[1] for path in touching} == {"chip"}, touching


def test_files_are_short_and_rooms_say_what_they_are():
    """The judge's room has a file for each detector besides."""
    long = {path.name: lines for path in FILES if (lines := len(path.read_text().splitlines())) >= 300}
    assert long == {}
    for folder in {path.parent for path in FILES}:
        assert (folder / "__init__.py").is_file(), f"{folder.name} does not say what lives there"
        files = len(list(folder.glob("*.py"))) - (len(DETECTORS) if folder.name == "judge" else 0)
        assert files <= 18, f"{folder.name} has too many files beside each other"
