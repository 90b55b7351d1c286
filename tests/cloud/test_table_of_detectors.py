"""The cloud has a table of detectors, and the board one: they agree, and whatever lists detectors has all."""

import string
from pathlib import Path

from cloud.contract.messages import SIBLINGS
from cloud.detectors import DETECTORS, FLAGS, LEARNED
from cloud.training import fit
from cloud.words import LANGUAGES
from device import codes
from device.judge import table
from device.judge.params import FIELDS

ROOT = Path(__file__).resolve().parents[2]


def test_the_clouds_table_is_the_boards_and_what_no_detector_of_the_board_says():
    board = {name: (flag, default is not None) for name, flag, default, _ in table.DETECTORS}
    others = {"limit": codes.LIMIT, "sensor error": codes.SENSOR_ERROR, "siblings": SIBLINGS}
    cloud = {each.name: (each.flag, each.learned) for each in DETECTORS if each.name not in others}
    assert cloud == board
    assert {each.name: each.flag for each in DETECTORS if each.name in others} == others
    assert [each.name for each in FLAGS.values() if each.board] == [
        table.FLAG_NAMES[flag] for flag, each in FLAGS.items() if each.board
    ]


def test_training_learns_a_threshold_for_each_that_has_one():
    assert set(fit.SHARES) == set(fit.PRIORS) == {*LEARNED, "forest"}
    assert set(LEARNED) <= set(FIELDS)


def test_each_has_words_in_every_language_with_the_same_values():
    for each in DETECTORS:
        for texts in (each.called, each.seen, each.set_to or ("", "")):
            assert len(texts) == len(LANGUAGES) and all(texts) == (texts != ("", "")), each.name
            values = [{field for _, field, _, _ in string.Formatter().parse(text) if field} for text in texts]
            assert values[0] == values[1] == ({"times"} if texts is each.set_to else set()), each.name


def test_the_page_of_detectors_has_a_row_for_each_with_its_file():
    page = (ROOT / "docs" / "detectors.md").read_text()
    for name, flag, _, _ in table.DETECTORS:
        file = {"forest": "isolation"}.get(name, name)
        assert f"| {table.FLAG_NAMES[flag]} | `{file}.py`" in page, name
