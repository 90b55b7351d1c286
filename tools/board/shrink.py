"""Other names for what only device/ sees: on a chip each new name stays in RAM for good, 10 bytes and itself.

Names get others that the firmware has in its ROM anyway (`cos`, `isalpha`: methods of text, functions of
math), which cost nothing. Parameters that nobody passes by keyword become single letters. Nothing moves:
lines and files in a traceback are those of the source.
"""

from __future__ import annotations

import array
import ast
import binascii
import builtins
import errno
import gc
import hashlib
import io
import json
import keyword
import os
import select
import socket
import ssl
import struct
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

NAMES = tomllib.loads(Path(__file__).with_name("names.toml").read_text(encoding="utf-8"))
ROM = tuple(NAMES["rom"].split())
# What objects that are not ours are asked for by name: a name that stands there stays.
_FOREIGN_TYPES = (
    str, bytes, bytearray, memoryview, list, dict, set, tuple, int, float, object, type, OSError, array.array,
    io.BytesIO, io.FileIO, socket.socket, ssl.SSLContext, select.poll, hashlib.sha256,
    array, binascii, builtins, errno, gc, hashlib, json, os, select, socket, ssl, struct, sys, time,
)  # fmt: skip
_FOREIGN = {name for thing in _FOREIGN_TYPES for name in dir(thing)} | set(NAMES["foreign"].split())
_WORDS_OF_PYTHON = frozenset(keyword.kwlist)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"

Edit = tuple[int, int, str, str]  # line, column (bytes), old name, new name


def shrink(sources: Mapping[str, str], kept: Collection[str] = ()) -> dict[str, str]:
    """The same modules with other names. All of a package at once; `kept`: names known outside of it.

    Attributes and globals never meet, so both may get the same name.
    """
    trees = {name: ast.parse(source, name) for name, source in sources.items()}
    every = [node for tree in trees.values() for node in ast.walk(tree)]
    keywords = set(_keywords(every))
    used = _used(trees.values()) | keywords
    stay = _FOREIGN | keywords | set(kept) | {text for node in every for text in _texts(node)}
    attributes = Counter(name for name in _attributes(every) if name not in stay)
    stay |= {name for node in every for name in _bound(node)} - _imported_within(every)
    globals_ = Counter(name for tree in trees.values() for name in _globals(tree) if name not in stay)
    short = (
        dict(zip((name for name, _ in globals_.most_common()), _others(used), strict=False)),
        dict(zip((name for name, _ in attributes.most_common()), _others(used), strict=False)),
    )
    return {name: _apply(source, _edits(trees[name], short, keywords)) for name, source in sources.items()}


def shrink_private(sources: Mapping[str, str]) -> dict[str, str]:
    """The same modules with other names for private attributes: the same few in every module."""
    trees = {name: ast.parse(source, name) for name, source in sources.items()}
    used = _used(trees.values())
    made = {}
    for name, source in sources.items():
        private = Counter(
            each for _, _, each, kind in _tokens(trees[name])
            if kind and each.startswith("_") and not each.startswith("__") and each not in _FOREIGN
        )  # fmt: skip
        short = dict(zip((each for each, _ in private.most_common()), _others(used), strict=False))
        made[name] = _apply(source, _edits(trees[name], ({}, short), (), letters=False))
    return made


def _used(trees: Iterable[ast.AST]) -> set[str]:
    """Every name that stands somewhere."""
    found = set()
    for tree in trees:
        found |= {name for _, _, name, _ in _tokens(tree)}
        found |= {name for node in ast.walk(tree) for name in _words(node)}
    return found


def _others(used: Collection[str]) -> Iterator[str]:
    yield from (name for name in ROM if name not in used)
    number = len(_LETTERS)
    while True:
        code = _code(number)
        if code not in used and not hasattr(builtins, code) and code not in _WORDS_OF_PYTHON:
            yield code
        number += 1


