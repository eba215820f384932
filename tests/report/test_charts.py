import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from falsetrue.report.charts import (
    Axes,
    CurvePoint,
    ForestRow,
    Interval,
    Line,
    PairRow,
    ReliabilityPoint,
    forest,
    histogram,
    overlaid,
    pair_bars,
    reliability,
    risk_coverage,
    sparkline,
    timeline,
)
from falsetrue.report.page import table

SVG = "{http://www.w3.org/2000/svg}"


def around(value: float, width: float = 0.05) -> Interval:
    return Interval(value=value, low=max(0.0, value - width), high=min(1.0, value + width))


WORDS: dict[str, Any] = {"title": "A <chart>", "description": 'What it "shows"'}
AXES = Axes(across="across", up="up", written="{:.2f}".format)
NUMBERS = table("Numbers", ["a", "b"], [["x", "1"]])
CHARTS: dict[str, Callable[[], Markup]] = {
    "reliability": lambda: reliability(
        [
            ReliabilityPoint(mean=0.1, share=around(0.2), count=1234),
            ReliabilityPoint(mean=0.9, share=around(1), count=1),
        ],
        **WORDS,
    ),
    "risk_coverage": lambda: risk_coverage(
        [CurvePoint(x=each / 20, y=around(each / 50)) for each in range(1, 21)], **WORDS
    ),
    "forest": lambda: forest(
        [ForestRow(name="<a>", estimates=[around(0.8), None]), ForestRow(name="b", estimates=[None, around(0.5)])],
        series=("one", "two"),
        reference=0.5,
        **WORDS,
    ),
    "pair_bars": lambda: pair_bars([PairRow(name="<a>", one=0.964, two=0)], names=("real", "false"), **WORDS),
    "histogram": lambda: histogram([0, 1, 2], [[3, 4], [0, 9]], series=("real", "false"), **WORDS),
    "overlaid": lambda: overlaid(
        [0, 0.5, 1], [0.25, 0.75], [0.5, 0.5], series=("now", "before"), axes=AXES, numbers=NUMBERS, **WORDS
    ),
    "timeline": lambda: timeline(
        ["11-01", "11-02", "11-03"],
        [Line(name="real", values=[1, 2, 3]), Line(name="false", values=[0, 0, 1])],
        [(1, "a <version>")],
        axes=AXES,
        numbers=NUMBERS,
        **WORDS,
    ),
}


def drawing(chart: Markup) -> ET.Element:
    """The SVG, which must be well-formed XML."""
    found = re.search("<svg.*?</svg>", chart, re.DOTALL)
    assert found
    return ET.fromstring(found[0])  # noqa: S314 - our own


@pytest.mark.parametrize("name", list(CHARTS))
def test_a_chart_is_words_picture_and_the_same_numbers_in_a_table(name: str) -> None:
    chart = CHARTS[name]()
    svg = drawing(chart)
    assert svg.get("role") == "img"
    assert [svg[0].tag, svg[0].text, svg[1].tag, svg[1].text] == [
        f"{SVG}title",
        "A <chart>",
        f"{SVG}desc",
        'What it "shows"',
    ]
    assert chart.startswith("<figure><figcaption><strong>A &lt;chart&gt;</strong>")
    assert "<table>" in chart
    assert "style=" not in chart


def test_a_forest_has_the_worst_on_top_and_what_is_not_defined_last() -> None:
    rows = [("good", around(0.9)), ("none", None), ("bad", around(0.6)), ("middle", around(0.7))]
    chart = forest([ForestRow(name=name, estimates=[estimate]) for name, estimate in rows], series=("AUC",), **WORDS)
    names = re.findall('<th scope="row">(.*?)</th>', chart)
    assert names == ["bad", "middle", "good", "none"]
    labels = [each.text for each in drawing(chart).iter(f"{SVG}text") if each.get("class") == "label"]
    assert labels == names
    worst_high = forest(
        [ForestRow(name=name, estimates=[estimate]) for name, estimate in rows],
        series=("ECE",),
        best_is_high=False,
        **WORDS,
    )
    assert re.findall('<th scope="row">(.*?)</th>', worst_high) == ["good", "middle", "bad", "none"]


LONG = "title: the same words again and again in nearly every article of one class"


@pytest.mark.parametrize("name", [LONG, "x" * 90, "fakenewsnet_politifact_2019_fulltext"])
def test_a_long_name_takes_two_lines_and_is_shown_in_full_where_it_is_cut(name: str) -> None:
    for chart in (
        forest([ForestRow(name=name, estimates=[around(0.8)])], series=("AUC",), **WORDS),
        pair_bars([PairRow(name=name, one=0.5, two=0.5)], names=("a", "b"), **WORDS),
    ):
        lines = [each for each in drawing(chart).iter(f"{SVG}text") if each.get("text-anchor") == "end"]
        said = ["".join(line.itertext()).removeprefix(name) for line in lines]
        assert 1 < len(said) == 2
        assert all(len(line) <= 22 for line in said)
        assert said[-1].endswith("…") or "".join(said).replace(" ", "") == name.replace(" ", "")
        assert [line[0].text for line in lines] == [name, name]
        assert f'<th scope="row">{name}</th>' in chart


