"""Export: stored readings as CSV or Parquet, open and sealed alike, through the one read function."""

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from math import isnan
from pathlib import Path
from typing import Any, TextIO

from cloud.process.printable import cell
from cloud.read.rows import Readings

COLUMNS = (
    *("site", "device", "stream", "seq", "boot", "time", "ts", "up", "t", "h"),
    *("edge_flags", "edge_score", "cloud_flags", "cloud_score", "why", "model", "missing_before", "said"),
)


def rows(readings: Readings) -> Iterator[dict[str, Any]]:
    """One dict for each reading, with the keys of COLUMNS; None where there is nothing."""
    columns = {
        name: getattr(readings, name).tolist() for name in COLUMNS if name not in ("site", "device", "time")
    }
    for values in zip(*columns.values(), strict=True):
        present = (None if isinstance(value, float) and isnan(value) else value for value in values)
        row: dict[str, Any] = dict(zip(columns, present, strict=True))
        for name in ("ts", "said", "edge_score"):
            row[name] = None if row[name] is None else int(row[name])
        ts = row["ts"]
        row["time"] = None if ts is None else datetime.fromtimestamp(ts, UTC).isoformat()
        row["site"], row["device"] = readings.site, readings.device
        yield {name: row[name] for name in COLUMNS}


def write(boards: Iterable[Readings], path: Path, kind: str) -> int:
    """Write all readings of `boards` into a file, as "csv" or "parquet"; returns how many."""
    if kind == "parquet":
        return _write_parquet(boards, path)
    with path.open("w", encoding="utf-8", newline="") as file:
        return write_csv(boards, file)


def write_csv(boards: Iterable[Readings], file: TextIO) -> int:
    """Write all readings of `boards` to `file`; returns how many. None becomes an empty cell."""
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    count = 0
    for readings in boards:
        writer.writerows(
            {name: cell(value) if isinstance(value, str) else value for name, value in row.items()}
            for row in rows(readings)
        )
        count += len(readings)
    return count


def _write_parquet(boards: Iterable[Readings], path: Path) -> int:
    """Write all readings of `boards` as typed columns, one row group a board; returns how many readings."""
    import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415  large, and only this needs it
    import pyarrow.parquet as pq  # type: ignore[import-untyped]  # noqa: PLC0415

    kinds = {name: pa.string() for name in ("site", "device", "stream", "why", "model")}
    kinds |= {name: pa.float64() for name in ("t", "h", "cloud_score")}
    kinds["time"] = pa.timestamp("s", "UTC")
    schema = pa.schema([(name, kinds.get(name, pa.int64())) for name in COLUMNS])
    count = 0
    with pq.ParquetWriter(path, schema) as writer:
        for readings in boards:
            table = [{**row, "time": row["ts"]} for row in rows(readings)]
            writer.write_table(pa.Table.from_pylist(table, schema))
            count += len(table)
    return count
