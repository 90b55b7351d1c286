"""How far the board's verdicts and scores differ from the cloud's, counted for each model.

The sealer writes the counts of a bucket beside it, and a reader adds them up when somebody asks: no worker
remembers anything, a repeat counts nothing twice, and a deleted bucket no longer counts.

Both forests' scores are compared as scikit-learn gives them, 0 to 1: a board's sum of path lengths is
`2 ** -(sum / unit)`, with the `unit` of its forest as the model's report tells it.
"""

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pymongo.database import Database

from cloud.contract.messages import TWIN_DIFFERS, TWIN_RAN
from cloud.store import packing
from cloud.store.database import Document, board_of
from device import codes

# Edges of the bins for the difference of the two forests' scores (board minus cloud, thousandths); the first
# and the last bin are open.
EDGES = (-45, -35, -25, -15, -5, 5, 15, 25, 35, 45)
# The same for the size of the difference between the twin's sum and the board's; one edge of a path is 1024.
TWIN_EDGES = (1, 32, 1024)
AT_ONCE = 256  # rows of a model that become one

# Rows begin with whether there is a model, and its id. Then:
#   g  how many both, only the edge, only the cloud, neither called abnormal; the twin judged; it differed on
#   s  sum, least, greatest, bins of the scores' difference
#   x  sum and greatest of the twin's differences, their bins but the first: no difference
_LAYOUTS = {
    "g": struct.Struct("<B4s6H"),
    "s": struct.Struct(f"<B4sihh{len(EDGES) + 1}H"),
    "x": struct.Struct(f"<B4sQI{len(TWIN_EDGES)}H"),
}
_TOGETHER: dict[str, Sequence[Callable[[Sequence[int]], int]]] = {  # how a column of two rows becomes one
    "g": [sum] * 6,
    "s": [sum, min, max, *[sum] * (len(EDGES) + 1)],
    "x": [sum, max, *[sum] * len(TWIN_EDGES)],
}

Record = npt.NDArray[Any]  # packing.RECORD
Units = Mapping[bytes, float]  # of a model's forest, by the 4 bytes of its id
Key = tuple[str, str, str]  # site, device, model ("" = none)


@dataclass(frozen=True)
class Spread:
    """Differences of scores. `histogram[i]` counts those in edges[i - 1] <= difference < edges[i]."""

    count: int
    mean: float
    least: float
    greatest: float
    edges: tuple[float, ...]
    histogram: tuple[int, ...]


@dataclass(frozen=True)
class Agreement:
    """How often board and cloud agreed, for one device and one model, and how far their scores were apart."""

    site: str
    device: str
    model: str | None
    both_abnormal: int = 0
    edge_only: int = 0
    cloud_only: int = 0
    both_normal: int = 0
    twin_ran: int = 0  # readings that the twin of the board's model judged too
    twin_differs: int = 0  # of these, a different sum or verdict: must be 0
    scores: Spread | None = None  # board's score minus the full forest's, 0..1; None = none were compared
    twin: Spread | None = None  # |twin's sum minus board's|, 1024 = one edge; None = the twin never ran


def counted(record: Record, units: Units) -> Document:
    """What a sealed bucket keeps: `g` verdicts, `s` scores, `x` the twin where it differs."""
    rows = {"g": _verdicts(record), "s": _scores(record, units), "x": _twin(record)}
    values = {name: b"".join(_LAYOUTS[name].pack(*row) for row in rows[name]) for name in rows}
    return {name: packed for name, packed in values.items() if packed or name == "g"}


def abnormal(verdicts: bytes) -> tuple[int, int]:
    """(board, cloud): how many readings of a bucket's `g` each calls abnormal."""
    board = cloud = 0
    for _, _, both, edge_only, cloud_only, *_ in _LAYOUTS["g"].iter_unpack(verdicts):
        board, cloud = board + both + edge_only, cloud + both + cloud_only
    return board, cloud


