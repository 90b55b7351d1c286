"""`python -m cloud recording FILE`: how Vigie reads it; with --out, the plain file that boards play."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cloud.recording import Recording, Refused, asked, read


def main(argv: Sequence[str]) -> int:
    """0 = read, 1 = refused, with the reason."""
    options = _options(argv)
    try:
        refuse_to_overwrite(options.file, options.out)
        found = read(options.file, asked.of(options))
        if options.out:
            options.out.write_text("\n".join(found.plain()) + "\n", encoding="utf-8")
    except (Refused, OSError) as problem:
        print(f"recording: {problem}", file=sys.stderr)
        return 1
    print("\n".join(f"{options.file}: {line}" for line in [*found.said, _summary(found)]))
    return 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cloud recording", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--out", type=Path, metavar="PLAIN.csv", help="write ts,t,h: Unix s, degC, %%RH")
    asked.add_options(parser)
    return parser.parse_args(argv)


def refuse_to_overwrite(file: Path, out: Path | None) -> None:
    """Raises Refused when both are one file, whatever its names."""
    if out and file.exists() and out.exists() and file.samefile(out):
        raise Refused(f"--out {out} is the recording itself: choose another file")


def _summary(found: Recording) -> str:
    if not len(found.ts):
        return "no readings"
    good = np.isfinite(found.t) & np.isfinite(found.h)
    start, end = (np.datetime64(int(found.ts[place]), "s") for place in (0, -1))
    spans = "".join(
        f", {values[good].min():.2f} to {values[good].max():.2f} {unit}"
        for values, unit in ((found.t, "degC"), (found.h, "%RH"))
        if good.any()
    )
    return f"{len(found.ts)} readings ({int((~good).sum())} failed) from {start} to {end} UTC{spans}"
