"""Charts as inline SVG, each with words for screen readers and the same numbers in a table beside it.

Colours come from the page's style sheet (blue and orange, told apart by every common kind of
colour vision, and drawn differently besides), so that a chart follows the theme and prints.
"""

import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from falsetrue.report.page import NOTHING, table

#: Width of every chart in its own units; it scales with the page. Narrow, so that letters of 11 units can be read where
#: a chart is as wide as a telephone, or as half a sheet of A4.
_WIDTH = 400
#: Between the series of a row, and the least between rows: a name may take two lines.
_STEP, _LEAST_ROW = 22, 30
#: Characters of a name that stand on a line beside a row, and below the chart: digits of DejaVu Sans, the widest font
#: that browsers commonly fall back to, still fit. An ellipsis may be as wide as two letters.
_BESIDE, _BELOW = 18, 48
#: The number of texts in a bin is left out where less room than this is left of the one before.
_COUNT_ROOM = 26
#: Half the width of such a number as wide as it can be ("474M"), which the last bin needs on its right.
_HALF_A_COUNT = 17
#: Of a sparkline, in its own units; a gap in its values ends one line and begins another.
_SPARK_WIDTH, _SPARK_HEIGHT, _SPARK_EDGE = 90, 22, 3
#: How lines are told apart, in the order in which they are given.
_KINDS = ("one", "two", "three")


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """To three places; the ends of the interval stay on one line."""
        return f"{self.value:.3f} [{self.low:.3f},\N{NO-BREAK SPACE}{self.high:.3f}]"


@dataclass(frozen=True, kw_only=True)
class ReliabilityPoint:
    """Texts whose probabilities lie in one bin."""

    mean: float  #: mean probability, in [0, 1]
    share: Interval  #: share of them that were of the class
    count: int


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """A point of a curve with its band; ``x`` and the interval in [0, 1]."""

    x: float
    y: Interval


@dataclass(frozen=True, kw_only=True)
class ForestRow:
    """One row of a forest plot."""

    name: str
    estimates: Sequence[Interval | None]  #: one a series; ``None``: not defined


