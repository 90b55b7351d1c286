"""Files that others read while they are written."""

import os
from pathlib import Path


def write(path: Path, data: bytes | str, mode: int = 0o644) -> None:
    """Put `data` there in one step: nobody ever reads half of it, and no killed run leaves a half."""
    part = path.with_name(path.name + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data.encode() if isinstance(data, str) else data)
    part.replace(path)


def private_write(path: Path, data: bytes | str) -> None:
    """Write a file with passwords or keys, which only its owner can read."""
    write(path, data, 0o600)
