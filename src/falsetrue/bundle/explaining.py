"""Why a model said what it said of a text. Nothing here is on the way of a text that is only scored."""

import numpy as np

from falsetrue.bundle.blob import Member
from falsetrue.bundle.scorer import CompiledScorer, Scorer
from falsetrue.features.kernel import LARGEST_NGRAM
from falsetrue.features.numpy_kernel import Counted
from falsetrue.features.spans import word_spans
from falsetrue.features.words import words
from falsetrue.model.explanation import (
    Explanation,
    Field,
    Floats,
    Indices,
    Occurrences,
    Place,
    Unexplained,
    contributions_of_words,
    explanation_of,
    masked_spans,
)
from falsetrue.news.article import join_title_and_text


def explain_text(scorer: Scorer, text: str, title: str | None = None) -> Explanation | Unexplained:
    """What each word of title and text added to the log-odds that ``scorer`` gives to the two joined.

    Or why that cannot be said: only linear models weigh words one by one.
    """
    if not isinstance(scorer, CompiledScorer):
        return Unexplained.NOT_COMPILED
    header = scorer.header
    if not header.is_linear:
        return Unexplained.NOT_LINEAR
    (member,) = header.members
    content = join_title_and_text(title, text)
    masked = scorer.masker.mask(content)
    kernel = scorer.numpy_kernel
    spans = word_spans(masked, lowercase=header.lowercase)
    if kernel.stop_words:
        found = words(masked, lowercase=header.lowercase)
        spans = [span for span, word in zip(spans, found, strict=True) if word not in kernel.stop_words]
    return explanation_of(
        _places(title or "", text, content),
        base=member.slope * member.intercept + member.offset,
        spans=spans,
        contributions=_contributions(scorer, member, Counted(kernel, [masked])),
        masked=masked_spans(content, masked),
    )


def _places(title: str, text: str, content: str) -> list[Place]:
    """Where the fields stand: the text at the end of the content, the title, if it was joined, at its start."""
    start = len(content) - len(text)
    of_text = Place(field=Field.TEXT, text=text, start=start)
    return [Place(field=Field.TITLE, text=title, start=0), of_text] if start else [of_text]


def _contributions(scorer: CompiledScorer, member: Member, counted: Counted) -> Floats:
    """Of each word of one masked content that is no stop word, shape (words,)."""
    features = counted.features()
    contributions = member.slope * scorer.weights[features.terms] * features.values
    by_length = list(enumerate(counted.occurrences, scorer.header.smallest_ngram))
    terms, occurrences = features.terms, []
    if scorer.header.hash_columns:
        terms, contributions, by_length = _apart(terms, contributions, by_length)
    for length, (places, found) in by_length:
        occurrences.append(Occurrences(length=length, places=places, terms=found))
    return contributions_of_words(int(counted.words[0]), occurrences, terms, contributions)


_ByLength = list[tuple[int, tuple[Indices, Indices]]]


def _apart(columns: Indices, contributions: Floats, by_length: _ByLength) -> tuple[Indices, Floats, _ByLength]:
    """The same, had n-grams of different lengths never shared a column: each counts by how often it is there."""
    base = LARGEST_NGRAM + 1
    counts = [np.bincount(np.searchsorted(columns, found), minlength=len(columns)) for _, (_, found) in by_length]
    total = np.maximum(sum(counts), 1)
    terms = np.concatenate([columns * base + length for length, _ in by_length])
    shares = np.concatenate([contributions * count / total for count in counts])
    order = np.argsort(terms)
    found = [(length, (places, found * base + length)) for length, (places, found) in by_length]
    return terms[order], shares[order], found
