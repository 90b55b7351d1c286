"""Readings to measure with: simulated rooms, the features and the sums that their boards would send."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.contract.keys import device_key
from cloud.contract.messages import signed, topic_of
from cloud.training.features import features
from cloud.training.fit import train
from cloud.training.forest.twin import CloudModel
from cloud.training.train_command import document
from device import codes
from device.judge.window import SIZE as WARM_UP
from tools.local.sensor.sensor_choice import SensorChoice
from tools.local.up_message import up

MASTER = bytes(range(32))
SITE = "bench"
PERIOD = 10  # s
ROOMS = 8  # rooms that are simulated; more boards take the same ones from another hour on
TRAINED_ON = 8640  # readings: a day


@dataclass(frozen=True)
class BenchBoard:
    """Readings of one board: seq 0.., `x` int16[n, 8], flags, score (-1 = its forest did not run)."""

    name: str
    stream: str
    model: str
    began: int  # Unix s of seq 0
    x: NDArray[np.int16]
    flags: NDArray[np.int64]
    score: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.x)

    @property
    def topic(self) -> str:
        return topic_of(f"{SITE}/{self.name}", "up")

    def message(self, first: int, last: int) -> bytes:
        """The `up` message with the readings first..last - 1, as a board writes it."""
        seqs = range(first, last)
        message = up(
            self.stream,
            seqs,
            self.model,
            ts=[self.began + PERIOD * seq for seq in seqs],
            up=[PERIOD * seq for seq in seqs],
            x=self.x[first:last].tolist(),
            flags=self.flags[first:last].tolist(),
            score=[None if score < 0 else score for score in self.score[first:last].tolist()],
        )
        return signed(device_key(MASTER, SITE, self.name), self.topic, message)


@dataclass(frozen=True)
class BenchModel:
    """One trained model: what the cloud judges with, and its document for the database."""

    twin: CloudModel
    document: dict[str, Any]


def trained() -> BenchModel:
    """A model of the real size (300 x 256 in the cloud), trained on a day of the first room."""
    ts, t, h = SensorChoice().history(0, PERIOD, TRAINED_ON * PERIOD)
    made = train(SITE, "B000", device_key(MASTER, SITE, "B000"), ts, t, h)
    return BenchModel(made.model, {"_id": made.model.model_id, **document(made, MASTER)})


def boards(count: int, readings: int, model: BenchModel, began: int) -> list[BenchBoard]:
    """`count` boards with `readings` each, from `began` (Unix s) on."""
    rooms = [_room(number, readings, model.twin) for number in range(min(count, ROOMS))]
    made = []
    for number in range(count):
        x, flags, score = rooms[number % ROOMS]
        shift = number // ROOMS * 97 % len(x)
        x, flags, score = (np.roll(column, -shift, axis=0) for column in (x, flags, score))
        stream = f"{0x9F3A0000 + number:08x}"
        made.append(
            BenchBoard(
                f"B{number:03d}", stream, model.twin.model_id, began + number % PERIOD, x, flags, score
            )
        )
    return made


def with_own_models(
    boards: list[BenchBoard], model: BenchModel
) -> tuple[list[BenchBoard], list[dict[str, Any]]]:
    """The same boards, each with a model of its own (a copy of the same trees), and the models' documents."""
    own, documents = [], []
    for number, board in enumerate(boards):
        name = f"{0xA0000000 + number:08x}"
        blob = replace(model.twin, model_id=name).dumps(MASTER)
        documents.append({**model.document, "_id": name, "device": board.name, "cloud": blob})
        own.append(replace(board, model=name))
    return own, documents


def interleaved(boards: list[BenchBoard], a_message: int) -> Iterator[tuple[str, bytes]]:
    """(topic, payload) of all their readings in the order of time, `a_message` in each message."""
    for first in range(0, max(map(len, boards)), a_message):
        for board in boards:
            if first < len(board):
                yield board.topic, board.message(first, min(first + a_message, len(board)))


def _room(number: int, readings: int, twin: CloudModel) -> tuple[Any, Any, Any]:
    _, t, h = SensorChoice().history(number, PERIOD, (readings + WARM_UP) * PERIOD)
    x = features(np.rint(t * 100).astype(np.int64), np.rint(h * 100).astype(np.int64))[WARM_UP:]
    sums = twin.twin_scores(x)
    flags = np.where(sums < twin.threshold, codes.FOREST, 0).astype(np.int64)
    return x, flags, sums.astype(np.int64)
