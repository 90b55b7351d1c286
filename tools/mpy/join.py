"""One module out of many, as a linker does: on a chip each module costs some 300 bytes of heap by itself.

The modules of device/ that stay in RAM become device/app.py, each statement in its order, every name of a
module made its own (`SIZE` of window.py is `_window_SIZE`). So constants of one module are constants of all,
and imports between them are gone. Likewise safe mode becomes one file with all that it needs, what it borrows
(device/chip/lazy.py) among it: there, what a class is lent becomes its own.

On a board there are no rooms: device/link/explain.py is /device/explain.mpy there, because each folder would
be one more object in RAM and one more walk through flash for each import. No two modules may have one name.
"""

import ast
import builtins
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

INTO = "app"
PACKAGE = "device"
LENDER = "lender"  # of a class: the module with its seldom used methods (device/chip/lazy.py)
Scoped = ast.FunctionDef | ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Scope = dict[str, str | None]  # name -> its replacement; None: the scope binds it itself


@dataclass
class _Module:
    """A module of the package: `key` is its name on a board, `path` and `tree` are those of its source."""

    key: str
    path: str
    text: str
    tree: ast.Module
    own: set[str] = field(default_factory=set)  # what its top level binds, imports of the package left out
    constants: dict[str, object] = field(default_factory=dict)


def join(
    sources: Mapping[str, str], apart: Collection[str], kept: Collection[str] = (), into: str = INTO
) -> dict[str, str]:
    """{path: text}. `apart`: modules that stay files of their own. `into`: the module that takes the others.

    `kept`: names that code outside uses; definitions that nothing names are left out. Raises ValueError with
    the place of what cannot be joined.
    """
    modules = _modules(sources)
    for module in modules.values():
        module.own, module.constants = _own(module.tree, set(apart) - {"compat"})
    inside = modules.keys() - set(apart)
    names = _names(modules, inside, kept, into)
    made: dict[str, str] = {}
    seen: set[str] = set()
    uses = {key: set(_named(module.tree)) for key, module in modules.items()}
    named = {"begin", *kept}.union(*uses.values())
    pieces: list[str] = []
    last: list[str] = []
    order = _order(modules, inside, into)
    if not {_lazy(node) for module in modules.values() for node in ast.walk(module.tree)} - inside - {""}:
        order = [key for key in order if key != "lazy"]  # nothing is left to borrow
    for key in order:
        rewriter = _Rewriter(modules, inside, names, modules[key], seen, into=into, named=named)
        pieces.append(rewriter.rewritten())
        last += rewriter.last
    pieces += [f"{statement}\n" for statement in last]
    for key, module in modules.items():
        if key not in inside and key != "compat":
            asked = set(kept).union(*(names for other, names in uses.items() if other != key))
            made[f"{PACKAGE}/{key}.py"] = _Rewriter(
                modules, inside, names, module, None, into=into, named=asked
            ).rewritten()
    made[f"{PACKAGE}/{into}.py"] = "".join(pieces)
    return made


def borrowed(sources: Mapping[str, str]) -> set[str]:
    """Names on a board of the modules that others borrow: they stay files of their own."""
    modules = _modules(sources).values()
    return {key for module in modules for node in ast.walk(module.tree) if (key := _lazy(node))}


def _lazy(node: ast.AST | None) -> str:
    """The module that `borrow("…")` or `lender = "…"` names; "" when it is neither."""
    name: ast.AST | None = None
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "borrow"
        and node.args
    ):
        name = node.args[0]
    elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == LENDER:
        name = node.value
    return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else ""


def needed(sources: Mapping[str, str], name: str) -> dict[str, str]:
    """{path: text} of the module `name` and all that it imports of the package, be it within functions."""
    texts: dict[str, str] = {}
    paths = [f"{PACKAGE}/__init__.py", *(path for path in sources if PurePosixPath(path).stem == name)]
    while paths:
        path = paths.pop()
        if path in sources and path not in texts:
            texts[path] = sources[path]
            for node in ast.walk(ast.parse(sources[path], path)):
                if isinstance(node, ast.ImportFrom) and node.level:
                    source = _folder(path, node)
                    paths += [f"{source}.py", *(f"{source}/{alias.name}.py" for alias in node.names)]
                elif name := _lazy(node):
                    paths.append(f"{PACKAGE}/{name.replace('.', '/')}.py")
    return texts


