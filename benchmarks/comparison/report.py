"""Samples to medians, spreads, ratios, and Markdown tables with the bars that are to be met."""

from collections.abc import Collection, Iterable, Sequence
from statistics import median
from typing import NamedTuple

from benchmarks.comparison.growth import COUNTS, SIZES
from benchmarks.comparison.sample import OURS, Found, Missing, Sample
from benchmarks.comparison.servers import VARIANTS


class Row(NamedTuple):
    """What a figure means, and what is asked of it."""

    name: str  #: section, then what is measured
    title: str
    instead: str = ""  #: what would be used otherwise; nothing: there is no comparison
    more: bool = False  #: whether more is better
    bar: float | None = None  #: so many times better at least
    stretch: float | None = None  #: the same, hoped for
    limit: float | None = None  #: our own figure must not be above


#: Section -> heading.
SECTIONS = {
    "scoring": "In process, one core",
    "fit": "Fitting, two cores",
    "http": "HTTP, one worker, one text a request",
    "journal": "HTTP, one worker, every prediction written down",
    "workers": "HTTP, two workers, one text a request, model `deployed`",
    "predict": "A Parquet file, two cores",
    "start": "Start",
    "kernel": "The kernel, one core",
    "growth": "Growth, model `plain`, one core",
    "others": "Other programs, one core",
}
_OWN = "its scikit-learn pipeline"
_LINEAR = "bare FastAPI, `plain`"
_FOREST = "bare FastAPI, `deployed`"
_SILENT = "without a journal"
_TABLE = "pipeline of `plain`, first rows"
_SAME = "same label as `plain`, % of texts"

ROWS = (
    Row("scoring.plain.texts_s", "`plain`: texts/s", _OWN, more=True, bar=25, stretch=35),
    Row("scoring.plain.single_us", "`plain`: one text, p50, µs", _OWN, bar=40, stretch=100),
    Row("scoring.deployed.texts_s", "`deployed`: texts/s", _OWN, more=True, bar=10),
    Row("scoring.deployed.single_us", "`deployed`: one text, p50, µs", _OWN, bar=250, stretch=600),
    Row("scoring.default.texts_s", "`default`, as shipped: texts/s", _OWN, more=True),
    Row("scoring.default.single_us", "`default`, as shipped: one text, p50, µs"),
    Row("scoring.plain.verdicts_s", "`plain`, with all that a verdict needs: texts/s", more=True),
    Row("scoring.plain.verdict_us", "`plain`, with all that a verdict needs: one text, p50, µs"),
    Row("scoring.default.verdicts_s", "`default`, with all that a verdict needs: texts/s", more=True),
    Row("scoring.default.verdict_us", "`default`, with all that a verdict needs: one text, p50, µs"),
    Row("fit.seconds", "vectorise and fit, s", "scikit-learn", bar=5),
    Row("fit.vectorize_s", "vectorise, s", "scikit-learn"),
    Row("fit.regress_s", "fit the regression, s", "scikit-learn"),
    Row("fit.cpu_s", "processor time of both, s", "scikit-learn"),
    Row("http.plain.requests_s_16", "`plain`, 16 connections: requests/s", _LINEAR, more=True, bar=12),
    Row("http.deployed.requests_s_16", "`deployed`, 16 connections: requests/s", _FOREST, more=True, bar=80),
    Row("http.plain.p99_ms_1", "`plain`, 1 connection: p99, ms", _LINEAR, bar=4),
    Row("http.plain.p50_ms_1", "`plain`, 1 connection: p50, ms", _LINEAR),
    Row("http.plain.requests_s_1", "`plain`, 1 connection: requests/s", _LINEAR, more=True),
    Row("http.plain.p99_ms_16", "`plain`, 16 connections: p99, ms", _LINEAR),
    Row("http.shipped.requests_s_16", "as shipped, no journal, 16 connections: requests/s", _LINEAR, more=True, bar=6),
    Row("http.shipped.requests_s_1", "as shipped, no journal, 1 connection: requests/s", _LINEAR, more=True),
    Row("http.shipped.p99_ms_1", "as shipped, no journal, 1 connection: p99, ms", _LINEAR),
    Row(
        "journal.requests_s_16",
        "as shipped, journaled, 16 connections: requests/s",
        _SILENT,
        more=True,
        bar=0.65,
    ),
    Row("journal.requests_s_1", "as shipped, journaled, 1 connection: requests/s", _SILENT, more=True),
    Row("journal.p99_ms_16", "as shipped, journaled, 16 connections: p99, ms", _SILENT),
    Row("workers.requests_s_64", "64 connections: requests/s", _FOREST, more=True, bar=100),
    Row("workers.p99_ms_64", "64 connections: p99, ms", _FOREST),
    Row("workers.pss_mb", "PSS of all processes after the load, MB", _FOREST, bar=3),
    Row("predict.plain.us_row", "`plain`, the large file: µs a row", _TABLE, bar=25),
    Row("predict.shipped.us_row", "as shipped, the small file: µs a row", _TABLE),
    Row("predict.plain.peak_mb", "`plain`, the large file: peak RSS, MB", _TABLE, limit=600),
    Row("predict.plain.small_peak_mb", "`plain`, the small file: peak RSS, MB", limit=600),
    Row("start.deployed.ready_s", "`deployed`: start to first answer, s", _FOREST, bar=4),
    Row("start.shipped.ready_s", "as shipped, with its journal: start to first answer, s"),
    Row("kernel.mb_s", "model `plain`: MB/s of text", "lower-case and hash, C", more=True, bar=0.3),
    *(Row(f"growth.texts.{count}", f"{count:,} texts: texts/s", more=True) for count in COUNTS),
    *(Row(f"growth.bytes.{size}", f"{size:,} bytes a text: texts/s", more=True) for size in SIZES),
    Row("others.fasttext.texts_s", "fastText, its own model: texts/s", "supervised, 1-2-grams", more=True),
    Row("others.fasttext.same", f"fastText: {_SAME}", "supervised, 1-2-grams", more=True),
    Row("others.vowpal.texts_s", "Vowpal Wabbit, its own model: texts/s", "logistic, 1-2-grams", more=True),
    Row("others.vowpal.same", f"Vowpal Wabbit: {_SAME}", "logistic, 1-2-grams", more=True),
    Row("others.onnx.texts_s", "ONNX Runtime, the same weights: texts/s", "converted `plain`", more=True),
    Row("others.onnx.same", f"ONNX Runtime: {_SAME}", "converted `plain`", more=True),
)


