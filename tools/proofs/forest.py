"""The board's forest is exact, over a million readings of random forests.

The same readings go through the bundle as a board loads it (under MicroPython, its native walker; one in ten
by the plain one), readable Python, an integer walk that shares no code with them, the replay's numpy walk
and the cloud's twin after a trip through storage. All sums must be equal and all verdicts too; scikit-learn's
float `predict`, with `offset_` at the bundle's threshold, may differ only inside the rounding band.
"""

from __future__ import annotations

import math
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from cloud.training import bundle
from cloud.training.features import features
from cloud.training.forest.assemble import IsolationForestAssembler
from cloud.training.forest.interpret_packed import PackedInterpreter
from cloud.training.forest.interpret_python import ReadablePythonInterpreter
from cloud.training.forest.twin import CloudModel, offset
from tools.process.places import ROOT
from tools.proofs import Progress, ProofResult
from tools.virtual_board.virtual_board import find_micropython

KEY = bytes(range(32))
MASTER_KEY = bytes(range(32, 64))
PLAIN_SHARE = 10  # one reading in ten also goes through the plain walker
Int16 = NDArray[np.int16]


@dataclass(frozen=True)
class Proof:
    """Counts of differences, each over all readings; `inside` and `outside` are those of float `predict`."""

    forests: int = 0
    readings: int = 0
    board: int = 0
    plain: int = 0
    readable: int = 0
    replay: int = 0
    twin_sums: int = 0
    twin_verdicts: int = 0
    band: int = 0
    inside: int = 0
    outside: int = 0

    def __add__(self, other: Proof) -> Proof:
        return Proof(**{name: count + getattr(other, name) for name, count in asdict(self).items()})

    @property
    def holds(self) -> bool:
        kept = (self.board, self.plain, self.readable, self.replay, self.twin_sums, self.twin_verdicts)
        return self.readings > 0 and not any(kept) and not self.outside


def exactness(
    readings: int, forests: int, seed: int = 0, progress: Callable[[int], None] = lambda done: None
) -> Proof:
    """Proves `forests` random forests, each on its share of `readings`. Deterministic for a seed."""
    rng = np.random.default_rng(seed)
    total = Proof()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(forests):
            share = readings * (number + 1) // forests - readings * number // forests
            forest, trained_on = random_forest(rng, number)
            total += compare(
                forest, trained_on, readings_for(forest, trained_on, rng, share), rng, Path(folder)
            )
            progress(number + 1)
    return total


def random_forest(rng: np.random.Generator, number: int) -> tuple[IsolationForest, Int16]:
    """A forest over one of six kinds of history, of one of several shapes, and that history."""
    n = 4000
    walk = np.cumsum(rng.normal(0, (8, 20), (n, 2)), axis=0).clip(-8000, 8000).astype(np.int16)
    history: Int16 = (
        lambda: features(walk[:, 0], walk[:, 1]),
        lambda: features(*(np.rint(rng.normal((2200, 4500), (3, 9), (n, 2))).astype(np.int16).T)),
        lambda: rng.normal(0, 3000, (n, 8)).clip(-32768, 32767).astype(np.int16),
        lambda: rng.integers(-32768, 32768, (n, 8)).astype(np.int16),
        lambda: rng.integers(-2, 3, (n, 8)).astype(np.int16),  # ties, and leaves of many samples
        lambda: rng.choice([-32768, 0, 32767], (n, 8)).astype(np.int16),
    )[number % 6]()
    forest = IsolationForest(
        n_estimators=int(rng.choice([1, 7, 32, 64])),
        max_samples=int(rng.choice([2, 3, 128, 256, 256])),
        max_features=float(rng.choice([1.0, 1.0, 0.5])),
        bootstrap=bool(rng.random() < 0.25),
        random_state=int(rng.integers(2**31)),
    )
    return forest.fit(history.astype(np.float32)), history


def readings_for(forest: IsolationForest, history: Int16, rng: np.random.Generator, n: int) -> Int16:
    """A third from the history, a third random int16 with the extremes, a third at or beside a threshold."""
    known = history[rng.integers(0, len(history), n)]
    wild = rng.integers(-32768, 32768, (n, 8)).astype(np.int16)
    wild[rng.random((n, 8)) < 0.1] = -32768
    wild[rng.random((n, 8)) < 0.1] = 32767
    edges: list[list[int]] = [[] for _ in range(8)]
    for estimator, columns in zip(forest.estimators_, forest.estimators_features_, strict=True):
        tree = estimator.tree_
        for feature, threshold in zip(tree.feature, tree.threshold, strict=True):
            if feature >= 0:
                edges[columns[feature]].append(math.floor(threshold))
    near = np.stack([rng.choice(each or [0], n) + rng.integers(-1, 2, n) for each in edges], axis=1).clip(
        -32768, 32767
    )
    kind = rng.integers(0, 3, n)[:, None]
    return np.select([kind == 0, kind == 1], [known, wild], near).astype(np.int16)


