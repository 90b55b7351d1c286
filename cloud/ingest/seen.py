"""A window of what was stored lately: a repeat that falls into it costs the database nothing."""

from __future__ import annotations

from collections.abc import Sequence

from cloud.contract.messages import Reading
from cloud.store.database import StreamKey

Values = dict[int, tuple[int, int] | None]  # what the sensor said, by seq


class Seen:
    """The newest stored readings, `size` to `2 * size` of them, by their sensor values.

    A worker's own cache: forgetting is harmless, the database remains the judge.
    """

    def __init__(self, size: int = 50_000) -> None:
        self._size = size
        self._count = 0  # of those in `_new`
        self._new: dict[StreamKey, Values] = {}
        self._old: dict[StreamKey, Values] = {}

    def unknown(self, stream: StreamKey, readings: Sequence[Reading]) -> Sequence[Reading]:
        """Those not known to be stored; also those whose seq is known with other sensor values."""
        for known in (self._new.get(stream), self._old.get(stream)):
            if known and not known.keys().isdisjoint([reading.seq for reading in readings]):
                readings = [reading for reading in readings if known.get(reading.seq, ()) != reading.measured]
        return readings

    def add(self, stream: StreamKey, readings: Sequence[Reading]) -> None:
        """To be told only after the write was acknowledged by the database. The first one told stays."""
        if self._count >= self._size:
            self._old, self._new, self._count = self._new, {}, 0
        new, old = self._new.setdefault(stream, {}), self._old.get(stream, {})
        before = len(new)
        for reading in readings:
            if reading.seq not in old:
                new.setdefault(reading.seq, reading.measured)
        self._count += len(new) - before
