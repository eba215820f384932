"""``falsetrue journal``."""

from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from falsetrue.cli.exit_codes import SOME_ROWS
from falsetrue.cli.options import AsJson, Replace
from falsetrue.cli.output import Bar, print_error, print_json
from falsetrue.errors import InputError, SecretMismatchError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from falsetrue.journal.records import Statistics
    from falsetrue.settings import Settings
    from falsetrue.wiring import Storage

app = typer.Typer(help="What the service has said.", no_args_is_help=True, rich_markup_mode=None)

#: Bad rows reported one by one; the rest are counted.
REPORTED = 20

Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Made then or later: 2026-01-31, 2026-01-31T10:00Z, or how long ago, as 7d."),
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Made before.")]


@app.command()
def export(
    output: Annotated[
        str, typer.Option("-o", "--output", help="CSV, JSONL (also .gz, .zst) or Parquet; - is standard output.")
    ] = "-",
    since: Since = None,
    until: Until = None,
    label: Annotated[str | None, typer.Option(help="false, real or unsure.")] = None,
    action: Annotated[str | None, typer.Option(help="As the policy has it.")] = None,
    language: Annotated[str | None, typer.Option(help="As en.")] = None,
    model_version: Annotated[str | None, typer.Option(help="Which version said it.")] = None,
    policy: Annotated[str | None, typer.Option(metavar="NAME@N", help="Which policy was applied.")] = None,
    key: Annotated[str | None, typer.Option(metavar="ID", help="Of the key that asked.")] = None,
    item: Annotated[str | None, typer.Option(metavar="ID", help="The caller's own of the text.")] = None,
    format_name: Annotated[
        str | None, typer.Option("--format", help="csv, jsonl or parquet; nothing: by the name, jsonl for -.")
    ] = None,
    replace: Replace = False,
) -> None:
    """Write predictions to a file, the oldest first, with what people say of them.

    A text is there only if it was kept.
    """
    from falsetrue.journal.exchange import export as write
    from falsetrue.journal.records import Filters
    from falsetrue.journal.store import Journal

    if format_name not in (None, "csv", "jsonl", "parquet"):
        raise InputError(f"--format {format_name!r} is none of csv, jsonl, parquet")
    filters = Filters(
        since=parse_moment("--since", since),
        until=parse_moment("--until", until),
        label=label,
        action=action,
        language=language,
        model_version=model_version,
        policy=policy,
        key_id=key,
        item_id=item,
    )
    with opened() as (engine, _), Bar(quiet=output == "-") as bar:
        bar.phase("exporting", unit="rows")
        rows = write(Journal(engine), filters, output, format_name=format_name, replace=replace, report=bar.at)
    if output != "-":
        typer.echo(f"{output}: {rows:,} predictions")


@app.command()
def stats(since: Since = None, until: Until = None, as_json: AsJson = False) -> None:
    """Count predictions by day, label, action, reason, language, model and key."""
    from falsetrue.journal.records import Filters
    from falsetrue.journal.store import Journal

    filters = Filters(since=parse_moment("--since", since), until=parse_moment("--until", until))
    with opened() as (engine, _):
        found = Journal(engine).statistics(filters)
    if as_json:
        print_json(asdict(found))
    else:
        typer.echo("\n".join(_describe(found)))


def _describe(found: "Statistics") -> list[str]:
    lines = [
        f"predictions: {found.rows:,}; with their text: {found.with_text:,}; feedback: {found.feedback:,}",
        f"database: {found.bytes / 1e6:,.1f} MB",
    ]
    if found.oldest is not None and found.newest is not None:
        lines.append(f"from {found.oldest:%Y-%m-%d %H:%M:%S} to {found.newest:%Y-%m-%d %H:%M:%S} UTC")
    for name, counts in found.counts.items():
        lines += ["", f"by {name}", *(f"  {value or '(empty)'}: {count:,}" for value, count in counts.items())]
    return lines


