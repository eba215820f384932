"""Figures with their spread, whether they meet their bars, and Markdown of it all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from benchmarks.monitor.detection import NEVER
from benchmarks.monitor.streams import DAYS, DRIFT_DAY
from numpy.typing import NDArray
from scipy.stats import binom

from falsetrue.model.metrics import Estimate, proportion


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table."""

    title: str
    bar: str = ""  #: nothing: there is none
    met: bool | None = None  #: ``None``: there is no bar, or no figure
    ours: str
    others: Mapping[str, str] = field(default_factory=dict)  #: by contestant


def share(happened: Sequence[bool] | NDArray[np.bool_]) -> Estimate:
    """How often something happened, with its 95 % Clopper-Pearson interval."""
    return proportion(int(np.sum(happened)), len(happened))


def show_share(happened: Sequence[bool] | NDArray[np.bool_]) -> str:
    """As ``1.2 % (0.6-2.1), n = 1,000``."""
    found = share(happened)
    return f"{100 * found.value:.1f} % ({100 * found.low:.1f}-{100 * found.high:.1f}), n = {len(happened):,}"


def delays(alarms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Days from the drift to the alarm, 1 the same day, of years without one before; :data:`NEVER`: none comes."""
    late = alarms[alarms >= DRIFT_DAY]
    return np.where(late == NEVER, NEVER, late - DRIFT_DAY + 1)


def median(days: NDArray[np.int64]) -> tuple[float, int, int]:
    """Median and its distribution-free 95 % interval, by order statistics (David and Nagaraja 2003, section 7.1)."""
    ordered = np.sort(days)
    n = len(ordered)
    low, high = max(int(binom.ppf(0.025, n, 0.5)) - 1, 0), min(int(binom.ppf(0.975, n, 0.5)), n - 1)
    return float(np.median(ordered)), int(ordered[low]), int(ordered[high])


def show_delays(alarms: NDArray[np.int64]) -> str:
    """Median delay, its interval, the day by which nine in ten are caught, and how many years had an alarm before."""
    days = delays(alarms)
    early = f"; {100 * np.mean(alarms < DRIFT_DAY):.1f} % before" if (alarms < DRIFT_DAY).any() else ""
    if not len(days):
        return "all before"
    middle, low, high = median(days)
    most = float(np.quantile(days, 0.9, method="higher"))
    return f"{_day(middle)} ({_day(low)}-{_day(high)}; 9 in 10 by {_day(most)}{early}), n = {len(alarms):,}"


def _day(value: float) -> str:
    return f"{value:g}" if value <= DAYS else "never"


def markdown(heading: str, rows: Iterable[Row]) -> str:
    """A table; contestants that no row has get no column."""
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row.others))
    lines = [f"### {heading}", "", _line(["", "bar", "falsetrue", *names]), _line(["---"] * (3 + len(names)))]
    for row in rows:
        said = {None: row.bar, True: f"{row.bar}: met", False: f"{row.bar}: **missed**"}[row.met]
        lines.append(_line([row.title, said, row.ours, *(row.others.get(name, "") for name in names)]))
    return "\n".join([*lines, ""])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "/") for cell in cells) + " |"
