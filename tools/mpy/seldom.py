"""Methods that a board seldom needs stay on its flash.

What stands under `@seldom` goes into a file beside that of its class (`link.py`: `link_rest.py`) that
device/chip/lazy.py reads when such a method is called, and forgets at once. In RAM not even its name is left.
Functions and values that nothing else uses go with it. Two such methods of a class call each other without
the file being read again. Every line stays where it was.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import PurePosixPath

REST = "_rest"
_MARK = "seldom"


def part(sources: Mapping[str, str], apart: Collection[str]) -> dict[str, str]:
    """{path: text} of a package, parted. `apart`: modules that are read and forgotten as a whole.

    ValueError names the place of what cannot be parted.
    """
    trees = {path: ast.parse(text, path) for path, text in sources.items()}
    taken = {path: set(_taken(tree)) for path, tree in trees.items()}
    made = dict(sources)
    for path, tree in trees.items():
        stem = PurePosixPath(path).stem
        if stem not in apart and (owner := _owner(path, tree)):
            elsewhere = {name for other in trees if other != path for of, name in taken[other] if of == stem}
            made[path], made[path.removesuffix(".py") + f"{REST}.py"] = _parted(
                path, sources[path], tree, owner, elsewhere
            )
    return made


def _is_seldom(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and any(
        isinstance(each, ast.Name) and each.id == _MARK for each in node.decorator_list
    )


def _owner(path: str, tree: ast.Module) -> ast.ClassDef | None:
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    owners = [node for node in classes if any(map(_is_seldom, node.body))]
    if len(owners) > 1:
        raise ValueError(f"{path}:{owners[1].lineno}: one class of a file may have seldom methods")
    return owners[0] if owners else None


def _taken(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(module, name) of what a module takes from others, by import or by attribute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module.rpartition(".")[2], alias.name) for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield node.value.id, node.attr


def _parted(
    path: str, text: str, tree: ast.Module, owner: ast.ClassDef, elsewhere: Collection[str]
) -> tuple[str, str]:
    """The text of what stays, and of the rest."""
    methods = [node for node in owner.body if isinstance(node, ast.FunctionDef) and _is_seldom(node)]
    changing = [each for method in methods for each in ast.walk(method) if isinstance(each, ast.Global)]
    if changing:
        raise ValueError(f"{path}:{changing[0].lineno}: a seldom method may not change a global")
    helpers = _helpers(tree, methods, elsewhere)
    lines = text.splitlines(keepends=True)
    rest = ["\n"] * len(lines)
    rest[0] = f"{_imports(path, tree, [*methods, *helpers])}\n"
    rest[owner.lineno - 1] = "class Rest:\n"
    direct = _direct(lines, methods)
    for node in [*methods, *helpers]:
        begin = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))]) - 1
        assert node.end_lineno
        rest[node.lineno - 1 : node.end_lineno] = direct[node.lineno - 1 : node.end_lineno]
        lines[begin : node.end_lineno] = ["\n"] * (node.end_lineno - begin)
    at = min(each.lineno for method in methods for each in method.decorator_list) - 1
    stem = PurePosixPath(path).stem
    begin_too = any(method.name == "__init__" for method in methods)
    lines[at] = f'    __file__ = "{stem}{REST}"; __getattr__ = missing{"; __init__ = begin" * begin_too}\n'
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and _MARK in (names := [alias.name for alias in node.names]):
            names = [name for name in names if name != _MARK] + ["missing"] + ["begin"] * begin_too
            assert node.end_lineno
            lines[node.lineno - 1 : node.end_lineno] = [
                f"from {'.' * node.level}{node.module} import {', '.join(names)}\n",
                *["\n"] * (node.end_lineno - node.lineno),
            ]
    return "".join(lines), "".join(rest)


def _direct(lines: list[str], methods: list[ast.FunctionDef]) -> list[str]:
    """`lines`, where one of `methods` calls another as `Rest.name(self, ` instead of `self.name(`."""
    made = list(lines)
    names = {method.name for method in methods}
    calls = [
        (each.func, each.args or each.keywords)
        for method in methods
        for each in ast.walk(method)
        if isinstance(each, ast.Call)
        and isinstance(each.func, ast.Attribute)
        and isinstance(each.func.value, ast.Name)
        and each.func.value.id == "self"
        and each.func.attr in names
    ]
    for func, given in sorted(calls, key=lambda call: (call[0].lineno, call[0].col_offset), reverse=True):
        line = made[func.lineno - 1].encode()  # columns count bytes
        begin, end = func.col_offset, func.end_col_offset or 0
        first = b"(self, " if given else b"(self"
        line = line[:begin] + b"Rest." + func.attr.encode() + first + line[end + 1 :]
        made[func.lineno - 1] = line.decode()
    return made


def _helpers(tree: ast.Module, methods: Collection[ast.stmt], elsewhere: Collection[str]) -> list[ast.stmt]:
    """Functions and values of the top level that only `methods` use, or others of these."""
    open_ = {name: node for node in tree.body for name in _defined(node) if name not in elsewhere}
    moved: dict[str, ast.stmt] = {}
    while True:
        gone = {id(node) for node in [*methods, *moved.values()]}
        used = set(_used(tree, gone))
        new = {
            name: node
            for name, node in open_.items()
            if name not in moved and name not in used and name in _used_by([*methods, *moved.values()])
        }
        if not new:
            return list(moved.values())
        moved |= new


def _defined(node: ast.stmt) -> Iterator[str]:
    """The name that a function, or a value that is no constant of the compiler, has at the top level."""
    if isinstance(node, ast.FunctionDef) and not node.decorator_list:
        yield node.name
    elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        value = node.value
        if not (isinstance(value, ast.Call) and getattr(value.func, "id", "") == "const"):
            yield node.targets[0].id


def _used(node: ast.AST, without: Collection[int]) -> Iterator[str]:
    """Names that are read below `node`."""
    if id(node) in without:
        return
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.Global):
        yield from node.names
    for child in ast.iter_child_nodes(node):
        yield from _used(child, without)


def _used_by(nodes: Iterable[ast.AST]) -> set[str]:
    return {name for node in nodes for name in _used(node, ())}


def _imports(path: str, tree: ast.Module, moved: list[ast.stmt]) -> str:
    """One line that gives the rest what it uses of its module."""
    used = _used_by(moved) - {_MARK}
    gone = {name for node in moved for name in _defined(node)}
    found: list[str] = []
    own: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name).partition(".")[0] in used:
                    one = alias.name + (f" as {alias.asname}" if alias.asname else "")
                    dots = "." * node.level if isinstance(node, ast.ImportFrom) else ""
                    origin = f"from {dots}{node.module or ''} " if isinstance(node, ast.ImportFrom) else ""
                    found.append(f"{origin}import {one}")
        else:
            own += [name for name in _binds(node) if name in used and name not in gone and name not in own]
    if own:
        found.append(f"from .{PurePosixPath(path).stem} import {', '.join(own)}")
    return "; ".join(found)


def _binds(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (each.id for to in node.targets for each in ast.walk(to) if isinstance(each, ast.Name))
