"""A model taken apart: its thresholds, its verdicts on a history, and copies of it with other thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud import detectors
from cloud.training import bundle, params
from cloud.training.features import features
from cloud.training.forest.interpret_packed import HEADER
from cloud.training.forest.twin import CloudModel
from cloud.training.history import History
from cloud.training.judged import Judged, judge
from device.judge.params import FIELDS, NEVER, Params
from device.judge.stuck import ALWAYS

RATES = ("rate_t", "rate_h", "rate_both")
PLANT = {b"EXCR": "excursion", b"RHYT": "rhythm"}
THRESHOLDS = detectors.LEARNED  # names in `values`; at NEVER a detector does not watch


@dataclass(frozen=True)
class Known:
    """`sections`: of its bundle, by tag. `model`: its twin and the cloud's own forest."""

    sections: Mapping[bytes, bytes]
    model: CloudModel

    @classmethod
    def of(cls, blob: bytes, model: CloudModel) -> Known:
        """`blob`: a sound bundle."""
        return cls(bundle.sections(blob), model)

    @property
    def values(self) -> dict[str, int]:
        """The detectors' parameters, device.params.FIELDS."""
        numbers = Params(self.sections[b"PARM"])
        return {name: int(getattr(numbers, name)) for name in FIELDS}

    @property
    def plant(self) -> dict[bytes, bytes]:
        """The sections that watch the plant, by their tags."""
        return {tag: self.sections[tag] for tag in PLANT if tag in self.sections}

    @property
    def threshold(self) -> int:
        """The forest's: a smaller sum is abnormal; 0 = the forest does not watch."""
        return int(HEADER.unpack_from(self.sections[b"FRST"])[3])

    @property
    def detectors(self) -> frozenset[str]:
        """The detectors that watch."""
        values = self.values
        watching = {"range"} | {name for name in THRESHOLDS if values[name] < NEVER}
        if min(values[name] for name in RATES) >= ALWAYS:
            watching.discard("stuck")
        watching |= {PLANT[tag] for tag in self.plant}
        if self.threshold:
            watching.add("forest")
        return frozenset(watching)

    def having(
        self,
        values: Mapping[str, int] | None = None,
        threshold: int | None = None,
        plant: Mapping[bytes, bytes] | None = None,
    ) -> Known:
        """The same model with other parameters, another threshold of its forest, another EXCR or RHYT."""
        sections, model = dict(self.sections), self.model
        if values is not None:
            shape = Params(sections[b"PARM"])
            means, weights = (np.array(each, np.int64) for each in (shape.means, shape.weights))
            sections[b"PARM"] = params.pack(values, means, weights)
            numbers = {"threshold": np.array(values["envelope"]), "zscore": np.array(values["zscore"])}
            model = replace(model, envelope={**model.envelope, **numbers})
        if threshold is not None:
            head = (*HEADER.unpack_from(sections[b"FRST"])[:3], threshold)
            sections[b"FRST"] = HEADER.pack(*head) + sections[b"FRST"][HEADER.size :]
            model = replace(model, threshold=threshold)
        sections |= plant or {}
        return Known(sections, model)

    def packed(self, key: bytes, meta: Mapping[str, Any]) -> tuple[bytes, CloudModel]:
        """(the bundle for the board with this key, the cloud's model of the same id)."""
        blob = bundle.join(key, {**self.sections, b"META": bundle.meta_section(meta)})
        return blob, replace(self.model, model_id=bundle.model_id(blob))

    def replay(self, past: History, sums: NDArray[np.int32] | None = None) -> Judged:
        """The board's verdicts on `past`, exact to the bit. `sums`: its forest's, if they are known."""
        judged = judge(past, self.sections[b"PARM"], self.plant)
        return judged.with_forest(self.sums(past) if sums is None else sums, self.threshold)

    def sums(self, past: History) -> NDArray[np.int32]:
        """Its forest's path-length sums, int32[n]."""
        return self.model.twin_scores(features(past.t, past.h))
