"""From packed buckets to columns of readings."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from cloud.read.rows import Floats, Readings
from cloud.store import packing
from cloud.store.database import Document
from cloud.store.packing import SIZE, Packed


@dataclass(frozen=True)
class StreamColumns:
    """Readings of one stream in order, with the time at which each one stands."""

    stream: str
    seq: npt.NDArray[np.int64]
    record: npt.NDArray[Any]
    why: npt.NDArray[np.object_]
    place: Floats

    @classmethod
    def of(cls, stream: str, buckets: list[tuple[Document, Packed]]) -> Self:
        packed = [packed for _, packed in buckets]
        numbers = [int(bucket["_id"].rpartition("/")[2]) for bucket, _ in buckets]
        seq = np.concatenate([p.position + number * SIZE for p, number in zip(packed, numbers, strict=True)])
        record = np.concatenate([p.record for p in packed])
        dated = np.flatnonzero(record["has"] & packing.DATED)
        if len(dated):
            nearest = np.searchsorted(dated, np.arange(len(seq)), side="right") - 1
            place = record["ts"][dated[np.maximum(nearest, 0)]].astype(np.float64)
        else:
            place = np.full(len(seq), float(buckets[-1][0]["w"]))
        why = np.array([reason for p in packed for reason in p.why], object)
        return cls(stream, seq, record, why, place)


def to_readings(
    site: str, device: str, parts: list[StreamColumns], start: float | None, end: float | None
) -> Readings:
    """The rows of all streams in one order; `start`, `end`: Unix s, None = no bound, `end` left out."""
    if not parts:
        empty = np.zeros(0, np.int64), np.zeros(0, packing.RECORD), np.zeros(0, object), np.zeros(0)
        parts = [StreamColumns("", *empty)]
    place = np.concatenate([part.place for part in parts])
    seq = np.concatenate([part.seq for part in parts])
    rank = np.concatenate([np.full(len(part.seq), k) for k, part in enumerate(parts)])
    missing = np.concatenate([np.diff(part.seq, prepend=part.seq[:1] - 1) - 1 for part in parts])
    inside = np.ones(len(seq), np.bool_)
    if start is not None:
        inside &= place >= start
    if end is not None:
        inside &= place < end
    order = np.lexsort((seq, rank, place))
    order = order[inside[order]]
    record = np.concatenate([part.record for part in parts])[order]
    has = record["has"]

    def where(bit: int, values: npt.NDArray[Any]) -> Floats:
        return np.where(has & bit, values, np.nan)

    return Readings(
        site=site,
        device=device,
        stream=np.array([part.stream for part in parts])[rank[order]],
        seq=seq[order],
        boot=record["boot"].astype(np.int64),
        ts=where(packing.DATED, record["ts"]),
        up=record["up"].astype(np.int64),
        t=where(packing.MEASURED, record["t"] / 100),
        h=where(packing.MEASURED, record["h"] / 100),
        edge_flags=record["edge_flags"].astype(np.uint16),
        edge_score=where(packing.SCORED, record["edge_score"]),
        cloud_flags=record["cloud_flags"].astype(np.uint16),
        cloud_score=where(packing.RESCORED, record["cloud_score"] / packing.CLOUD_SCALE),
        why=np.concatenate([part.why for part in parts])[order],
        model=_models(record),
        missing_before=missing[order],
        said=where(packing.SAID, record["ts"]),
    )


def _models(record: npt.NDArray[Any]) -> npt.NDArray[np.object_]:
    known, which = np.unique(record["model"], return_inverse=True)
    names = np.array([model.ljust(4, b"\0").hex() for model in known.tolist()] or [None], object)
    return np.where(record["has"] & packing.MODELLED, names[which], np.array(None, object))
