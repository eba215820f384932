"""What is said about articles beside title and text: source, subject, language, date, place in the file."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from falsetrue.news.article import Article

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

#: A source of fewer articles than this says nothing of how sources are labelled.
FEWEST_OF_SOURCE = 5
_LETTERS = re.compile(r"[^\W\d_]+")
_DIGITS = re.compile(r"\d+")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A column of categories."""

    name: str
    codes: Integers  #: of each article: its category
    categories: Sequence[str]


def facts_of(articles: Sequence[Article]) -> list[Fact]:
    """Every column that has at least two categories; nothing is a category, too."""
    columns: dict[str, list[str | None]] = {
        "source": [article.source for article in articles],
        "subject": [article.subject for article in articles],
        "language": [article.language for article in articles],
        "form of the date": [date_form(article.date) for article in articles],
        "year": [year_of(article.date) for article in articles],
    }
    facts = [_fact(name, values) for name, values in columns.items()]
    return [fact for fact in facts if len(fact.categories) > 1]


def _fact(name: str, values: Sequence[str | None]) -> Fact:
    numbers: dict[str, int] = {}
    codes = np.array([numbers.setdefault(value or "(none)", len(numbers)) for value in values], dtype=np.int64)
    return Fact(name=name, codes=codes, categories=list(numbers))


def date_form(date: str | None) -> str | None:
    """How a date is written: digits as 9, however many but for years of four, and words as ``a``."""
    if date is None:
        return None
    return _LETTERS.sub("a", _DIGITS.sub(lambda found: "9999" if len(found[0]) == 4 else "9", date[:40]))  # noqa: PLR2004


def year_of(date: str | None) -> str | None:
    """The first number from 1900 to 2099 in a date."""
    found = _YEAR.search(date or "")
    return found[0] if found else None


def in_file_order(articles: Sequence[Article]) -> bool:
    """Whether the articles stand as in one file, so that their order says something."""
    return all(one.line < other.line for one, other in pairwise(articles))


def labels_around(labels: Integers, fit: NDArray[np.bool_]) -> Floats:
    """Of each article, the mean label of the nearest ones before and after it among those to fit on."""
    at = np.flatnonzero(fit)
    if not len(at):
        return np.full(len(labels), 0.5)
    place = np.arange(len(labels))
    after = np.searchsorted(at, place, side="right")
    before = np.searchsorted(at, place, side="left") - 1
    left = labels[at[np.maximum(before, 0)]]
    right = labels[at[np.minimum(after, len(at) - 1)]]
    # Beyond either end the other neighbour speaks for both.
    return (np.where(before < 0, right, left) + np.where(after >= len(at), left, right)) / 2


def one_source_one_label(articles: Sequence[Article]) -> float | None:
    """Share of the articles of sources with enough articles whose source has one label; ``None`` without any."""
    counted: Counter[tuple[str, int]] = Counter()
    for article in articles:
        if article.source:
            counted[article.source.lower(), int(article.label)] += 1
    sources = {source for source, _ in counted}
    large = [source for source in sources if counted[source, 0] + counted[source, 1] >= FEWEST_OF_SOURCE]
    total = sum(counted[source, 0] + counted[source, 1] for source in large)
    alone = sum(
        counted[source, 0] + counted[source, 1] for source in large if not (counted[source, 0] and counted[source, 1])
    )
    return alone / total if total else None
