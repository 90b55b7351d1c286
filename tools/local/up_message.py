"""An `up` message as a board writes it, for programs that play boards."""

from collections.abc import Sequence
from typing import Any

CALM = (2100, 4500, 0, 0, 0, 0, 5, 20)  # 21.00 degC, 45.00 %RH


def up(stream: str, seqs: Sequence[int], model: str | None = None, **columns: list[Any]) -> dict[str, Any]:
    """Version 2, without its mac: calm and undated readings, except where `columns` say otherwise."""
    calm = {"ts": None, "up": 1, "x": CALM, "flags": 0, "score": None, "why": None}
    return {
        "v": 2,
        "stream": stream,
        "boot": 1,
        "sensor": 0,
        "model": model,
        "features": 1,
        "seq": list(seqs),
        **{name: columns.get(name, [value] * len(seqs)) for name, value in calm.items()},
    }