def _folder(path: str, node: ast.ImportFrom) -> str:
    """The path, without suffix, of what `from .x import` or `from .. import` in `path` names."""
    parts = PurePosixPath(path).parts[: -node.level]
    return "/".join([*parts, *(node.module or "").split(".")]).rstrip("/")


def _modules(sources: Mapping[str, str]) -> dict[str, _Module]:
    """{name on a board: module}, each with imports as they are where all lie in one folder."""
    keys: dict[str, str] = {}
    for path, text in sources.items():
        place = PurePosixPath(path)
        room = place.parent.name
        if place.stem != "__init__" or place.parts == (PACKAGE, place.name):
            keys[path] = place.stem
        elif len(ast.parse(text, path).body) > 1:  # more than its docstring
            keys[path] = room
    modules: dict[str, _Module] = {}
    for path, key in keys.items():
        if key in modules:
            raise ValueError(f"{path} and {modules[key].path} would be one file on a board: rename one")
        text = _flat(path, sources[path], keys)
        modules[key] = _Module(key, path, text, ast.parse(text, path))
    return modules


def _flat(path: str, text: str, keys: Mapping[str, str]) -> str:
    """`text` of `path` with its imports as they are where all modules lie in one folder."""
    lines = text.splitlines(keepends=True)
    tree = ast.parse(text, path)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call | ast.Assign) and (name := _lazy(node)):
            place = f"{PACKAGE}/{name.replace('.', '/')}"
            key = keys.get(f"{place}.py") or keys.get(f"{place}/__init__.py")
            if key is None:
                raise ValueError(f"{path}:{node.lineno}: there is no {place}.py to borrow")
            lines[node.lineno - 1] = lines[node.lineno - 1].replace(f'"{name}"', f'"{key}"')
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "borrow" and keys[path] != "lazy":
            raise ValueError(f"{path}:{node.lineno}: borrow() needs the module's name as it is, a text")
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    for node in sorted(imports, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        if not node.level:
            continue
        folder = _folder(path, node)
        modules: dict[str, list[str]] = {}
        for alias in node.names:
            name = f"{alias.name} as {alias.asname}" if alias.asname else alias.name
            module = _holder(folder, alias.name, keys)
            if module is None:
                raise ValueError(f"{path}:{node.lineno}: there is no {folder} to import from")
            modules.setdefault(module, []).append(name)
        assert node.end_lineno and node.end_col_offset
        begin, end = node.lineno - 1, node.end_lineno
        new = "; ".join(f"from .{module} import {', '.join(names)}" for module, names in modules.items())
        line = lines[begin][: node.col_offset] + new + lines[end - 1][node.end_col_offset :]
        lines[begin:end] = [line, *["\n"] * (end - begin - 1)]
    return "".join(lines)


def _holder(folder: str, name: str, keys: Mapping[str, str]) -> str | None:
    """Which module on a board has `name` of `folder`, which may be a module itself; "" for the package."""
    if folder == PACKAGE or f"{folder}/{name}.py" in keys:
        return ""
    return keys.get(f"{folder}.py") or keys.get(f"{folder}/__init__.py")


def _named(tree: ast.Module) -> Iterator[str]:
    """Names that a module uses; a function or a value that nothing names is left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield node.name


def _own(tree: ast.Module, apart: Collection[str]) -> tuple[set[str], dict[str, object]]:
    """What the top level binds, names from files that stay apart among it; and its constants."""
    bound: set[str] = set()
    constants: dict[str, object] = {}
    for node in _top(tree.body):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.Assign):
            names = [
                each.id for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name)
            ]
            bound.update(names)
            value = node.value
            if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "const":
                try:
                    constants[names[0]] = ast.literal_eval(value.args[0])
                except ValueError:
                    pass  # an expression: imported like any other name
        elif isinstance(node, ast.ImportFrom) and node.level and node.module in apart:
            bound.update(alias.asname or alias.name for alias in node.names)
    return bound, constants


def _defines(node: ast.stmt) -> str:
    """The name of a function, or of a value that no call makes; else ""."""
    if isinstance(node, ast.FunctionDef):
        return node.name
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return "" if any(isinstance(each, ast.Call) for each in ast.walk(node.value)) else node.targets[0].id
    return ""


def _top(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of the top level, those within `try` and `if` too."""
    for node in body:
        yield node
        if isinstance(node, ast.Try):
            yield from _top(node.body)
            for handler in node.handlers:
                yield from _top(handler.body)
        elif isinstance(node, ast.If):
            yield from _top(node.body + node.orelse)


def _names(
    modules: dict[str, _Module], inside: set[str], kept: Collection[str], into: str
) -> dict[tuple[str, str], str]:
    """{(module, its name): the name in the joined one}.

    As it is, where no other module has it: a traceback reads as the source does. Else with the module's
    before it; and private, so that a constant takes no room, unless a module outside asks for it.
    """
    asked: set[tuple[str, str]] = set()
    for key, module in modules.items():
        if key not in inside:
            asked |= set(_wanted(module, modules))
            asked |= {
                (alias, node.attr)
                for node in ast.walk(module.tree)
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
                for alias in [node.value.id]
                if alias in inside
            }
    asked = {(source, name) for source, name in asked if name not in modules[source].constants}
    globals_ = {name for key in inside for node in ast.walk(modules[key].tree) if isinstance(node, ast.Global)
                for name in node.names}  # fmt: skip
    others = Counter(dir(builtins))
    for module in modules.values():
        others.update(_elsewhere(module.tree))
        others.update(module.own)
    given: dict[tuple[str, str], str] = {}
    for key in sorted(inside):
        for name in modules[key].own:
            own = f"{key.strip('_')}_{name.lstrip('_')}"
            known = key == into and (name in kept or name in globals_)
            if known or (others[name] == 1 and name not in modules[key].constants):
                given[key, name] = name
            else:
                given[key, name] = own if (key, name) in asked else f"_{own}"
    return given


def _elsewhere(tree: ast.Module) -> set[str]:
    """Names that a module binds within its functions, or imports from others than the package's."""
    brought = {name for node in _top(tree.body) for name in _brought(node)}
    for scope in (node for node in ast.walk(tree) if isinstance(node, Scoped)):
        for node in ast.walk(scope):
            brought.update(_brought(node))
            if isinstance(node, ast.arg):
                brought.add(node.arg)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                brought.add(node.id)
            elif isinstance(node, ast.ExceptHandler | ast.FunctionDef | ast.ClassDef) and node is not scope:
                brought.add(node.name or "")
    return brought


def _brought(node: ast.AST) -> Iterator[str]:
    """Names that an import from outside of the package binds."""
    if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and not node.level):
        yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)