@app.command()
def prune(
    texts_after: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Forget texts and titles after, as 30d; nothing: FALSETRUE_TEXT_DAYS."),
    ] = None,
    rows_after: Annotated[
        str | None, typer.Option(metavar="TIME", help="Forget predictions and feedback after, as 400d; nothing: never.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Forget what has been kept for long enough, and expired idempotency keys, while the service goes on.

    Texts of the audit slice go after FALSETRUE_AUDIT_DAYS, or with the others where that is sooner.
    """
    from datetime import timedelta

    from falsetrue.access.keys import parse_time
    from falsetrue.journal.audit_items import AuditItems
    from falsetrue.journal.store import Journal

    now = datetime.now(UTC)
    with opened() as (engine, settings):
        given = parse_time(texts_after) if texts_after else None
        audit_texts = timedelta(days=settings.audit_days)
        rows = parse_time(rows_after) if rows_after else None
        audit = AuditItems(engine, daily=settings.audit_daily).forget(now, min(audit_texts, given or audit_texts), rows)
        done = Journal(engine).prune(now, given or timedelta(days=settings.text_days), rows)
    if as_json:
        print_json({**asdict(done), "audit_texts": audit.texts, "audit_rows": audit.rows})
    else:
        of_slice = f"; of the audit slice: {audit.texts:,} texts, {audit.rows:,} predictions"
        typer.echo(
            f"forgotten: {done.texts:,} texts, {done.rows:,} predictions, {done.answers:,} stored answers"
            f"{of_slice if audit.texts or audit.rows else ''}"
        )


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")],
    replace: Replace = False,
    as_json: AsJson = False,
) -> None:
    """Copy the whole database into one file, while the service goes on.

    The file is read again before it is put in place. It holds no secret, and is of use only with the one that the
    database was made with.
    """
    from falsetrue.journal.copies import backup as write

    with opened() as (engine, _), Bar(quiet=as_json) as bar:
        bar.phase("copying", unit="rows")
        rows = write(engine, file, now=datetime.now(UTC), replace=replace, report=bar.at)
    _say_copied(file, rows, as_json=as_json)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `journal backup` wrote.")],
    replace: Replace = False,
    as_json: AsJson = False,
) -> None:
    """Fill the database that is set from a copy, of this kind of database or the other; all of it or nothing."""
    from falsetrue.journal.copies import restore as read

    with opened(is_new=True) as (engine, settings), Bar(quiet=as_json) as bar:
        bar.phase("restoring", unit="rows")
        rows = read(engine, file, replace=replace, report=bar.at)
        problem = _other_secret(engine, settings)
    _say_copied(file, rows, as_json=as_json)
    if problem:
        print_error(f"falsetrue: {problem}")


def _other_secret(engine: "Engine", settings: "Settings") -> str | None:
    """What the service will say of what was restored, if it will say something."""
    from falsetrue.database.ownership import check_secret
    from falsetrue.database.secret import load_secret

    try:
        check_secret(engine, load_secret(settings.secret, settings.state_folder))
    except SecretMismatchError as error:
        return str(error)
    return None


def _say_copied(file: Path, rows: dict[str, int], *, as_json: bool) -> None:
    if as_json:
        print_json({"file": str(file), "rows": rows})
    else:
        typer.echo(f"{file}: {', '.join(f'{name} {count:,}' for name, count in rows.items()) or 'nothing'}")


@app.command()
def feedback(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="CSV, JSONL or Parquet with prediction_id, label and reason.")
    ],
    by: Annotated[str, typer.Option(metavar="NAME", help="Who says so; the latest of each counts.")] = "operator",
    as_json: AsJson = False,
) -> None:
    """Take what predictions should have been from a file: a label for each prediction_id, and a reason if there is one.

    A row that cannot be used is reported with its line, and the others are taken; the exit code is then 3.
    """
    from falsetrue.journal.exchange import load_feedback
    from falsetrue.journal.store import Journal

    reported = 0

    def report(line: int, problem: str) -> None:
        nonlocal reported
        reported += 1
        if reported <= REPORTED:
            print_error(f"falsetrue: {file}, line {line}: {problem}")

    with opened() as (engine, _), Bar(quiet=as_json) as bar:
        bar.phase("reading", unit="rows")
        journal = Journal(engine)
        loaded = load_feedback(journal, file, by=by, now=lambda: datetime.now(UTC), report=report, progress=bar.at)
    if reported > REPORTED:
        print_error(f"falsetrue: {file}: {reported - REPORTED} more rows could not be used")
    if as_json:
        print_json(asdict(loaded))
    else:
        typer.echo(
            f"{file}: {loaded.rows:,} labels taken; without a label {loaded.unlabelled:,}; not used {loaded.bad:,}"
        )
    if loaded.bad:
        raise typer.Exit(SOME_ROWS)


@contextmanager
def opened(*, is_new: bool = False) -> "Iterator[tuple[Engine, Settings]]":
    """As :func:`opened_storage`, and connected already."""
    with opened_storage(is_new=is_new) as (storage, settings):
        yield storage.engine(), settings


@contextmanager
def opened_storage(*, is_new: bool = False, otherwise: str = "") -> "Iterator[tuple[Storage, Settings]]":
    """The database that is set; raises :class:`InputError` where there is none yet, unless it is to be new.

    ``otherwise`` is what else can be done then.
    """
    from falsetrue.settings import load_settings
    from falsetrue.wiring import open_storage, sqlite_file

    settings = load_settings()
    file = sqlite_file(settings)
    if settings.database_url is None and not is_new and not file.exists():
        name = "name another with FALSETRUE_DATABASE_URL or _STATE_FOLDER"
        raise InputError(f"{file}: there is no journal yet; {name}{otherwise and f', or {otherwise}'}")
    storage = open_storage(settings)
    try:
        yield storage, settings
    finally:
        storage.close()


def parse_moment(option: str, written: str | None) -> datetime | None:
    """A day, a point in time (UTC unless it says so), or a length of time ago."""
    from falsetrue.access.keys import parse_time

    if written is None:
        return None
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        pass
    else:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    try:
        return datetime.now(UTC) - parse_time(written)
    except InputError as error:
        raise InputError(
            f"{option} {written[:40]!r} is neither a time, as 2026-01-31, nor how long ago, as 7d"
        ) from error
