"""The tables of ``/monitor`` as CSV files for spreadsheets; columns are named as in the records, in any language."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from falsetrue.monitor.findings import Alarm, Report

#: How formulas of a spreadsheet begin (OWASP, CSV injection).
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
Row: TypeAlias = Sequence[str | float | None]
_WATCHES = (
    "watch",
    "kind",
    "severity",
    "language",
    "key",
    "state",
    "texts",
    "least",
    "statistic",
    "value",
    "effect",
    "baseline",
    "current",
    "low",
    "high",
    "size",
    "p",
    "corrected",
    "evidence",
)
_DAYS = ("day", "texts", "false", "real", "unsure", "mean_p_real")
_ESTIMATES = ("name", "method", "language", "key", "value", "low", "high", "labels", "texts", "baseline")
_ALARMS = (
    "id",
    "watch",
    "kind",
    "severity",
    "language",
    "key",
    "model_version",
    "raised_at",
    "last_seen_at",
    "ended_at",
    "acknowledged_at",
    "acknowledged_by",
)


def as_csv(rows: Iterator[Row]) -> bytes:
    """A file that a spreadsheet reads as UTF-8, and in which it finds no formula."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([_guarded(cell) for cell in row] for row in rows)
    return written.getvalue().encode("utf-8-sig")


def _watches(report: Report | None, _alarms: Sequence[Alarm]) -> Iterator[Row]:
    yield _WATCHES
    for each in () if report is None else report.findings:
        yield [_cell(each, name) for name in _WATCHES]


def _days(report: Report | None, _alarms: Sequence[Alarm]) -> Iterator[Row]:
    began = {} if report is None else {each.day: each.version for each in report.markers}
    yield (*_DAYS, "version_began")
    for each in () if report is None else report.days:
        yield [*(_cell(each, name) for name in _DAYS), began.get(each.day)]


def _scores(report: Report | None, _alarms: Sequence[Alarm]) -> Iterator[Row]:
    yield ("low", "high", "texts", "baseline_share")
    if report is not None:
        bins = zip(pairwise(report.score_edges), report.score_counts, report.score_baseline, strict=True)
        yield from ((low, high, count, share) for (low, high), count, share in bins)


def _estimates(report: Report | None, _alarms: Sequence[Alarm]) -> Iterator[Row]:
    yield _ESTIMATES
    for each in () if report is None else report.estimates:
        yield [_cell(each, name) for name in _ESTIMATES]


def _list_alarms(_report: Report | None, alarms: Sequence[Alarm]) -> Iterator[Row]:
    yield (*_ALARMS, "notes")
    for each in alarms:
        yield [*(_cell(each, name) for name in _ALARMS), "\n".join(each.notes)]


#: By name: what makes a file of a report and of alarms.
FILES: Mapping[str, Callable[[Report | None, Sequence[Alarm]], Iterator[Row]]] = {
    "watches": _watches,
    "days": _days,
    "scores": _scores,
    "estimates": _estimates,
    "alarms": _list_alarms,
}


def _cell(record: object, name: str) -> str | float | None:
    value = getattr(record.subject if name in ("language", "key") else record, name)  # type: ignore[attr-defined]
    return value if value is None or isinstance(value, (int, float)) else str(value)


def _guarded(cell: str | float | None) -> str | float | None:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULAS) else cell
