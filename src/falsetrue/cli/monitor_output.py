"""What ``falsetrue monitor`` says of a report, and how it ends."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from falsetrue.cli.exit_codes import CRITICAL, WARNING
from falsetrue.cli.output import print_json, write_report
from falsetrue.errors import InputError

if TYPE_CHECKING:
    from falsetrue.monitor.findings import Finding, Report, Severity

Language = Annotated[str, typer.Option("--language", help="Of the report: en or es.")]


def check_language(language: str) -> None:
    """Raise :class:`InputError` for another language than English and Spanish."""
    if language not in ("en", "es"):
        raise InputError(f"--language {language[:20]!r} is neither en nor es")


def tell(made: "Report", html: Path | None, language: str, *, as_json: bool) -> None:
    """Write the page, where one is wanted, and print the report."""
    if html is not None:
        from falsetrue.report.monitoring import monitoring_page

        write_report(html, monitoring_page(made, language))
    if as_json:
        print_json(msgspec.to_builtins(made))
    else:
        typer.echo("\n".join(_describe(made, language)))


def _describe(made: "Report", language: str) -> Iterator[str]:
    """What matters first; then what changed; then how much was looked at."""
    from falsetrue.monitor.findings import State
    from falsetrue.report.watch_words import (
        budget_in_words,
        gravest_first,
        headline,
        model_of,
        notes_in_words,
        period_in_words,
        states_in_words,
    )

    top = headline(made, language)
    yield f"{model_of(made)}  {period_in_words(made, language)}  {made.texts:,}"
    yield top.title
    yield f"  {top.text}"
    changed = [each for each in gravest_first(made.findings) if each.state is State.DRIFT]
    if changed:
        yield ""
        yield from _table([_cells(each, made, language) for each in changed])
    yield ""
    yield states_in_words(made.findings, language)
    for budget in made.budgets:
        yield ": ".join(budget_in_words(budget, language))
    for note in notes_in_words(made, language):
        yield f"* {note}"


def _cells(finding: "Finding", made: "Report", language: str) -> list[str]:
    from falsetrue.report.watch_words import explain, model_of

    words = explain(finding, language, model=model_of(made), source=made.source)
    todo = words.advice[0] if words.advice else None
    advice = "" if todo is None else todo.command or todo.name
    return [
        words.severity,
        words.name,
        words.subject,
        f"{words.baseline} → {words.current}",
        words.strength,
        words.by,
        advice,
    ]


def _table(rows: list[list[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def end_with(worst: "Severity | None") -> None:
    """End with the exit code of the gravest that was found; go on where nothing was."""
    if worst is not None:
        raise typer.Exit(CRITICAL if worst.value == "critical" else WARNING)
