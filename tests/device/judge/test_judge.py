import random
import sys
from array import array

from device.codes import (
    ABNORMAL,
    DRIFT,
    ENVELOPE,
    FOREST,
    JITTER,
    RANGE,
    SENSOR_ERROR,
    STUCK,
    WARMING_UP,
    ZSCORE,
)
from device.judge.judge import Judge
from device.judge.params import DEFAULTS, FIELDS, MEANS, WEIGHTS
from device.judge.reading import LONG_GAP
from device.judge.table import SCORES

random.seed(11)


class FlatForest:
    def score(self, x):
        return 1000 if x[0] < 2600 else 10


class Model:
    """What a judge needs of a model: parameters, a forest and its threshold."""

    def __init__(self, **changes):
        values = list(DEFAULTS)
        for name, value in changes.items():
            values[FIELDS.index(name)] = value
        self.params = bytes(array("i", values + [0] * (MEANS + WEIGHTS)))
        self.forest = FlatForest()
        self.threshold = 500
        self.stays = self.bands = None


def room(count, start=0):
    """Readings of a quiet room: (t, h) hundredths."""
    for i in range(start, start + count):
        t = 2200 + (i // 9) % 30 + random.randrange(-2, 3)
        yield t, 4000 - 2 * (t - 2200) + random.randrange(-4, 5)


def settled(model=None, count=300):
    judge = Judge(model)
    for t, h in room(count):
        judge.reading(t, h)
    return judge


def test_the_first_sixty_readings_warm_up_and_range_watches_already():
    judge = Judge()
    for i, (t, h) in enumerate(room(61)):
        assert judge.reading(t, h) == (WARMING_UP if i < 60 else 0)
    judge = Judge()
    assert judge.reading(8001, 4000) == RANGE | WARMING_UP
    assert judge.failed() == SENSOR_ERROR | WARMING_UP


def test_a_quiet_room_is_normal_without_a_model():
    judge = settled()
    for t, h in room(3000):
        assert not judge.reading(t, h) & ABNORMAL
    assert judge.score == -1
    assert judge.good == 3300


def test_each_fault_raises_its_own_flag():
    judge = settled()
    assert judge.reading(12800, 10000) & RANGE
    judge = settled()
    assert judge.reading(judge.x[0] + 900, judge.x[1]) & ZSCORE
    judge = settled()
    t, h = judge.x[0], judge.x[1]
    flags = 0
    for _ in range(70):
        flags |= judge.reading(t, h)
    assert flags & ABNORMAL == STUCK
    judge = settled()
    for _ in range(40):
        flags |= judge.reading(2200 + random.randrange(-400, 400), 4000 + random.randrange(-900, 900))
    assert flags & JITTER


def test_a_slow_creep_is_drift():
    judge = settled(Model(drift=300, drift_spread=2000))
    flags = 0
    for i, (t, h) in enumerate(room(400)):
        flags |= judge.reading(t, h + i)
    assert flags & ABNORMAL & ~(ENVELOPE | FOREST) == DRIFT


def test_range_is_still_said_after_a_thousand_hot_readings():
    judge = settled(Model(t_high=4000))
    for i in range(1000):
        assert judge.reading(7000 + i % 5, 1500 + i % 7) & RANGE


def test_a_failed_read_changes_nothing_but_the_gap():
    judge = settled()
    before = list(judge.x)
    assert judge.failed() == SENSOR_ERROR
    assert list(judge.x) == before


def test_after_a_long_pause_the_windows_fill_again_before_they_judge():
    judge = settled(Model())
    for _ in range(LONG_GAP):
        judge.failed()
    assert judge.reading(2900, 3000) == WARMING_UP
    assert judge.score == -1
    for t, h in room(59):
        assert judge.reading(t, h) & WARMING_UP
    assert judge.reading(2210, 3980) & WARMING_UP == 0


def test_the_caller_may_know_the_pause_better():
    judge = settled()
    assert judge.reading(2900, 3000, LONG_GAP) == WARMING_UP


def test_the_forest_speaks_below_its_threshold_and_only_when_warm():
    judge = Judge(Model())
    judge.reading(2700, 3000)
    assert judge.score == -1 and not judge.flags & FOREST
    judge = settled(Model())
    assert judge.score == 1000
    flags = judge.reading(2700, 3100)
    assert judge.score == 10
    assert flags & FOREST
    assert judge.scores[SCORES.index("forest")] == 10


def test_an_ordinary_reading_allocates_nothing():
    if sys.implementation.name != "micropython":
        return
    import gc

    import micropython

    for model in (None, Model()):
        judge = settled(model, 600)
        readings = array("h", bytes(4 * 500))
        for i, (t, h) in enumerate(room(500)):
            readings[2 * i], readings[2 * i + 1] = t, h
        reading = judge.reading
        gc.collect()
        micropython.heap_lock()
        try:
            for i in range(500):
                reading(readings[2 * i], readings[2 * i + 1])
            judge.failed()
            reading(readings[0], readings[1], 3)
        finally:
            micropython.heap_unlock()


def test_the_whole_int16_range_is_judged_without_an_error():
    judge = Judge(Model())
    for i in range(3000):
        judge.reading(
            random.randrange(-32768, 32768), random.randrange(-32768, 32768), random.randrange(1, 40)
        )