def _wanted(module: _Module, modules: Mapping[str, _Module]) -> Iterator[tuple[str, str]]:
    """What a module takes from others by name: (module, name)."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            source = node.module or ""
            for alias in node.names:
                if source in modules:
                    yield source, alias.name


def _order(modules: dict[str, _Module], inside: set[str], into: str) -> list[str]:
    """Definitions before their use: what a module imports at its top level comes first; `into` last."""
    order: list[str] = []

    def add(key: str, above: tuple[str, ...]) -> None:
        if key in order:
            return
        if key in above:
            raise ValueError(f"{modules[key].path}: imports itself by way of {', '.join(above)}")
        for node in _top(modules[key].tree.body):
            if isinstance(node, ast.ImportFrom) and node.level:
                source = node.module or ""
                for needed in [source, *(alias.name for alias in node.names if not source)]:
                    if needed in inside:
                        add(needed, (*above, key))
            elif isinstance(node, ast.Assign) and (needed := _lazy(node.value)) in inside:
                add(needed, (*above, key))
        order.append(key)

    for key in sorted(inside - {into}):
        add(key, ())
    add(into, ())
    return order


class _Rewriter(ast.NodeVisitor):
    """Edits of one module. `seen`: imports that `into` has already; None: a module that stays apart."""

    def __init__(
        self,
        modules: dict[str, _Module],
        inside: set[str],
        names: dict[tuple[str, str], str],
        module: _Module,
        seen: set[str] | None,
        *,
        into: str,
        named: Collection[str] = (),
    ) -> None:
        self._modules = modules
        self._inside = inside
        self._names = names
        self._module = module
        self._seen = seen
        self._into = into
        self._named = named
        self._edits: list[tuple[int, int, int, int, str]] = []
        self.last: list[str] = []  # statements for the end of the joined module
        top: Scope = dict.fromkeys(module.own)
        if seen is not None:
            top = {name: names[module.key, name] for name in module.own}
        else:  # a constant that nobody else asks for takes no room as a private one
            top |= {
                name: f"_{name}"
                for name in module.constants
                if name not in named and name[0] != "_" and f"_{name}" not in module.own
            }
        self._scopes: list[tuple[Scope, bool]] = [(top, False)]  # with: is it a class body?

    def rewritten(self) -> str:
        for node in self._module.tree.body:
            if self._seen is not None and (name := _defines(node)) and name not in self._named:
                self._replace(node, "")
            else:
                self.visit(node)
        lines = self._module.text.encode().splitlines(keepends=True)
        for line, column, end, end_column, new in sorted(self._edits, reverse=True):
            before, after = lines[line - 1][:column], lines[end - 1][end_column:]
            lines[line - 1 : end] = [before + new.encode() + after, *[b"\n"] * (end - line)]
        return b"".join(lines).decode()

    # Scopes

    def _look_up(self, name: str) -> str | None:
        for depth, (scope, is_class) in enumerate(reversed(self._scopes)):
            if name in scope and not (is_class and depth):
                return scope[name]
        return None

    def _within(self, bound: Scope, parts: list[ast.AST], *, is_class: bool = False) -> None:
        self._scopes.append((bound, is_class))
        for part in parts:
            self.visit(part)
        self._scopes.pop()

    # What is borrowed from a module that is joined too is simply there

    def visit_Assign(self, node: ast.Assign) -> None:
        key = _lazy(node.value)
        target = node.targets[0]
        if key in self._inside and isinstance(target, ast.Name):
            self._scopes[-1][0][target.id] = f"module {key}"
            self._replace(node, "")
        else:
            self.generic_visit(node)

    def _lent(self, node: ast.ClassDef) -> list[ast.Assign]:
        """The statements that lend a class methods of a module that is joined too: these become its own."""
        key = next((key for part in node.body if (key := _lazy(part)) in self._inside), None)
        if key is None:
            return []
        owner = self._look_up(node.name)
        for each in self._modules[key].tree.body:
            if isinstance(each, ast.FunctionDef) and each.name in self._named:
                method = "__init__" if each.name == "begin" else each.name
                self.last.append(f"{owner}.{method} = {self._names[key, each.name]}")
        lending = {LENDER, "__init__", "__getattr__"}
        assigns = [part for part in node.body if isinstance(part, ast.Assign)]
        return [part for part in assigns if getattr(part.targets[0], "id", "") in lending]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._rename_definition(node, len("def "))
        self._function(node, list(node.body))
        for decorator in node.decorator_list:
            self.visit(decorator)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._function(node, [node.body])

    def _function(self, node: ast.FunctionDef | ast.Lambda, body: list[ast.AST]) -> None:
        arguments = node.args
        for default in [*arguments.defaults, *(each for each in arguments.kw_defaults if each)]:
            self.visit(default)
        bound: Scope = dict.fromkeys(_bound_in(node))
        for part in body:
            for name in _globals(part):
                bound.pop(name, None)
        self._within(bound, body)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._rename_definition(node, len("class "))
        for base in node.bases:
            self.visit(base)
        own: Scope = {name: None for part in node.body for name in _bound(part)}
        lent = self._lent(node)
        for part in lent:
            self._replace(part, "")
        self._within(own, [part for part in node.body if part not in lent], is_class=True)

    def _rename_definition(self, node: ast.FunctionDef | ast.ClassDef, offset: int) -> None:
        if len(self._scopes) == 1 and (new := self._look_up(node.name)):
            column = node.col_offset + offset
            self._edit(node.lineno, column, node.lineno, column + len(node.name.encode()), new)

    def _comprehension(self, node: ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp) -> None:
        self._within(dict.fromkeys(_bound_in(node)), list(ast.iter_child_nodes(node)))

    visit_GeneratorExp = visit_ListComp = visit_SetComp = visit_DictComp = _comprehension

    # Names

    def visit_Name(self, node: ast.Name) -> None:
        new = self._look_up(node.id)
        if new is None:
            return
        if new.startswith("module "):
            if self._seen is not None:
                raise ValueError(f"{self._at(node)}: {node.id} is used as an object, so it must stay apart")
            return
        assert node.end_lineno and node.end_col_offset
        self._edit(node.lineno, node.col_offset, node.end_lineno, node.end_col_offset, new)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        key = _lazy(node.value)
        if key in self._inside:
            assert node.end_lineno and node.end_col_offset
            new = self._reference(key, node.attr, node)
            self._edit(node.lineno, node.col_offset, node.end_lineno, node.end_col_offset, new)
            return
        target = self._look_up(node.value.id) if isinstance(node.value, ast.Name) else None
        if target is None or not target.startswith("module "):
            self.visit(node.value)
            return
        assert isinstance(node.value, ast.Name) and node.end_lineno and node.end_col_offset
        key = target.removeprefix("module ")
        new = self._reference(key, node.attr, node)
        if self._seen is None and new.isidentifier():
            new = f"{node.value.id}.{new}"
        self._edit(node.lineno, node.col_offset, node.end_lineno, node.end_col_offset, new)

    def _reference(self, key: str, name: str, node: ast.AST) -> str:
        """What stands for `name` of the joined module `key`: a constant's value, or its name in app.py."""
        module = self._modules[key]
        if self._seen is None and name in module.constants:
            return repr(module.constants[name])
        if (key, name) not in self._names:
            raise ValueError(f"{self._at(node)}: {key} has no {name}")
        return self._names[key, name]

    # Imports

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        scope = self._scopes[-1][0]
        if not node.level:
            self.visit_Import(node)
            return
        source = node.module or ""
        if source == "compat":
            self._replace(node, "from micropython import const")
            if len(self._scopes) == 1 and self._seen is not None:
                self._once(node, "from micropython import const")
            return
        left: list[str] = []
        if source in self._inside:
            for alias in node.names:
                new = self._reference(source, alias.name, node)
                scope[alias.asname or alias.name] = new
                if self._seen is None and new.isidentifier():
                    left.append(new)
            text = f"from {'.' * node.level}{self._into} import {', '.join(left)}" if left else ""
            self._replace(node, text)
            return
        changed = False
        for alias in node.names:
            name = alias.asname or alias.name
            own = f"{alias.name} as {alias.asname}" if alias.asname else alias.name
            if not source and alias.name in self._inside:
                scope[name] = f"module {alias.name}"
                changed = True
                if self._seen is None:
                    left.append(f"{self._into} as {name}" if name != self._into else name)
            elif not source and "__init__" in self._inside:
                scope[name] = self._reference("__init__", alias.name, node)
                changed = True
            elif len(self._scopes) == 1 and (other := scope.get(name)) and other != name:
                left.append(f"{alias.name} as {other}")
                changed = True
            else:
                left.append(own)
        dots = "." * node.level + (node.module or "")
        statement = f"from {dots} import {', '.join(left)}" if left else ""
        if len(self._scopes) == 1 and self._seen is not None and left and not changed:
            self._once(node, statement)
        elif changed:
            self._replace(node, statement)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        if len(self._scopes) == 1 and self._seen is not None:
            self._once(node, ast.unparse(node))

    def _once(self, node: ast.stmt, statement: str) -> None:
        """Nothing where app.py has this import already."""
        assert self._seen is not None
        if statement in self._seen and node.col_offset == 0:
            self._edits = [edit for edit in self._edits if edit[:2] != (node.lineno, node.col_offset)]
            self._replace(node, "")
        self._seen.add(statement)

    def _replace(self, node: ast.stmt, text: str) -> None:
        assert node.end_lineno and node.end_col_offset
        text = text or ("pass" if node.col_offset else "")
        self._edit(node.lineno, node.col_offset, node.end_lineno, node.end_col_offset, text)

    def _edit(self, line: int, column: int, end: int, end_column: int, text: str) -> None:
        self._edits.append((line, column, end, end_column, text))

    def _at(self, node: ast.AST) -> str:
        return f"{self._module.path}:{getattr(node, 'lineno', '?')}"


def _bound_in(scope: Scoped) -> set[str]:
    """Names that a function or a comprehension binds."""
    if not isinstance(scope, ast.FunctionDef | ast.Lambda):
        targets = [each for part in scope.generators for each in ast.walk(part.target)]
        return {each.id for each in targets if isinstance(each, ast.Name)}
    given = scope.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
    body = scope.body if isinstance(scope, ast.FunctionDef) else []
    return {each.arg for each in every} | {name for part in body for name in _bound(part)}


def _bound(node: ast.AST) -> Iterator[str]:
    """Names that a statement binds in its own scope; inner functions, classes, comprehensions bind theirs."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
        return
    if isinstance(node, ast.Lambda | ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp):
        return
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from _bound(child)


def _globals(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Global):
            yield from each.names