def compare(
    forest: IsolationForest, history: Int16, x: Int16, rng: np.random.Generator, folder: Path
) -> Proof:
    """Sums and verdicts of every implementation for every row of x."""
    expected = integer_walk(forest, x)
    threshold = int(np.quantile(expected, rng.uniform(0.001, 0.5)))
    expression = IsolationForestAssembler(forest).assemble()
    packed = PackedInterpreter().interpret(expression)
    blob = bundle.build(KEY, forest=packed, threshold=threshold, params=b"", x=history, meta={})
    stored = CloudModel.of(
        model_id=bundle.verify(blob, KEY),
        board=forest,
        threshold=threshold,
        full=forest,
        full_threshold=offset(forest, threshold),
    ).dumps(MASTER_KEY)
    twin = CloudModel.loads(stored, MASTER_KEY)
    readable: dict[str, Any] = {}
    exec(ReadablePythonInterpreter().interpret(expression), readable)  # noqa: S102
    board, line = on_board(blob, x, folder)
    plain, _ = on_board(blob, x[::PLAIN_SHARE], folder, "plain")
    verdicts = board < line
    forest.offset_ = offset(forest, threshold)
    floats = forest.predict(x.astype(np.float32)) == -1
    twin_sums = twin.twin_scores(x)
    band = np.abs(expected - threshold) * 2 <= len(forest.estimators_)
    differs = floats != verdicts
    return Proof(
        forests=1,
        readings=len(x),
        board=int((board != expected).sum()),
        plain=int((plain != expected[::PLAIN_SHARE]).sum()),
        readable=sum(map(int.__ne__, map(readable["score"], x.tolist()), expected.tolist())),
        replay=int((packed.scores(x) != expected).sum()),
        twin_sums=int((twin_sums != expected).sum()),
        twin_verdicts=int(((twin_sums < twin.threshold) != verdicts).sum()),
        band=int(band.sum()),
        inside=int((differs & band).sum()),
        outside=int((differs & ~band).sum()),
    )


def integer_walk(forest: IsolationForest, x: Int16) -> NDArray[np.int64]:
    """Path-length sums in 1/1024, from scikit-learn's arrays and the paper's c(n); no code of the product."""
    sums = np.zeros(len(x), np.int64)
    for estimator, columns in zip(forest.estimators_, forest.estimators_features_, strict=True):
        tree = estimator.tree_
        left, right = tree.children_left, tree.children_right
        depth = np.zeros(tree.node_count, np.int64)
        for node in range(tree.node_count):  # parents come before their children
            if left[node] >= 0:
                depth[left[node]] = depth[right[node]] = depth[node] + 1
        leaf = np.array(
            [round(1024 * (int(d) + _c(int(n)))) for d, n in zip(depth, tree.n_node_samples, strict=True)]
        )
        feature = columns[tree.feature]
        limit = np.array([math.floor(t) for t in tree.threshold])
        at = np.zeros(len(x), np.int64)
        moving = np.arange(len(x)) if left[0] >= 0 else np.arange(0)
        while len(moving):
            here = at[moving]
            goes_left = x[moving, feature[here]] <= limit[here]
            at[moving] = np.where(goes_left, left[here], right[here])
            moving = moving[left[at[moving]] >= 0]
        sums += leaf[at]
    return sums


def _c(n: int) -> float:
    """The average path length of an unsuccessful search among n samples (Liu et al. 2008, equation 1)."""
    if n <= 2:
        return float(n == 2)
    return 2 * (math.log(n - 1) + np.euler_gamma) - 2 * (n - 1) / n


def on_board(blob: bytes, x: Int16, folder: Path, *walker: str) -> tuple[NDArray[np.int32], int]:
    """Sums of x by device/ under MicroPython, from the bundle as a file, and the bundle's threshold."""
    model, readings, sums = folder / "model.bin", folder / "readings.bin", folder / "sums.bin"
    model.write_bytes(blob)
    readings.write_bytes(x.astype("<i2").tobytes())
    script = ROOT / "tools" / "bench" / "on_board" / "forest_sums.py"
    command = [find_micropython(), script, ROOT, model, KEY.hex(), readings, sums, *walker]
    ran = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=600, check=False)
    if ran.returncode:
        raise SystemExit(f"the forest did not run under MicroPython: {ran.stdout}{ran.stderr}")
    return np.fromfile(sums, "<i4"), int(ran.stdout.split()[-1])


def table(proof: Proof) -> str:
    rows = [
        (
            "board (MicroPython, native walker) against an independent integer walk",
            proof.readings,
            proof.board,
        ),
        ("board (MicroPython, plain walker)", -(-proof.readings // PLAIN_SHARE), proof.plain),
        ("readable Python", proof.readings, proof.readable),
        ("replay's numpy walk", proof.readings, proof.replay),
        ("twin: sums", proof.readings, proof.twin_sums),
        ("twin: verdicts", proof.readings, proof.twin_verdicts),
        ("float predict, outside the rounding band", proof.readings - proof.band, proof.outside),
        ("float predict, inside the rounding band", proof.band, proof.inside),
    ]
    lines = ["| compared | readings | different |", "|---|---:|---:|"]
    return "\n".join(lines + [f"| {what} | {count:,} | {different:,} |" for what, count, different in rows])


def prove_all(progress: Progress) -> ProofResult:
    proof = exactness(1_000_000, 48, 0, lambda done: progress(f"{done} of 48 forests"))
    text = f"{proof.forests} random forests, {proof.readings:,} readings.\n\n{table(proof)}"
    return ProofResult(text, asdict(proof), proof.holds)
