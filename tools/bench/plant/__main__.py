"""`make bench-plant`: rooms whose plant fails, and how soon a mail says so. SEED=1 ROOMS=2 PERIOD=30

Rows are failures of each kind of room, columns Vigie and what people use instead. The table goes into
docs/detectors.md, JSON into the last line.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tools.bench.asked import whole
from tools.bench.docs_table import write
from tools.bench.plant import films, results
from tools.bench.plant.contestants import columns
from tools.bench.plant.results import RoomResult
from tools.bench.plant.rooms import KINDS
from tools.process.exit_code import exit_code
from tools.process.places import ROOT
from tools.process.terminal import progress

PAGE = ROOT / "docs" / "detectors.md"


def main(environment: Mapping[str, str] = os.environ, page: Path = PAGE) -> int:
    defaults = {"SEED": 1, "ROOMS": 2, "PERIOD": 30}
    seed, each, period = (whole(environment, name, default) for name, default in defaults.items())
    began = time.monotonic()
    all_films = films.shoot(seed, each, period, progress)
    results_of: dict[str, list[RoomResult]] = {name: [] for name in columns()}
    for film in all_films:
        for name, column in columns().items():
            progress(f"{film.kind} {film.number}: {name}")
            outcome = results.result(film, column(film))
            results_of[name].append(outcome)
            if outcome.note:
                progress("")
                print(f"{film.kind} {film.number}: {name} said nothing: {outcome.note}")
    progress("")
    weeks = sum(film.weeks for film in all_films)
    text = (
        f"SEED={seed}, ROOMS={each}: {len(all_films)} rooms, {each} of a kind, each failing at "
        f"{len(films.BEGINS)} moments; {weeks:.0f} healthy board-weeks; a reading each {period} s.\n\n"
        f"{results.table(results_of, KINDS)}\n"
    )
    print(text)
    write(page, "bench-plant", text)
    print(f"written into {page.name} after {time.monotonic() - began:.0f} s")
    print(json.dumps({"seed": seed, "rooms": each, "period": period, **results.numbers(results_of)}))
    return 0


if __name__ == "__main__":
    sys.exit(exit_code("bench-plant", main))
