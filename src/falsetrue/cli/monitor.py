"""``falsetrue monitor``."""

import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec
import typer

from falsetrue.cli import monitor_alarms, monitor_audit, monitor_webhook
from falsetrue.cli.journal import opened_storage, parse_moment
from falsetrue.cli.monitor_alarms import store_of
from falsetrue.cli.monitor_output import Language, check_language, end_with, tell
from falsetrue.cli.options import AsJson, Date, Label, Model, PolicyName, Replace, Text, Title
from falsetrue.cli.output import Bar, check_report, print_error, print_json
from falsetrue.errors import DatabaseError, FalsetrueError, InputError, MissingExtraError

if TYPE_CHECKING:
    from falsetrue.bundle.folder import Bundle
    from falsetrue.bundle.scorer import CompiledScorer
    from falsetrue.jobs.monitor_subjects import Journalled, Watched
    from falsetrue.jobs.rebase import Judge, TextFile
    from falsetrue.monitor.findings import Report, Severity
    from falsetrue.monitor.reference import Reference
    from falsetrue.settings import Settings
    from falsetrue.wiring import Storage

app = typer.Typer(help="Whether the model is still right.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(monitor_alarms.app, name="alarms")
app.add_typer(monitor_audit.app, name="audit")
app.add_typer(monitor_webhook.app, name="webhook")

Done = TypeVar("Done")

Html = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write the report as one HTML page that needs nothing else.")
]
Score = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="The file's column with a model's probability, from 0 to 1, that it is real."),
]
Name = Annotated[
    str | None, typer.Option(metavar="NAME", help="What the model of --score is called; nothing: as the column.")
]
#: Days of the journal that are reported on unless others are named.
DAYS = "7d"


@app.command()
def report(
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Of then or later: 2026-01-31, or how long ago, as 7d. Nothing: 7d of the journal, all of a file.",
        ),
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Of before; nothing: until now.")] = None,
    model: Model = None,
    data: Annotated[
        str | None, typer.Option(metavar="FILE", help="A file of texts instead of the journal: CSV, JSONL or Parquet.")
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What `monitor baseline -o` wrote, instead of the model's own.")
    ] = None,
    score: Score = None,
    name: Name = None,
    policy: PolicyName = None,
    text: Text = "text",
    title: Title = None,
    label: Label = "label",
    date: Date = None,
    html: Html = None,
    language: Language = "en",
    replace: Replace = False,
    as_json: AsJson = False,
) -> None:
    """Compare what was said lately, or a file of texts, with the baseline.

    This spends no budget and raises no alarm. The exit code is 0 where nothing was found, 10 for a warning, 20 for
    something critical.
    """
    from falsetrue.monitor.alarms import gravest

    check_language(language)
    check_report(html, replace=replace)
    _check_name(name, score)
    begin, end = _period(since or (DAYS if data is None else None), until)
    with _needs_scipy(), Bar(quiet=as_json) as bar:
        bar.phase("reading", unit="texts")
        if data is not None:
            from falsetrue.jobs.rebase import TextFile
            from falsetrue.news.labelled import Columns

            columns = Columns(text=text, title=title, label=label, date=date)
            file = TextFile(path=data, columns=columns, score=score, name=name, since=begin, until=end)
            made = _report_file(file, model, baseline, policy, bar)
        elif score is not None or baseline is not None:
            raise InputError("--score and --baseline are for a file: name it with --data")
        else:
            made = _report_journal(model, begin, end, bar)
    tell(made, html, language, as_json=as_json)
    end_with(gravest(made.findings))


