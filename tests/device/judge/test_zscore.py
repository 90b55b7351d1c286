import random

from device.judge.zscore import PATIENCE, ZScore

random.seed(5)
FLOOR = 5


def squared(kept, x):
    """ceil of the squared Z by its definition, in whole numbers."""
    total = sum(kept)
    spread = 60 * sum(v * v for v in kept) - total * total
    away = 60 * x - total
    spread = max(spread, (60 * FLOOR) ** 2)
    return -(-away * away // spread)


def test_the_score_is_exact_over_the_whole_range():
    zscore = ZScore(FLOOR)
    kept = []
    for i in range(4000):
        x = random.randrange(-32768, 32768) if i % 5 == 0 else 2000 + random.randrange(-30, 31)
        score = zscore.score(x, 1 << 29)  # nothing is above: everything is learned
        assert score == (squared(kept, x) if len(kept) == 60 else 0)
        kept = (kept + [x])[-60:]


def test_a_threshold_of_nine_is_the_textbook_rule():
    zscore = ZScore(0)
    kept = []
    for i in range(2000):
        x = 2000 + random.randrange(-20, 21) + (random.randrange(-90, 91) if i % 7 == 0 else 0)
        score = zscore.score(x, 1 << 29)
        if len(kept) == 60:
            total = sum(kept)
            textbook = (60 * x - total) ** 2 > 9 * (60 * sum(v * v for v in kept) - total * total)
            assert (score > 9) == textbook
        kept = (kept + [x])[-60:]


def test_a_still_sensor_that_wakes_is_not_an_anomaly():
    zscore = ZScore(FLOOR)
    for _ in range(100):
        zscore.score(2000, 64)
    assert zscore.score(2000 + 8 * FLOOR + 1, 64) == 68
    assert zscore.score(2000 + 8 * FLOOR, 64) == 64


def test_a_long_anomaly_stays_visible_and_a_new_level_is_accepted():
    zscore = ZScore(FLOOR)
    for i in range(200):
        zscore.score(2000 + i % 3, 64)
    for _ in range(PATIENCE):
        assert zscore.score(2500, 64) > 64
    waited = 0
    while zscore.score(2500, 64) > 64:
        waited += 1
    assert waited < 10
    for i in range(200):
        zscore.score(2500 + i % 3, 64)
    assert zscore.score(2500, 64) <= 64
    assert zscore.score(2000, 64) > 64
