"""The report of a look at the traffic: what changed, what it means and what to do, in Spanish or English.

A change is one line that opens; languages and keys stand under the watch that they repeat, and all of style is one
line, so that a report of thirty changes can be read through. What is closed is not printed.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from markupsafe import Markup

from falsetrue import __version__
from falsetrue.monitor.findings import Audit, Estimate, Finding, Remedy, Report, State, Subject, Term
from falsetrue.report.charts import Axes, Line, overlaid, sparkline, timeline
from falsetrue.report.page import NOTHING, note, render, table
from falsetrue.report.watch_words import (
    LEAST_LABELS,
    Advice,
    Explained,
    advise,
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
    moved_in_words,
    notes_in_words,
    period_in_words,
    remedies,
    say,
    subject_in_words,
)

#: What all numbers of style are one line of.
_STYLE = "style"


def monitoring_page(report: Report, language: str = "en") -> str:
    """The whole page, in ``en`` or ``es``."""
    parts = [(name, body) for name, body in _parts(report, language) if body]
    sections = [
        Markup('<h2 id="{}">{}</h2>\n{}').format(name, say(f"{name}_heading", language), body) for name, body in parts
    ]
    return render(
        title=say("page_title", language),
        subtitle=say(
            "page_subtitle",
            language,
            model=model_of(report),
            period=period_in_words(report, language),
            texts=format_number(report.texts, language, 0),
        ),
        body=Markup("\n").join(
            [
                _headline(report, language),
                _key(report, language),
                _jump([name for name, _ in parts], report, language),
                *_budgets(report, language),
                *sections,
            ]
        ),
        generated=say("generated", language, version=__version__, when=_moment(report.made_at)),
        language=language,
    )


def _parts(report: Report, language: str) -> list[tuple[str, Markup]]:
    """Every part with its name; those that have nothing to say are empty."""
    changed = _grouped(report.findings)
    return [
        ("what_changed", _changes(changed, report, language)),
        ("todo", _todo(changed, report, language)),
        ("charts", _charts(report, language)),
        ("terms", _terms(report.terms, language)),
        ("estimates", _estimates(report.estimates, language) if report.estimates else Markup("")),
        ("audit", _audit(report.audit, language) if report.audit is not None else Markup("")),
        ("watches", _watches(report, language)),
        ("notes", _notes(report, language)),
    ]


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


def _jump(parts: Sequence[str], report: Report, language: str) -> Markup:
    """Links to every part; how much there is of what people come for."""
    counts = {"what_changed": sum(each.state is State.DRIFT for each in report.findings)}
    if report.audit is not None and report.audit.waiting:
        counts["audit"] = report.audit.waiting
    named = {"what_changed": "jump_changes", "audit": "jump_audit"}
    links = [
        (
            name,
            say(named[name], language, count=format_number(counts[name], language, 0))
            if name in counts
            else say(f"{name}_heading", language),
        )
        for name in parts
    ]
    inside = Markup("").join(Markup('<li><a href="#{}">{}</a></li>').format(*link) for link in links)
    return Markup('<nav class="jump" aria-label="{}"><ul>{}</ul></nav>').format(say("jump_label", language), inside)


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
    return [Markup('<p class="aside">{}</p>').format(" ".join(said))]


def _grouped(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Changes by watch, and all of style as one; the gravest first, of all texts before its languages and keys."""
    groups: dict[str, list[Finding]] = {}
    for each in gravest_first(findings):
        if each.state is State.DRIFT:
            groups.setdefault(_group(each), []).append(each)
    return list(groups.values())


def _group(finding: Finding) -> str:
    return _STYLE if finding.watch.startswith(f"{_STYLE}.") else finding.watch


def _group_name(group: Sequence[Finding], language: str) -> str:
    is_style = _group(group[0]) == _STYLE
    return say("style_group", language) if is_style else explain(group[0], language).name


def _changes(groups: Sequence[Sequence[Finding]], report: Report, language: str) -> Markup:
    rows = [_change(group, report, language, is_open=not at) for at, group in enumerate(groups)]
    return Markup('<div class="changes">{}</div>').format(Markup("\n").join(rows)) if rows else Markup("")


