"""◆ Labelled news to an audit of what gives its labels away."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from pathlib import Path

import numpy as np

from falsetrue.errors import InputError
from falsetrue.jobs.progress import Progress
from falsetrue.news import filtering, masking
from falsetrue.news.article import Article, Label
from falsetrue.news.cleaning import Dropped
from falsetrue.news.filtering import Filters
from falsetrue.news.labelled import Columns, corpus_names, read_labelled, read_one_class
from falsetrue.news.leaks.across import corpus_as_sign, shared_articles, sign_flips
from falsetrue.news.leaks.after import Treatment
from falsetrue.news.leaks.counted import count_across, describe
from falsetrue.news.leaks.evidence import Evidence, gather, number
from falsetrue.news.leaks.findings import Audit, CorpusAudit, Finding
from falsetrue.news.leaks.search import judge, worst_first
from falsetrue.news.masking import Masker
from falsetrue.news.reading import open_table


@dataclass(frozen=True, kw_only=True)
class Auditing:
    """What to audit. Give ``files``, or ``real`` and ``fake``, or all."""

    files: Sequence[str] = ()  #: labelled files, each a corpus
    real: str | None = None  #: a file of real news only
    fake: str | None = None  #: a file of false news only
    columns: Columns = field(default_factory=Columns)
    split: str | None = None  #: the column that says which part of a given split an article is in
    seed: int = 0


#: Every mask and filter there is, as the default recipe has them.
EVERYTHING = Treatment(masker=Masker(list(masking.CATALOGUE)), filters=Filters(list(filtering.CATALOGUE)))


def audit(auditing: Auditing, progress: Progress, *, now: datetime) -> Audit:
    """Read files and audit their articles as they are: nothing is cleaned away before.

    Of each finding it is said, too, what all masks and filters leave of it. Dates after ``now``, UTC-aware, cannot
    be used. Raises :class:`InputError` where a file cannot be used, or where all articles are of one class.
    """
    articles: list[Article] = []
    parts: list[str | None] = []
    for path, label, corpus in _sources(auditing):
        progress.phase(f"read {Path(path).name}")
        own = list(_read(path, label, corpus, auditing.columns))
        articles += own
        parts += _parts(path, auditing.split, own) if auditing.split else ()
    return audit_articles(articles, auditing.seed, progress, now=now, split=parts if auditing.split else None)


def audit_articles(
    articles: Sequence[Article],
    seed: int,
    progress: Progress,
    *,
    now: datetime,
    treatment: Treatment = EVERYTHING,
    split: Sequence[str | None] | None = None,
) -> Audit:
    """Find what gives the labels away, in each corpus and across them; the same articles and seed find the same.

    ``treatment`` is what the recipe does to every text: each finding says what that leaves of it. ``split`` says
    of each article which part of a split it is in. Raises :class:`InputError` where there is no article, or where
    all are of one class. A corpus with few articles of one class is noted, not refused.
    """
    _check_classes(articles)
    order = sorted(range(len(articles)), key=lambda at: articles[at].corpus)  # stable: the order in each file stays
    articles = [articles[at] for at in order]
    split = [split[at] for at in order] if split is not None else None
    labels = np.array([int(article.label) for article in articles], dtype=np.int64)
    progress.phase("find copies")
    numbered = number(articles)
    findings: list[Finding] = []
    corpora: list[CorpusAudit] = []
    evidences: list[Evidence] = []
    for corpus, begin, end in _bounds(articles):
        progress.phase(f"audit {corpus}")
        evidence = gather(corpus, numbered.part(begin, end))
        judged = judge(evidence, labels[begin:end], seed, treatment)
        findings += judged.findings
        corpora.append(describe(evidence, labels[begin:end], judged, treatment, now.date()))
        evidences.append(evidence.without_wording_of_several_words())
    names = [article.corpus for article in articles]
    if len(corpora) > 1:
        progress.phase("compare corpora")
        findings += sign_flips(evidences, [labels[begin:end] for _, begin, end in _bounds(articles)], seed, treatment)
        findings += corpus_as_sign(names, labels)
    return Audit(
        findings=tuple(worst_first(findings)),
        corpora=tuple(corpora),
        shared=tuple(shared_articles(names, labels, numbered.duplicates)),
        across_split=count_across(numbered.duplicates, split) if split is not None else None,
        seed=seed,
        masks=_remedying(findings),
        filters=tuple(name for name in filtering.CATALOGUE if any(name in corpus.no_article for corpus in corpora)),
    )


def _remedying(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Every mask that remedies some finding, in the order of the catalogue."""
    masks = {mask for finding in findings for mask in finding.remedy.masks}
    return tuple(name for name in masking.CATALOGUE if name in masks)


def _check_classes(articles: Sequence[Article]) -> None:
    if not articles:
        raise InputError("there is no labelled article to audit")
    classes = {article.label for article in articles}
    if len(classes) == 1:
        only = "real" if Label.REAL in classes else "false"
        raise InputError(f"all {len(articles)} articles are {only}; a leak is what tells two classes apart")


def _bounds(articles: Sequence[Article]) -> Iterator[tuple[str, int, int]]:
    begin = 0
    for corpus, own in groupby(articles, key=lambda article: article.corpus):
        end = begin + sum(1 for _ in own)
        yield corpus, begin, end
        begin = end


# --- read ----------------------------------------------------------------------------------------


def _sources(auditing: Auditing) -> Iterator[tuple[str, Label | None, str]]:
    """Path, label (``None``: the file says it) and corpus of each file."""
    if auditing.real and auditing.fake:
        corpus = f"{Path(auditing.real).stem}+{Path(auditing.fake).stem}"
        yield auditing.real, Label.REAL, corpus
        yield auditing.fake, Label.FALSE, corpus
    for path, name in zip(auditing.files, corpus_names(auditing.files), strict=True):
        yield path, None, name


def _read(path: str, label: Label | None, corpus: str, columns: Columns) -> Iterator[Article]:
    if label is None:
        yield from read_labelled(path, columns, Dropped())
    else:
        for article in read_one_class(path, label, corpus, columns):
            yield replace(article, corpus=corpus)


def _parts(path: str, column: str, articles: Sequence[Article]) -> list[str | None]:
    """What the column says of each article."""
    with open_table(path) as table:
        table.require(column)
        said = {row.line: row.values.get(column) for row in table.rows if not row.problem}
    return [None if said.get(article.line) is None else str(said[article.line]) for article in articles]