@app.command()
def watch(
    every: Annotated[str, typer.Option(metavar="TIME", help="How often to see whether a look is due, as 1h.")] = "1h",
    once: Annotated[bool, typer.Option("--once", help="Make the looks that are due, and end.")] = False,
    model: Model = None,
    language: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Look at each day of the journal once it has ended, and raise alarms.

    Days that nobody looked at are made up for, one by one. One process does this for all that use the database. With
    --once the exit code is 0 where nothing was found, 10 for a warning, 20 for something critical; an alarm that is
    still open counts.
    """
    from falsetrue.access.keys import parse_time

    check_language(language)
    pause = parse_time(every)
    if pause < timedelta(minutes=1):
        raise InputError(f"--every {every}: is more often than once a minute; days end once a day")
    ended = threading.Event()
    if not once:
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
    looking = partial(_look, model, language, as_json=as_json, is_ended=ended.is_set)
    with _needs_scipy():
        if once:
            worst = looking()
            monitor_webhook.deliver_due(ended.is_set)
            end_with(worst)
        else:
            _check_watchable(model)
            _keep_watching(looking, every, pause, ended)


def _check_watchable(model: str | None) -> None:
    """Raise what would be wrong with every look, whatever becomes of the database."""
    with suppress(DatabaseError), opened_storage() as (_, settings):
        _open_bundle(settings, model)


def _keep_watching(looking: Callable[[], object], every: str, pause: timedelta, ended: threading.Event) -> None:
    """Look each time that the pause is over, and deliver messages when they are due, until it is ``ended``."""
    next_look = datetime.now(UTC)
    while not ended.is_set():
        if datetime.now(UTC) >= next_look:
            next_look = datetime.now(UTC) + pause
            _attempt(looking, every)
        next_message = _attempt(partial(monitor_webhook.deliver_due, ended.is_set), every)
        ended.wait(_seconds_until(min(next_look, next_message or next_look)))


def _attempt(work: Callable[[], Done], every: str) -> Done | None:
    """Do it; what goes wrong, as while the database is away, is said, and nothing else stops for that."""
    try:
        return work()
    except (FalsetrueError, msgspec.MsgspecError) as error:
        print_error(f"falsetrue: {error}; trying again within {every}")
        return None


def _seconds_until(moment: datetime) -> float:
    return max(1.0, (moment - datetime.now(UTC)).total_seconds())


@app.command()
def baseline(
    given: Annotated[
        list[str], typer.Argument(metavar="[MODEL] FILE", help="The model; and labelled texts: CSV, JSONL or Parquet.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write it there, for reports of files; else it is kept."),
    ] = None,
    score: Score = None,
    name: Name = None,
    policy: PolicyName = None,
    text: Text = "text",
    title: Title = None,
    label: Label = "label",
    date: Date = None,
    replace: Replace = False,
    as_json: AsJson = False,
) -> None:
    """Make a baseline of labelled texts of your own, which traffic is compared with from now on.

    With --score, of any model whose probabilities a column has; it is then written to a file.
    """
    from falsetrue.news.labelled import Columns

    _check_name(name, score)
    if len(given) > 2 or (score is not None and len(given) > 1):  # noqa: PLR2004 - a model and a file
        raise InputError("name a model and one file of labelled texts; with --score only the file")
    if score is not None and output is None:
        raise InputError("a baseline of scores in a file belongs to no model here: say with -o where to write it")
    _check_output(output, replace=replace)
    with _needs_scipy():
        from falsetrue.jobs.rebase import TextFile, doubts

        columns = Columns(text=text, title=title, label=label, date=date)
        file = TextFile(path=given[-1], columns=columns, score=score, name=name)
        made = _rebase(file, given[0] if len(given) > 1 else None, policy, output)
    where = str(output or "kept in the database")
    labels, warnings = made.all.outcomes.texts, doubts(made)
    for warning in warnings:
        print_error(f"falsetrue: {file.path}: {warning}")
    if as_json:
        said = {"baseline": where, "model": made.model_version or None, "texts": made.texts, "labels": labels}
        print_json(said | {"warnings": warnings})
    else:
        typer.echo(f"{where}: a baseline of {made.texts:,} texts, {labels:,} of them with a label")


# --- what is given -------------------------------------------------------------------------------------------


def _check_name(name: str | None, score: str | None) -> None:
    if name is not None and (score is None or not name.strip()):
        raise InputError("--name is what the model is called whose scores --score names the column of")


def _check_output(output: Path | None, *, replace: bool) -> None:
    """Raise what would keep a baseline from being written, before the work begins, which may take long."""
    if output is None:
        return
    if output.exists() and not replace:
        raise InputError(f"{output}: exists already; choose another name, or say --replace")
    if output.exists() and not output.is_file():
        raise InputError(f"{output}: is not a file")
    if not output.absolute().parent.is_dir():
        raise InputError(f"{output}: there is no folder {output.parent}")


def _period(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    begin, end = parse_moment("--since", since), parse_moment("--until", until)
    if begin is not None and begin >= (end or datetime.now(UTC)):
        before = "now" if end is None else f"--until {end:%Y-%m-%d %H:%M}"
        raise InputError(f"--since {begin:%Y-%m-%d %H:%M} is not before {before}")
    return begin, end


# --- the work ------------------------------------------------------------------------------------------------


def _report_journal(model: str | None, since: datetime | None, until: datetime | None, bar: Bar) -> "Report":
    from falsetrue.jobs.monitor import report_journal

    now = datetime.now(UTC)
    with opened_storage() as (storage, settings):
        journal, watched = _journalled(storage, settings, model)
        scorer = partial(_compiled_scorer, settings, model)
        return report_journal(journal, watched, since or now, until or now, now=now, scorer=scorer, progress=bar.at)


def _report_file(
    file: "TextFile", model: str | None, baseline_file: Path | None, policy: str | None, bar: Bar
) -> "Report":
    from falsetrue.jobs.monitor import report_file, watched_by, watched_model, watched_scores
    from falsetrue.settings import load_settings

    settings = load_settings()
    given = None if baseline_file is None else _read_reference(baseline_file)
    if file.score is not None:
        if given is None or model is not None:
            raise InputError("--score needs the --baseline that its scores are compared with, and no --model")
        judge, watched = None, watched_scores(given, file.scorer)
    else:
        watched = watched_model(_open_bundle(settings, model))
        watched = watched if given is None else watched_by(watched, given)
        judge = _judge(settings, model, policy)
    salt = watched.reference.salt or _secret_salt(settings)
    return report_file(file, judge, watched, salt=salt, now=datetime.now(UTC), progress=bar.at)


def _rebase(file: "TextFile", model: str | None, policy: str | None, output: Path | None) -> "Reference":
    from falsetrue.bundle.folder import write_file
    from falsetrue.jobs.rebase import rebase
    from falsetrue.monitor.reference import PUBLIC_SALT
    from falsetrue.settings import load_settings

    now, settings = datetime.now(UTC), load_settings()
    judge = None if file.score is not None else _judge(settings, model, policy)
    if output is not None:
        reference = rebase(file, judge, salt=PUBLIC_SALT, is_secret=False, now=now)
        write_file(output, reference.to_bytes())
        return reference
    otherwise = "say with -o which file to write the baseline to"
    with opened_storage(otherwise=otherwise) as (storage, settings):
        reference = rebase(file, judge, salt=storage.secret.key("sketch"), is_secret=True, now=now)
        store_of(storage, settings).add_reference(reference.model_version, reference.name, reference.to_bytes(), now)
    return reference


def _look(model: str | None, language: str, *, as_json: bool, is_ended: Callable[[], bool]) -> "Severity | None":
    """Make the looks that are due; the severity of the gravest alarm that is open then."""
    from falsetrue.jobs.monitor_look import look
    from falsetrue.monitor.findings import Severity

    with opened_storage() as (storage, settings), Bar(quiet=as_json) as bar:
        journal, watched = _journalled(storage, settings, model)
        bar.phase("looking", unit="days")
        holder = f"process {os.getpid()} on {socket.gethostname()} ({secrets.token_hex(3)})"
        try:
            reports = look(
                journal,
                watched,
                lambda: datetime.now(UTC),
                holder=holder,
                progress=lambda done, _: bar.at(done),
                is_ended=is_ended,
            )
        finally:  # texts are not kept for longer because a look fails
            journal.audit.forget(datetime.now(UTC), timedelta(days=settings.audit_days))
        still = {each.alarm.severity for each in journal.store.open_alarms()}
    for each in reports:
        tell(each, None, language, as_json=as_json)
    if not reports and not as_json:
        print_error("falsetrue: no day has ended that was not looked at")
    return Severity.CRITICAL if Severity.CRITICAL in still else Severity.WARNING if still else None


def _journalled(storage: "Storage", settings: "Settings", model: str | None) -> "tuple[Journalled, Watched]":
    from falsetrue.jobs.monitor import watched_model
    from falsetrue.jobs.monitor_subjects import Journalled
    from falsetrue.registry.policies import Policies

    store = store_of(storage, settings)
    journal = Journalled(
        engine=storage.engine(),
        store=store,
        audit=storage.audit_items(),
        audited=settings.audit == "on",
        audit_daily=settings.audit_daily,
    )
    bundle = _open_bundle(settings, model)
    policies = Policies(bundle.manifest.policy.policy(), settings.policies_folder, settings.policy)
    return journal, watched_model(bundle, store, policies.default)


def _open_bundle(settings: "Settings", model: str | None) -> "Bundle":
    from falsetrue.bundle.folder import open_bundle
    from falsetrue.bundle.manifest import BASELINE, REFERENCE, SCORER
    from falsetrue.registry.folder import find_model

    return open_bundle(find_model(model or settings.model, settings.models_folder), keep=(BASELINE, REFERENCE, SCORER))


def _compiled_scorer(settings: "Settings", model: str | None) -> "CompiledScorer | None":
    """Nothing of a model that is not compiled: a report of the journal needs no joblib file, and trusts none."""
    bundle = _open_bundle(settings, model)
    return bundle.compiled_scorer(native=settings.kernel) if bundle.manifest.compiled else None


def _judge(settings: "Settings", model: str | None, policy: str | None) -> "Judge":
    from falsetrue.jobs.rebase import Judge
    from falsetrue.wiring import load_classifier

    classifier = load_classifier(settings, model)
    return Judge(classifier=classifier, policy=classifier.policies.find(policy))


def _read_reference(file: Path) -> "Reference":
    from falsetrue.monitor.reference import Reference

    try:
        return Reference.from_bytes(file.read_bytes())
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from error
    except InputError as error:
        raise InputError(f"{file}: {error}") from error


def _secret_salt(settings: "Settings") -> bytes:
    """Of the sketches in the journal."""
    from falsetrue.database.secret import load_secret

    return load_secret(settings.secret, settings.state_folder).key("sketch")


@contextmanager
def _needs_scipy() -> "Iterator[None]":
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("falsetrue"):
            raise
        raise MissingExtraError("`falsetrue monitor`", "monitor") from error