@dataclass(frozen=True, kw_only=True)
class PairRow:
    """Two shares, in [0, 1], that stand side by side."""

    name: str
    one: float
    two: float


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line over time."""

    name: str
    values: Sequence[float]  #: one a day, at least 0


@dataclass(frozen=True, kw_only=True)
class Axes:
    """What is said of the axes, and how their numbers are written."""

    across: str
    up: str
    written: Callable[[float], str] = "{:g}".format


@dataclass(frozen=True, kw_only=True)
class _Frame:
    """Where data lies in the drawing: ``x`` and ``y`` from ``low`` to ``high`` into a box."""

    left: float
    top: float
    width: float
    height: float
    x_low: float = 0.0
    x_high: float = 1.0
    y_low: float = 0.0
    y_high: float = 1.0

    def x(self, value: float) -> float:
        return self.left + self.width * (value - self.x_low) / (self.x_high - self.x_low)

    def y(self, value: float) -> float:
        return self.top + self.height * (1 - (value - self.y_low) / (self.y_high - self.y_low))


def reliability(points: Sequence[ReliabilityPoint], *, title: str, description: str) -> Markup:
    """Share found against probability said, one point a bin with its interval, and how many texts each bin holds."""
    frame = _Frame(left=46, top=12, width=_WIDTH - 46 - _HALF_A_COUNT, height=260)
    most = max((point.count for point in points), default=1)
    counts = _Frame(left=46, top=300, width=frame.width, height=48, y_high=most)
    parts = [
        _grid(frame, _ticks(0, 1), _ticks(0, 1)),
        _line("ideal", [(frame.x(0), frame.y(0)), (frame.x(1), frame.y(1))]),
    ]
    labelled = 0.0
    for point in points:
        x = frame.x(point.mean)
        parts.append(_line("one whisker", [(x, frame.y(point.share.low)), (x, frame.y(point.share.high))]))
        parts.append(_dot(x, frame.y(point.share.value)))
        bar = counts.y(point.count)
        parts.append(_rectangle("count", x - 6, bar, 12, counts.top + counts.height - bar))
        if x - labelled >= _COUNT_ROOM:
            parts.append(_text(x, counts.top + counts.height + 13, _compact(point.count), anchor="middle", small=True))
            labelled = x
    parts.append(_line("axis", [(46, 348), (46 + frame.width, 348)]))
    parts += [
        _text(216, 382, "probability said (points), texts in the bin (bars)", anchor="middle", label=True),
        _text(12, 142, "share found", anchor="middle", label=True, turned=True),
    ]
    rows = [[f"{point.mean:.3f}", str(point.share), f"{point.count:,}"] for point in points]
    numbers = table("Each bin", ["mean probability", "share found [95 %]", "texts"], rows)
    return _figure(title, description, _svg(parts, 390, title, description), numbers)


def risk_coverage(points: Sequence[CurvePoint], *, title: str, description: str) -> Markup:
    """Share of wrong answers among the surest texts, against the share of texts answered, with its band."""
    frame = _Frame(
        left=46,
        top=12,
        width=340,
        height=260,
        y_high=_round_up(max((p.y.high for p in points), default=1), at_least=0.05),
    )
    band = [(frame.x(p.x), frame.y(p.y.high)) for p in points]
    band += [(frame.x(p.x), frame.y(p.y.low)) for p in reversed(points)]
    parts = [
        _grid(frame, _ticks(0, 1), _ticks(0, frame.y_high)),
        Markup('<polygon class="one band" points="{}"/>').format(_path(band)),
        _line("one line", [(frame.x(p.x), frame.y(p.y.value)) for p in points]),
        _text(216, 310, "share of texts answered, the surest first", anchor="middle", label=True),
        _text(12, 142, "share of answers that are wrong", anchor="middle", label=True, turned=True),
    ]
    rows = [[f"{point.x:.0%}", str(point.y)] for point in points[:: max(1, math.ceil(len(points) / 12))]]
    numbers = table("Along the curve", ["answered", "wrong [95 %]"], rows)
    return _figure(title, description, _svg(parts, 318, title, description), numbers)


def forest(
    rows: Sequence[ForestRow],
    *,
    series: Sequence[str],
    title: str,
    description: str,
    reference: float | None = None,
    best_is_high: bool = True,
) -> Markup:
    """An estimate with its interval a row, the worst first series on top; at most two series.

    ``reference`` draws a line at a value that means nothing was learnt. Rows without the first
    estimate stand last, without a mark.
    """
    ordered = sorted(rows, key=lambda row: _worst_first(row, best_is_high=best_is_high))
    row_height = max(_LEAST_ROW, _STEP * len(series))
    height = len(ordered) * row_height
    low, high = _range(ordered, reference)
    frame = _Frame(left=150, top=16, width=234, height=height, x_low=low, x_high=high)
    parts = [_grid(frame, _ticks(low, high), ())]
    if reference is not None:
        parts.append(_line("ideal", [(frame.x(reference), 8), (frame.x(reference), frame.top + height)]))
    for at, row in enumerate(ordered):
        parts += _forest_row(frame, row, frame.top + (at + 0.5) * row_height, len(series))
    parts += _key(series, height + 56) if len(series) > 1 else []
    drawing = _svg(parts, height + (82 if len(series) > 1 else 44), title, description)
    numbers = [[row.name, *(str(each) if each else NOTHING for each in row.estimates)] for row in ordered]
    return _figure(
        title, description, drawing, table("Each row", ["", *(f"{name} [95 %]" for name in series)], numbers)
    )


def pair_bars(rows: Sequence[PairRow], *, names: tuple[str, str], title: str, description: str) -> Markup:
    """Two horizontal bars a row, for shares in [0, 1] of two groups; the first is filled, the second drawn lighter."""
    height = len(rows) * _LEAST_ROW
    frame = _Frame(left=150, top=16, width=234, height=height)
    parts = [_grid(frame, _ticks(0, 1), ())]
    for at, row in enumerate(rows):
        top = frame.top + at * _LEAST_ROW + 4
        parts.append(_name_beside(frame, top + 11, row.name))
        for offset, kind, share in ((0, "one", row.one), (11, "two", row.two)):
            parts.append(_rectangle(f"{kind} bar", frame.left, top + offset, frame.width * share, 10))
    parts += _key(names, height + 56)
    drawing = _svg(parts, height + 82, title, description)
    numbers = [[row.name, f"{row.one:.1%}", f"{row.two:.1%}"] for row in rows]
    return _figure(title, description, drawing, table("Each row", ["", *names], numbers))


def histogram(
    edges: Sequence[float], counts: Sequence[Sequence[int]], *, series: Sequence[str], title: str, description: str
) -> Markup:
    """How many values lie between the edges (ascending, one more than counts), for one or two series."""
    top = max((count for each in counts for count in each), default=1) or 1
    frame = _Frame(left=46, top=12, width=340, height=200, x_low=edges[0], x_high=edges[-1], y_high=_round_up(top))
    parts = [_grid(frame, _ticks(edges[0], edges[-1]), _ticks(0, frame.y_high))]
    for kind, each in zip(("one", "two"), counts, strict=False):
        for low, high, count in zip(edges[:-1], edges[1:], each, strict=True):
            share = (frame.x(high) - frame.x(low)) / len(counts)
            left = frame.x(low) + (share if kind == "two" else 0)
            parts.append(_rectangle(f"{kind} bar", left + 1, frame.y(count), share - 2, frame.y(0) - frame.y(count)))
    if len(series) > 1:
        parts += _key(series, 256)
    rows = [
        [f"{low:g} to {high:g}", *(f"{each[at]:,}" for each in counts)]
        for at, (low, high) in enumerate(pairwise(edges))
    ]
    drawing = _svg(parts, 282 if len(series) > 1 else 240, title, description)
    return _figure(title, description, drawing, table("Each bar", ["from, to", *series], rows))


def overlaid(
    edges: Sequence[float],
    filled: Sequence[float],
    outlined: Sequence[float],
    *,
    series: tuple[str, str],
    axes: Axes,
    numbers: Markup,
    title: str,
    description: str,
) -> Markup:
    """Two histograms of shares in [0, 1], one as bars and one as the outline over them; ``edges`` ascend.

    ``numbers`` is a table of the same.
    """
    top = _round_up(max((*filled, *outlined), default=1.0), at_least=0.01)
    frame = _Frame(left=52, top=12, width=334, height=200, x_low=edges[0], x_high=edges[-1], y_high=top)
    parts = [_grid(frame, _ticks(edges[0], edges[-1]), _ticks(0, top), axes.written)]
    for (low, high), share in zip(pairwise(edges), filled, strict=True):
        width = frame.x(high) - frame.x(low)
        parts.append(_rectangle("one bar", frame.x(low) + 0.5, frame.y(share), width - 1, frame.y(0) - frame.y(share)))
    outline = [
        (frame.x(edge), frame.y(share)) for ends, share in zip(pairwise(edges), outlined, strict=True) for edge in ends
    ]
    parts.append(_line("two line", outline))
    parts += [_line_key(number, name, 268 + 18 * number) for number, name in enumerate(series)]
    parts += [
        _text(216, 246, axes.across, anchor="middle", label=True),
        _text(13, 112, axes.up, anchor="middle", label=True, turned=True),
    ]
    return _figure(title, description, _svg(parts, 296, title, description), numbers)


def timeline(
    days: Sequence[str],
    lines: Sequence[Line],
    marks: Sequence[tuple[int, str]],
    *,
    axes: Axes,
    numbers: Markup,
    title: str,
    description: str,
) -> Markup:
    """Up to three lines over days; ``marks`` are upright lines at the place of a day, with what they mean.

    ``numbers`` is a table of the same.
    """
    top = _round_up(max((value for line in lines for value in line.values), default=1), at_least=1)
    frame = _Frame(left=52, top=22, width=334, height=190, x_high=max(len(days) - 1, 1), y_high=top)
    parts = [_grid(frame, (), _ticks(0, top), axes.written)]
    parts += _days_below(frame, days)
    for at, name in marks:
        x = frame.x(at)
        parts.append(_line("ideal", [(x, frame.top), (x, frame.top + frame.height)]))
        anchor = "end" if at > len(days) / 2 else "start"
        parts.append(_text(x, 14, _shorten(name, _BESIDE), anchor=anchor, small=True, full=name))
    for kind, line in zip(_KINDS, lines, strict=False):
        points = [(frame.x(at), frame.y(value)) for at, value in enumerate(line.values)]
        parts.append(
            _line(f"{kind} line", points if len(points) > 1 else [(x + d, y) for x, y in points for d in (0, 4)])
        )
    parts += [_line_key(number, line.name, 268 + 18 * number) for number, line in enumerate(lines)]
    parts += [
        _text(216, 246, axes.across, anchor="middle", label=True),
        _text(13, 117, axes.up, anchor="middle", label=True, turned=True),
    ]
    return _figure(title, description, _svg(parts, 262 + 18 * len(lines), title, description), numbers)


def sparkline(values: Sequence[float | None]) -> Markup:
    """Values over time as a line as small as a word, for the eye alone; nothing for fewer than two.

    ``None`` stands for a day without a value, and interrupts the line. The last value has a dot.
    """
    known = [value for value in values if value is not None]
    if len(known) < 2:  # noqa: PLR2004 - one point is no line
        return Markup("")
    low, high = min(known), max(known)
    width, height = _SPARK_WIDTH - 2 * _SPARK_EDGE, _SPARK_HEIGHT - 2 * _SPARK_EDGE
    if low == high:
        low, high = low - 1, high + 1
    frame = _Frame(
        left=_SPARK_EDGE, top=_SPARK_EDGE, width=width, height=height, x_high=len(values) - 1, y_low=low, y_high=high
    )
    parts = [_line("one line", run) for run in _runs(frame, values) if len(run) > 1]
    at, last = next((at, value) for at, value in reversed(list(enumerate(values))) if value is not None)
    parts.append(Markup('<circle class="one" cx="{:.1f}" cy="{:.1f}" r="2"/>').format(frame.x(at), frame.y(last)))
    return Markup(
        '<svg class="spark" viewBox="0 0 {w} {h}" width="{w}" height="{h}" aria-hidden="true" focusable="false">'
        "{parts}</svg>"
    ).format(w=_SPARK_WIDTH, h=_SPARK_HEIGHT, parts=Markup("").join(parts))


# --- parts ---------------------------------------------------------------------------------------


def _runs(frame: _Frame, values: Sequence[float | None]) -> list[list[tuple[float, float]]]:
    """The points of each stretch without a gap."""
    runs: list[list[tuple[float, float]]] = [[]]
    for at, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((frame.x(at), frame.y(value)))
    return runs


def _days_below(frame: _Frame, days: Sequence[str]) -> list[Markup]:
    """About four names of days below the axis."""
    every = max(1, math.ceil(len(days) / 4))
    bottom = frame.top + frame.height + 16
    last = len(days) - 1
    return [
        _text(frame.x(at), bottom, days[at], anchor="start" if at == 0 else "end" if at == last else "middle")
        for at in range(0, len(days), every)
    ]


def _line_key(number: int, name: str, y: float) -> Markup:
    """Which line is which series."""
    return _line(f"{_KINDS[number]} line", [(46, y - 4), (66, y - 4)]) + _text(
        74, y, _shorten(name, _BELOW), label=True, full=name
    )


def _worst_first(row: ForestRow, *, best_is_high: bool) -> tuple[bool, float]:
    estimate = row.estimates[0]
    if estimate is None:
        return True, 0.0
    return False, estimate.value if best_is_high else -estimate.value


def _range(rows: Sequence[ForestRow], reference: float | None) -> tuple[float, float]:
    """Round numbers around everything that is drawn."""
    ends = [end for row in rows for each in row.estimates if each for end in (each.low, each.high)]
    ends += [] if reference is None else [reference]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    step = _step(max(high - low, 0.01))
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return (low, high) if high > low else (low - step, high + step)


def _forest_row(frame: _Frame, row: ForestRow, middle: float, series: int) -> list[Markup]:
    parts = [_name_beside(frame, middle, row.name)]
    for number, estimate in enumerate(row.estimates[:series]):
        kind, y = ("one", "two")[number], middle + (number - (series - 1) / 2) * _STEP * 0.6
        if estimate is not None:
            parts.append(_line(f"{kind} whisker", [(frame.x(estimate.low), y), (frame.x(estimate.high), y)]))
            parts.append(_dot(frame.x(estimate.value), y) if kind == "one" else _square(frame.x(estimate.value), y))
    return parts


def _name_beside(frame: _Frame, middle: float, name: str) -> Markup:
    """The name of a row left of it, on two lines at most; in full for whoever points at it."""
    lines = textwrap.wrap(name, _BESIDE)[:2]
    kept = " ".join(lines)
    if len(kept) < len(" ".join(name.split())) - 1:
        lines[-1] = lines[-1][: _BESIDE - 2] + "…"
    top = middle + 4 - 6.5 * (len(lines) - 1)
    texts = [
        _text(frame.left - 10, top + 13 * at, line, anchor="end", label=True, full=name)
        for at, line in enumerate(lines)
    ]
    return Markup("").join(texts)


def _key(names: Sequence[str], y: float) -> list[Markup]:
    """Which mark is which series, a line each."""
    marks = (_dot(20, y - 4), _square(20, y + 14))
    texts = [_text(30, y + 18 * at, _shorten(name, _BELOW), label=True, full=name) for at, name in enumerate(names[:2])]
    return [*marks, *texts]


def _grid(
    frame: _Frame,
    across: Sequence[float],
    up: Sequence[float],
    written: Callable[[float], str] = "{:g}".format,
) -> Markup:
    bottom, right = frame.top + frame.height, frame.left + frame.width
    parts = []
    for value in across:
        parts.append(_line("grid", [(frame.x(value), frame.top), (frame.x(value), bottom)]))
        parts.append(_text(frame.x(value), bottom + 16, written(value), anchor="middle"))
    for value in up:
        parts.append(_line("grid", [(frame.left, frame.y(value)), (right, frame.y(value))]))
        parts.append(_text(frame.left - 8, frame.y(value) + 4, written(value), anchor="end"))
    parts.append(_line("axis", [(frame.left, bottom), (right, bottom)]))
    return Markup("").join(parts)


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from ``low`` to ``high``, about five."""
    step = _step(high - low)
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 10) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _step(width: float) -> float:
    raw = width / 5
    size = 10.0 ** math.floor(math.log10(raw))
    return float(next(factor for factor in (1, 2, 5, 10) if factor * size >= raw * 0.999) * size)


