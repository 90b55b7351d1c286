"""The detectors as people and the cloud know them, one row each; the board has device/judge/table.py."""

from collections.abc import Iterable
from typing import NamedTuple

from cloud.contract.messages import SIBLINGS
from device import codes
from device.judge.jitter import SIZE as STEPS
from device.judge.window import SIZE as WINDOW

Texts = tuple[str, str]  # English, French


class DetectorRow(NamedTuple):
    """`name`: of its score and its threshold. Of two that share a `flag`, the first has the words for it."""

    name: str
    flag: int
    called: Texts  # for people who look it up
    seen: Texts  # what a person would call what it saw
    set_to: Texts | None = None  # what its threshold means, {times} as often or as much as usual
    unit: int = 1  # of the score: so many are {times} one
    squared: bool = False  # the score is a square of such units
    digits: int = 1  # of {times}
    learned: bool = False  # training sets its threshold, a field of a board's PARM
    window: int | None = None  # readings that it looks back on; None: however long ago the fault was
    board: bool = True  # who judges by it
    cloud: bool = False


# What says most about a reading comes first.
DETECTORS = (
    DetectorRow("range", codes.RANGE, ("Range", "Plage"), ("outside its range", "hors de sa plage")),
    DetectorRow(
        "limit", codes.LIMIT, ("Your limits", "Vos limites"), ("outside your limits", "hors de vos limites")
    ),
    DetectorRow(
        "sensor error",
        codes.SENSOR_ERROR,
        ("Sensor", "Capteur"),
        ("no reading from the sensor", "le capteur ne répond pas"),
        cloud=True,
    ),
    DetectorRow(
        "excursion",
        codes.EXCURSION,
        ("Excursion", "Excursion"),
        ("does not return to normal", "ne revient pas à la normale"),
    ),
    DetectorRow(
        "rhythm",
        codes.RHYTHM,
        ("Rhythm", "Rythme"),
        ("not as at this time of the day", "pas comme à cette heure du jour"),
    ),
    DetectorRow("stuck", codes.STUCK, ("Stuck", "Figé"), ("frozen value", "valeur figée"), learned=True),
    DetectorRow(
        "zscore",
        codes.ZSCORE,
        ("Z-score", "Z-score"),
        ("sudden change", "changement brusque"),
        ("{times} deviations of the last 60", "{times} écarts-types des 60 dernières"),
        squared=True,
        learned=True,
        window=WINDOW,
        cloud=True,
    ),
    DetectorRow(
        "jump",
        codes.ZSCORE,
        ("Jump", "Saut"),
        ("sudden change", "changement brusque"),
        ("{times} typical steps", "{times} pas typiques"),
        unit=64,
        squared=True,
        learned=True,
        window=STEPS,
    ),
    DetectorRow(
        "jitter",
        codes.JITTER,
        ("Jitter", "Bruit"),
        ("noisy signal", "signal bruité"),
        ("{times} times the typical restlessness", "{times} fois l'agitation typique"),
        unit=64,
        learned=True,
        window=STEPS,
    ),
    DetectorRow(
        "drift",
        codes.DRIFT,
        ("Drift", "Dérive"),
        ("slow drift", "dérive lente"),
        ("a slope of {times} times its own scatter", "une pente de {times} fois sa dispersion"),
        unit=512,
        digits=2,
        learned=True,
    ),
    DetectorRow(
        "siblings",
        SIBLINGS,
        ("Siblings", "Voisines"),
        ("has left its siblings", "s'écarte de ses voisines"),
        board=False,
        cloud=True,
    ),
    DetectorRow(
        "envelope",
        codes.ENVELOPE,
        ("Envelope", "Enveloppe"),
        ("unusual combination", "combinaison inhabituelle"),
        ("{times} standard deviations from the centre", "à {times} écarts-types du centre"),
        unit=64,
        squared=True,
        learned=True,
        window=WINDOW,
        cloud=True,
    ),
    DetectorRow(
        "forest",
        codes.FOREST,
        ("Forest", "Forêt"),
        ("unusual pattern", "comportement inhabituel"),
        window=WINDOW,
        cloud=True,
    ),
)
FLAGS: dict[int, DetectorRow] = {}  # what each flag says, in the same order
for _each in DETECTORS:
    FLAGS.setdefault(_each.flag, _each)
CLOUD = sum(flag for flag, each in FLAGS.items() if each.cloud)  # what the cloud looks for too
LEARNED = tuple(each.name for each in DETECTORS if each.learned)


def clock(half_hours: Iterable[int]) -> str:
    """When these half hours of the day (0 to 47) begin: "07:00, 07:30"."""
    return ", ".join(f"{half // 2:02}:{30 * (half % 2):02}" for half in half_hours)
