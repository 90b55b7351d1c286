"""Why?: one plain sentence, for each kind of trouble, in both languages."""

import numpy as np
import pytest

from cloud.dashboard.parts.episode.sentence import sentence
from cloud.words import Words, plain
from device import codes
from tests.dashboard.draw.test_dashboard_curve import readings

EN, FR = Words("en"), Words("fr")


def trouble(flags=codes.ZSCORE, *, t=21.0, h=40.0, period=10.0, count=90, **more):
    """Calm readings, and from the 80th on `t` and `h` with `flags`."""
    noise = np.where(np.arange(count) % 2, 0.03, -0.03)
    late = np.arange(count) >= 80
    columns = {
        "t": np.where(late, t, 21.0 + noise),
        "h": np.where(late, h, 40.0 + noise),
        "edge_flags": np.where(late, flags, 0).astype(np.uint16),
    }
    return readings(np.arange(count) * period, **{**columns, **more})


def why(stored, say=EN, row=80):
    return plain(sentence(say, stored, row))


def test_it_says_how_far_both_values_are_from_the_ten_minutes_before():
    stored = trouble(t=24.1, h=34.0)
    assert why(stored) == "3.1 °C warmer and 6.0 %RH drier than in the 10 min before."
    assert why(stored, FR) == "3,1 °C de plus et 6,0 % HR plus sec que dans les 10 min d'avant."


def test_a_value_that_hardly_differs_is_not_named():
    assert why(trouble(t=18.5, h=40.3)) == "2.5 °C colder than in the 10 min before."
    assert why(trouble(h=52.0)) == "12.0 %RH more humid than in the 10 min before."


def test_a_fault_that_grows_is_told_by_its_next_readings():
    stored = trouble(t=21.2)
    stored.t[82] = 26.0
    assert why(stored) == "5.0 °C warmer than in the 10 min before."


def test_a_slow_board_is_compared_with_the_readings_that_there_are():
    assert why(trouble(t=24.1, period=900.0)) == "3.1 °C warmer than in the 15 h before."
    undated = trouble(t=24.1)
    undated.ts[:] = np.nan
    assert why(undated) == "3.1 °C warmer than in the 60 readings before."


@pytest.mark.parametrize("say", [EN, FR], ids=["en", "fr"])
def test_each_kind_of_trouble_has_its_own_sentence(say):
    failed = trouble(codes.SENSOR_ERROR, t=np.nan, h=np.nan)
    failed.why[80] = "no answer"
    wild = trouble(codes.JITTER, t=21 + np.where(np.arange(90) % 2, 0.6, -0.6))
    kinds = [
        failed,
        trouble(codes.STUCK),
        wild,
        trouble(codes.FOREST),
        readings(np.arange(3) * 10.0, edge_flags=np.full(3, codes.FOREST, np.uint16)),
    ]
    sentences = [why(each, say, min(80, len(each) - 1)) for each in kinds]
    assert len(set(sentences)) == len(sentences) and all("{" not in each for each in sentences)
    if say is EN:
        assert sentences[0] == "It began with a failed read: no answer."
        assert sentences[1] == "The value has not moved at all for 0 s."
        assert sentences[2].startswith("The value jumps about: steps ")
        assert sentences[3].startswith("No value stands out alone")
        assert (
            sentences[4]
            == "Unusual for this board (unusual pattern); there is nothing before it to compare it with."
        )


def test_a_frozen_value_says_for_how_long():
    stored = trouble(codes.STUCK)
    stored.t[50:] = 21.0
    assert why(stored, row=85) == "The value has not moved at all for 5 min."
