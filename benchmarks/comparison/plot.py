"""Throughput against the number of texts and against their length, as one drawing."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

Point = tuple[float, float]

_WIDTH, _HEIGHT, _TOP, _PANEL_WIDTH, _PANEL_HEIGHT = 720, 330, 34, 280, 230
_LEFTS = (60, 420)
_STYLE = (
    "text{font:12px sans-serif;fill:#57606a}.title{font-weight:bold}.grid{stroke:#8c959f;stroke-opacity:.35}"
    ".line{stroke:#0969da;stroke-width:2;fill:none}.point{fill:#0969da}"
)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One half of the drawing."""

    title: str
    across: str  #: what the horizontal axis means
    points: Sequence[Point]  #: (what is varied, texts a second), both above 0
    labels: Sequence[str]  #: beside each point


def draw(panels: tuple[Panel, Panel], description: str) -> str:
    """An SVG; every axis is logarithmic, and both panels have the same vertical one."""
    every = [y for panel in panels for _, y in panel.points]
    up = _decades(every)
    parts = [f"<title>Texts a second</title><desc>{escape(description)}</desc><style>{_STYLE}</style>"]
    for left, panel in zip(_LEFTS, panels, strict=True):
        parts += _draw_panel(panel, left, up)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {_WIDTH} {_HEIGHT}">\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _decades(values: Sequence[float]) -> range:
    """Exponents of the powers of ten around them."""
    return range(math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))) + 1)


def _draw_panel(panel: Panel, left: float, up: range) -> list[str]:
    across = _decades([x for x, _ in panel.points])
    bottom, right = _TOP + _PANEL_HEIGHT, left + _PANEL_WIDTH

    def place(x: float, y: float) -> Point:
        return (
            left + _PANEL_WIDTH * (math.log10(x) - across[0]) / max(1, len(across) - 1),
            bottom - _PANEL_HEIGHT * (math.log10(y) - up[0]) / max(1, len(up) - 1),
        )

    parts = [_text(left, _TOP - 14, panel.title, kind="title")]
    for power in across:
        x, _ = place(10.0**power, 10.0 ** up[0])
        parts += [_line((x, _TOP), (x, bottom)), _text(x, bottom + 18, _power(power), anchor="middle")]
    for power in up:
        _, y = place(10.0 ** across[0], 10.0**power)
        parts += [_line((left, y), (right, y)), _text(left - 8, y + 4, _power(power), anchor="end")]
    parts.append(_text((left + right) / 2, bottom + 40, panel.across, anchor="middle"))
    placed = [place(*point) for point in panel.points]
    parts.append(f'<polyline class="line" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in placed)}"/>')
    for (x, y), label in zip(placed, panel.labels, strict=True):
        anchor, aside = ("end", 0) if x > right - 20 else ("start", 6)
        parts.append(f'<circle class="point" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
        parts.append(_text(x + aside, y - 9, label, anchor=anchor))
    return parts


def _line(begin: Point, end: Point) -> str:
    return f'<line class="grid" x1="{begin[0]:.1f}" y1="{begin[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", kind: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def _power(exponent: int) -> str:
    return f"10{str(exponent).translate(_SUPERSCRIPTS)}"


def draw_growth(by_count: Mapping[int, float], by_size: Mapping[int, float], mean_bytes: float) -> str:
    """Both panels from texts a second by number of texts, and by bytes a text."""
    counts, sizes = sorted(by_count.items()), sorted(by_size.items())
    panels = (
        Panel(
            title="Texts a second, more and more texts",
            across=f"texts at once, of {mean_bytes:,.0f} bytes in the mean",
            points=[(float(count), rate) for count, rate in counts],
            labels=[f"{rate:,.0f}" for _, rate in counts],
        ),
        Panel(
            title="Texts a second, longer and longer texts",
            across="bytes a text",
            points=[(float(size), rate) for size, rate in sizes],
            labels=[f"{rate * size / 1e6:,.0f} MB/s" for size, rate in sizes],
        ),
    )
    said = [f"{count:,} texts: {rate:,.0f}/s" for count, rate in counts]
    said += [f"{size:,} bytes: {rate:,.0f}/s" for size, rate in sizes]
    return draw(panels, "; ".join(said))
