"""The cloud's features are the board's, to the bit, on both interpreters."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cloud import recording
from cloud.training.features import features
from cloud.training.history import hundredths
from tools.virtual_board.virtual_board import find_micropython

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT.parent / "shared" / "data"
COUNT = 100_000


def extremes() -> np.ndarray:
    """Random values over all of int16, its corners, long rests and steps between them."""
    random = np.random.default_rng(17)
    wild = random.integers(-32768, 32768, (COUNT // 2, 2))
    corners = random.choice([-32768, -1, 0, 1, 32767], (COUNT // 4, 2))
    rests = np.repeat(random.integers(-32768, 32768, (COUNT // 400, 2)), 100, axis=0)
    return np.concatenate([wild, corners, rests + random.integers(0, 2, rests.shape)]).clip(-32768, 32767)


def traces() -> np.ndarray:
    files = [*sorted(DATA.glob("intel/*.csv")), *sorted(DATA.glob("lwsndr/*.csv"))]
    if not files:
        pytest.skip(f"data: no traces in {DATA}")
    joined = []
    for file in files:
        table = recording.read(file)
        (t, good_t), (h, good_h) = hundredths(table.t), hundredths(table.h)
        joined.append(np.column_stack([t, h])[good_t & good_h])
    return np.concatenate(joined)


@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
@pytest.mark.parametrize("readings", [extremes, traces])
def test_features_of_arrays_are_the_boards(readings, interpreter: str, tmp_path: Path) -> None:
    given = readings().astype("<i2")
    assert len(given) >= COUNT
    source, result = tmp_path / "readings", tmp_path / "features"
    source.write_bytes(given.tobytes())
    command = [sys.executable if interpreter == "cpython" else find_micropython()]
    driver = Path(__file__).with_name("features_driver.py")
    subprocess.run([*command, driver, ROOT, source, result], check=True, timeout=120)
    board = np.fromfile(result, "<i2").reshape(-1, 8)
    np.testing.assert_array_equal(board, features(given[:, 0], given[:, 1]))


def test_what_is_no_int16_has_no_features() -> None:
    with pytest.raises(ValueError, match="int16"):
        features([32768], [0])
    with pytest.raises(ValueError, match="2 readings and h has 1"):
        features([1, 2], [1])


def test_no_readings_have_no_features() -> None:
    assert features([], []).shape == (0, 8)
