"""From a sensor's history to its model: levels, envelope, forests, thresholds for a false-alarm budget."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cloud.alerts.hindsight import mails
from cloud.detectors import LEARNED
from cloud.training import bundle, params, report
from cloud.training.features import features
from cloud.training.forest.assemble import SCALE, IsolationForestAssembler
from cloud.training.forest.interpret_packed import PackedForest, PackedInterpreter
from cloud.training.forest.twin import CloudModel, unit
from cloud.training.history import SENSOR_H, SENSOR_T, History, HistoryError, history
from cloud.training.judged import Judged, judge
from cloud.training.thresholds import (
    calibrate,
    envelope,
    excursion,
    least_step,
    levels,
    own_limits,
    restless,
    rhythm,
)
from cloud.training.thresholds.calibrate import Prior
from cloud.training.thresholds.envelope import Envelope
from device import codes
from device.judge.drift import BLOCK, BLOCKS
from device.judge.params import NEVER
from device.judge.reading import LONG_GAP
from device.judge.stuck import UNIT
from device.judge.window import SIZE as WINDOW

if TYPE_CHECKING:
    from sklearn.ensemble import IsolationForest

# Alarms a day that each threshold may give where one false mail a week is allowed. Few of them are mails: an
# episode takes three abnormal readings, which a jump seldom has, and a slow drift waits for the digest. Range
# has no share: what the history never had is no false alarm.
SHARES = {
    "stuck": 0.05,
    "jump": 0.4,
    "drift": 0.38,
    "jitter": 0.06,
    "envelope": 0.005,
    "forest": 0.005,
    "zscore": 0.005,
}
# Where even the smallest jump worth a mail scores high, the share of jumps may shrink to this.
SELDOM_JUMP = 0.03
# Tails on the tuning data (docs/detectors.md): log of the score that comes twice a day, and its slope. All
# scores are relative to the sensor's own ordinary behaviour, so sensors can be compared.
PRIORS = {
    "stuck": Prior(math.log(17 * UNIT), 0.15),
    "jump": Prior(12.7, 0.75),
    "drift": Prior(6.15, 0.25, days=60),  # a ratio without a unit: sensors hardly differ
    "jitter": Prior(5.3, 0.25),
    "envelope": Prior(12.5, 0.7),
    "zscore": Prior(3.5, 2.0),
    "forest": Prior(-12.95, 0.1),
}
# These tails are so heavy that the line would end where nothing happens: they stop at four times the worst of
# the history (both scores are squares).
CAPS = {"zscore": 16.0, "envelope": 16.0}
LEAST = {"stuck": 22 * UNIT}  # fewer bits are seen by chance
LONGER = 1.5  # times its longest rest that a channel which rests for hours may rest
SELDOM = 0.2  # alarms a day that natural runs give: with more the channel rests
REARMS = {"drift": BLOCK * BLOCKS}  # readings; its alarms are that far apart
# All of a board's forest stays in RAM: a larger one would be read from flash for every score.
BOARD_TREES, BOARD_SAMPLES = 32, 128
CLOUD_TREES, SAMPLES = 300, 256
WHOLE_DAY = 0.98  # days: below it nothing that depends on the level or the hour is judged
RELATIVE = ("stuck", "zscore", "jump", "jitter")
SETTLED = 6 * levels.LAG  # readings until a sensor that was just switched on says what is ordinary
LEAST_READY = 240  # readings with full windows: fewer grow no forest
MOST_ABNORMAL = 0.1  # share of the history's readings
TIGHTEN = 0.6
ROUNDS = 8
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Fitted:
    """All numbers of a model. `threshold`: abnormal when the packed forest's sum is less."""

    values: dict[str, int]  # device.judge.params.FIELDS
    envelope: Envelope
    excursions: excursion.Excursions | None  # None: the place does not cycle, or the history is too short
    bands: rhythm.Bands | None  # None: no day is like the other
    board: IsolationForest
    packed: PackedForest
    threshold: int
    x: NDArray[np.int16]  # the features that were fitted
    flags: NDArray[np.uint16]  # the verdicts on the history itself
    whole: bool  # at least a day: everything watches
    shares: dict[str, float]
    given_up: tuple[str, ...]  # what this history does not teach, a line each

    @property
    def params(self) -> bytes:
        return params.pack(self.values, self.envelope.means, self.envelope.weights)

    @property
    def plant(self) -> dict[bytes, bytes]:
        """The sections that watch the plant, by their tags, where there are any."""
        return _plant(self.excursions, self.bands)


@dataclass(frozen=True)
class Trained:
    """What `train` gives: the board's bundle, the cloud's model, and what people read."""

    bundle: bytes
    model: CloudModel
    report: dict[str, Any]
    png: bytes