def _change(group: Sequence[Finding], report: Report, language: str, *, is_open: bool) -> Markup:
    """A line that says what changed; opened, what that means."""
    words = explain(group[0], language, model=model_of(report), source=report.source)
    if _group(group[0]) == _STYLE:
        line, inside = _style_line(group, report, language), _style(group, words, language)
    else:
        line, inside = _line_of(group, words, language), _meaning(words, language)
        inside += _numbers(group, "parts", language) if len(group) > 1 else Markup("")
    cells = Markup(" ").join(
        Markup('<span class="{}">{}</span>').format(kind, cell)
        for kind, cell in zip(("which", "moved", "strength"), line, strict=True)
    )
    return Markup(
        '<details class="finding {}"{}><summary><span class="badge">{}</span> {}</summary>{}</details>'
    ).format(group[0].severity, Markup(" open") if is_open else "", words.severity, cells, inside)


def _line_of(group: Sequence[Finding], words: Explained, language: str) -> tuple[Markup, Markup, str]:
    subjects = ", ".join(subject_in_words(each.subject, language) for each in group[1:])
    also = Markup(" <small>{}</small>").format(say("also", language, subjects=subjects)) if subjects else ""
    which = Markup("<strong>{}</strong>, {}{}").format(words.name, words.subject, also)
    current = words.current.partition(" [")[0]
    return which, Markup("{} → {} <small>({})</small>").format(words.baseline, current, words.change), words.strength


def _style_line(group: Sequence[Finding], report: Report, language: str) -> tuple[Markup, Markup, str]:
    watches = {each.watch for each in report.findings if _group(each) == _STYLE}
    count, among = (str(len(each)) for each in ({each.watch for each in group}, watches))
    which = Markup("<strong>{}</strong>, {}").format(
        say("style_group", language), subject_in_words(group[0].subject, language)
    )
    moved = say("style_group_count", language, count=count, watches=among)
    return which, Markup("{}").format(moved), ""


def _style(group: Sequence[Finding], words: Explained, language: str) -> Markup:
    rows = [("now_label", words.now.partition(".")[0] + "."), ("not_label", words.not_so)]
    return _terms_of(rows, language) + _numbers(group, "style_group", language)


def _meaning(words: Explained, language: str) -> Markup:
    by = "; ".join(filter(None, (words.by, words.period, words.strength)))
    first = "" if not words.advice else words.advice[0].name
    rows = [
        ("now_label", Markup("{} <small>({})</small>").format(words.now, by)),
        ("measures_label", words.measures),
        ("not_label", words.not_so),
        ("first_remedy", first),
    ]
    return _terms_of(rows, language, words.details)


def _terms_of(
    rows: Sequence[tuple[str, str | Markup]], language: str, details: Sequence[tuple[str, str]] = ()
) -> Markup:
    named = [*((say(name, language), text) for name, text in rows if text), *details]
    inside = Markup("").join(Markup("<dt>{}</dt><dd>{}</dd>").format(*each) for each in named)
    return Markup("<dl>{}</dl>").format(inside)


def _numbers(group: Sequence[Finding], caption: str, language: str) -> Markup:
    """The figures of several findings, a row each."""
    columns = ("style" if caption == "style_group" else "subject", "baseline", "current", "change", "moved", "by", "p")
    headings = [say(f"{each}_column", language) for each in columns]
    return table(
        say(f"{caption}_caption", language),
        headings,
        [_number(each, caption == "style_group", language) for each in group],
        text_columns=(0, 4, 6),
    )


def _number(finding: Finding, is_style: bool, language: str) -> list[str]:  # noqa: FBT001
    words = explain(finding, language)
    name = words.subject
    if is_style:
        name = words.unit if finding.subject == Subject() else f"{words.unit}, {words.subject}"
    return [
        name,
        words.baseline,
        words.current,
        words.change,
        moved_in_words(finding, language),
        words.by,
        words.strength,
    ]


