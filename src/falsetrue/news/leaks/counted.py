"""What is counted in a corpus, not tested: its articles, copies and dates."""

from collections import Counter
from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from falsetrue.news.dates import read_dates
from falsetrue.news.leaks.after import Treatment
from falsetrue.news.leaks.evidence import Evidence
from falsetrue.news.leaks.facts import one_source_one_label
from falsetrue.news.leaks.findings import CorpusAudit, DatesFound, Duplicates
from falsetrue.news.leaks.search import FEWEST_OF_CLASS, Judged

Integers = NDArray[np.int64]


def describe(evidence: Evidence, labels: Integers, judged: Judged, treatment: Treatment, today: date) -> CorpusAudit:
    """What was looked at in the corpus, its duplicates, what is no article, and dates that cannot be used ``today``."""
    real = int(labels.sum())
    scarce = min(real, len(labels) - real) < FEWEST_OF_CLASS
    return CorpusAudit(
        corpus=evidence.corpus,
        real=real,
        false=len(labels) - real,
        candidates=evidence.size,
        discovered=judged.discovered,
        duplicates=count_duplicates(evidence, labels),
        no_article=dict(sorted(Counter(filter(None, treatment.said(evidence.articles))).items())),
        dates=count_dates(evidence, today),
        one_source_one_label=one_source_one_label(evidence.articles),
        note=f"fewer than {FEWEST_OF_CLASS} articles of a class: only duplicates are counted" if scarce else None,
    )


def count_duplicates(evidence: Evidence, labels: Integers) -> Duplicates:
    """Copies inside one corpus."""
    groups = evidence.duplicates
    sizes = np.bincount(groups) if len(groups) else np.zeros(0, dtype=np.int64)
    real = np.bincount(groups, weights=labels, minlength=len(sizes))
    mixed = (real > 0) & (real < sizes)
    hashes = {article.content_hash for article in evidence.articles}
    return Duplicates(
        exact=len(labels) - len(hashes),
        near=len(labels) - len(sizes),
        conflicting_groups=int(mixed.sum()),
        conflicting_articles=int(sizes[mixed].sum()),
        largest_group=int(sizes.max(initial=0)),
    )


def count_dates(evidence: Evidence, today: date) -> DatesFound | None:
    """Dates that are there and cannot be used; ``None`` without any date."""
    values = [article.date for article in evidence.articles]
    if not any(value and value.strip() for value in values):
        return None
    dates = read_dates(values, today)
    return DatesFound(usable=dates.dated, unreadable=dates.unreadable, ambiguous=dates.ambiguous, absurd=dates.absurd)


def count_across(groups: Integers, split: Sequence[str | None]) -> int:
    """Articles whose near-duplicate group stands in several parts of the split."""
    numbers: dict[str | None, int] = {}
    parts = [numbers.setdefault(part, len(numbers)) for part in split]
    pairs = np.unique(np.column_stack([groups, parts]), axis=0)
    several = np.bincount(pairs[:, 0]) > 1
    return int(several[groups].sum())
