"""A window of what was stored lately: a repeat that falls into it costs the database nothing."""

from __future__ import annotations

from cloud.contract import Reading

Key = tuple[str, str, str, int]  # site, device, stream, seq


class Seen:
    """The newest stored readings, `size` to `2 * size` of them, by their sensor values.

    A worker's own cache: forgetting is harmless, the database remains the judge.
    """

    def __init__(self, size: int = 50_000) -> None:
        self._size = size
        self._new: dict[Key, tuple[int, int] | None] = {}
        self._old: dict[Key, tuple[int, int] | None] = {}

    def stored(self, key: Key, reading: Reading) -> bool:
        """Whether this reading is known to be stored. False also for its seq with other sensor values."""
        for known in (self._new, self._old):
            if key in known:
                return known[key] == reading.measured
        return False

    def add(self, key: Key, reading: Reading) -> None:
        """To be told only after the write was acknowledged by the database. The first one told stays."""
        if key in self._new or key in self._old:
            return
        if len(self._new) >= self._size:
            self._old, self._new = self._new, {}
        self._new[key] = reading.measured
