"""What is drawn of stored readings: nothing made up, nothing that matters left out."""

import numpy as np
import pytest

from cloud.contract.messages import SIBLINGS
from cloud.dashboard.draw import charts, curve, limits
from cloud.dashboard.draw.curve import BOARD, CLOUD
from cloud.dashboard.views import one_board
from cloud.detectors import FLAGS
from cloud.read.rows import Readings, Spans
from cloud.words import Words, plain
from device import codes

EN = Words("en")


def readings(ts, **columns):
    """Readings at `ts` that are good and normal but for what `columns` say."""
    ts = np.asarray(ts, np.float64)
    count = len(ts)
    zeros, none = np.zeros(count, np.int64), np.full(count, None, object)
    values = {
        "stream": np.full(count, "9f3a1c07"),
        "seq": np.arange(count) + 100,
        "boot": zeros + 7,
        "ts": ts,
        "up": zeros,
        "t": np.full(count, 21.0),
        "h": np.full(count, 40.0),
        "edge_flags": zeros.astype(np.uint16),
        "edge_score": np.full(count, 9000.0),
        "cloud_flags": zeros.astype(np.uint16),
        "cloud_score": np.full(count, 0.4),
        "why": none,
        "model": none,
        "missing_before": zeros,
        "said": np.full(count, np.nan),
    }
    return Readings(site="demo", device="C001", **{**values, **columns})


def shape(columns, start, end, **more):
    return curve.shape(EN, columns, more.pop("episodes", []), start=start, end=end, **more)


def test_no_readings_are_an_empty_curve():
    drawn = shape(readings([]), 0, 3600)
    assert drawn.empty
    assert all(
        len(column) == 0 for table in (drawn.line, drawn.marks, drawn.runs) for column in table.values()
    )


def test_missing_seqs_break_the_line_and_are_told():
    missing = np.zeros(10, np.int64)
    missing[5] = 37
    drawn = shape(readings(np.r_[0:50:10, 420:470:10], missing_before=missing), 0, 470)
    assert np.unique(drawn.line["segment"][:5]).size == 1
    assert drawn.line["segment"][4] != drawn.line["segment"][5]
    assert drawn.missing == 37
    assert list(drawn.gaps["begin"]) == [40_000] and list(drawn.gaps["finish"]) == [420_000]
    assert plain(drawn.gaps["saw"][0]) == "37 readings not stored, 6 min"


def test_a_pause_of_the_board_is_a_gap_too():
    boot = np.r_[[7] * 5, [8] * 5]
    drawn = shape(readings(np.r_[0:50:10, 420:470:10], boot=boot), 0, 470)
    assert plain(drawn.gaps["saw"][0]) == "The board was off or restarting for 6 min"


def test_another_period_after_a_restart_is_no_gap():
    boot = np.r_[[7] * 20, [8] * 10]
    drawn = shape(readings(np.r_[0:200:10, 200:2200:200], boot=boot), 0, 2200)
    assert len(drawn.gaps["begin"]) == 0


def test_silence_up_to_now_is_a_gap():
    drawn = shape(readings(np.arange(0, 600, 10)), 0, 1800)
    assert list(drawn.gaps["finish"]) == [1_800_000]


def test_a_failed_read_is_never_a_value():
    t = np.full(10, 21.0)
    t[4] = np.nan
    flags = np.where(np.isnan(t), codes.SENSOR_ERROR, 0).astype(np.uint16)
    why = np.where(np.isnan(t), "no answer", None)
    drawn = shape(
        readings(np.arange(10) * 10, t=t, h=t, edge_flags=flags, cloud_flags=flags, why=why), 0, 100
    )
    assert len(drawn.line["t"]) == 9 and not np.isnan(drawn.line["t"]).any()
    assert drawn.line["segment"][3] != drawn.line["segment"][4]
    assert (drawn.failed, drawn.board_abnormal, drawn.cloud_abnormal) == (1, 0, 0)
    assert (
        list(drawn.runs["lane"]) == ["Sensor", "Sensor"] and drawn.runs["saw"][0] == "no answer · 1 reading"
    )


