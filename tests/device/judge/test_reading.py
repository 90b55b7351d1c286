import random

from device.judge.params import Params
from device.judge.reading import Reading
from device.judge.window import SIZE, Window, isqrt

random.seed(3)


def root(value):
    low, high = 0, 1 << 16
    while high - low > 1:
        middle = (low + high) // 2
        if middle * middle <= value:
            low = middle
        else:
            high = middle
    return low


def series(count):
    """A calm trace, steps, and both ends of int16."""
    value = 2000
    for i in range(count):
        kind = random.randrange(40)
        if kind == 0:
            value = random.randrange(-32768, 32768)
        elif kind == 1:
            value = 32767 if value < 0 else -32768
        else:
            value = max(-32768, min(32767, value + random.randrange(-9, 10)))
        yield value


def test_the_square_root_is_the_floor_for_every_variance_an_int16_window_has():
    for value in list(range(3000)) + [random.randrange(1 << 30) for _ in range(3000)]:
        assert isqrt(value) == root(value)
    for edge in range(2, 32768, 97):
        for value in (edge * edge - 1, edge * edge, edge * edge + 1):
            assert isqrt(value) == root(value)
    assert isqrt((1 << 30) - 1) == 32767


def test_mean_and_deviation_are_exact_over_the_whole_range():
    window = Window()
    kept = []
    for value in series(3000):
        window.push(value)
        kept = (kept + [value])[-SIZE:]
        if len(kept) == SIZE:
            total = sum(kept)
            squares = sum(v * v for v in kept)
            assert window.mean == total // SIZE
            assert window.std() == root((SIZE * squares - total * total) // (SIZE * SIZE))
            assert 0 <= window.rest < SIZE


def test_features_are_against_the_sixty_readings_before():
    reading = Reading(Params())
    t = list(series(400))
    h = list(series(400))
    for i in range(400):
        reading.take(t[i], h[i], 1, -1)
        reading.fresh += 1
        x = list(reading.x)
        assert reading.ready == (i >= SIZE)
        assert x[:2] == [t[i], h[i]]
        if i == 0:
            assert x[2:] == [0] * 6
            continue
        for channel, values in ((0, t), (1, h)):
            assert x[2 + channel] == max(-32768, min(32767, values[i] - values[i - 1]))
            if i < SIZE:
                assert x[4 + channel] == x[6 + channel] == 0
            else:
                mean = sum(values[i - SIZE : i]) // SIZE
                assert x[4 + channel] == max(-32768, min(32767, values[i] - mean))


def test_what_does_not_fit_is_saturated():
    reading = Reading(Params())
    reading.take(-32768, 0, 1, -1)
    reading.take(32767, 0, 1, -1)
    assert reading.x[2] == 32767