def train(  # noqa: PLR0917
    site: str,
    device: str,
    key: bytes,
    ts: ArrayLike,
    t: ArrayLike,
    h: ArrayLike,
    *,
    budget: float = 1.0,
    limits: Mapping[str, int] | None = None,
    seed: int = 0,
    progress: Progress = lambda text: None,
) -> Trained:
    """Train on `ts` (Unix s), `t` (degC), `h` (%RH), oldest first, for `budget` false mails a week in all.

    `limits`: the user's own, as `state` has them; the report says how often they would have alarmed. `key`:
    the device's 32 bytes, under which the bundle is authentic. Raises HistoryError for a history that cannot
    be used; a history shorter than a day gives a model that judges relative changes only.
    """
    past = history(ts, t, h)
    fitted = fit(past, budget=budget, seed=seed, progress=progress)
    progress("the cloud's larger forest")
    full = _grown(fitted.x, CLOUD_TREES, SAMPLES, seed)
    full_threshold = -1.0
    if fitted.whole:
        scores = calibrate.peaks(-full.score_samples(fitted.x.astype(np.float32)))
        full_threshold = -calibrate.tail(scores, past.days, fitted.shares["forest"])
    progress("checking on days that were held out")
    text = report.describe(site, device, past, fitted, budget, held_out(past, budget, seed))
    if limits:
        text["own_limits"] = asdict(own_limits.advise(past, limits))
    blob = pack(key, fitted, report.meta(text))
    name = bundle.model_id(blob)
    model = CloudModel.of(
        model_id=name,
        board=fitted.board,
        threshold=fitted.threshold,
        full=full,
        full_threshold=full_threshold,
        envelope={
            "means": fitted.envelope.means,
            "weights": fitted.envelope.weights,
            "threshold": np.array(fitted.values["envelope"]),
            "zscore": np.array(fitted.values["zscore"]),
        },
    )
    text |= {"model": name, "created": time.time(), "bytes": len(blob)}
    text["unit"] = SCALE * unit(fitted.board)  # a score is 2 ** -(sum / unit)
    return Trained(blob, model, text, report.picture(past, fitted, text))


def pack(key: bytes, fitted: Fitted, meta: Mapping[str, Any]) -> bytes:
    """The bundle that a board with this key loads."""
    return bundle.build(
        key,
        forest=fitted.packed,
        threshold=fitted.threshold,
        params=fitted.params,
        plant=fitted.plant,
        x=fitted.x,
        meta=meta,
    )


def fit(
    past: History, *, budget: float = 1.0, seed: int = 0, progress: Progress = lambda text: None
) -> Fitted:
    """Levels, envelope, the board's forest and all thresholds, from the history alone."""
    progress("features and levels")
    whole = past.days >= WHOLE_DAY
    given_up: list[str] = []
    values = {**params.DEFAULT, **levels.levels(past, given_up)}
    if not whole:
        values |= {"t_low": SENSOR_T[0], "t_high": SENSOR_T[1], "h_low": SENSOR_H[0], "h_high": SENSOR_H[1]}
    values |= dict.fromkeys(("jump", "jitter", "drift", "envelope", "stuck"), NEVER)
    x = features(past.t, past.h)
    shape = envelope.fit(x[SETTLED if len(x) >= 2 * SETTLED else WINDOW :])
    excursions = excursion.fit(past) if whole else None
    progress("the board's judge on the history")
    judged = judge(past, params.pack(values, shape.means, shape.weights))
    ready = judged.ready
    bands = rhythm.fit(past, x, ready) if whole and ready.any() else None
    plant = _plant(excursions, bands)
    if ready.sum() < LEAST_READY:
        raise HistoryError(
            f"only {int(ready.sum())} readings follow {WINDOW} others without a pause of {LONG_GAP} periods: "
            f"{LEAST_READY} are needed. Let the board measure on without a break."
        )
    progress("the board's forest")
    board = _grown(x[ready], BOARD_TREES, BOARD_SAMPLES, seed)
    packed = PackedInterpreter().interpret(IsolationForestAssembler(board).assemble())
    sums = packed.scores(x)
    smallest = least_step.score(past, values) if whole else None
    shares = {name: share * budget for name, share in SHARES.items()}
    if whole:
        jumps = judged.column("jump")
        values |= restless.learn(past, jumps, lambda: _thresholds(judged, past, shares, smallest)["jump"])
    for attempt in range(ROUNDS):
        progress(f"thresholds, round {attempt + 1}")
        values |= _thresholds(judged, past, shares, smallest)
        threshold = _forest_threshold(sums[ready], past.days, shares["forest"]) if whole else 0
        again = judge(past, params.pack(values, shape.means, shape.weights), plant)
        flags = again.with_forest(sums, threshold).flags
        if over_budget(flags, past, budget) is None:
            break
        shares = {name: share * TIGHTEN for name, share in shares.items()}
    else:
        raise HistoryError(over_budget(flags, past, budget))
    if whole and values["drift"] == NEVER:
        given_up.append("drift: the history is in too many pieces to set a limit; it does not watch")
    detectors = (values, shape, excursions, bands, board, packed, threshold)
    return Fitted(*detectors, x[ready], flags, whole, shares, tuple(given_up))


