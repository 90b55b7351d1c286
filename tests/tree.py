"""The repository's files: those that git tracks; in a copy without git, all that .gitignore lets in."""

import fnmatch
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def files():
    """Their paths, without folders and without what a build or a test made."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        listing = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        names = [ROOT / name for name in listing.stdout.split("\0") if name]
    else:
        names = [path for path in ROOT.rglob("*") if not is_ignored(path.relative_to(ROOT).as_posix())]
    return [path for path in names if path.is_file()]


def is_ignored(name):
    """Whether .gitignore keeps the file `name` (from the root, with slashes) out of the repository."""
    patterns = [line for line in (ROOT / ".gitignore").read_text().splitlines() if line and line[0] != "#"]
    parts = name.split("/")
    return any(_matches(pattern, parts) for pattern in [*patterns, ".git"])


def _matches(pattern, parts):
    if "/" in pattern.rstrip("/"):  # from the root
        pattern = pattern.strip("/")
        return any(fnmatch.fnmatchcase("/".join(parts[: k + 1]), pattern) for k in range(len(parts)))
    return any(fnmatch.fnmatchcase(part, pattern.rstrip("/")) for part in parts)
