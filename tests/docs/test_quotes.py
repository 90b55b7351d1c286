"""What docs/troubleshooting.md says that one sees is what a program prints."""

import ast
import re
from functools import cache

import pytest

from tests.deploy.conftest import ROOT

PAGE = ROOT / "docs" / "troubleshooting.md"
# What others print: Streamlit Community Cloud and Python.
OTHERS = {"this app has gone to sleep", "ModuleNotFoundError"}


def quotes():
    """What stands in backticks or italics in the first column, without what a program fills in (…)."""
    for row in re.findall(r"^\| (.*?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE):
        for quote in re.findall(r"`([^`]+)`|\*([^*]+)\*", row):
            yield from (part.strip(" (),") for part in re.split(r"…|\(", "".join(quote)) if len(part) > 3)


@cache
def texts():
    """Each text of the sources as its fixed pieces: f"it is {n} % full" is ["it is ", " % full"]."""
    pieces = []
    for folder in ("cloud", "tools", "device"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    pieces.append([each.value for each in node.values if isinstance(each, ast.Constant)])
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    pieces.append(re.split(r"\{\w*\}|%[sdr]", node.value))
    return pieces


def is_printed(quote):
    """In one piece; or as pieces of one text, in their order, that make up a third of it and more."""
    for pieces in texts():
        if any(quote in piece for piece in pieces):
            return True
        rest, length = quote, 0
        for piece in (piece.strip(" ,:;.") for piece in pieces):
            if len(piece) > 3 and piece in rest:
                rest, length = rest.partition(piece)[2], length + len(piece)
        if 3 * length > len(quote):
            return True
    return False


@pytest.mark.parametrize("quote", sorted(set(quotes()) - OTHERS))
def test_what_one_sees_is_what_a_program_prints(quote):
    assert is_printed(quote), f"no program of ours prints {quote!r}: docs/troubleshooting.md says so"
