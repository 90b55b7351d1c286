"""A class whose seldom methods lie in a file of their own does what it did with them."""

import ast
import builtins
import sys

import pytest

from tests.board.packages import loaded
from tools.mpy import build
from tools.mpy.seldom import part

PACKAGE = {
    "device/__init__.py": "",
    "device/compat.py": "const = int\n",
    "device/borrow.py": (build.ROOT / "device/chip/lazy.py").read_text(),
    "device/box.py": '''\
"""A box."""
import os.path
from .borrow import let_go, seldom
from .compat import const

_LIMIT = const(5)
_TEXTS = {1: "one"}
_WORDS = ["often"]


class Box:
    @seldom
    def __init__(self, size, *, scale=1):
        self._size = size
        self.scale = scale

    def often(self):
        return self._size * _LIMIT, _WORDS, shared()

    @seldom
    def told(self, key, end="."):
        if not key:
            raise ValueError("no key")
        return _put(key, end), shared(), _WORDS, _LIMIT, os.path.basename("a/b"), Box is type(self)


def _put(key, end):
    return _TEXTS.get(key, "?") + end


def shared():
    return "shared"


def lent():
    return _put(1, "")
''',
    "device/app.py": """\
from .box import Box


def main():
    box = Box(3, scale=2)
    return box.often(), box.scale, box.told(1, end="!"), box.told(2)
""",
}
ALONE = PACKAGE | {"device/box.py": PACKAGE["device/box.py"].partition("\n\ndef lent")[0]}


def test_it_does_what_the_class_did_whole(tmp_path, monkeypatch):
    expected = loaded(PACKAGE, tmp_path / "whole", monkeypatch).main()
    for name, sources in (("lent", PACKAGE), ("alone", ALONE)):
        assert loaded(part(sources, ()), tmp_path / name, monkeypatch).main() == expected


def test_the_file_of_a_seldom_method_is_forgotten_as_soon_as_it_was_read(tmp_path, monkeypatch):
    app = loaded(part(PACKAGE, ()), tmp_path, monkeypatch)
    app.main()
    assert "device.box_rest" not in sys.modules
    assert not hasattr(sys.modules["device"], "box_rest")
    assert not {"told", "_rest"} & set(vars(app.Box))


def test_a_seldom_method_calls_another_without_reading_the_file_again(tmp_path, monkeypatch):
    calling = """\
        self._count()
        return self._put(key, end=self._put(2) + "é" + self._put(
            3, end=end
        ))

    @seldom
    def _count(self):
        self.told_times = 1

    @seldom
    def _put(self, key, *, end=""):
        return f"{key}{end}"
"""
    told = PACKAGE["device/box.py"].replace(
        next(line for line in PACKAGE["device/box.py"].splitlines(True) if "return _put(key" in line), calling
    )
    box = loaded(part(PACKAGE | {"device/box.py": told}, ()), tmp_path, monkeypatch).Box(1)
    read = []
    original = builtins.__import__

    def spied(name, *given):
        read.append(name)
        return original(name, *given)

    monkeypatch.setattr(builtins, "__import__", spied)
    assert (box.told(1), box.told_times) == ("12é3.", 1)
    assert read.count("device.box_rest") == 1


def test_a_name_that_the_class_never_had_is_an_attribute_error(tmp_path, monkeypatch):
    box = loaded(part(PACKAGE, ()), tmp_path, monkeypatch).Box(1)
    with pytest.raises(AttributeError, match="nothing"):
        box.nothing()
    with pytest.raises(ValueError, match="no key"):
        box.told(0)


def test_what_only_seldom_methods_use_goes_with_them_and_what_others_use_stays():
    made = part(ALONE, ())
    stays, rest = ast.parse(made["device/box.py"]), ast.parse(made["device/box_rest.py"])
    assert _names(stays) == {"_LIMIT", "_WORDS", "Box", "shared"}
    assert _names(rest) == {"_TEXTS", "_put", "Rest"}
    kept = ast.parse(part(PACKAGE, ())["device/box.py"])
    assert _names(kept) == {
        "_LIMIT",
        "_TEXTS",
        "_WORDS",
        "Box",
        "_put",
        "shared",
        "lent",
    }
    taken = ALONE | {"device/app.py": ALONE["device/app.py"] + "    from .box import _put\n"}
    assert "_put" in _names(ast.parse(part(taken, ())["device/box.py"])), "another module uses it"


def _names(tree):
    found = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets}
    return found


def test_every_line_stays_where_it_was():
    made = part(ALONE, ())
    source = ALONE["device/box.py"].splitlines()
    for path in ("device/box.py", "device/box_rest.py"):
        lines = made[path].splitlines()
        assert len(lines) == len(source)
        for node in ast.walk(ast.parse(made[path])):
            if isinstance(node, ast.FunctionDef | ast.Return):
                assert lines[node.lineno - 1] == source[node.lineno - 1]


def test_a_file_that_is_apart_as_a_whole_or_has_nothing_seldom_stays_as_it_is():
    assert part(PACKAGE, {"box"}) == PACKAGE
    plain = PACKAGE | {"device/box.py": PACKAGE["device/box.py"].replace("    @seldom\n", "")}
    assert part(plain, ()) == plain


def test_what_cannot_be_parted_is_refused_with_its_place():
    changing = PACKAGE["device/box.py"].replace(
        "        if not key:", "        global _WORDS\n        if not key:"
    )
    with pytest.raises(ValueError, match=r"box\.py:22: a seldom method may not change a global"):
        part(PACKAGE | {"device/box.py": changing}, ())
    twice = (
        PACKAGE["device/box.py"] + "\n\nclass Other:\n    @seldom\n    def told(self):\n        return 1\n"
    )
    with pytest.raises(ValueError, match=r"box\.py:39: one class of a file may have seldom methods"):
        part(PACKAGE | {"device/box.py": twice}, ())
