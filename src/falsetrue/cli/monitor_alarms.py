"""``falsetrue monitor alarms``."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from falsetrue.cli.journal import opened_storage
from falsetrue.cli.monitor_output import Language, check_language
from falsetrue.cli.options import AsJson
from falsetrue.cli.output import print_json

if TYPE_CHECKING:
    from falsetrue.monitor.findings import Alarm
    from falsetrue.monitor.store import MonitorStore
    from falsetrue.settings import Settings
    from falsetrue.wiring import Storage

app = typer.Typer(help="What was found, and what became of it.", invoke_without_command=True, rich_markup_mode=None)

#: Alarms of a list at most.
_LISTED = 100


@app.callback()
def _alarms(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_alarms()


@app.command("list")
def list_alarms(
    only_open: Annotated[bool, typer.Option("--open", help="Only those that have not ended.")] = False,
    language: Language = "en",
    as_json: AsJson = False,
) -> None:
    """List alarms, the newest first."""
    check_language(language)
    with opened_storage() as (storage, settings):
        store = store_of(storage, settings)
        found = [each for each in store.alarms(limit=_LISTED) if not (only_open and each.ended_at)]
    if as_json:
        print_json(found)
    else:
        from falsetrue.report.watch_words import say

        typer.echo("\n".join(_alarm_line(each, language) for each in found) or say("no_alarms", language))


@app.command()
def show(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="Its id, or how that begins.")],
    language: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Show an alarm, what it means, and what became of it."""
    from falsetrue.report.watch_words import explain, say

    check_language(language)
    with opened_storage() as (storage, settings):
        store = store_of(storage, settings)
        alarm = store.alarm(identifier)
        events = store.events(alarm.id)
    if as_json:
        print_json({"alarm": alarm, "events": events})
        return
    words = explain(alarm.finding, language, model=f"MODEL@{alarm.model_version}")
    typer.echo(f"{_alarm_line(alarm, language)}\n  {words.now}\n  {words.not_so}")
    for advice in words.advice:
        typer.echo(f"  - {advice.name}: {advice.command or advice.how}")
    for event in events:
        what = say(f"event_{event.what}", language)
        line = say("event_line", language, when=f"{event.at:%Y-%m-%d %H:%M}", what=what, who=event.by)
        typer.echo(f"  {line}: {event.note}" if event.note else f"  {line}")


@app.command()
def acknowledge(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="Its id, or how that begins.")],
    by: Annotated[str, typer.Option(metavar="WHO", help="Who has seen it.")],
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="What is to be remembered of it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say that somebody has seen an alarm. One by a detector ends with that, and the detector begins anew."""
    with opened_storage() as (storage, settings):
        alarm = store_of(storage, settings).acknowledge(identifier, by=by, note=note, now=datetime.now(UTC))
    if as_json:
        print_json(alarm)
    else:
        typer.echo(f"{alarm.id}: acknowledged by {alarm.acknowledged_by}{'; ended' if alarm.ended_at else ''}")


def _alarm_line(alarm: "Alarm", language: str) -> str:
    from falsetrue.report.watch_words import say, severity_in_words, subject_in_words, watch_in_words

    if alarm.first_day and alarm.last_day:
        days = say("alarm_texts", language, first=f"{alarm.first_day}", last=f"{alarm.last_day}")
    else:  # of an older version, which knew only when somebody looked
        days = say("alarm_looks", language, first=f"{alarm.raised_at:%Y-%m-%d}", last=f"{alarm.last_seen_at:%Y-%m-%d}")
    is_over = alarm.ended_at is not None
    state = say("alarm_ended", language, day=f"{alarm.ended_at:%Y-%m-%d}") if is_over else say("alarm_open", language)
    if alarm.acknowledged_by:
        state = say("alarm_acknowledged", language, state=state, who=alarm.acknowledged_by)
    line = say(
        "alarm_line",
        language,
        severity=severity_in_words(alarm.severity, language),
        watch=watch_in_words(alarm.watch, language, alarm.kind),
        whose=subject_in_words(alarm.subject, language),
        days=days,
        state=state,
    )
    return f"{alarm.id}  {line}"


def store_of(storage: "Storage", settings: "Settings") -> "MonitorStore":
    """Where alarms are kept, and all else that looks leave behind."""
    from falsetrue.monitor.store import MonitorStore

    return MonitorStore(storage.engine(), tells=settings.webhook_url is not None)
