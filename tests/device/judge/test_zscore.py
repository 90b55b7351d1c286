import random

from device.judge.zscore import FLOOR_T, PATIENCE, ZScore
from tests.device.judge.detector_alone import Asked

random.seed(5)


def zscore(threshold):
    detector = ZScore()
    detector.threshold = threshold
    asked = Asked(detector)
    return lambda t: asked.score(t, 4000)


def squared(kept, x):
    """ceil of the squared Z by its definition, in whole numbers."""
    total = sum(kept)
    spread = 60 * sum(v * v for v in kept) - total * total
    away = 60 * x - total
    spread = max(spread, (60 * FLOOR_T) ** 2)
    return -(-away * away // spread)


def test_the_score_is_exact_over_the_whole_range():
    score_of = zscore(1 << 29)  # nothing is above: everything is learned
    kept = []
    for i in range(4000):
        x = random.randrange(-32768, 32768) if i % 5 == 0 else 2000 + random.randrange(-30, 31)
        score = score_of(x)
        assert score == (squared(kept, x) if len(kept) == 60 else 0)
        kept = (kept + [x])[-60:]


def test_a_threshold_of_nine_is_the_textbook_rule():
    score_of = zscore(1 << 29)
    kept = []
    for i in range(2000):
        x = 2000 + random.randrange(-20, 21) + (random.randrange(-90, 91) if i % 7 == 0 else 0)
        score = score_of(x)
        if len(kept) == 60:
            total = sum(kept)
            textbook = (60 * x - total) ** 2 > 9 * (60 * sum(v * v for v in kept) - total * total)
            assert (score > 9) == textbook
        kept = (kept + [x])[-60:]


def test_a_still_sensor_that_wakes_is_not_an_anomaly():
    score_of = zscore(64)
    for _ in range(100):
        score_of(2000)
    assert score_of(2000 + 8 * FLOOR_T + 1) == 68
    assert score_of(2000 + 8 * FLOOR_T) == 64


def test_a_long_anomaly_stays_visible_and_a_new_level_is_accepted():
    score_of = zscore(64)
    for i in range(200):
        score_of(2000 + i % 3)
    for _ in range(PATIENCE):
        assert score_of(2500) > 64
    waited = 0
    while score_of(2500) > 64:
        waited += 1
    assert waited < 10
    for i in range(200):
        score_of(2500 + i % 3)
    assert score_of(2500) <= 64
    assert score_of(2000) > 64
