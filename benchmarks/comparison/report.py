"""Samples to medians, spreads, ratios and a Markdown table."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from benchmarks.comparison.material import RECIPES


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One figure of one repetition."""

    recipe: str
    contestant: str  #: ``falsetrue``, or a name that begins with ``bare``
    measure: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What a figure means."""

    title: str
    unit: str
    more_is_better: bool = False


MEASURES = {
    "requests_s_1": Measure(title="requests, 1 connection", unit="1/s", more_is_better=True),
    "p50_ms_1": Measure(title="latency p50, 1 connection", unit="ms"),
    "p99_ms_1": Measure(title="latency p99, 1 connection", unit="ms"),
    "cpu_ms_1": Measure(title="CPU time a request, 1 connection", unit="ms"),
    "requests_s_16": Measure(title="requests, 16 connections", unit="1/s", more_is_better=True),
    "p50_ms_16": Measure(title="latency p50, 16 connections", unit="ms"),
    "p99_ms_16": Measure(title="latency p99, 16 connections", unit="ms"),
    "cpu_ms_16": Measure(title="CPU time a request, 16 connections", unit="ms"),
    "ready_s": Measure(title="start to first answer", unit="s"),
    "rss_mb": Measure(title="RSS after the load", unit="MB"),
    "pss_mb": Measure(title="PSS after the load", unit="MB"),
    "single_us": Measure(title="one text in process, p50", unit="µs"),
    "texts_s": Measure(title="all texts at once in process", unit="texts/s", more_is_better=True),
    "csv_mb_s": Measure(title="CSV file to CSV file", unit="MB/s of text", more_is_better=True),
    "parquet_mb_s": Measure(title="Parquet file to Parquet file", unit="MB/s of text", more_is_better=True),
}


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Several repetitions of one figure."""

    contestant: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.values)

    def __str__(self) -> str:
        low, high = min(self.values), max(self.values)
        return f"{_number(self.median)} ({_number(low)}-{_number(high)})"


def table(samples: Iterable[Sample]) -> str:
    """A table for each recipe: both sides' medians with their spread, and how many times better falsetrue is."""
    kept = list(samples)
    return "\n\n".join(_recipe_table(recipe, [one for one in kept if one.recipe == recipe]) for recipe in RECIPES)


def _recipe_table(recipe: str, samples: list[Sample]) -> str:
    lines = [
        f"### Recipe `{recipe}`",
        "",
        "| measure | falsetrue | bare | times better |",
        "|---|--:|--:|--:|",
    ]
    for name, measure in MEASURES.items():
        ours, theirs = _sides([sample for sample in samples if sample.measure == name], measure)
        variant = theirs.contestant.removeprefix("bare").strip()
        named = f" `{variant}`" if variant else ""
        lines.append(
            f"| {measure.title}, {measure.unit} | {ours} | {theirs}{named} | **{_times(ours, theirs, measure)}** |"
        )
    return "\n".join(lines)


def _sides(samples: list[Sample], measure: Measure) -> tuple[Spread, Spread]:
    """Ours, and the better of theirs."""
    names = sorted({sample.contestant for sample in samples})
    spreads = {
        name: Spread(contestant=name, values=tuple(one.value for one in samples if one.contestant == name))
        for name in names
    }
    ours = spreads.pop("falsetrue")
    best = max if measure.more_is_better else min
    return ours, best(spreads.values(), key=lambda spread: spread.median)


def _times(ours: Spread, theirs: Spread, measure: Measure) -> str:
    ratio = ours.median / theirs.median
    return f"{_number(ratio if measure.more_is_better else 1 / ratio)}"


def _number(value: float) -> str:
    """Three significant digits."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}"
