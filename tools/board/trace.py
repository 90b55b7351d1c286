"""Where in the source a line of a board's traceback is.

app.mpy is many files joined (join.py) under other names (shrink.py), and keeps no line numbers: of a function
there only its name is told, which here and there several have.
"""

from __future__ import annotations

import ast
import re
from functools import cache

from tools.board import build
from tools.board.seldom import REST
from tools.board.shrink import shrink

_FUNCTION = re.compile(rf'File "{build.RESIDENT}\.m?py", line \d+, in (\w+)')
_COMPILED = re.compile(rf'File "/?(device/[\w/]+?)(?:{REST})?\.m?py"')


def readable(text: str) -> str:
    """`text` with functions of app.mpy as those of this tree, which should be the board's version."""
    text = _FUNCTION.sub(lambda found: _told(found[1]) or found[0], text)
    return _COMPILED.sub(r'File "\1.py"', text)


def _told(name: str) -> str:
    places = _functions().get(name, ())
    return ", or ".join(f'File "{path}", line {line}, in {own}' for path, line, own in places)


@cache
def _functions() -> dict[str, list[tuple[str, int, str]]]:
    """{name of a function in app.mpy: [(path, line of its definition, name in the source)]}"""
    joined = build.joined()
    app = shrink(joined.sources, build.KEPT)[f"{build.RESIDENT}.py"]
    lines = {path: (build.ROOT / path).read_text(encoding="utf-8").splitlines() for _, path in joined.places}
    found: dict[str, list[tuple[str, int, str]]] = {}
    for node in ast.walk(ast.parse(app)):
        if isinstance(node, ast.FunctionDef):
            path, line = joined.place(node.lineno)
            own = lines[path][line - 1].strip().removeprefix("def ").partition("(")[0]
            found.setdefault(node.name, []).append((path, line, own))
    return found
