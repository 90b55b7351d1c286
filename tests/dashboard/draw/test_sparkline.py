"""A card's little curve is a picture that tells the same as the board's chart."""

from xml.etree import ElementTree

import numpy as np
import pytest

from cloud.dashboard.draw import charts, sparkline
from device import codes
from tests.dashboard.draw.test_dashboard_curve import readings, shape

SVG = "{http://www.w3.org/2000/svg}"


def drawn(columns, start=0, end=3600, **more):
    return ElementTree.fromstring(sparkline.draw(shape(columns, start, end, **more), charts.LIGHT))


def line(picture):
    return next(each.get("d") for each in picture.iter(f"{SVG}path") if each.get("fill") == "none")


def heights(picture):
    """px from the top, of each point of the line."""
    return [float(step.split(" ")[1]) for step in line(picture).replace("M", "L").split("L")[1:]]


def placed(picture, colour):
    """Per cent across, of each mark of this colour."""
    marks = picture.findall(f"{SVG}svg[@x]")
    return [float(mark.get("x")[:-1]) for mark in marks if colour in ElementTree.tostring(mark, "unicode")]


def test_no_readings_are_a_picture_without_a_line():
    assert line(drawn(readings([]))) == ""


def test_a_calm_room_looks_calm_and_a_hot_one_fills_the_card():
    ts = np.arange(0, 3600, 10)
    calm = heights(drawn(readings(ts, t=21 + 0.02 * np.sin(ts))))
    hot = heights(drawn(readings(ts, t=21 + 9.0 * (ts > 1800))))
    assert max(calm) - min(calm) < 4
    assert min(hot) == sparkline.MARGIN and max(hot) == sparkline.HEIGHT - sparkline.MARGIN


def test_the_line_breaks_where_readings_are_missing_and_where_a_read_failed():
    t = np.full(90, 21.0)
    t[30] = np.nan
    missing = np.zeros(90, np.int64)
    missing[60] = 100
    ts = np.r_[0:600:10, 2600:2900:10]
    picture = drawn(readings(ts, t=t, h=t, missing_before=missing))
    assert line(picture).count("M") == 3
    assert [each.get("fill") for each in picture.findall(f"{SVG}rect")][0] == "url(#none)"


def test_board_and_cloud_have_their_own_marks_where_they_spoke():
    ts = np.arange(0, 3600, 10)
    edge, cloud = np.zeros(360, np.uint16), np.zeros(360, np.uint16)
    edge[90], cloud[[90, 180]] = codes.ZSCORE, codes.FOREST
    picture = drawn(readings(ts, edge_flags=edge, cloud_flags=cloud), end=3590)
    assert placed(picture, charts.LIGHT.board) == pytest.approx([26], abs=0.2)
    assert placed(picture, charts.LIGHT.cloud) == pytest.approx([26, 50], abs=0.2)
