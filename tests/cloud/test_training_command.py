"""`python -m cloud train`: whose history it takes."""

import pytest

from cloud.training.command import HistoryError, _named


def test_a_board_is_known_by_its_name_alone_when_only_one_site_has_it():
    known = [("home", "C001"), ("farm", "C002"), ("home", "C002")]
    assert _named("C001", known) == ("home", "C001")
    assert _named("farm/C002", known) == ("farm", "C002")
    with pytest.raises(HistoryError, match="say --device SITE/C002"):
        _named("C002", known)


def test_no_site_is_named_that_nobody_chose():
    with pytest.raises(HistoryError, match="no readings of C003 are stored; there are home/C001"):
        _named("C003", [("home", "C001")])
    with pytest.raises(HistoryError, match="no readings of C001 are stored, nor of any other board"):
        _named("C001", [])