def _grown(x: NDArray[np.int16], trees: int, samples: int, seed: int) -> IsolationForest:
    from sklearn.ensemble import IsolationForest  # noqa: PLC0415  see forest/assemble.py

    forest = IsolationForest(n_estimators=trees, max_samples=min(samples, len(x)), random_state=seed)
    forest.fit(x.astype(np.float32))
    return forest


def _plant(excursions: excursion.Excursions | None, bands: rhythm.Bands | None) -> dict[bytes, bytes]:
    fitted = {b"EXCR": excursions, b"RHYT": bands}
    return {tag: each.section for tag, each in fitted.items() if each}


def over_budget(flags: NDArray[np.uint16], past: History, budget: float) -> str | None:
    """Why these verdicts on the history itself break the budget; None when they keep it.

    `budget`: mails a week. Of alarms seven times as many are allowed: most are no mails.
    """
    abnormal = (flags & codes.ABNORMAL) > 0
    alarms, part = calibrate.alarms(abnormal), float(abnormal.mean())
    sent = len(mails(flags, past.t, past.h, past.period))
    weeks = past.days / 7
    if alarms <= max(1.0, budget * past.days) and sent <= max(1.0, budget * weeks) and part <= MOST_ABNORMAL:
        return None
    each = report.alarms_by_detector(flags)
    worst = ", ".join(f"{name} {count}" for name, count in each.items() if count > budget * past.days / 4)
    return (
        f"no model of this history keeps its own budget: {sent} mails and {alarms} alarms in "
        f"{past.days:.1f} days, {part:.0%} of the readings abnormal ({worst or 'all together'}); {budget:g} "
        "mails a week are allowed, and seven times as many alarms. If the sensor failed in these days, leave "
        "them out; if not, allow more with --budget."
    )


def held_out(past: History, budget: float, seed: int) -> tuple[float, float] | None:
    """Alarms a day and mails a week on the last third of the history, learned from the first two thirds.

    None when two thirds are less than a day, or give no model.
    """
    cut = len(past.t) * 2 // 3
    first = past.part(0, cut)
    if first.days < WHOLE_DAY:
        return None
    try:
        fitted = fit(first, budget=budget, seed=seed)
    except HistoryError:
        return None
    judged = judge(past, fitted.params, fitted.plant)
    sums = fitted.packed.scores(features(past.t, past.h))
    flags = judged.with_forest(sums, fitted.threshold).flags[cut:]
    last = past.part(cut, len(past.t))
    days = max(last.days, 1e-6)
    alarms = calibrate.alarms((flags & codes.ABNORMAL) > 0)
    return alarms / days, 7 * len(mails(flags, last.t, last.h, last.period)) / days


def _thresholds(
    judged: Judged, past: History, shares: dict[str, float], smallest: float | None
) -> dict[str, int]:
    """The threshold of each detector but the forest. `smallest`: score of the smallest jump worth a mail.

    None in the first day, when no threshold is tighter than a board's without a model.
    """
    days, whole = past.days, smallest is not None
    thresholds = {}
    for name in LEARNED:
        if whole or name in RELATIVE:
            logs = np.log1p(judged.column(name))
            highest = calibrate.peaks(logs, REARMS.get(name, calibrate.REARM))
            cap = float(highest[0]) + math.log(CAPS.get(name, math.inf))
            level = min(calibrate.tail(highest, days, shares[name], PRIORS[name]), cap)
            if name == "jump" and smallest is not None:
                seldom = shares[name] * SELDOM_JUMP / SHARES[name]
                most = calibrate.tail(highest, days, seldom, PRIORS[name])
                level = max(level, min(math.log1p(smallest), most))
            least = LEAST.get(name, 1) if whole else params.DEFAULT[name]
            thresholds[name] = max(least, min(math.ceil(math.expm1(level)), NEVER))
    repeats = judged.column("stuck")
    if calibrate.alarms(repeats > thresholds["stuck"]) > max(1.0, SELDOM * days):
        thresholds["stuck"] = min(math.ceil(LONGER * int(repeats.max())), NEVER)
    if not judged.column("drift").any():  # no stretch without a pause was long enough for one slope
        thresholds["drift"] = NEVER
    return thresholds


def _forest_threshold(sums: NDArray[np.int32], days: float, share: float) -> int:
    """The sum below which `share` readings a day fall, but at least nine tenths of the lowest sum seen."""
    logs = -np.log(np.maximum(sums, 1))
    highest = calibrate.peaks(logs)
    level = min(calibrate.tail(highest, days, share, PRIORS["forest"]), float(highest[0]) - math.log(0.9))
    return math.floor(math.exp(-level))