def _code(number: int) -> str:
    return (_code(number // 26 - 1) if number >= 26 else "") + _LETTERS[number % 26]


def _keywords(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Names that are passed by keyword; and those whose places are not looked for below."""
    for node in nodes:
        if isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.Lambda):
            yield from (each.arg for each in node.args.args)
        elif isinstance(node, ast.arguments):
            rest = [each for each in (node.vararg, node.kwarg) if each]
            yield from (each.arg for each in [*node.kwonlyargs, *rest])
        elif isinstance(node, ast.Global):
            yield from node.names


def _texts(node: ast.AST) -> Iterator[str]:
    """Text may be a name, as for getattr()."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
        yield node.value


def _words(node: ast.AST) -> Iterator[str]:
    """All else that is a name somewhere."""
    if isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.ImportFrom | ast.Import):
        yield from (part for alias in node.names for part in alias.name.split("."))
        yield from (node.module or "").split(".") if isinstance(node, ast.ImportFrom) else ()
    yield from _texts(node)


def _attributes(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Each place where an attribute or a method is defined."""
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.FunctionDef) and not part.name.startswith("__"):
                    yield part.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def _globals(tree: ast.Module) -> Iterator[str]:
    """Functions, classes and variables of a module. The names of exceptions are told to people: they stay."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.ClassDef):
            bases = (base for base in node.bases if isinstance(base, ast.Name))
            if not any(base.id.endswith(("Exception", "Error")) for base in bases):
                yield node.name
    yield from _assigned(tree.body)


def _assigned(body: Iterable[ast.stmt]) -> Iterator[str]:
    """Names that the statements assign; constants that the compiler puts in their place have no name then."""
    for part in body:
        if isinstance(part, ast.Assign):
            is_const = isinstance(part.value, ast.Call) and getattr(part.value.func, "id", "") == "const"
            names = [each.id for to in part.targets for each in ast.walk(to) if isinstance(each, ast.Name)]
            yield from (name for name in names if not (is_const and name.startswith("_")))
        elif isinstance(part, ast.Try | ast.If):
            yield from _assigned([*part.body, *part.orelse])


def _imported_within(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that one module of the package takes from another."""
    return {
        alias.asname or alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.level and node.module
        for alias in node.names
    }


def _tokens(tree: ast.AST) -> Iterator[tuple[int, int, str, bool]]:
    """Where names stand, and whether as attributes; parameters left out."""
    methods = {part for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for part in node.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.lineno, node.col_offset, node.id, False
        elif isinstance(node, ast.Attribute):
            assert node.end_lineno and node.end_col_offset
            yield node.end_lineno, node.end_col_offset - len(node.attr.encode()), node.attr, True
        elif isinstance(node, ast.FunctionDef):
            yield node.lineno, node.col_offset + len("def "), node.name, node in methods
        elif isinstance(node, ast.ClassDef):
            yield node.lineno, node.col_offset + len("class "), node.name, False
        elif isinstance(node, ast.ImportFrom) and node.level and node.module:
            for alias in node.names:
                yield alias.lineno, alias.col_offset, alias.name, False
                if alias.asname:
                    assert alias.end_lineno and alias.end_col_offset
                    column = alias.end_col_offset - len(alias.asname.encode())
                    yield alias.end_lineno, column, alias.asname, False


def _edits(
    tree: ast.Module,
    short: tuple[Mapping[str, str], Mapping[str, str]],
    keywords: Collection[str],
    letters: bool = True,
) -> list[Edit]:
    """`short`: for globals, and for attributes. An attribute may be a global of another module."""
    edits = []
    if letters:
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        edits = [edit for node in functions for edit in _parameters(node, keywords)]
    taken = {edit[:2] for edit in edits}
    for line, column, name, is_attribute in _tokens(tree):
        new = short[is_attribute].get(name) or (short[0].get(name) if is_attribute else None)
        if new and (line, column) not in taken:
            edits.append((line, column, name, new))
    return edits


def _parameters(function: ast.FunctionDef, keywords: Collection[str]) -> Iterator[Edit]:
    """Single letters for a function's own parameters."""
    arguments = [*function.args.posonlyargs, *function.args.args]
    inside = [node for part in function.body for node in ast.walk(part)]
    bound_again = {name for node in inside for name in _bound(node)}
    nested = any(
        isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef | ast.Global) for node in inside
    )
    names = {node.id for node in inside if isinstance(node, ast.Name)} | {each.arg for each in arguments}
    names |= bound_again
    free = (letter for letter in _LETTERS if letter not in names)
    for argument in arguments:
        old = argument.arg
        same = (
            nested
            or len(old) == 1
            or old in keywords
            or old in bound_again
            or argument.annotation is not None
        )
        if old == "self":
            continue
        new = old if same else next(free)
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
    for line, column, old, new in sorted({edit for edit in edits if edit[2] != edit[3]}, reverse=True):
        text = lines[line - 1]
        if text[column : column + len(old.encode())] != old.encode():
            raise ValueError(f"line {line}: {old} is not where it was expected")
        lines[line - 1] = text[:column] + new.encode() + text[column + len(old.encode()) :]
    return b"".join(lines).decode()
