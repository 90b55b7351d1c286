"""Where things are: the repository, or the package of a wheel, which has the same folders."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What is made and fetched, for all commands. The folder of an installed package is not one to write in.
VAR = (ROOT if (ROOT / "pyproject.toml").exists() else Path.cwd()) / "var"
