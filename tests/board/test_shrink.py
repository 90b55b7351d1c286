"""Shorter names change nothing but the names."""

import ast

from tools.board.build import ROOT
from tools.board.shrink import ROM, shrink, shrink_private

SOURCE = '''"""Doc with self._count in it."""
_LIMIT = 5


class Box:
    def __init__(self, size, *, scale=1):
        self._size = size  # self._size stays in a comment
        self._scale = scale
        self.public = _helper(size, extra=2)

    def total(self, values, names):
        return self._size * sum(value for value in values) + len([names for names in "ab"])


def _helper(amount, extra):
    def inner(amount):
        return amount + 1
    return inner(amount) + extra


def now(source=None, error=None):
    if source is None:
        import time as source
    try:
        source.nothing
    except AttributeError as error:
        pass
    return source.time() > 0


def show(count, title):
    return f"{count:>{_LIMIT}} {title!r}"
'''


def run(source):
    space = {}
    exec(compile(source, "m", "exec"), space)
    box = space["Box"](4, scale=3)
    return box.public, box.total([1, 2], 0), space["show"](7, "x"), space["now"]()


def test_a_module_does_the_same_with_other_names_on_the_same_lines():
    short = shrink(shrink_private({"m": SOURCE}), {"Box", "public", "total", "show", "now"})["m"]
    assert run(short) == run(SOURCE)
    assert "_size = " not in short and "_helper" not in short and "size, *, scale" not in short
    assert "scale=1" in short and "extra" in short, "what is passed by keyword keeps its name"
    assert "self._count in it" in short and "# self._size stays" in short
    assert short.count("\n") == SOURCE.count("\n")
    lines = [[node.lineno for node in ast.walk(ast.parse(text)) if hasattr(node, "lineno")]
             for text in (SOURCE, short)]  # fmt: skip
    assert lines[0] == lines[1]


def test_a_keyword_used_anywhere_in_the_package_keeps_the_parameter_everywhere():
    short = shrink(
        {"a": "def f(width, height):\n    return width\n", "b": "from a import f\nf(width=1, height=2)\n"}
    )
    assert "def f(width, height)" in short["a"]


def test_a_global_that_a_function_sets_keeps_its_name():
    assert "global state" in shrink({"m": "state = 0\ndef f():\n    global state\n    state = 1\n"})["m"]


def test_names_of_others_stay_and_ours_become_such_as_are_in_rom():
    source = (
        "class Port:\n    def readline(self):\n        return self.neighbour\n"
        "    def visit(self):\n        self.neighbour = 1\n"
    )
    short = shrink({"m": source})["m"]
    assert "readline" in short, "files have it too"
    assert "neighbour" not in short
    assert any(f"self.{name} = 1" in short for name in ROM)


def test_a_name_that_stands_in_a_text_stays_for_getattr():
    source = "class Box:\n    def open_lid(self):\n        pass\n\ngetattr(Box, 'open_lid')\n"
    assert "def open_lid" in shrink({"m": source})["m"]


def test_device_code_reaches_into_nobodys_private_parts():
    """Otherwise a private name would have to be the same in two modules."""
    for path in (ROOT / "device").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Attribute)
                and node.attr.startswith("_")
                and not node.attr.startswith("__")
            ):
                owner = node.value
                inside = isinstance(owner, ast.Name) and owner.id in ("self", "cls")
                own = isinstance(owner, ast.Attribute) and owner.attr == "implementation"
                assert inside or own, f"{path.name}:{node.lineno} .{node.attr}"
