"""SENSOR=coldroom: C002's compressor dies after a defrost, and what it learned says so."""

import numpy as np
import pytest

from cloud.recording import Recording
from cloud.recording import read as read_recording
from cloud.training import fit
from cloud.training.history import history
from device import codes
from tools import replay
from tools.local.sensor.coldroom import BEFORE, DAY, HOUR, PERIOD, ColdRooms, rooms
from tools.local.sensor.sensor_choice import ON_FLASH, SensorChoice
from tools.process.child import ToolFailed


@pytest.fixture(scope="module")
def chosen() -> SensorChoice:
    return SensorChoice.parse("coldroom")


def test_a_cold_room_is_chosen_by_name_and_a_wrong_name_lists_the_choices(chosen):
    assert isinstance(chosen, ColdRooms) and chosen.fails_at == BEFORE and SensorChoice().fails_at is None
    with pytest.raises(ToolFailed, match=r'"simulated", "coldroom" or "replay:FILE.csv"'):
        SensorChoice.parse("coldroom:fast")


def test_c002_defrosts_and_then_its_compressor_dies_and_no_other_ones(chosen):
    first, patient, third = (room.played[0] / 100 for room in rooms(3, 1))
    usual = rooms(3, 1)[1].learned[0] / 100
    defrost = patient[:BEFORE].max()
    assert defrost > np.quantile(usual, 0.98) and patient[BEFORE - HOUR // 2 : BEFORE].max() < defrost
    assert patient[BEFORE + 6 * HOUR :].min() > 5 and patient.max() > 8
    assert np.median(first[BEFORE:]) < 4 and np.median(third[BEFORE:]) < 4
    assert len(first) == len(patient) == len(third)


def test_a_board_plays_it_as_any_recording(chosen, tmp_path):
    chosen.put_on(tmp_path, 1, 3)
    played = read_recording(tmp_path / ON_FLASH.strip("/"))
    assert np.array_equal(np.rint(100 * played.t), rooms(3, 1)[1].played[0])
    assert chosen.options(1) == {"kind": "replay", "file": ON_FLASH}


def test_what_was_learned_finds_the_dead_compressor_within_the_hour_and_nothing_before(chosen):
    ts, t, h = chosen.history(1, 0.5, 0.0)
    assert set(np.diff(ts)) == {PERIOD, PERIOD + 5 * 3600.0} and len(ts) == 5 * DAY
    bundle = fit.pack(replay.KEY, fit.fit(history(ts, t, h)), {})
    t, h = (each / 100 for each in rooms(3, 1)[1].played)
    table = Recording(2e9 + 0.5 * np.arange(len(t)), t, h, [])
    verdicts = replay.judge(bundle, table, 0.5)
    values = np.flatnonzero(verdicts.flags & codes.EXCURSION)
    assert BEFORE < values[0] <= BEFORE + HOUR and not verdicts.abnormal[:BEFORE].any()