def test_board_and_cloud_are_marked_apart():
    edge, cloud = np.zeros(20, np.uint16), np.zeros(20, np.uint16)
    edge[5:8] = codes.ZSCORE
    cloud[6:9] = codes.FOREST
    drawn = shape(readings(np.arange(20) * 10, edge_flags=edge, cloud_flags=cloud), 0, 200)
    seen = {
        who: [int(at) // 10_000 for at, by in zip(drawn.marks["at"], drawn.marks["who"]) if by == who]
        for who in (BOARD, CLOUD)
    }
    assert seen == {BOARD: [5, 6, 7], CLOUD: [6, 7, 8]}
    assert list(zip(*(drawn.runs[name] for name in ("who", "lane", "begin", "finish")))) == [
        (BOARD, "Z-score", 50_000, 70_000),
        (CLOUD, "Forest", 60_000, 80_000),
    ]


@pytest.mark.parametrize("bit", FLAGS)
def test_every_detector_has_a_lane_of_its_own(bit):
    values = np.zeros(20, np.uint16)
    values[5:8] = bit
    by = "cloud_flags" if bit == SIBLINGS else "edge_flags"
    drawn = shape(readings(np.arange(20) * 10, **{by: values}), 0, 200)
    assert list(drawn.runs["lane"]) == [EN.detector(bit)]
    spec, _ = charts.history(EN, drawn, charts.LIGHT)
    assert EN.detector(bit) in str(spec)


def test_the_boards_sum_of_path_lengths_is_drawn_as_a_score_beside_the_clouds():
    columns = readings(np.arange(20) * 10, model=np.full(20, "0badcafe", object))
    drawn = shape(columns, 0, 200, units={"0badcafe": 9000.0})
    assert (drawn.line["edge"] == 0.5).all() and (drawn.line["score"] == 0.4).all()
    assert np.isnan(shape(columns, 0, 200).line["edge"]).all()


def spans(count, width=3600.0, **columns):
    """`count` stretches of 360 readings, one after the other."""
    begin = np.arange(count) * width
    values = {"begin": begin, "end": begin + width - 10, "readings": 360, "good": 360, "board": 0, "cloud": 0}
    values |= {"t_low": 20, "t_mean": 21, "t_high": 22, "h_low": 40, "h_mean": 41, "h_high": 42} | columns
    return Spans(**{name: np.full(count, value, np.float64) for name, value in values.items()})


def test_a_year_keeps_its_extremes_and_its_sums():
    count = 8760
    high, board = np.full(count, 22.0), np.zeros(count)
    high[1234], board[4321] = 60.0, 5
    drawn = curve.shape_spans(EN, spans(count, t_high=high, board=board), [], start=0, end=count * 3600.0)
    assert len(drawn.line["at"]) <= 400 and drawn.summed
    assert drawn.band["t_high"].max() == 60.0 and drawn.board_abnormal == 5
    assert drawn.readings == count * 360
    assert np.allclose(drawn.line["t"], 21.0)
    assert list(drawn.runs["lane"]) == [BOARD] and drawn.runs["saw"][0] == "5 readings"
    assert len(drawn.gaps["begin"]) == 0


def test_a_hole_of_a_day_in_a_year_is_a_gap_and_breaks_the_line():
    hours = spans(8760)
    kept = (hours.begin < 100 * 86400) | (hours.begin >= 101 * 86400)
    hours = Spans(**{name: getattr(hours, name)[kept] for name in vars(hours)})
    drawn = curve.shape_spans(EN, hours, [], start=0, end=8760 * 3600.0)
    assert len(drawn.gaps["begin"]) == 1
    assert plain(drawn.gaps["saw"][0]) == "Nothing is stored for 1 d"
    assert len(set(drawn.band["segment"])) == 2


def test_what_is_left_of_reduced_readings_is_drawn_beside_the_others():
    drawn = shape(readings(np.arange(7200, 10_800, 10)), 0, 10_800, hours=spans(2))
    assert list(drawn.band["t_low"]) == [20, 20] and drawn.readings == 360


def test_undated_readings_stand_between_their_neighbours_and_are_shown_so():
    ts = np.array([0, 10, np.nan, np.nan, 40, np.nan])
    drawn = shape(readings(ts), 0, 60)
    assert list(drawn.line["at"]) == [0, 10_000, 20_000, 30_000, 40_000, 50_000]
    assert list(drawn.line["undated"]) == [False, False, True, True, False, True]
    assert drawn.undated == 3


def test_a_board_that_never_knew_the_time_is_drawn_in_order():
    drawn = shape(readings([np.nan] * 5), 0, 60)
    assert (np.diff(drawn.line["at"]) > 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_thinning_keeps_every_extreme_and_every_verdict(seed):
    random = np.random.default_rng(seed)
    count = 40_000
    t = 21 + random.normal(0, 0.05, count)
    spikes = random.choice(count, 8, replace=False)
    t[spikes] += random.choice([-3.0, 3.0], 8)
    edge = np.zeros(count, np.uint16)
    edge[spikes] = codes.ZSCORE
    drawn = shape(readings(np.arange(count) * 10.0, t=t, edge_flags=edge), 0, count * 10)
    assert len(drawn.line["t"]) <= 8 * 300
    assert drawn.thinned == count * 10 / 300
    assert drawn.line["t"].min() == t.min() and drawn.line["t"].max() == t.max()
    assert set(drawn.line["at"]) <= set(np.arange(count) * 10_000.0)
    assert drawn.board_abnormal == 8
    assert {BOARD} == set(drawn.marks["who"])


def test_the_axis_begins_with_the_boards_first_reading_and_else_as_asked():
    first = shape(readings(np.arange(3000, 3600, 10), seq=np.arange(60)), 0, 3600)
    assert list(first.window["at"]) == [3_000_000, 3_600_000]
    later = shape(readings(np.arange(3000, 3600, 10)), 0, 3600)
    assert list(later.window["at"]) == [0, 3_600_000]


def test_a_charts_spec_holds_no_data_and_stays_the_same_between_refreshes():
    """Only then does the browser change rows instead of the chart: no flicker, and the zoom stays."""
    spec, rows = charts.history(EN, shape(readings(np.arange(0, 600, 10)), 0, 600), charts.LIGHT)
    later, _ = charts.history(EN, shape(readings(np.arange(0, 700, 10)), 0, 700), charts.LIGHT)
    assert spec == later
    assert "datasets" not in spec
    assert {"line", "marks", "gaps", "episodes", "window"} <= set(rows)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_date_that_could_not_be_is_shown_with_what_it_said(language):
    say, ts = Words(language), np.array([0.0, np.nan, 20.0])
    values = np.array([np.nan, 4_000_000_000.0, np.nan])
    (remark,) = [
        line for line in one_board.remarks(say, shape(readings(ts, said=values), 0, 30)) if "2096" in line
    ]
    assert remark.startswith("1")
    assert not any("2096" in line for line in one_board.remarks(say, shape(readings(ts), 0, 30)))


FRIDGE = {"t_min": 200, "t_max": 800, "for_s": 600}


def test_own_limits_near_the_readings_are_lines_and_far_ones_are_told():
    t = np.linspace(3.0, 6.0, 60)
    drawn = shape(readings(np.arange(0, 600, 10), t=t), 0, 600)
    values = {**FRIDGE, "h_max": 9950}
    lines = limits.lines(EN, values, drawn)
    assert list(zip(*(lines[name] for name in ("quantity", "value", "label", "is_most")))) == [
        ("t", 2.0, "2", False),
        ("t", 8.0, "8", True),
    ]
    assert plain(limits.sentence(EN, values, lines)) == (
        "Dashed: your limits, 2.0 to 8.0 °C, at most 99.5 %RH; the board says so after 10 min beyond them. "
        "Too far away to be drawn: 99.5 %RH."
    )
    assert plain(limits.sentence(Words("fr"), {"h_min": 3050}, limits.lines(EN, {"h_min": 3050}, drawn))) == (
        "En tirets : vos limites, au moins 30,5 % HR."
    )


def test_a_second_stage_is_told_beside_the_first():
    drawn = shape(readings(np.arange(0, 600, 10), t=np.linspace(3.0, 6.0, 60)), 0, 600)
    values = {**FRIDGE, "severe": {"t_max": 1000, "for_s": 1200}}
    assert plain(limits.sentence(EN, values, limits.lines(EN, values, drawn))) == (
        "Dashed: your limits, 2.0 to 8.0 °C; the board says so after 10 min beyond them; "
        "severe after 20 min beyond 10.0 °C."
    )


def test_a_board_without_limits_has_no_line():
    drawn = shape(readings(np.arange(0, 600, 10)), 0, 600)
    assert all(len(column) == 0 for column in limits.lines(EN, {}, drawn).values())
