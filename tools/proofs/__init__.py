"""Heavy properties at full size; the tests run the same functions scaled down.

A proof is a module with `prove_all(progress) -> Outcome`; tools/proofs/__main__.py lists them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ProofResult:
    """`text`: Markdown for people; `numbers`: the same for programs; `holds`: whether the proof holds."""

    text: str
    numbers: dict[str, Any]
    holds: bool