def _todo(groups: Sequence[Sequence[Finding]], report: Report, language: str) -> Markup:
    """Every remedy once, those that come first before others, with what it is for."""
    wanted: dict[Remedy, list[str]] = {}
    for group in groups:
        for first in remedies(group[0])[:1]:
            wanted.setdefault(first, []).append(_group_name(group, language))
    for group in groups:
        for other in remedies(group[0])[1:]:
            wanted.setdefault(other, [])
    items = [
        _remedy(advise(each, language, model=model_of(report), source=report.source), names, language)
        for each, names in wanted.items()
    ]
    return Markup('<ol class="todo">{}</ol>').format(Markup("").join(items)) if items else Markup("")


def _remedy(advice: Advice, names: Sequence[str], language: str) -> Markup:
    first = Markup(" <small>{}</small>").format(say("todo_for", language, watches="; ".join(names))) if names else ""
    return Markup("<li><strong>{}.</strong> {} {}{}</li>").format(advice.name, advice.how, _command(advice), first)


def _watches(report: Report, language: str) -> Markup:
    """A table of all texts, and one that opens of each language and key."""
    by_subject: dict[Subject, list[Finding]] = {}
    for each in gravest_first(report.findings):
        by_subject.setdefault(each.subject, []).append(each)
    whole = by_subject.pop(Subject(), [])
    if not whole and not by_subject:
        return Markup("")
    tables = [_table(whole, say("watches_caption", language), report, language)] if whole else []
    tables += [_part(subject, findings, report, language) for subject, findings in by_subject.items()]
    return Markup("").join([*tables, Markup('<p class="aside">{}</p>').format(say("strength_text", language))])


def _part(subject: Subject, findings: Sequence[Finding], report: Report, language: str) -> Markup:
    named = subject_in_words(subject, language)
    changed = sum(each.state is State.DRIFT for each in findings)
    label = say("parts_label", language, subject=named, changed=str(changed), watches=str(len(findings)))
    return _fold(label[0].upper() + label[1:], _table(findings, named, report, language))


def _table(findings: Sequence[Finding], caption: str, report: Report, language: str) -> Markup:
    columns = ("watch", "state", "baseline", "current", "change", "trend", "by", "p", "severity")
    headings = [say(f"{each}_column", language) for each in columns]
    rows = [_watch(report, each, language) for each in findings]
    return table(caption, headings, rows, text_columns=(0, 1, 5, 7, 8))


def _watch(report: Report, finding: Finding, language: str) -> list[str | Markup]:
    words = explain(finding, language)
    state = Markup("<strong>{}</strong>").format(words.state) if finding.state is State.DRIFT else words.state
    name = Markup("{} <small>{}</small>").format(words.name, words.unit)
    spark = sparkline(sparks(report, finding)) or NOTHING
    return [
        name,
        state,
        words.baseline,
        words.current,
        words.change,
        spark,
        words.by,
        words.strength,
        words.severity,
    ]


def _fold(label: str, inside: Markup) -> Markup:
    return Markup('<details class="fold"><summary>{}</summary>{}</details>').format(label, inside)


def _charts(report: Report, language: str) -> Markup:
    """Both charts side by side; their numbers open."""
    charts = [_scores(report, language)] if report.score_counts else []
    charts += [_days(report, language)] if report.days else []
    return Markup('<div class="pair">{}</div>').format(Markup("").join(charts)) if charts else Markup("")


def _terms(terms: Sequence[Term], language: str) -> Markup:
    if not terms:
        return Markup("")
    said = say("terms_text", language, texts=format_number(terms[0].of, language, 0))
    headings = [say(name, language) for name in ("term_column", "texts_name", "share_column")]
    rows = [
        [each.term, format_number(each.texts, language, 0), format_share(each.texts / max(each.of, 1), language)]
        for each in terms
    ]
    return Markup("<p>{}</p>").format(said) + table(say("terms_caption", language), headings, rows)


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
        numbers=_fold(say("numbers_label", language), table(say("bins_caption", language), headings, rows)),
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
        numbers=_fold(
            say("numbers_label", language),
            table(say("days_caption", language), headings, rows, text_columns=(0, 6)),
        ),
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


def _notes(report: Report, language: str) -> Markup:
    said = notes_in_words(report, language)
    return note(*said) if said else Markup("")


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")
