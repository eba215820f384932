"""The report of a look at the traffic: what changed, what it means and what to do, in Spanish or English."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from markupsafe import Markup

from falsetrue import __version__
from falsetrue.monitor.findings import Audit, Estimate, Finding, Report, State
from falsetrue.report.charts import Axes, Line, overlaid, sparkline, timeline
from falsetrue.report.page import NOTHING, note, render, table
from falsetrue.report.watch_words import (
    LEAST_LABELS,
    Advice,
    Explained,
    baseline_in_words,
    budget_in_words,
    estimate_in_words,
    explain,
    format_estimate,
    format_number,
    format_share,
    gravest_first,
    headline,
    model_of,
    note_in_words,
    say,
    subject_in_words,
)


def monitoring_page(report: Report, language: str = "en") -> str:
    """The whole page, in ``en`` or ``es``."""
    parts = [_headline(report, language), _key(report, language), *_budgets(report, language)]
    parts += _changes(report, language)
    parts += _heading("watches_heading", language, _watches(report, language))
    if report.score_counts:
        parts += _heading("score_heading", language, _scores(report, language))
    if report.days:
        parts += _heading("days_heading", language, _days(report, language))
    if report.estimates:
        parts += _heading("estimates_heading", language, _estimates(report.estimates, language))
    if report.audit is not None:
        parts += _heading("audit_heading", language, _audit(report.audit, language))
    parts += _notes(report, language)
    return render(
        title=say("page_title", language),
        subtitle=say(
            "page_subtitle",
            language,
            model=model_of(report),
            since=_day(report.since),
            until=_day(report.until),
            texts=format_number(report.texts, language, 0),
        ),
        body=Markup("\n").join(parts),
        generated=say("generated", language, version=__version__, when=_moment(report.made_at)),
        language=language,
    )


def sparks(report: Report, finding: Finding) -> list[float | None]:
    """What a watch of all texts saw on each day; nothing of a watch of some of them."""
    if finding.subject.language is not None or finding.subject.key is not None:
        return []
    return [each.sparks.get(finding.watch) for each in report.days]


def estimate_as_text(estimate: Estimate, language: str) -> str:
    """The value with its interval; that labels are too few, where they are."""
    if 0 < estimate.labels < LEAST_LABELS:
        labels, least = (format_number(each, language, 0) for each in (estimate.labels, LEAST_LABELS))
        return say("not_enough_labels", language, labels=labels, least=least)
    return format_estimate(estimate, language)


# --- parts -----------------------------------------------------------------------------------------


def _headline(report: Report, language: str) -> Markup:
    found = headline(report, language)
    paragraphs = [Markup("<p>{}</p>").format(found.text)]
    if found.advice is not None:
        paragraphs.append(Markup("<p><strong>{}</strong> {}</p>").format(*_first(found.advice, language)))
    return Markup('<section class="verdict {}"><h2>{}</h2>{}</section>').format(
        found.severity or "", found.title, Markup("").join(paragraphs)
    )


def _first(advice: Advice, language: str) -> tuple[str, Markup]:
    return say("first", language, remedy=advice.name), Markup("{} {}").format(advice.how, _command(advice))


def _command(advice: Advice) -> Markup:
    return Markup("") if advice.command is None else Markup("<code>{}</code>").format(advice.command)


def _key(report: Report, language: str) -> Markup:
    changed = sum(each.state is State.DRIFT for each in report.findings)
    boxes = [
        (say("texts_name", language), format_number(report.texts, language, 0)),
        (say("changes_name", language), f"{changed} / {len(report.findings)}"),
        *(budget_in_words(each, language) for each in report.budgets),
    ]
    inside = Markup("").join(Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(*box) for box in boxes)
    return Markup('<dl class="key">{}</dl>').format(inside)


def _budgets(report: Report, language: str) -> list[Markup]:
    made = say(
        "made_at",
        language,
        when=_moment(report.made_at),
        texts=format_number(report.texts, language, 0),
        baseline=baseline_in_words(report.baseline, language),
        baseline_texts=format_number(report.baseline_texts, language, 0),
    )
    said = [made, say("budgets_text", language)] if report.budgets else [made]
    return [Markup("<p>{}</p>").format(each) for each in said]


def _changes(report: Report, language: str) -> list[Markup]:
    changed = [each for each in gravest_first(report.findings) if each.state is State.DRIFT]
    if not changed:
        return []
    model = model_of(report)
    return _heading(
        "what_changed_heading", language, *(_change(explain(each, language, model=model), language) for each in changed)
    )


def _change(words: Explained, language: str) -> Markup:
    rows = [
        ("now_label", Markup("{} <small>({}; {})</small>").format(words.now, words.by, words.strength)),
        ("measures_label", words.measures),
        ("not_label", words.not_so),
    ]
    inside = [Markup("<dt>{}</dt><dd>{}</dd>").format(say(name, language), text) for name, text in rows if text]
    inside += [Markup("<dt>{}</dt><dd>{}</dd>").format(*each) for each in words.details]
    if words.advice:
        items = Markup("").join(
            Markup("<li><strong>{}.</strong> {} {}</li>").format(each.name, each.how, _command(each))
            for each in words.advice
        )
        inside.append(Markup("<dt>{}</dt><dd><ul>{}</ul></dd>").format(say("todo_label", language), items))
    return Markup('<section class="finding"><h3>{}: {}, {}</h3><dl>{}</dl></section>').format(
        words.severity, words.name, words.subject, Markup("").join(inside)
    )


def _watches(report: Report, language: str) -> Markup:
    columns = ("watch", "subject", "state", "baseline", "current", "change", "trend", "by", "p", "severity")
    headings = [say(f"{each}_column", language) for each in columns]
    rows = [_watch(report, each, language) for each in gravest_first(report.findings)]
    explained = Markup("<p>{}</p>").format(say("strength_text", language))
    return table(say("watches_caption", language), headings, rows, text_columns=(0, 1, 2, 6, 8, 9)) + explained


def _watch(report: Report, finding: Finding, language: str) -> list[str | Markup]:
    words = explain(finding, language)
    state = Markup("<strong>{}</strong>").format(words.state) if finding.state is State.DRIFT else words.state
    baseline = Markup("{}<small>{}</small>").format(words.baseline, words.unit)
    spark = sparkline(sparks(report, finding)) or NOTHING
    return [
        words.name,
        words.subject,
        state,
        baseline,
        words.current,
        words.change,
        spark,
        words.by,
        words.strength,
        words.severity,
    ]


def _scores(report: Report, language: str) -> Markup:
    total = sum(report.score_counts) or 1
    now = [count / total for count in report.score_counts]
    series = (say("score_now", language), say("score_baseline", language))
    rows = [
        [
            say("bin", language, low=format_number(low, language), high=format_number(high, language)),
            format_share(share, language),
            format_share(before, language),
            format_number(count, language, 0),
        ]
        for (low, high), share, before, count in zip(
            pairwise(report.score_edges), now, report.score_baseline, report.score_counts, strict=True
        )
    ]
    headings = [say("bin_column", language), *series, say("texts_name", language)]
    return overlaid(
        report.score_edges,
        now,
        report.score_baseline,
        series=series,
        axes=_axes("score_chart", language),
        numbers=table(say("bins_caption", language), headings, rows),
        title=say("score_chart_title", language),
        description=say("score_chart_text", language),
    )


def _days(report: Report, language: str) -> Markup:
    names = [say(f"called_{label}", language) for label in ("real", "false", "unsure")]
    values = (
        [each.real for each in report.days],
        [each.false for each in report.days],
        [each.unsure for each in report.days],
    )
    began = {marker.day: marker.version for marker in report.markers}
    rows = [
        [
            each.day.isoformat(),
            *(format_number(count, language, 0) for count in (each.texts, each.real, each.false, each.unsure)),
            NOTHING if each.mean_p_real is None else format_number(each.mean_p_real, language, 3),
            began.get(each.day, ""),
        ]
        for each in report.days
    ]
    headings = [
        say("day_column", language),
        say("texts_name", language),
        *names,
        say("mean_column", language),
        say("version_column", language),
    ]
    return timeline(
        [each.day.strftime("%m-%d") for each in report.days],
        [Line(name=name, values=line) for name, line in zip(names, values, strict=True)],
        [(at, began[each.day]) for at, each in enumerate(report.days) if each.day in began],
        axes=_axes("days_chart", language),
        numbers=table(say("days_caption", language), headings, rows, text_columns=(0, 6)),
        title=say("days_chart_title", language),
        description=say("days_chart_text", language),
    )


def _axes(chart: str, language: str) -> Axes:
    return Axes(
        across=say(f"{chart}_axis", language),
        up=say(f"{chart}_up", language),
        written=lambda value: format_number(value, language),
    )


def _estimates(estimates: Sequence[Estimate], language: str) -> Markup:
    names = ("estimate", "subject", "value", "baseline", "by", "method")
    rows = [_estimate(each, language) for each in estimates]
    headings = [say(f"{each}_column", language) for each in names]
    return table(say("estimates_caption", language), headings, rows, text_columns=(0, 1, 5))


def _estimate(estimate: Estimate, language: str) -> list[str]:
    name, method = estimate_in_words(estimate, language)
    texts, labels = (format_number(each, language, 0) for each in (estimate.texts, estimate.labels))
    return [
        name,
        subject_in_words(estimate.subject, language),
        estimate_as_text(estimate, language),
        NOTHING if estimate.baseline is None else format_share(estimate.baseline, language),
        say("by_labels", language, labels=labels) if estimate.labels else say("by_texts", language, texts=texts),
        method,
    ]


def _audit(audit: Audit, language: str) -> Markup:
    said = Markup("<p>{}</p>").format(say("audit_text", language))
    if not audit.on:
        said += note(say("audit_off", language))
    refused = say(
        "audit_refused_share",
        language,
        count=format_number(audit.refused, language, 0),
        share=format_share(audit.refused / max(audit.drawn, 1), language),
    )
    rows = [
        *(
            (f"audit_{name}", format_number(getattr(audit, name), language, 0))
            for name in ("drawn", "labelled", "waiting")
        ),
        ("audit_refused", refused),
    ]
    return said + table(
        say("audit_heading", language),
        ["", ""],
        [[say(name, language), value] for name, value in rows],
        text_columns=(0, 1),
    )


def _notes(report: Report, language: str) -> list[Markup]:
    if not report.notes:
        return []
    return _heading("notes_heading", language, note(*(note_in_words(each, language) for each in report.notes)))


def _heading(name: str, language: str, *parts: Markup) -> list[Markup]:
    return [Markup("<h2>{}</h2>").format(say(name, language)), *parts]


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")
