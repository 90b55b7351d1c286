"""Shorter names for what only one module sees: on a chip each new name stays in RAM for good.

Private names (`_ladder`) become `_a`, `_b` … anew in each module; parameters that nobody passes by keyword
become single letters. Nothing moves: lines and files in a traceback are those of the source.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

# Private names of MicroPython itself.
FOREIGN = {"_machine", "_mpy", "_"}
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")

Edit = tuple[int, int, str, str]  # line, column (bytes), old name, new name


def shrink(sources: Mapping[str, str]) -> dict[str, str]:
    """The same modules with shorter names. All of a package at once: keywords must be known."""
    trees = {name: ast.parse(source, name) for name, source in sources.items()}
    keywords = {word for tree in trees.values() for word in _keywords(tree)}
    return {name: _apply(source, _edits(trees[name], keywords)) for name, source in sources.items()}


def _keywords(tree: ast.AST) -> Iterator[str]:
    """Names that are passed, or must be passed, by keyword."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.arguments):
            yield from (each.arg for each in node.kwonlyargs)


def _edits(tree: ast.Module, keywords: set[str]) -> list[Edit]:
    found = list(_private(tree))
    short = _shorter(Counter(old for _, _, old in found))
    edits = [(line, column, old, short[old]) for line, column, old in found]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            edits += _parameters(node, keywords)
    return edits


def _private(tree: ast.Module) -> Iterator[tuple[int, int, str]]:
    """Where private names stand."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and _is_private(node.id):
            yield node.lineno, node.col_offset, node.id
        elif isinstance(node, ast.Attribute) and _is_private(node.attr):
            assert node.end_lineno and node.end_col_offset
            yield node.end_lineno, node.end_col_offset - len(node.attr), node.attr
        elif isinstance(node, ast.FunctionDef) and _is_private(node.name):
            yield node.lineno, node.col_offset + len("def "), node.name
        elif isinstance(node, ast.ClassDef) and _is_private(node.name):
            yield node.lineno, node.col_offset + len("class "), node.name
        elif isinstance(node, ast.Global):
            words = " ".join(node.names)
            if "_" in words and any(_is_private(name) for name in node.names):
                raise ValueError(f"line {node.lineno}: a private global cannot be renamed: {words}")


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in FOREIGN


def _shorter(names: Counter[str]) -> dict[str, str]:
    """The most frequent ones get the shortest."""
    return {name: "_" + _code(number) for number, (name, _) in enumerate(names.most_common())}


def _code(number: int) -> str:
    return (_code(number // 26 - 1) if number >= 26 else "") + _LETTERS[number % 26]


def _parameters(function: ast.FunctionDef, keywords: set[str]) -> Iterator[Edit]:
    """Single letters for a function's own parameters."""
    arguments = [*function.args.posonlyargs, *function.args.args]
    inside = [node for part in function.body for node in ast.walk(part)]
    if any(isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef | ast.Global) for node in inside):
        return  # scopes within scopes: left alone
    bound_again = {name for node in inside for name in _bound(node)}
    names = {node.id for node in inside if isinstance(node, ast.Name)} | {each.arg for each in arguments}
    names |= bound_again
    free = (letter for letter in _LETTERS if letter not in names)
    for argument in arguments:
        old = argument.arg
        if old == "self" or len(old) == 1 or old in keywords or old in bound_again or argument.annotation:
            continue
        new = next(free)
        yield argument.lineno, argument.col_offset, old, new
        for node in inside:
            if isinstance(node, ast.Name) and node.id == old:
                yield node.lineno, node.col_offset, old, new


def _bound(node: ast.AST) -> Iterator[str]:
    """Names that are bound by other means than an assignment: imports, exceptions, comprehensions."""
    if isinstance(node, ast.comprehension):
        yield from (each.id for each in ast.walk(node.target) if isinstance(each, ast.Name))
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).partition(".")[0]
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name


def _apply(source: str, edits: Iterable[Edit]) -> str:
    lines = source.encode().splitlines(keepends=True)
    for line, column, old, new in sorted(set(edits), reverse=True):
        text = lines[line - 1]
        if text[column : column + len(old)] != old.encode():
            raise ValueError(f"line {line}: {old} is not where it was expected")
        lines[line - 1] = text[:column] + new.encode() + text[column + len(old) :]
    return b"".join(lines).decode()
