"""Words for people, and who needs a person."""

import pytest

from cloud.dashboard.parts import markdown, needs
from cloud.dashboard.parts.needs import Need
from cloud.dashboard.views.models import versions
from cloud.read.rows import Episode, Latest
from cloud.read.settling import Before
from cloud.words import Words, plain
from device import codes

EN, PARIS = Words("en"), Words("en", "Europe/Paris")
STREAM = "9f3a1c07"
NOON = 1_795_345_200.0  # 22 Nov 2026, 12:00 in Paris


def latest(device="C001", **more):
    known = {"received": NOON - 1, "seq": 5, "t": 21.0, "h": 40.0, "period": 10.0, "online": True}
    return Latest("demo", device, **{"stream": STREAM, **known, **more})


def episode(device="C001", **more):
    known = {
        "opened": NOON - 240,
        "closed": None,
        "last": NOON,
        "severity": "warning",
        "abnormal": 9,
        "agreed": 9,
    }
    flags = {"edge_flags": codes.STUCK, "cloud_flags": codes.FOREST, "late": False}
    return Episode(id="e", site="demo", device=device, **{**known, **flags, **more})


@pytest.mark.parametrize(
    ("seconds", "wording"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (7500, "2 h 05 min"),
        (7200, "2 h"),
        (90000, "1 d 1 h"),
        (-5, "0 s"),
    ],
)
def test_a_duration_has_one_or_two_units(seconds, wording):
    assert plain(EN.duration(seconds)) == wording


@pytest.mark.parametrize(
    ("before", "wording"),
    [
        (0, "12:00:00"),
        (86400, "yesterday 12:00"),
        (20 * 86400, "2 Nov 12:00"),
        (400 * 86400, "18 Oct 2025 13:00"),
    ],
)
def test_a_date_is_local_and_no_longer_than_it_must_be(before, wording):
    assert plain(PARIS.clock(NOON - before, NOON)) == wording


def test_what_rounds_to_nothing_has_no_sign():
    assert [EN.number(value, 2) for value in (-0.001, 0.001, -0.01)] == ["0.00", "0.00", "\N{MINUS SIGN}0.01"]


@pytest.mark.parametrize("name", ["UTC", "", "Nowhere/Land", "../etc/passwd"])
def test_an_unknown_time_zone_is_utc(name):
    assert Words("en", name).clock(NOON, NOON) == "11:00:00"


def test_a_name_cannot_mark_anything_up():
    assert markdown.plain("<b>*a*</b>") == r"\<b\>\*a\*\<\/b\>"
    assert markdown.plain("a\u202eb\n# c") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}\\# c"


def test_a_flag_bit_of_a_newer_board_is_told_by_its_number(monkeypatch):
    the_clouds_own, new = 1 << 12, 1 << 16  # today all sixteen bits have a meaning
    assert EN.seen(codes.STUCK | the_clouds_own) == "frozen value"
    monkeypatch.setattr("cloud.words.UNKNOWN", new)
    assert EN.seen(new | the_clouds_own) == "unknown detector (bit 16)"
    assert Words("fr").seen(codes.STUCK | new) == "valeur figée, détecteur inconnu (bit 16)"


def test_every_detector_has_words():
    for bit in range(9):
        for say in (EN, Words("fr")):
            assert say.seen(1 << bit) and say.detector(1 << bit)
            assert "unknown" not in say.seen(1 << bit)
    assert EN.seen(codes.WARMING_UP | codes.CLOCK_UNSET) == ""


@pytest.mark.parametrize(
    ("board", "during", "need"),
    [
        (latest(), None, Need.FINE),
        (latest(), episode(), Need.WARNING),
        (latest(), episode(severity="severe"), Need.SEVERE),
        (latest(online=False), None, Need.OFFLINE),
        (latest(received=NOON - 400), None, Need.SILENT),
        (latest(received=NOON - 400, period=300.0), None, Need.FINE),
        (latest(t=None, h=None, why="no answer"), None, Need.NO_READING),
        (latest(edge_flags=codes.JITTER), None, Need.UNUSUAL),
        (latest(cloud_flags=codes.FOREST), None, Need.UNUSUAL),
        (latest(edge_flags=codes.WARMING_UP), None, Need.WARMING_UP),
        (latest(seq=None, t=None, h=None), None, Need.WARMING_UP),
    ],
)
def test_what_a_board_needs_follows_from_what_is_known_of_it(board, during, need):
    assert needs.card(EN, board, during, NOON).need is need


BEFORE = Before(t_low=2000, t_high=2300, h_low=4000, h_high=5000)


@pytest.mark.parametrize(
    ("board", "need"),
    [
        (latest(seq=540, edge_flags=codes.FOREST, cloud_flags=codes.FOREST), Need.SETTLING),
        (latest(seq=540, edge_flags=codes.STUCK), Need.UNUSUAL),  # no window: it says so of now
        (latest(seq=540, edge_flags=codes.FOREST, t=25.0), Need.UNUSUAL),
        (latest(seq=600, edge_flags=codes.FOREST), Need.UNUSUAL),  # no window reaches so far back
        (latest(seq=540, edge_flags=codes.FOREST, stream="0badc0de"), Need.UNUSUAL),
        (latest(seq=540), Need.FINE),
    ],
)
def test_after_an_episode_a_board_settles_while_only_windows_hold_the_fault(board, need):
    over = episode(closed=NOON - 60, before=BEFORE, stream=STREAM, fault_seq=510)
    (card,) = needs.cards(EN, [board], [], NOON, [over, episode(closed=NOON - 7200)])
    assert card.need is need and not card.need.calls
    if need is Need.SETTLING:
        assert card.sentence == "Normal again; its detectors still remember the last episode."


def test_who_needs_a_person_comes_first():
    boards = [latest("C001"), latest("C002", online=False), latest("C003"), latest("C004")]
    cards = needs.cards(EN, boards, [episode("C003"), episode("C004", severity="severe")], NOON)
    assert [card.device for card in cards] == ["C004", "C003", "C002", "C001"]
    assert needs.headline(EN, cards) == "3 of 4 boards need a look"
    assert needs.headline(EN, cards[-1:]) == "The board is fine"
    assert needs.headline(EN, cards[2:]) == "C002 needs a look"


def test_freshness_is_measured_by_how_often_a_board_should_be_heard_of():
    assert [needs.freshness(age, 10.0) for age in (0, 19, 40, 80, 100, 200)] == [4, 4, 3, 2, 1, 0]
    assert needs.freshness(600.0, 600.0) == 4


@pytest.mark.parametrize(
    ("more", "wording"),
    [
        ({"agreed": 9}, "Board and cloud agree."),
        ({"agreed": 8}, "Board and cloud agree on 8 of 9 readings."),
        ({"edge_flags": codes.ZSCORE, "cloud_flags": 0, "agreed": 0}, "Only the board says so."),
        (
            {"edge_flags": codes.EXCURSION, "cloud_flags": 0, "agreed": 0},
            "Only the board has a detector for this.",
        ),
        ({"edge_flags": 0}, "Only the cloud says so."),
    ],
)
def test_an_episode_tells_whether_both_sides_see_it(more, wording):
    assert needs.about(EN, episode(**more)).endswith(wording)


def test_a_version_that_a_board_tells_is_no_formula_in_a_table_that_people_save():
    """The table's own button saves it as a CSV file."""
    board = Latest("demo", "C001", 1.8e9, state={"version": "=HYPERLINK(1)\n"})
    text = versions(Words("en"), [board], {}, 1.8e9).to_csv()
    assert "'=HYPERLINK(1)\\n" in text and ",=" not in text
