"""`python -m cloud recording FILE`: says how Vigie reads it; --out writes the plain file that boards play."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cloud.recording import Recording, RecordingRefused, description, read


def main(argv: Sequence[str]) -> int:
    """0 = read, 1 = refused, with the reason."""
    options = _options(argv)
    try:
        refuse_to_overwrite(options.file, options.out)
        recording = read(options.file, description.of(options))
        if options.out:
            options.out.write_text("\n".join(recording.plain()) + "\n", encoding="utf-8")
    except (RecordingRefused, OSError) as problem:
        print(f"recording: {problem}", file=sys.stderr)
        return 1
    print("\n".join(f"{options.file}: {line}" for line in [*recording.notes, _summary(recording)]))
    return 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cloud recording", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--out", type=Path, metavar="PLAIN.csv", help="write ts,t,h: Unix s, degC, %%RH")
    description.add_options(parser)
    return parser.parse_args(argv)


def refuse_to_overwrite(file: Path, out: Path | None) -> None:
    """Raises RecordingRefused when both names mean the same file."""
    if out and file.exists() and out.exists() and file.samefile(out):
        raise RecordingRefused(f"--out {out} is the recording itself: choose another file")


def _summary(recording: Recording) -> str:
    if not len(recording.ts):
        return "no readings"
    good = np.isfinite(recording.t) & np.isfinite(recording.h)
    start, end = (np.datetime64(int(recording.ts[place]), "s") for place in (0, -1))
    spans = "".join(
        f", {values[good].min():.2f} to {values[good].max():.2f} {unit}"
        for values, unit in ((recording.t, "degC"), (recording.h, "%RH"))
        if good.any()
    )
    return f"{len(recording.ts)} readings ({int((~good).sum())} failed) from {start} to {end} UTC{spans}"
