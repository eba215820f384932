"""The report of an evaluation: figures, intervals and charts, the worst corpora first."""

from collections.abc import Sequence

from markupsafe import Markup

from falsetrue.model.evaluation import EvaluationReport, FileFactsRecord, ProtocolRecord, RowRecord
from falsetrue.model.figures import FIGURES, EstimateRecord, FiguresRecord, PolicyFiguresRecord
from falsetrue.report.charts import (
    CurvePoint,
    ForestRow,
    Interval,
    ReliabilityPoint,
    forest,
    reliability,
    risk_coverage,
)
from falsetrue.report.page import NOTHING, note, render, table

#: What the protocols are called for people.
PROTOCOLS = {
    "grouped": "Kept aside from the same corpora",
    "later_in_time": "Later in time",
    "leave_one_corpus_out": "On corpora it has never seen",
    "as_saved": "The saved model on these files",
}
#: What the verdicts are clustered by, for people.
CLUSTERED_BY = {
    "source": "by source",
    "near_duplicates": "by near-duplicate group",
    "mixed": "by source where known, else by near-duplicate group",
}
#: Figures of the tables that have a row a corpus.
MAIN = ("auc", "balanced_accuracy", "f1_false", "false_alarm_rate", "ece", "coverage_at_precision_95")
_REFERENCE = "deployed recipe"
_LABELS = {figure.name: figure.label for figure in FIGURES}


def evaluation_page(report: EvaluationReport, generated: str) -> str:
    """The whole page; ``generated`` says what made it and when."""
    parts = [_key(report.protocols[-1])]
    if report.warnings:
        parts.append(note(*report.warnings))
    parts += [_protocol(protocol, report) for protocol in report.protocols]
    if report.not_run:
        parts.append(Markup("<h2>Not run</h2>"))
        parts += [Markup("<p>{}: {}</p>").format(PROTOCOLS[name], reason) for name, reason in report.not_run.items()]
    parts += [Markup("<h2>The files</h2>"), _files(report.files), _reading(report)]
    compared = f", compared with {report.compared_with}" if report.compared_with else ""
    articles = sum(file.real + file.false for file in report.files)
    return render(
        title=f"Evaluation of {report.judged}",
        subtitle=f"A {report.kind} on {articles:,} articles of {len(report.files)} "
        f"{'corpus' if len(report.files) == 1 else 'corpora'}{compared}",
        body=Markup("\n").join(parts),
        generated=generated,
    )


def show(estimate: EstimateRecord | None) -> str:
    """A figure with its interval, to three places, on one line."""
    return str(_interval(estimate)) if estimate else NOTHING


def cell(estimate: EstimateRecord | None) -> Markup:
    """The same with the interval below, for tables of many columns."""
    if estimate is None:
        return Markup(NOTHING)  # noqa: S704 - a constant
    inside = Markup("{:.3f}<small>[{:.3f}, {:.3f}]</small>")
    return inside.format(estimate.value, estimate.low, estimate.high)


# --- parts ---------------------------------------------------------------------------------------


def _interval(estimate: EstimateRecord) -> Interval:
    return Interval(value=estimate.value, low=estimate.low, high=estimate.high)


def _key(protocol: ProtocolRecord) -> Markup:
    """The figures to look at first: of the hardest protocol, each corpus counting the same."""
    boxes = Markup("").join(
        Markup("<div><dt>{}</dt><dd>{}<small>{}</small></dd></div>").format(
            _LABELS[name], f"{found.value:.3f}" if found else NOTHING, _between(found)
        )
        for name in ("auc", "balanced_accuracy", "false_alarm_rate", "coverage_at_precision_95")
        for found in [protocol.macro_mean["model"][name]]
    )
    corpora = len(protocol.by_corpus)
    title = PROTOCOLS[protocol.name] + (f": mean over {corpora} corpora" if corpora > 1 else "")
    return Markup('<p>{}</p><dl class="key">{}</dl>').format(title, boxes)


def _between(estimate: EstimateRecord | None) -> str:
    return f"95 % interval {estimate.low:.3f} to {estimate.high:.3f}" if estimate else "not defined"