def test_the_names_of_the_series_stand_below_each_other_so_that_none_is_cut() -> None:
    names = ("news-en-es 20261123T113301Z-03ceb36a", "another-model 20261124T113301Z-13ceb36a")
    svg = drawing(forest([ForestRow(name="a", estimates=[around(0.8), around(0.7)])], series=names, **WORDS))
    found = {each.text: float(each.get("y") or 0) for each in svg.iter(f"{SVG}text") if each.text in names}
    assert found[names[1]] - found[names[0]] >= 14


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 3_000_000)), max_size=15))
def test_no_two_numbers_below_the_bins_run_into_each_other(bins: list[tuple[float, int]]) -> None:
    points = [ReliabilityPoint(mean=mean, share=around(mean), count=count) for mean, count in sorted(bins)]
    svg = drawing(reliability(points, **WORDS))
    numbers = [each for each in svg.iter(f"{SVG}text") if "small" in (each.get("class") or "")]
    places = [float(each.get("x") or 0) for each in numbers]
    assert all(after - before >= 25.9 for before, after in itertools.pairwise(places))
    assert all(len(each.text or "") <= 4 for each in numbers)


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, "1"),
        (999, "999"),
        (1000, "1.0k"),
        (9949, "9.9k"),
        (9950, "10k"),
        (123_456, "123k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
        (3_000_000, "3.0M"),
    ],
)
def test_numbers_of_texts_are_short(count: int, said: str) -> None:
    chart = reliability([ReliabilityPoint(mean=0.5, share=around(0.5), count=count)], **WORDS)
    assert f">{said}</text>" in chart


unit = st.floats(0, 1)
intervals = st.tuples(unit, unit, unit).map(sorted).map(lambda ends: Interval(low=ends[0], value=ends[1], high=ends[2]))


@given(st.lists(st.none() | intervals, max_size=12), st.none() | unit)
def test_every_mark_of_a_forest_lies_inside_the_picture(
    estimates: list[Interval | None], reference: float | None
) -> None:
    rows = [ForestRow(name=str(number), estimates=[each]) for number, each in enumerate(estimates)]
    svg = drawing(forest(rows, series=("AUC",), reference=reference, **WORDS))
    width, height = (float(each) for each in (svg.get("viewBox") or "").split()[2:])
    for circle in svg.iter(f"{SVG}circle"):
        assert 0 <= float(circle.get("cx") or "nan") <= width
        assert 0 <= float(circle.get("cy") or "nan") <= height
    for line in svg.iter(f"{SVG}polyline"):
        for point in (line.get("points") or "").split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height
    assert sum(1 for _ in svg.iter(f"{SVG}circle")) == sum(each is not None for each in estimates)


def test_the_bars_of_a_pair_are_as_long_as_their_shares() -> None:
    svg = drawing(pair_bars([PairRow(name="a", one=0.25, two=1)], names=("real", "false"), **WORDS))
    one, two = [float(bar.get("width") or 0) for bar in svg.iter(f"{SVG}rect") if "bar" in (bar.get("class") or "")]
    assert one == pytest.approx(two / 4, abs=0.1)


def test_what_is_empty_is_drawn_empty() -> None:
    for chart in (
        reliability([], **WORDS),
        risk_coverage([], **WORDS),
        forest([], series=("AUC",), **WORDS),
        pair_bars([], names=("a", "b"), **WORDS),
        histogram([0, 1], [[0]], series=("a",), **WORDS),
    ):
        drawing(chart)
        assert "nan" not in chart


def test_bars_and_the_outline_over_them_reach_as_high_as_their_shares() -> None:
    svg = drawing(CHARTS["overlaid"]())
    bars = [float(each.get("height") or 0) for each in svg.iter(f"{SVG}rect") if each.get("class") == "one bar"]
    (outline,) = [points(each) for each in svg.iter(f"{SVG}polyline") if each.get("class") == "two line"][:1]
    assert bars[1] == pytest.approx(3 * bars[0], abs=0.2)
    assert len({y for _, y in outline}) == 1
    assert len(outline) == 4


def points(line: ET.Element) -> list[tuple[float, float]]:
    pairs = (each.split(",") for each in (line.get("points") or "").split())
    return [(float(x), float(y)) for x, y in pairs]


def test_a_line_over_days_rises_with_its_values_and_marks_stand_at_their_days() -> None:
    svg = drawing(CHARTS["timeline"]())
    lines = {each.get("class"): points(each) for each in reversed(list(svg.iter(f"{SVG}polyline")))}
    rising, mark = lines["one line"], lines["ideal"]
    assert [y for _, y in rising] == sorted((y for _, y in rising), reverse=True)
    assert {x for x, _ in mark} == {rising[1][0]}
    assert "a <version>" in [each.text for each in svg.iter(f"{SVG}text")]


def test_numbers_of_the_axes_are_written_as_they_are_told_to_be() -> None:
    said = [each.text or "" for each in drawing(CHARTS["overlaid"]()).iter(f"{SVG}text")]
    assert {"0.00", "1.00"} <= set(said)


@given(st.lists(st.none() | st.floats(-1e6, 1e6), max_size=40))
def test_a_sparkline_stays_in_its_box_and_says_nothing_aloud(values: list[float | None]) -> None:
    made = sparkline(values)
    known = [value for value in values if value is not None]
    if len(known) < 2:
        assert made == ""
        return
    svg = ET.fromstring(made)  # noqa: S314 - our own
    assert svg.get("aria-hidden") == "true"
    for line in svg.iter("polyline"):
        for x, y in points(line):
            assert 0 <= x <= 90
            assert 0 <= y <= 22


def test_a_sparkline_is_interrupted_where_a_day_has_no_value() -> None:
    assert sparkline([1, 2, None, 3, 4]).count("<polyline") == 2
    assert sparkline([1, 2, 3, 4]).count("<polyline") == 1