def _round_up(value: float, at_least: float = 1e-3) -> float:
    """The round number at or above ``value``, at which an axis ends."""
    value = max(value, at_least)
    step = _step(value)
    return math.ceil(value / step - 1e-9) * step


def _compact(count: int) -> str:
    """A number in four characters at most."""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if count >= 0.9995 * size:  # what would be written with four digits of the smaller unit
            return f"{count / size:.1f}{unit}" if count < 9.95 * size else f"{count / size:.0f}{unit}"
    return str(count)


def _shorten(name: str, longest: int) -> str:
    return name if len(name) <= longest else name[: longest - 2] + "…"


def _path(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _line(kind: str, points: Sequence[tuple[float, float]]) -> Markup:
    return Markup('<polyline class="{}" points="{}"/>').format(kind, _path(points))


def _dot(x: float, y: float) -> Markup:
    return Markup('<circle class="one" cx="{:.1f}" cy="{:.1f}" r="4"/>').format(x, y)


def _square(x: float, y: float) -> Markup:
    return Markup('<rect class="two" x="{:.1f}" y="{:.1f}" width="7" height="7"/>').format(x - 3.5, y - 3.5)


def _rectangle(kind: str, x: float, y: float, width: float, height: float) -> Markup:
    return Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        kind, x, y, max(width, 0.0), max(height, 0.0)
    )


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    label: bool = False,
    small: bool = False,
    turned: bool = False,
    full: str = "",
) -> Markup:
    """``full`` is what is shown to whoever points at a text that says less."""
    kind = " ".join(name for name, wanted in (("label", label), ("small", small)) if wanted)
    transform = Markup(' transform="rotate(-90 {:.1f} {:.1f})"').format(x, y) if turned else Markup("")
    hint = Markup("<title>{}</title>").format(full) if full not in ("", text) else Markup("")
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}"{}>{}{}</text>').format(
        kind, x, y, anchor, transform, hint, text
    )


def _svg(parts: Sequence[Markup], height: float, title: str, description: str) -> Markup:
    return Markup(
        '<svg role="img" viewBox="0 0 {} {:.0f}" xmlns="http://www.w3.org/2000/svg">'
        "<title>{}</title><desc>{}</desc>{}</svg>"
    ).format(_WIDTH, height, title, description, Markup("").join(parts))


def _figure(title: str, description: str, drawing: Markup, numbers: Markup) -> Markup:
    return Markup(
        '<figure><figcaption><strong>{}</strong><span>{}</span></figcaption><div class="chart">{}{}</div></figure>'
    ).format(title, description, drawing, numbers)
