"""The report says what the samples say."""

import re

import pytest
from benchmarks.comparison.growth import cut
from benchmarks.comparison.plot import draw_growth
from benchmarks.comparison.report import ROWS, SECTIONS, Row, sides, tables, times_better, verdict
from benchmarks.comparison.sample import OURS, Found, Missing, Sample
from benchmarks.run import MEASURES
from hypothesis import given
from hypothesis import strategies as st

RATE = "http.plain.requests_s_16"
DELAY = "http.plain.p99_ms_1"
PEAK = "predict.plain.peak_mb"


def samples(row: str, contestant: str, *values: float) -> list[Found]:
    return [Sample(row=row, contestant=contestant, value=value) for value in values]


def cells(table: str, title: str) -> list[str]:
    """The cells behind a row's title."""
    (line,) = re.findall(rf"^\| {re.escape(title)} \| (.*) \|$", table, re.MULTILINE)
    return [cell.strip() for cell in line.split(" | ")]


def row_of(name: str) -> Row:
    return next(row for row in ROWS if row.name == name)


def test_a_row_has_medians_spreads_the_ratio_and_the_bar() -> None:
    found = samples(RATE, OURS, 9000, 6000, 8000) + samples(RATE, "def", 400, 500, 600)
    assert cells(tables(found, ["http"]), row_of(RATE).title) == [
        "8,000 (6,000-9,000)",
        "500 (400-600) (bare FastAPI, `plain`, `def`)",
        "**16.0**",
        "≥ 12: met",
    ]


def test_less_is_better_where_a_row_is_of_time() -> None:
    found = samples(DELAY, OURS, 2.0) + samples(DELAY, "def", 6.0)
    assert cells(tables(found, ["http"]), row_of(DELAY).title)[2:] == ["**3.00**", "≥ 4: **missed**"]


@pytest.mark.parametrize(("row", "better"), [(RATE, "async"), (DELAY, "def")])
def test_the_better_of_the_others_is_compared_with(row: str, better: str) -> None:
    found = samples(row, OURS, 1.0) + samples(row, "def", 2.0, 9.0, 2.0) + samples(row, "async", 3.0)
    _, theirs = sides(row_of(row), [each for each in found if isinstance(each, Sample)])
    assert theirs is not None
    assert theirs.contestant == better


def test_a_limit_holds_for_the_worst_repetition() -> None:
    row = row_of(PEAK)
    for values, said in (((100.0, 599.0), "≤ 600: met"), ((100.0, 100.0, 601.0), "≤ 600: **missed**")):
        found = [Sample(row=PEAK, contestant=OURS, value=value) for value in values]
        assert verdict(row, *sides(row, found)) == said


def test_what_is_missing_says_why_and_the_others_stand() -> None:
    found = [Missing(rows="others.onnx", why="no such\npackage | here"), *samples("others.vowpal.texts_s", OURS, 7.0)]
    table = tables(found, ["others"])
    assert cells(table, row_of("others.onnx.texts_s").title)[1] == "not measured: no such package / here"
    assert cells(table, row_of("others.vowpal.texts_s").title)[:2] == ["7.00", ""]


def test_every_section_has_rows_and_a_measure() -> None:
    assert {row.name.partition(".")[0] for row in ROWS} == set(SECTIONS) == set(MEASURES)


@given(st.lists(st.floats(0.001, 1e6), min_size=1), st.lists(st.floats(0.001, 1e6), min_size=1), st.booleans())
def test_the_ratio_turns_over_with_the_sides(first: list[float], second: list[float], more: bool) -> None:  # noqa: FBT001
    row = Row("any.row", "", more=more)
    one, other = (
        sides(row, [Sample(row=row.name, contestant=OURS, value=value) for value in values])[0]
        for values in (first, second)
    )
    forth, back = times_better(row, one, other), times_better(row, other, one)
    assert forth is not None
    assert back is not None
    assert forth * back == pytest.approx(1)


@given(st.text(min_size=1), st.integers(1, 50), st.integers(1, 20))
def test_texts_are_cut_to_at_most_a_size(text: str, size: int, count: int) -> None:
    pieces = cut(text, size, count)
    assert len(pieces) <= count
    assert all(len(piece.encode()) <= size for piece in pieces)


def test_the_plot_has_a_point_for_each_figure() -> None:
    drawn = draw_growth({1000: 50_000.0, 10_000: 51_000.0}, {100: 1e6, 1000: 1e5, 1_000_000: 100.0}, 2300.0)
    assert drawn.count("<circle") == 5
    assert "50,000" in drawn
    assert "100 MB/s" in drawn
