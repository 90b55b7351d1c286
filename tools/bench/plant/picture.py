"""`python -m tools.bench.plant.picture` draws docs/img/plant.png: a compressor dies, the mails follow."""

import sys

import numpy as np
from matplotlib.figure import Figure

from tools.bench.plant import films, results
from tools.bench.plant.contestants import columns
from tools.bench.plant.failures import FAILURES
from tools.bench.plant.rooms import LIMITS
from tools.bench.plant.traces import degrees
from tools.process.exit_code import exit_code
from tools.process.places import ROOT

PICTURE = ROOT / "docs" / "img" / "plant.png"
KIND, FAILURE, SEED, PERIOD = "walk-in", "dead compressor", 5, 60
SHOWN = {"Vigie": "#0f6cbd", "limit, 30 min": "#d97706", "limit, 45 min": "#b42318"}
BEFORE, AFTER = 4.0, 9.0  # hours


def main() -> int:
    failure = [each for each in FAILURES if each.name == FAILURE]
    (film,) = films.shoot(SEED, 1, PERIOD, failures=failure, kinds=[KIND])
    scene = film.scenes[0]
    rows = slice(scene.fails - int(BEFORE * 3600 / PERIOD), scene.fails + int(AFTER * 3600 / PERIOD))
    hours = (np.arange(rows.start, rows.stop) - scene.fails) * PERIOD / 3600
    figure = Figure(figsize=(9, 3.4), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.plot(hours, degrees(film.t)[rows], color="#475467", linewidth=1)
    axes.axvline(0, color="#98a2b3", linestyle=":")
    axes.text(0.05, axes.get_ylim()[0], "the compressor dies", color="#667085", va="bottom")
    limit = LIMITS[KIND].t_max
    axes.axhline(limit or 0.0, color="#98a2b3", linestyle="--", linewidth=0.8)
    every = columns()
    for name, colour in SHOWN.items():
        (first, *_) = results.result(film, every[name](film)).outcomes
        if first.minutes is not None:
            axes.axvline(first.minutes / 60, color=colour, label=f"{name}: {first.minutes:.0f} min")
    axes.set(xlabel="hours", ylabel="°C", title=f"A {KIND}, {limit:g} °C its limit: the first mail")
    axes.legend(loc="upper left")
    figure.savefig(PICTURE)
    print(f"{PICTURE.name} is drawn")
    return 0


if __name__ == "__main__":
    sys.exit(exit_code("bench-plant", main))
