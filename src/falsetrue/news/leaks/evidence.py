"""What could give the label away in the articles of one corpus; no label is looked at."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from falsetrue.news.article import Article
from falsetrue.news.duplicates import NumberedWords, groups_of_numbered, number_words
from falsetrue.news.leaks import testing
from falsetrue.news.leaks.facts import Fact, facts_of, in_file_order
from falsetrue.news.leaks.shape import MEASURES, measure
from falsetrue.news.leaks.words import Grams, at_edge, find_grams, flatten
from falsetrue.news.masking import CATALOGUE, Masker

Integers = NDArray[np.int64]
Indices = NDArray[np.int32]
Floats = NDArray[np.float64]

#: Words from either end that make up its opening and its closing.
EDGES = {"text": 10, "title": 3}
#: N-grams that fewer texts hold are left out whatever they tell.
FEWEST_TEXTS = 8
#: An n-gram belongs to an edge if this share of its occurrences stands there: in texts, which are long, and in titles.
CONCENTRATION = {"text": 0.5, "title": 0.8}


@dataclass(frozen=True, kw_only=True)
class Present:
    """Features that an article has or has not."""

    kind: str
    where: str
    document: Indices  #: pairs, each once: this article ...
    feature: Indices  #: ... has this feature
    size: int  #: how many features there are
    names: Callable[[int], str]
    allowed: NDArray[np.bool_] | None = None  #: features that may be a leak, if nearly always right; ``None``: all
    grams: Grams | None = None  #: of wordings: where they stand
    is_closing: bool = False

    def holders(self, features: Sequence[int]) -> dict[int, Integers]:
        """The articles that have each of some features."""
        wanted = np.zeros(self.size, dtype=bool)
        wanted[list(features)] = True
        at = wanted[self.feature]
        document, feature = self.document[at].astype(np.int64), self.feature[at]
        return {each: document[feature == each] for each in features}


def _is_single(part: Present) -> bool:
    return part.grams is not None and part.grams.length == 1 and part.where == "text"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All features of the articles of one corpus; no label has been looked at."""

    corpus: str
    articles: Sequence[Article]
    duplicates: Integers  #: near-duplicate group of each article
    present: Sequence[Present]
    measures: Mapping[str, Floats]  #: by ``title`` or ``text``: (n, len(MEASURES))
    facts: Sequence[Fact]
    ordered: bool  #: whether the order of the articles is that of a file

    @property
    def size(self) -> int:
        """How many features are tested."""
        facts = len(self.facts) + self.ordered
        return sum(part.size for part in self.present) + len(self.measures) * len(MEASURES) + facts

    def without_wording_of_several_words(self) -> "Evidence":
        """Much smaller: what the comparison of corpora needs."""
        return replace(self, present=[part for part in self.present if part.grams is None or _is_single(part)])


@dataclass(frozen=True, kw_only=True)
class Numbered:
    """Some articles, their words numbered and their copies found."""

    articles: Sequence[Article]
    text: NumberedWords
    title: NumberedWords
    duplicates: Integers  #: near-duplicate group of each article

    def part(self, begin: int, end: int) -> "Numbered":
        """The articles from ``begin`` up to ``end``."""
        return Numbered(
            articles=self.articles[begin:end],
            text=_part(self.text, begin, end),
            title=_part(self.title, begin, end),
            duplicates=np.unique(self.duplicates[begin:end], return_inverse=True)[1].astype(np.int64),
        )


def _part(words: NumberedWords, begin: int, end: int) -> NumberedWords:
    starts = words.starts[begin : end + 1]
    return NumberedWords(
        numbers=words.numbers[starts[0] : starts[-1]], starts=starts - starts[0], vocabulary=words.vocabulary
    )


def number(articles: Sequence[Article]) -> Numbered:
    """Number the words of all articles, whatever their corpus, and find their near duplicates.

    Articles are near duplicates if their texts are; those without a text, if their titles are.
    """
    text = number_words(article.text for article in articles)
    title = number_words(article.title or "" for article in articles)
    groups = groups_of_numbered(text)
    empty = np.diff(text.starts) == 0
    if empty.any():
        by_title = groups_of_numbered(number_words(articles[int(at)].title or "" for at in np.flatnonzero(empty)))
        groups[empty] = groups.max(initial=-1) + 1 + by_title
    return Numbered(articles=articles, text=text, title=title, duplicates=groups)


