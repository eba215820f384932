"""``falsetrue audit``."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from falsetrue import __version__
from falsetrue.cli.exit_codes import LEAK_FOUND
from falsetrue.cli.options import AsJson, Date, Label, Replace, Source, Text, Title, check_sources
from falsetrue.cli.output import Bar, check_report, print_error, print_json, write_report

if TYPE_CHECKING:
    from falsetrue.news.leaks.findings import Audit, CorpusAudit, Finding

#: Findings of a corpus, and across corpora, that the terminal shows.
_SHOWN = 15


def audit(
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Labelled news: CSV, JSONL or Parquet; several files are several corpora."),
    ] = None,
    real: Annotated[str | None, typer.Option(help="A file of real news only, as True.csv.")] = None,
    fake: Annotated[str | None, typer.Option(help="A file of false news only, as Fake.csv.")] = None,
    text: Text = "text",
    title: Title = None,
    label: Label = "label",
    source: Source = None,
    date: Date = None,
    split: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column of a given split, to look for copies across it.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of every random choice.")] = 0,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report as one HTML page that needs nothing else.")
    ] = None,
    show_all: Annotated[bool, typer.Option("--all", help="Show every finding, not the worst of each corpus.")] = False,
    fail_on_leak: Annotated[bool, typer.Option("--fail-on-leak", help="End with code 5 if anything is found.")] = False,
    replace: Replace = False,
    as_json: AsJson = False,
) -> None:
    """Find what gives the label away without being the news itself.

    Words, marks, lengths, sources, dates and copies are searched on one half of the articles and
    tested again on the other. Each finding says what to do about it.
    """
    _check(files, real, fake, html, replace=replace)
    from falsetrue.jobs.audit import Auditing
    from falsetrue.jobs.audit import audit as run
    from falsetrue.news.labelled import Columns

    auditing = Auditing(
        files=files or (),
        real=real,
        fake=fake,
        columns=Columns(text=text, title=title, label=label, source=source, date=date),
        split=split,
        seed=seed,
    )
    with Bar(quiet=as_json) as bar:
        found = run(auditing, bar, now=datetime.now(UTC))
    if html:
        _write(html, found)
    if as_json:
        print_json(found)
    else:
        typer.echo(_summary(found, show_all=show_all))
        if html:
            print_error(f"falsetrue: the whole report is in {html}")
    if fail_on_leak and found.findings:
        raise typer.Exit(LEAK_FOUND)


def _check(files: list[str] | None, real: str | None, fake: str | None, html: Path | None, *, replace: bool) -> None:
    check_sources(files, real, fake)
    check_report(html, replace=replace)


def _write(path: Path, found: "Audit") -> None:
    from falsetrue.report.audit import audit_page

    now = datetime.now(UTC)
    made = f"Made by falsetrue {__version__} on {now:%Y-%m-%d %H:%M} UTC with seed {found.seed}."
    write_report(path, audit_page(found, made))


def _summary(found: "Audit", *, show_all: bool) -> str:
    lines: list[str] = []
    for corpus in found.corpora:
        own = [finding for finding in found.findings if finding.corpus == corpus.corpus]
        lines += [_corpus_line(corpus), *_table(own, show_all=show_all), ""]
    across = [finding for finding in found.findings if finding.corpus not in {each.corpus for each in found.corpora}]
    if across:
        lines += ["Across corpora", *_table(across, show_all=show_all), ""]
    for shared in found.shared:
        conflicts = f"; {shared.conflicting_groups:,} groups with other labels" if shared.conflicting_groups else ""
        lines.append(
            f"Also in {shared.other}: {shared.in_one:,} articles of {shared.one} ({shared.in_other:,} there){conflicts}"
        )
    if found.across_split is not None:
        lines.append(f"Articles whose copies stand in several parts of the split: {found.across_split:,}")
    if found.masks:
        lines.append(f"Masks that remedy some of it: {', '.join(found.masks)}")
    if found.filters:
        lines.append(f"Filters that leave out what is no article: {', '.join(found.filters)}")
    if found.findings:
        gone = sum(each.after is not None and not each.after.is_leak for each in found.findings)
        lines.append(f"Masks and filters together take away {gone:,} of {len(found.findings):,} findings.")
    return "\n".join(lines).rstrip()


def _corpus_line(corpus: "CorpusAudit") -> str:
    copies = corpus.duplicates
    line = (
        f"{corpus.corpus}: {corpus.real:,} real, {corpus.false:,} false; {corpus.candidates:,} features tested\n"
        f"  copies: {copies.exact:,} exact, {copies.near:,} with near ones"
        f"; {copies.conflicting_articles:,} articles in groups that hold both labels"
    )
    if corpus.one_source_one_label is not None:
        line += (
            f"\n  {corpus.one_source_one_label:.0%} of articles with a source have one that always has the same label"
        )
    if corpus.dates is not None and corpus.dates.unusable:
        line += f"\n  {corpus.dates.unusable:,} of {corpus.dates.usable + corpus.dates.unusable:,} dates cannot be used"
    if corpus.no_article:
        line += f"\n  no article: {', '.join(f'{count:,} {name}' for name, count in corpus.no_article.items())}"
    return line + (f"\n  {corpus.note}" if corpus.note else "")


def _table(findings: "list[Finding]", *, show_all: bool) -> list[str]:
    if not findings:
        return ["  nothing found"]
    shown = findings if show_all else findings[:_SHOWN]
    lines = ["    AUC  after   real  false  what"]
    for each in shown:
        name = each.name if len(each.name) <= 60 else each.name[:59] + "…"  # noqa: PLR2004
        seen = "" if each.seen_by_default_features else " (not seen by the default features)"
        after = "     " if each.after is None else f"{each.after.auc:.3f}"
        # Of a sign that flips, the shares are of one of the corpora only.
        shares = " " * 11 if each.kind == "sign_flip" else f"{each.share_real:4.0%}   {each.share_false:4.0%}"
        lines.append(f"  {each.auc:.3f}  {after}  {shares}  {each.where}: {name} [{each.kind.replace('_', ' ')}]{seen}")
        if not each.remedy.says.startswith("not seen"):
            lines.append(f"                              {each.remedy.says}")
    if len(findings) > len(shown):
        lines.append(f"  and {len(findings) - len(shown)} more: --all shows them")
    return lines