def _protocol(protocol: ProtocolRecord, report: EvaluationReport) -> Markup:
    pooled = protocol.pooled
    parts = [
        Markup("<h2>{}</h2><p>{} Intervals of 95 % are clustered {} ({:,} clusters in all).</p>").format(
            PROTOCOLS[protocol.name],
            protocol.explanation,
            CLUSTERED_BY[pooled.model.clustered_by],
            pooled.model.clusters,
        ),
        _skipped(protocol),
        _forest(protocol, report),
        _by_corpus(protocol),
        _beside(protocol, report),
    ]
    if pooled.difference:
        parts.append(_difference(protocol, report))
    if pooled.policy:
        parts.append(_policy(protocol))
    if protocol.by_language:
        rows = [_row(row.name, row.model) for row in protocol.by_language]
        parts.append(table("By language, the worst AUC first", ["language", "texts", *_headings(MAIN)], rows))
    parts += [_reliability(protocol), _risk(protocol), _all_figures(protocol, report)]
    return Markup("\n").join(parts)


def _skipped(protocol: ProtocolRecord) -> Markup:
    if not protocol.skipped:
        return Markup("")
    items = Markup("").join(
        Markup("<li>{}: {}</li>").format(corpus, reason) for corpus, reason in protocol.skipped.items()
    )
    what = "Without reference rows:" if protocol.name == "as_saved" else "Take no part:"
    return Markup("<p>{}</p><ul>{}</ul>").format(what, items)


def _forest(protocol: ProtocolRecord, report: EvaluationReport) -> Markup:
    def estimates(row: RowRecord) -> list[Interval | None]:
        beside = row.other if report.compared_with else row.references.get(_REFERENCE)
        return [_interval(each.auc) if each and each.auc else None for each in (row.model, beside)]

    return forest(
        [ForestRow(name=row.name, estimates=estimates(row)) for row in protocol.by_corpus],
        series=(report.judged, report.compared_with or _REFERENCE),
        title="AUC by corpus",
        description="The worst first, with 95 % intervals. At the dashed line nothing was learnt: the order is chance.",
        reference=0.5,
    )


def _by_corpus(protocol: ProtocolRecord) -> Markup:
    rows = [_row(row.name, row.model, _facts(protocol, row)) for row in protocol.by_corpus]
    return table(
        "By corpus, the worst AUC first",
        ["corpus", "how it was split", "texts", *_headings(MAIN)],
        rows,
        text_columns=(0, 1),
    )


def _facts(protocol: ProtocolRecord, row: RowRecord) -> str:
    side = protocol.corpora[row.name]
    said = [f"fitted on {side.fitted:,}"] if side.fitted else []
    said += [f"judged from {side.first_day}"] if side.first_day else []
    said += [f"left with {', '.join(side.left_with)}"] if side.left_with else []
    said += [f"{side.removed:,} near duplicates removed"] if side.removed else []
    if row.model.clustered_by == "source":
        said.append(f"{row.model.clusters:,} sources judged")
    return "; ".join(said) or "all of it"


def _beside(protocol: ProtocolRecord, report: EvaluationReport) -> Markup:
    """The model between the rows that say what its figures mean."""
    pooled = protocol.pooled
    rows = [_row(report.judged, pooled.model)]
    if pooled.other:
        rows.append(_row(report.compared_with or "", pooled.other))
    rows += [_row(name, figures) for name, figures in pooled.references.items()]
    together = table("All texts pooled", ["", "texts", *_headings(MAIN)], rows, first=True)
    if len(protocol.by_corpus) == 1:
        return together
    names = {"model": report.judged, "other": report.compared_with or ""}
    means = [
        [names.get(name, name), *(cell(figures[figure]) for figure in MAIN)]
        for name, figures in protocol.macro_mean.items()
        if name != "difference"
    ]
    return together + table("Mean over corpora, each counting the same", ["", *_headings(MAIN)], means, first=True)


def _difference(protocol: ProtocolRecord, report: EvaluationReport) -> Markup:
    rows = [
        [row.name, f"{row.model.texts:,}", *(cell(row.difference[figure]) for figure in MAIN)]
        for row in (*protocol.by_corpus, protocol.pooled)
        if row.difference
    ]
    if len(protocol.by_corpus) > 1:
        means = protocol.macro_mean.get("difference", {})
        rows.append(["mean over corpora", "", *(cell(means.get(figure)) for figure in MAIN)])
    caption = (
        f"{report.judged} less {report.compared_with}, paired on the same texts: 0 in the interval is no difference"
    )
    return table(caption, ["", "texts", *_headings(MAIN)], rows)


