"""◆ The labelled files of an evaluation: read, cleaned, counted, and what in them belongs together."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from falsetrue.errors import InputError
from falsetrue.jobs.judging import Clusters, clusters_of
from falsetrue.jobs.progress import Progress
from falsetrue.model.evaluation import DatesRecord, FileFactsRecord
from falsetrue.news.article import Article, Label
from falsetrue.news.cleaning import Dropped, clean
from falsetrue.news.dates import Dates, read_dates
from falsetrue.news.duplicates import near_duplicate_groups
from falsetrue.news.filtering import Filters
from falsetrue.news.labelled import Columns, corpus_names, read_labelled
from falsetrue.news.splitting import draw_rows, sources_known


@dataclass(frozen=True, kw_only=True)
class News:
    """Everything that was read, and what belongs together."""

    articles: list[Article]
    days: list[date | None]  #: of each article, where its date can be used
    duplicates: NDArray[np.int64]  #: shape (n,), near copies share a number
    clusters: Clusters
    facts: list[FileFactsRecord]
    seed: int  #: of every random choice


def read_news(
    files: Sequence[str],
    columns: Columns,
    *,
    rows: int | None,
    seed: int,
    today: date,
    both_classes: bool,
    filters: Sequence[str],
    progress: Progress,
) -> News:
    """Read and clean labelled files, each a corpus; at most ``rows`` articles of each, drawn with ``seed``.

    What ``filters`` say is no article is dropped and counted, as in training.

    Raises :class:`InputError` where one cannot be read, has no article left or, with ``both_classes``, lacks one.
    """
    corpus_names(files)
    articles: list[Article] = []
    days: list[date | None] = []
    facts = []
    for path in files:
        progress.phase(f"read {Path(path).name}")
        dropped = Dropped()
        kept = clean(read_labelled(path, columns, dropped), dropped, Filters(filters))
        _check(path, kept, dropped, both_classes=both_classes)
        drawn = kept if rows is None else draw_rows(kept, rows, seed)
        dates = read_dates([article.date for article in drawn], today)
        facts.append(_facts(path, drawn, dropped, dates))
        articles += drawn
        days += dates.days
    progress.phase("find near duplicates")
    duplicates = near_duplicate_groups([article.content for article in articles])
    return News(
        articles=articles,
        days=days,
        duplicates=duplicates,
        clusters=clusters_of(articles, duplicates),
        facts=facts,
        seed=seed,
    )


def _check(path: str, articles: Sequence[Article], dropped: Dropped, *, both_classes: bool) -> None:
    left_out = ", ".join(f"{count} {reason}" for reason, count in dropped.reasons().items() if count)
    if not articles:
        raise InputError(f"{path}: no article is left to judge ({left_out or 'the file has no rows'})")
    classes = {article.label for article in articles}
    if both_classes and len(classes) == 1:
        only = classes.pop().name.lower()
        raise InputError(
            f"{path}: all {len(articles)} articles are {only}; a recipe needs both classes to be fitted"
            + (f" (left out: {left_out})" if left_out else "")
        )


def _facts(path: str, articles: Sequence[Article], dropped: Dropped, dates: Dates) -> FileFactsRecord:
    real = sum(article.label is Label.REAL for article in articles)
    with Path(path).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileFactsRecord(
        corpus=articles[0].corpus,
        path=path,
        sha256=digest,
        real=real,
        false=len(articles) - real,
        dropped=dropped.reasons(),
        sources={
            label.name.lower(): len({a.source.lower() for a in articles if a.label is label and a.source})
            for label in (Label.REAL, Label.FALSE)
        },
        sources_apart=sources_known(articles)[articles[0].corpus],
        titles=sum(bool(article.title and article.title.strip()) for article in articles),
        dates=DatesRecord(
            dated=dates.dated, unreadable=dates.unreadable, ambiguous=dates.ambiguous, absurd=dates.absurd
        ),
        languages=dict(Counter(article.language or "unknown" for article in articles).most_common()),
    )


def warnings_of_files(facts: Sequence[FileFactsRecord]) -> list[str]:
    """What a reader of the figures should know of the files, one sentence each."""
    warnings = []
    for each in facts:
        if not each.titles:
            warnings.append(f"{each.corpus}: no article has a title; 'title case only' stands on its texts")
        for count, what in (
            (each.dates.ambiguous, "may be day or month first, and the file does not say"),
            (each.dates.absurd, "are no day of the calendar, before 1900, or in the future"),
            (each.dates.unreadable, "are of no known form"),
        ):
            if count:
                warnings.append(f"{each.corpus}: {count:,} dates {what}; they are not used")
    return warnings