class Spread(NamedTuple):
    """Several repetitions of one figure."""

    contestant: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.values)

    def __str__(self) -> str:
        low, high = min(self.values), max(self.values)
        return _number(self.median) if low == high else f"{_number(self.median)} ({_number(low)}-{_number(high)})"


def tables(found: Iterable[Found], sections: Collection[str]) -> str:
    """A Markdown table for each section: medians with their spread, how many times better ours is, and the bar."""
    kept = list(found)
    samples = [each for each in kept if isinstance(each, Sample)]
    missing = [each for each in kept if isinstance(each, Missing)]
    return "\n\n".join(
        _table(SECTIONS[section], [row for row in ROWS if row.name.startswith(f"{section}.")], samples, missing)
        for section in SECTIONS
        if section in sections
    )


def _table(heading: str, rows: Sequence[Row], samples: Sequence[Sample], missing: Sequence[Missing]) -> str:
    lines = [f"### {heading}", "", "| | falsetrue | instead | times better | bar |", "|---|--:|--:|--:|---|"]
    return "\n".join([*lines, *(_line(row, samples, missing) for row in rows)])


def _line(row: Row, samples: Sequence[Sample], missing: Sequence[Missing]) -> str:
    ours, theirs = sides(row, samples)
    why = next((each.why for each in missing if row.name.startswith(each.rows)), "")
    cells = [
        str(ours or ""),
        f"{theirs} ({_name(row, theirs)})" if theirs else "",
        f"**{_number(times)}**" if (times := times_better(row, ours, theirs)) is not None else "",
        verdict(row, ours, theirs),
    ]
    if why and (not ours or (row.instead and not theirs)):
        cells[1] = f"not measured: {' '.join(why.split()).replace('|', '/')}"
    return f"| {row.title} | {' | '.join(cells)} |"


def _name(row: Row, theirs: Spread) -> str:
    """What the others are; of the bare app, which variant was the better one."""
    return f"{row.instead}, `{theirs.contestant}`" if theirs.contestant in VARIANTS else row.instead


def sides(row: Row, samples: Iterable[Sample]) -> tuple[Spread | None, Spread | None]:
    """Ours, and the better of the others; ``None`` for what was not measured."""
    values: dict[str, list[float]] = {}
    for sample in samples:
        if sample.row == row.name:
            values.setdefault(sample.contestant, []).append(sample.value)
    spreads = {name: Spread(name, tuple(each)) for name, each in values.items()}
    ours = spreads.pop(OURS, None)
    best = max if row.more else min
    return ours, best(spreads.values(), key=lambda spread: spread.median, default=None)


def times_better(row: Row, ours: Spread | None, theirs: Spread | None) -> float | None:
    """Ratio of the medians, above 1 where ours is better."""
    if ours is None or theirs is None:
        return None
    return ours.median / theirs.median if row.more else theirs.median / ours.median


def verdict(row: Row, ours: Spread | None, theirs: Spread | None) -> str:
    """The bar, and whether it is met."""
    if row.limit is not None:
        return f"≤ {row.limit:g}" + ("" if ours is None else _met(met=max(ours.values) <= row.limit))
    if row.bar is None:
        return ""
    times = times_better(row, ours, theirs)
    wanted = f"≥ {row.bar:g}" + (f", stretch {row.stretch:g}" if row.stretch else "")
    return wanted + ("" if times is None else _met(met=times >= row.bar))


def _met(*, met: bool) -> str:
    return ": met" if met else ": **missed**"


def _number(value: float) -> str:
    """Three significant digits."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 4
    return f"{value:,.{digits}f}"
