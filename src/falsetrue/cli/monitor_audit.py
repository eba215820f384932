"""``falsetrue monitor audit``."""

from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from falsetrue.cli.journal import Since, opened, parse_moment
from falsetrue.cli.options import AsJson, Replace
from falsetrue.cli.output import Bar, print_json
from falsetrue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from falsetrue.journal.audit_items import AuditItem, AuditItems, Question, SliceCounts
    from falsetrue.settings import Settings

app = typer.Typer(help="Predictions drawn at random for people to label.", no_args_is_help=True, rich_markup_mode=None)

#: Rows that are written together.
_BLOCK = 500
#: What a file of labels has of each, in order: its name, and its type where it is not text.
_COLUMNS = {
    "prediction_id": None,
    "day": None,
    "language": None,
    "model_version": None,
    "title": None,
    "text": None,
    "label": None,
    "said": None,
    "p_real": "float64",
    "labelled_at": None,
    "labelled_by": None,
    "note": None,
}


@app.command(name="next")
def next_item(as_json: AsJson = False) -> None:
    """Show the text to label next, without what the model said of it: that would sway whoever labels."""
    now = datetime.now(UTC)
    with _audit_items() as (items, settings):
        question, counts = items.next(now), items.counts(now)
    if as_json:
        print_json({"waiting": counts.waiting, "item": question})
    elif question is None:
        typer.echo(f"nothing waits for a label{_off(settings)}")
    else:
        typer.echo("\n".join(_ask(question, counts)))


def _ask(question: "Question", counts: "SliceCounts") -> list[str]:
    language = question.language or "unknown"
    lines = [f"{question.day}, language {language}; {counts.waiting:,} wait for a label, this one included"]
    lines += ["", *(harmless(each) + "\n" for each in (question.title, question.text) if each)]
    return [*lines, f"falsetrue monitor audit label {question.prediction_id} false|real|unclear"]


@app.command()
def label(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="Of the prediction, as `next` shows it.")],
    answer: Annotated[str, typer.Argument(metavar="LABEL", help="false, real, or unclear: nobody can tell.")],
    by: Annotated[str, typer.Option(metavar="NAME", help="Who says so.")] = "operator",
    note: Annotated[str | None, typer.Option(help="Why, in a few words.")] = None,
    correct: Annotated[
        bool, typer.Option("--correct", help="Put it in the place of another label, which is kept in the note.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what a text really is; only then is it shown what the model said.

    The first false or real stands, as it was given without knowing what the model said; unclear may be decided later.
    """
    with _audit_items() as (items, _):
        item = items.label(identifier, answer, by=by, now=datetime.now(UTC), note=note, correct=correct)
    if as_json:
        print_json(_told(item))
    elif item.is_open:
        typer.echo(f"{item.prediction_id}: labelled {item.label}; what the model said stays hidden")
    else:
        typer.echo(
            f"{item.prediction_id}: labelled {item.label}; the model said {item.said}, with p_real {item.p_real:.3f}"
        )


@app.command(name="list")
def list_items(since: Since = None, as_json: AsJson = False) -> None:
    """List what was drawn, the oldest day first, with its label; what the model said where that is known."""
    now = datetime.now(UTC)
    with _audit_items() as (items, settings):
        day = _day(since)
        found, counts = list(items.items(now, since=day)), items.counts(now, since=day)
    if as_json:
        print_json({"counts": asdict(counts), "items": list(map(_told, found))})
        return
    for item in found:
        typer.echo(f"{item.day}  {item.prediction_id}  {item.language or '-':<3}  {_state(item)}")
    typer.echo(
        f"drawn {counts.drawn:,}; labelled {counts.labelled:,}, unclear {counts.unclear:,}, waiting {counts.waiting:,};"
        f" not to be kept, as their callers wished, {counts.refused:,}{_share(counts)}{_off(settings)}"
    )


@app.command()
def export(
    output: Annotated[
        str, typer.Option("-o", "--output", help="CSV, JSONL (also .gz, .zst) or Parquet; - is standard output.")
    ] = "-",
    since: Since = None,
    format_name: Annotated[
        str | None, typer.Option("--format", help="csv, jsonl or parquet; nothing: by the name, jsonl for -.")
    ] = None,
    replace: Replace = False,
) -> None:
    """Write what is labelled false or real to a file, with what the model said, and the text while it is kept."""
    from falsetrue.news.writing import open_output

    if format_name not in (None, "csv", "jsonl", "parquet"):
        raise InputError(f"--format {format_name!r} is none of csv, jsonl, parquet")
    types = {name: kind for name, kind in _COLUMNS.items() if kind}
    done = 0
    with _audit_items() as (items, _), Bar(quiet=output == "-") as bar:
        bar.phase("exporting", unit="rows")
        rows = (_row(*each) for each in items.labelled(datetime.now(UTC), since=_day(since)) if not each[0].is_open)
        with open_output(output, list(_COLUMNS), types, replace=replace, format_name=format_name) as file:
            while block := list(islice(rows, _BLOCK)):
                file.write({name: [row[name] for row in block] for name in _COLUMNS})
                bar.at(done := done + len(block))
            file.end_part(done, {})
    if output != "-":
        typer.echo(f"{output}: {done:,} labels")


def _row(item: "AuditItem", question: "Question") -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(item, name, None) for name in _COLUMNS}
    labelled = None if item.labelled_at is None else item.labelled_at.isoformat()
    shown = {"title": question.title, "text": question.text}
    return row | shown | {"day": item.day.isoformat(), "labelled_at": labelled}


def _told(item: "AuditItem") -> dict[str, Any]:
    """What may be known of an item: not what the model said before anybody has said what it is."""
    from msgspec.structs import asdict as fields_of

    hidden = ("rank", "said", "p_real") if item.is_open else ("rank",)
    return {name: value for name, value in fields_of(item).items() if name not in hidden}


def _state(item: "AuditItem") -> str:
    if item.label is not None:
        said = "" if item.is_open else f"; the model said {item.said}, with p_real {item.p_real:.3f}"
        return f"{item.label} by {harmless(item.labelled_by or '')}{said}"
    if item.refused:
        return "not to be kept, as its caller wished"
    return "waits" if item.has_text else "its text was forgotten before anybody labelled it"


def _share(counts: "SliceCounts") -> str:
    return f" ({counts.refused / counts.drawn:.0%})" if counts.refused else ""


def _off(settings: "Settings") -> str:
    return (
        "" if settings.audit == "on" else "; FALSETRUE_AUDIT is off: nothing is drawn, and alarms of harm have no data"
    )


def _day(since: str | None) -> "date | None":
    moment = parse_moment("--since", since)
    return None if moment is None else moment.date()


def harmless(text: str) -> str:
    """A text as a terminal may be given it: what would steer it, or turn the writing round, becomes U+FFFD."""
    if text.isascii() and text.isprintable():
        return text
    lines = text.replace("\r\n", "\n")
    return "".join(each if each.isprintable() or each in _KEPT else "\ufffd" for each in lines)


#: Not printable by Unicode's tables, and harmless: ends of lines, tabs, wide spaces, and what joins letters and signs.
_KEPT = frozenset("\n\t\u00a0\u2002\u2003\u2009\u202f\u3000\u200c\u200d\u00ad")


@contextmanager
def _audit_items() -> "Iterator[tuple[AuditItems, Settings]]":
    """The slices of the database that is set."""
    from falsetrue.journal.audit_items import AuditItems

    with opened() as (engine, settings):
        yield AuditItems(engine, daily=settings.audit_daily), settings