class Sums:
    """Adds up what was counted, bucket by bucket."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[Key, list[Sequence[int]]]] = {name: {} for name in _LAYOUTS}

    def add(self, bucket: Document) -> None:
        """`bucket` has `d` and what `counted` gave."""
        board = board_of(bucket["d"])
        for name, layout in _LAYOUTS.items():
            for modelled, model, *values in layout.iter_unpack(bucket.get(name, b"")):
                key = (*board, model.hex() if modelled else "")
                rows = self._rows[name].setdefault(key, [])
                rows.append(values)
                if len(rows) == AT_ONCE:
                    rows[:] = [self._sum(name, key)]

    def _sum(self, name: str, key: Key) -> list[int]:
        columns = zip(*self._rows[name].get(key, ()), strict=True)
        return [join(column) for join, column in zip(_TOGETHER[name], columns, strict=False)]

    def agreements(self) -> list[Agreement]:
        """One for each device and model, sorted."""
        agreements = []
        for key in sorted(self._rows["g"]):
            both, edge, cloud, neither, ran, differs = self._sum("g", key)
            scores = _spread_of_scores(self._sum("s", key))
            twin = _spread_of_twin(self._sum("x", key), ran)
            counts = both, edge, cloud, neither, ran, differs
            agreements.append(Agreement(*key[:2], key[2] or None, *counts, scores, twin))
        return agreements


class KnownUnits:
    """Units of forests by model, looked up once each. Raises PyMongoError."""

    def __init__(self, database: Database[Document]) -> None:
        self._models = database["models"]
        self._known: dict[bytes, float] = {}

    def of(self, record: Record) -> Units:
        """The units of the models that judged these readings, as far as they are known."""
        modelled = record["model"][(record["has"] & packing.MODELLED) > 0]
        return self.of_models(bytes(model).ljust(4, b"\0") for model in np.unique(modelled).tolist())

    def of_models(self, models: Iterable[bytes]) -> Units:
        """The same for these models."""
        if unknown := set(models) - self._known.keys():
            names = sorted(model.hex() for model in unknown)
            for document in self._models.find({"_id": {"$in": names}}, {"report.unit": 1}):
                if unit := document.get("report", {}).get("unit"):
                    self._known[bytes.fromhex(document["_id"])] = float(unit)
        return self._known


def _verdicts(record: Record) -> Iterable[tuple[Any, ...]]:
    edge = (record["edge_flags"] & codes.ABNORMAL) > 0
    cloud = (record["cloud_flags"] & codes.ABNORMAL) > 0
    ran = (record["cloud_flags"] & TWIN_RAN) > 0
    differs = (record["cloud_flags"] & TWIN_DIFFERS) > 0
    for modelled, model, here in _by_model(record):
        counts = [here & edge & cloud, here & edge & ~cloud, here & ~edge & cloud, here & ~edge & ~cloud]
        counts += [here & ran, here & differs]
        yield int(modelled), model, *(int(count.sum()) for count in counts)


def _scores(record: Record, units: Units) -> Iterable[tuple[Any, ...]]:
    needed = packing.SCORED | packing.RESCORED
    compared = (record["has"] & needed) == needed
    for modelled, model, here in _by_model(record):
        unit = units.get(model)
        chosen = record[here & compared]
        if unit is None or not modelled or not len(chosen):
            continue
        edge = np.exp2(-np.maximum(chosen["edge_score"], 0) / unit)
        difference = np.rint(edge * packing.CLOUD_SCALE).astype(np.int64) - chosen["cloud_score"]
        bins = np.bincount(np.searchsorted(EDGES, difference, side="right"), minlength=len(EDGES) + 1)
        least, greatest = int(difference.min()), int(difference.max())
        yield 1, model, int(difference.sum()), least, greatest, *bins.tolist()


def _twin(record: Record) -> Iterable[tuple[Any, ...]]:
    size = np.abs(record["twin_off"].astype(np.int64))
    for modelled, model, here in _by_model(record):
        off = size[here & (size > 0)]
        if len(off):
            bins = np.bincount(np.searchsorted(TWIN_EDGES, off, side="right"), minlength=len(TWIN_EDGES) + 1)
            yield int(modelled), model, int(off.sum()), int(off.max()), *bins[1:].tolist()


def _by_model(record: Record) -> Iterable[tuple[bool, bytes, npt.NDArray[np.bool_]]]:
    has_model = (record["has"] & packing.MODELLED) > 0
    for modelled, model in sorted(set(zip(has_model.tolist(), record["model"].tolist(), strict=True))):
        yield modelled, model.ljust(4, b"\0"), (has_model == modelled) & (record["model"] == model)


def _spread_of_scores(sums: list[int]) -> Spread | None:
    if not sums:
        return None
    total, least, greatest, *bins = sums
    scale, count = packing.CLOUD_SCALE, sum(bins)
    edges = tuple(edge / scale for edge in EDGES)
    return Spread(count, total / count / scale, least / scale, greatest / scale, edges, tuple(bins))


def _spread_of_twin(sums: list[int], ran: int) -> Spread | None:
    if not ran:
        return None
    total, greatest, *off = sums or [0, 0, *[0] * len(TWIN_EDGES)]
    same = ran - sum(off)
    least = 0 if same else 1
    return Spread(ran, total / ran, least, greatest, tuple(map(float, TWIN_EDGES)), (same, *off))
