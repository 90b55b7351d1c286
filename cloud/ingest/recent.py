"""A window of recently stored readings: a repeat that falls into it costs the database nothing."""

from collections.abc import Sequence

from cloud.contract.messages import Reading
from cloud.store.database import StreamKey

Values = dict[int, tuple[int, int] | None]  # what the sensor said, by seq


class RecentReadings:
    """The newest stored readings, `size` to `2 * size` of them, with their sensor values.

    It is a worker's own cache: it may forget, because the database decides.
    """

    def __init__(self, size: int = 50_000) -> None:
        self._size = size
        self._count = 0  # of those in `_new`
        self._new: dict[StreamKey, Values] = {}
        self._old: dict[StreamKey, Values] = {}

    def unknown(self, stream: StreamKey, readings: Sequence[Reading]) -> Sequence[Reading]:
        """The readings that are not known to be stored, or whose seq is known with other sensor values."""
        for known in (self._new.get(stream), self._old.get(stream)):
            if known and not known.keys().isdisjoint([reading.seq for reading in readings]):
                readings = [reading for reading in readings if known.get(reading.seq, ()) != reading.measured]
        return readings

    def add(self, stream: StreamKey, readings: Sequence[Reading]) -> None:
        """Add readings, only after the database has acknowledged the write. The first value of a seq wins."""
        if self._count >= self._size:
            self._old, self._new, self._count = self._new, {}, 0
        new, old = self._new.setdefault(stream, {}), self._old.get(stream, {})
        before = len(new)
        for reading in readings:
            if reading.seq not in old:
                new.setdefault(reading.seq, reading.measured)
        self._count += len(new) - before