def gather(corpus: str, numbered: Numbered) -> Evidence:
    """Every feature of the articles of one corpus."""
    articles, duplicates = numbered.articles, numbered.duplicates
    fewest = _fewest(articles)
    fields = {
        "text": ([article.text for article in articles], numbered.text),
        "title": ([article.title or "" for article in articles], numbered.title),
    }
    first = np.zeros(len(articles), dtype=bool)
    first[np.unique(duplicates, return_index=True)[1]] = True
    present: list[Present] = []
    measures = {}
    for where, (values, words) in fields.items():
        if any(value.strip() for value in values):
            measures[where] = measure(values)
            present += _wordings(where, words, fewest, first)
            present += [_families(where, values), _repeated(where, values, fewest), _marks(where, measures[where])]
    return Evidence(
        corpus=corpus,
        articles=articles,
        duplicates=duplicates,
        present=present,
        measures=measures,
        facts=facts_of(articles),
        ordered=in_file_order(articles),
    )


def _fewest(articles: Sequence[Article]) -> int:
    """Fewer articles than this cannot be the share of a class that makes a sign, whichever class it is."""
    real = sum(int(article.label) for article in articles)
    return max(FEWEST_TEXTS, int(testing.SHARE * min(real, len(articles) - real)))


def _wordings(where: str, words: NumberedWords, fewest: int, first: NDArray[np.bool_]) -> Iterator[Present]:
    """N-grams anywhere and at both ends, counted in one article of each near-duplicate group."""
    for grams, held in find_grams(flatten(words), fewest, first):
        yield Present(
            kind="wording",
            where=where,
            document=held.document,
            feature=held.feature,
            size=grams.size,
            names=grams.name,
            grams=grams,
        )
        for closing in (False, True):
            found = at_edge(grams, EDGES[where], closing=closing)
            keep = first[found.document]
            yield Present(
                kind="wording",
                where=f"{where} {'closing' if closing else 'opening'}",
                document=found.document[keep],
                feature=found.feature[keep],
                size=grams.size,
                names=grams.name,
                allowed=found.concentration >= CONCENTRATION[where],
                grams=grams,
                is_closing=closing,
            )


def _families(where: str, values: Sequence[str]) -> Present:
    """Which masks of the catalogue find something."""
    masker = Masker(list(CATALOGUE))
    names = list(CATALOGUE)
    numbers = {name: number for number, name in enumerate(names)}
    pairs = [(at, numbers[name]) for at, value in enumerate(values) for name in sorted(masker.found(value))]
    document, feature = np.array(pairs, dtype=np.int32).reshape(-1, 2).T
    return Present(
        kind="family", where=where, document=document, feature=feature, size=len(names), names=lambda at: names[at]
    )


def _repeated(where: str, values: Sequence[str], fewest: int) -> Present:
    """Whole texts, or titles, that stand in many articles word for word."""
    articles: dict[str, list[int]] = {}
    for at, value in enumerate(values):
        key = " ".join(value.lower().split())
        if key:
            articles.setdefault(key, []).append(at)
    often = {key: at for key, at in articles.items() if len(at) >= fewest}
    names = [" ".join(key.split()[:8]) for key in often]
    return Present(
        kind="repeated",
        where=where,
        document=np.array([at for group in often.values() for at in group], dtype=np.int32),
        feature=np.repeat(np.arange(len(often), dtype=np.int32), [len(group) for group in often.values()]),
        size=len(often),
        names=lambda at: names[at],
    )


def _marks(where: str, measures: Floats) -> Present:
    """Which measures are above nothing at all: a mark that a text has, a title that is missing."""
    document, feature = np.nonzero(measures > 0)
    return Present(
        kind="shape",
        where=where,
        document=document.astype(np.int32),
        feature=feature.astype(np.int32),
        size=len(MEASURES),
        names=lambda at: MEASURES[at],
        allowed=np.ones(len(MEASURES), dtype=bool),  # what is merely frequent is told by the measure itself
    )
