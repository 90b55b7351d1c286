"""Where in the source a line of a board's traceback is: app.py there is many files joined (join.py)."""

from __future__ import annotations

import re
from functools import cache

from tools.board import build
from tools.board.join import Joined
from tools.board.seldom import REST

_PLACE = re.compile(r'File "device/app\.py", line (\d+)')
_COMPILED = re.compile(rf'File "/?(device/[\w/]+?)(?:{REST})?\.m?py"')


@cache
def _joined() -> Joined:
    return build.joined()


def readable(text: str) -> str:
    """`text` with places in the joined file as places in this tree's, which should be the board's version."""
    text = _COMPILED.sub(r'File "\1.py"', text)
    return _PLACE.sub(lambda found: 'File "{}", line {}'.format(*_joined().place(int(found[1]))), text)