def _policy(protocol: ProtocolRecord) -> Markup:
    headings = ["", "policy", "decided", "right when false", "right when real", "false alarms", "no decision because"]
    rows = [
        _policy_row(f"{row.name}{', compared' if policy is row.other_policy else ''}", policy)
        for row in (*protocol.by_corpus, protocol.pooled)
        for policy in (row.policy, row.other_policy)
        if policy
    ]
    return table("Under the policy", headings, rows, text_columns=(0, 1, 6))


def _policy_row(name: str, policy: PolicyFiguresRecord) -> list[str | Markup]:
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in policy.reasons.items())
    estimates = (policy.coverage, policy.precision_false, policy.precision_real, policy.false_alarm_rate)
    return [name, policy.policy, *map(cell, estimates), reasons or NOTHING]


def _reliability(protocol: ProtocolRecord) -> Markup:
    points = [
        ReliabilityPoint(mean=each.mean_p_real, share=_interval(each.real), count=each.texts)
        for each in protocol.pooled.model.reliability
    ]
    return reliability(
        points,
        title=f"Reliability: {PROTOCOLS[protocol.name].lower()}",
        description="Of texts with about the same p_real, the share that was real. On the dashed line the "
        "probabilities hold; above it the model trusts real news too little.",
    )


def _risk(protocol: ProtocolRecord) -> Markup:
    points = [CurvePoint(x=each.coverage, y=_interval(each.wrong)) for each in protocol.pooled.model.risk_coverage]
    return risk_coverage(
        points,
        title=f"Risk and coverage: {PROTOCOLS[protocol.name].lower()}",
        description="If only the surest texts are answered, the share of answers that are wrong, with its 95 % band. "
        "A curve that does not fall to the left says that the model's certainty tells nothing.",
    )


def _all_figures(protocol: ProtocolRecord, report: EvaluationReport) -> Markup:
    columns = {report.judged: protocol.pooled.model} | protocol.pooled.references
    if protocol.pooled.other:
        columns = {f"{report.compared_with} (compared)": protocol.pooled.other, **columns}
        columns = {report.judged: protocol.pooled.model, **columns}
    rows = [
        [figure.label, *(show(getattr(figures, figure.name)) for figures in columns.values())] for figure in FIGURES
    ]
    return table("Every figure, all texts pooled", ["", *columns], rows)


def _row(name: str, figures: FiguresRecord, facts: str | None = None) -> list[str | Markup]:
    between = [] if facts is None else [facts]
    return [name, *between, f"{figures.texts:,}", *(cell(getattr(figures, each)) for each in MAIN)]


def _headings(names: Sequence[str]) -> list[str]:
    return [_LABELS[name] for name in names]


def _files(files: Sequence[FileFactsRecord]) -> Markup:
    headings = [
        "corpus",
        "real",
        "false",
        "left out",
        "sources, real / false",
        "sources kept apart",
        "dated",
        "language",
    ]
    rows = [
        [
            each.corpus,
            f"{each.real:,}",
            f"{each.false:,}",
            ", ".join(f"{reason.replace('_', ' ')} {count:,}" for reason, count in each.dropped.items() if count)
            or "none",
            f"{each.sources['real']:,} / {each.sources['false']:,}",
            "yes" if each.sources_apart else "no: fewer than 5 in a class",
            f"{each.dates.dated:,}",
            ", ".join(each.languages),
        ]
        for each in files
    ]
    return table("What was read", headings, rows, text_columns=(0, 3, 5, 7))


def _reading(report: EvaluationReport) -> Markup:
    capped = f" It is fitted on at most {report.deployed_rows:,} articles, drawn at random."
    rows = f" At most {report.rows:,} articles of a corpus were taken, by class." if report.rows else ""
    return Markup("<h2>How to read it</h2>") + Markup("").join(
        Markup("<p>{}</p>").format(each)
        for each in (
            "A figure is about the news that it was measured on. Labels are often those of the outlet, not of the "
            f"article.{rows}",
            "The reference rows say what a figure means. “Deployed recipe” is the pipeline of the first deployment, "
            f"fitted on the same rows.{capped} “Always real” says real of everything; “length only” knows the number "
            "of characters; “title case only” the share of capitalised words in the title. A model that does not beat "
            "these has learnt nothing about news.",
            "False alarms are real news called false. “Decided at precision 0.95” is the share of texts in the widest "
            "bands in which 95 of 100 verdicts were right on these very texts; a policy fitted beforehand decides "
            "fewer.",
        )
    )
