"""The report of a leak audit: what gives the label away, the worst first, and what to do about it."""

from collections.abc import Sequence

from markupsafe import Markup

from falsetrue.news.leaks.findings import Audit, CorpusAudit, DatesFound, Finding
from falsetrue.report.charts import PairRow, pair_bars
from falsetrue.report.page import NOTHING, note, render, table

#: What the kinds of findings are called for people.
KINDS = {
    "wording": "wording",
    "family": "what a mask finds",
    "shape": "shape of the writing",
    "fact": "said about the article",
    "repeated": "the same text again and again",
    "sign_flip": "its sign flips between corpora",
}
#: Findings that a chart shows.
_DRAWN = 20


def audit_page(audit: Audit, generated: str) -> str:
    """The whole page; ``generated`` says what made it and when."""
    names = {corpus.corpus for corpus in audit.corpora}
    parts = [_key(audit), note(*_reading())]
    for corpus in audit.corpora:
        parts += _corpus(corpus, [each for each in audit.findings if each.corpus == corpus.corpus])
    across = [each for each in audit.findings if each.corpus not in names]
    if across or audit.shared:
        parts.append(Markup("<h2>Across corpora</h2>"))
        parts += _findings(across, "across corpora") if across else []
        parts += [_shared(audit)] if audit.shared else []
    articles = sum(corpus.real + corpus.false for corpus in audit.corpora)
    return render(
        title="Leak audit",
        subtitle=f"What gives the label away in {articles:,} articles of {len(audit.corpora)} "
        f"{'corpus' if len(audit.corpora) == 1 else 'corpora'}",
        body=Markup("\n").join(parts),
        generated=generated,
    )


def _key(audit: Audit) -> Markup:
    seen = sum(each.seen_by_default_features for each in audit.findings)
    gone = sum(each.after is not None and not each.after.is_leak for each in audit.findings)
    boxes = {
        "findings": f"{len(audit.findings):,}",
        "that the default features can see": f"{seen:,}",
        "features tested": f"{sum(corpus.candidates for corpus in audit.corpora):,}",
        "that masks and filters take away": f"{gone:,}",
    }
    if audit.across_split is not None:
        boxes["articles with copies across the split"] = f"{audit.across_split:,}"
    inside = Markup("").join(
        Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(name, value) for name, value in boxes.items()
    )
    return Markup('<dl class="key">{}</dl>').format(inside)


def _reading() -> tuple[str, str]:
    return (
        "A finding tells the classes of this collection apart without being the news itself. It says nothing of truth, "
        "and a model that learns it will be wrong elsewhere.",
        "Each was searched for on one half of the articles, corrected for all features tested, and found again on the "
        "other half; shares and AUC are of that other half. The AUC after is of the same thing once all masks are laid "
        "over the texts and what a filter matches is left out. What is not found may still be there.",
    )


def _corpus(corpus: CorpusAudit, findings: Sequence[Finding]) -> list[Markup]:
    copies = corpus.duplicates
    rows = [
        ["real / false articles", f"{corpus.real:,} / {corpus.false:,}"],
        ["features tested / tested again", f"{corpus.candidates:,} / {corpus.discovered:,}"],
        ["exact copies", f"{copies.exact:,}"],
        ["copies and near copies", f"{copies.near:,}"],
        ["articles in groups that hold both labels", f"{copies.conflicting_articles:,}"],
        ["largest group of copies", f"{copies.largest_group:,}"],
        [
            "articles whose source always has one label",
            NOTHING if corpus.one_source_one_label is None else f"{corpus.one_source_one_label:.1%}",
        ],
        ["dates that cannot be used", NOTHING if corpus.dates is None else _dates(corpus.dates)],
        *([f"no article: {name}", f"{count:,}"] for name, count in corpus.no_article.items()),
    ]
    parts = [Markup("<h2>{}</h2>").format(corpus.corpus)]
    parts += [note(corpus.note)] if corpus.note else []
    parts += _findings(findings, corpus.corpus) if findings else [Markup("<p>Nothing was found.</p>")]
    return [*parts, table("What was looked at", ["", ""], rows)]


def _dates(dates: DatesFound) -> str:
    return (
        f"{dates.unusable:,} of {dates.usable + dates.unusable:,} (unreadable {dates.unreadable:,}, "
        f"ambiguous {dates.ambiguous:,}, absurd {dates.absurd:,})"
    )


def _findings(findings: Sequence[Finding], where: str) -> list[Markup]:
    drawn = [
        PairRow(name=f"{each.where}: {each.name}", one=each.share_real, two=each.share_false)
        for each in findings
        if each.kind != "sign_flip"  # its shares are of one of the corpora only
    ][:_DRAWN]
    chart = pair_bars(
        drawn,
        names=("share of real articles", "share of false articles"),
        title=f"Shares that have it, {where}",
        description="The worst findings first. Of a measure: shares above the value that tells the classes apart best.",
    )
    headings = ["what", "where", "kind", "AUC alone", "AUC after", "real", "false", "sign of", "p", "examples"]
    rows = [_row(each) for each in findings]
    shown = table(f"Findings, {where}", [*headings, "what to do"], rows, text_columns=(0, 1, 2, 7, 9, 10))
    return [chart, shown] if drawn else [shown]


def _row(finding: Finding) -> list[str | Markup]:
    also = Markup("<br><small>also: {}</small>").format(", ".join(finding.also)) if finding.also else ""
    is_flip = finding.kind == "sign_flip"
    examples = Markup("<br>").join(finding.examples) if finding.examples else NOTHING
    return [
        Markup("{}{}").format(finding.name, also),
        finding.where,
        KINDS[finding.kind],
        f"{finding.auc:.3f}",
        NOTHING if finding.after is None else f"{finding.after.auc:.3f}",
        NOTHING if is_flip else f"{finding.share_real:.1%}",
        NOTHING if is_flip else f"{finding.share_false:.1%}",
        NOTHING if is_flip else finding.direction,
        f"{finding.p_value:.1g}" if finding.p_value > 1e-99 else "<1e-99",  # noqa: PLR2004 - a p-value
        examples,
        finding.remedy.says,
    ]


def _shared(audit: Audit) -> Markup:
    rows = [
        [each.one, each.other, f"{each.in_one:,}", f"{each.in_other:,}", f"{each.conflicting_groups:,}"]
        for each in audit.shared
    ]
    headings = ["corpus", "and", "articles of the first", "of the second", "groups with both labels"]
    return table("Articles, or near copies, that stand in two corpora", headings, rows, text_columns=(0, 1))
