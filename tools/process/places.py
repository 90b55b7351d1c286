"""Where things are: the repository, or the package of a wheel, which has the same folders."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# All commands put here what they make and fetch. Nobody writes into the folder of an installed package.
VAR = (ROOT if (ROOT / "pyproject.toml").exists() else Path.cwd()) / "var"
