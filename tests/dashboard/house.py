"""A small house for the dashboard's tests: what boards measured, stored through the real store."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pymongo.database import Database

from cloud.contract.messages import Reading, State, UserLimits, Verdict
from cloud.store.database import Document, prepare
from cloud.store.entries import JudgedReading
from cloud.store.writer import Store
from cloud.training import bundle, train_command
from cloud.training.fit import train
from device import codes

APP = Path(__file__).parents[2] / "cloud" / "dashboard" / "app.py"
SITE = "demo"
STREAM = "9f3a1c07"
OWN = UserLimits(t_max=2600, h_min=3800, for_s=600)
MODEL = bundle.model_id(bytes(12) + b"a model of this house" + bytes(32))


@dataclass(frozen=True)
class Moment:
    """What a board measured once, and what was said about it."""

    t: float | None
    h: float | None
    edge: int = 0
    cloud: int = 0
    score: float | None = 0.42
    why: str | None = None


def calm(at: float, seed: int = 0) -> Moment:
    """A quiet room: a slow rhythm and a little noise, the same for the same arguments."""
    noise = random.Random(f"{seed} {at}")
    day = math.sin(at / 86400 * 2 * math.pi * 6 + seed)
    t = 21.4 + seed * 0.7 + 0.9 * day + noise.gauss(0, 0.03)
    h = 46.0 - seed * 1.5 - 2.2 * day + noise.gauss(0, 0.2)
    return Moment(t, h, score=min(1.0, max(0.0, noise.gauss(0.42, 0.015))))


class House:
    """Boards whose readings go into a real database the way ingest puts them there."""

    def __init__(self, database: Database[Document]) -> None:
        prepare(database)
        self.database = database
        self.store = Store(database)
        self.models: dict[str, str | None] = {}  # device -> what it judges with, where that is not MODEL
        self.units: dict[str, float] = {}  # device -> unit of its trained forest's sums

    def put(self, device: str, moments: dict[int, tuple[float | None, Moment]], *, boot: int = 7) -> None:
        """Store `moments`: seq -> (Unix s or None, what was measured)."""
        entries = []
        for seq, (ts, moment) in moments.items():
            x = None
            if moment.t is not None and moment.h is not None:
                t, h = round(moment.t * 100), round(moment.h * 100)
                x = (t, h, 0, 0, 0, 0, 5, 20)
            at, total = None if ts is None else int(ts), self._sum(device, moment.score, seq)
            reading = Reading(seq, boot, at, seq * 10, x, moment.edge, total, moment.why, self.model(device))
            entries.append(JudgedReading(SITE, device, STREAM, reading, Verdict(moment.cloud, moment.score)))
        for first in range(0, len(entries), 2000):
            self.store.write(entries[first : first + 2000])

    def _sum(self, device: str, score: float | None, seq: int) -> int:
        """What a board's own forest, a smaller one, sums up where the cloud's says `score`."""
        if score is None or device not in self.units:
            return 9000
        near = min(0.99, max(0.01, score + random.Random(seq).gauss(0, 0.008)))
        return round(-math.log2(near) * self.units[device])

    def model(self, device: str) -> str | None:
        return self.models.get(device, MODEL)

    def learn(self, device: str, now: float, *, days: float = 2.1, seed: int = 0) -> None:
        """Train a model on the board's calm days, store it, and let the board judge with it from now on."""
        ts = now - 60.0 * np.arange(int(days * 1440))[::-1]
        past = [calm(at, seed) for at in ts]
        t, h = (np.array([getattr(each, name) for each in past], float) for name in ("t", "h"))
        trained = train(SITE, device, bytes(32), ts, t, h)
        train_command.keep(self.database["models"], trained, bytes(32))
        self.models[device] = trained.model.model_id
        self.units[device] = trained.report["unit"]

    def state(self, device: str, state: str = "online", **more: object) -> None:
        self.store.remember_authentic([(SITE, device)])
        message = State(2, STREAM, 7, state, version="0.1.0", model=self.model(device), **more)
        self.store.states([(SITE, device, message)])

    def episode(
        self, device: str, opened: float, closed: float | None, *, edge: int, cloud: int, **more: object
    ) -> None:
        document: Document = {
            "_id": f"{SITE}/{device}/{int(opened)}",
            "d": f"{SITE}/{device}",
            "site": SITE,
            "device": device,
            "opened": opened,
            "closed": closed,
            "last": closed or time.time(),
            "severity": "warning",
            "abnormal": 12,
            "agreed": 11,
            "edge_flags": edge,
            "cloud_flags": cloud,
            "late": False,
            "t_min": 2410,
            "t_max": 2680,
            "h_min": 4100,
            "h_max": 4750,
            "why": None,
            **more,
        }
        self.database["episodes"].replace_one({"_id": document["_id"]}, document, upsert=True)

    def backend_alive(self) -> None:
        self.database["lease"].update_one({"_id": "watch"}, {"$currentDate": {"at": True}}, upsert=True)
        settings = {"plans": ["Atlas M0", "HiveMQ Cloud Serverless", "SendGrid trial"]}
        self.database["status"].replace_one({"_id": "settings"}, settings, upsert=True)

    def furnish(self, now: float, *, hours: float = 1.0, period: int = 10) -> int:
        """C001 is fine, C002 has episodes, one of them now, C003 loses its sensor. Returns the last seq."""
        count = int(hours * 3600 / period)
        last = 1000 + count - 1
        for seed, device in enumerate(("C001", "C002", "C003")):
            moments: dict[int, tuple[float | None, Moment]] = {}
            for k in range(count):
                at = now - (count - 1 - k) * period
                moments[1000 + k] = (at, calm(at, seed))
            if device == "C002":
                self._trouble(moments, count)
            if device == "C003":
                for k in range(count - 3, count):
                    failed = Moment(None, None, codes.SENSOR_ERROR, codes.SENSOR_ERROR, None, why="no answer")
                    moments[1000 + k] = (moments[1000 + k][0], failed)
            self.put(device, moments)
            self.state(device, limits=OWN if device == "C002" else None)
        begin = now - int(count * 0.06) * period
        both = codes.ZSCORE | codes.ENVELOPE
        self.episode("C002", begin, None, edge=both, cloud=codes.FOREST | codes.ZSCORE)
        old = now - int(count * 0.62) * period
        self.episode(
            "C002", old, old + int(count * 0.05) * period, edge=both, cloud=codes.FOREST, severity="severe"
        )
        self.backend_alive()
        return last

    @staticmethod
    def _trouble(moments: dict[int, tuple[float | None, Moment]], count: int) -> None:
        def change(k: int, rise: float, edge: int, cloud: int) -> None:
            at, moment = moments[1000 + k]
            assert moment.t is not None and moment.h is not None
            score = 0.42 + (0.28 if cloud else 0.1)
            moments[1000 + k] = (at, Moment(moment.t + rise, moment.h - rise, edge, cloud, score))

        both = codes.ZSCORE | codes.ENVELOPE
        old, long = count - int(count * 0.62), max(2, int(count * 0.05))
        for k in range(old, old + long):
            change(k, 4 * (k - old + 2) / long, both, codes.FOREST if k > old + 1 else 0)
        new = count - int(count * 0.06)
        for k in range(new, count):
            change(k, 3.2, both, codes.FOREST | codes.ZSCORE if k > new else 0)
        change(int(count * 0.15), 1.6, codes.ZSCORE, 0)
        change(int(count * 0.25), 0.4, 0, codes.FOREST)
        for k in range(int(count * 0.55), int(count * 0.6)):
            del moments[1000 + k]
