"""Why a model said what it said of a text. Nothing here is on the way of a text that is only scored."""

import numpy as np

from falsetrue.bundle.scorer import CompiledScorer, Counted, LinearHead, Scorer
from falsetrue.features.spans import word_spans
from falsetrue.model.explanation import (
    Explanation,
    Field,
    Floats,
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
    if not isinstance(scorer.head, LinearHead):
        return Unexplained.NOT_LINEAR
    content = join_title_and_text(title, text)
    masked = scorer.masker.mask(content)
    header = scorer.header
    return explanation_of(
        _places(title or "", text, content),
        base=header.slope * header.intercept + header.offset,
        spans=word_spans(masked),
        contributions=_contributions(scorer, scorer.head, masked),
        masked=masked_spans(content, masked),
    )


def _places(title: str, text: str, content: str) -> list[Place]:
    """Where the fields stand: the text at the end of the content, the title, if it was joined, at its start."""
    start = len(content) - len(text)
    of_text = Place(field=Field.TEXT, text=text, start=start)
    return [Place(field=Field.TITLE, text=title, start=0), of_text] if start else [of_text]


def _contributions(scorer: CompiledScorer, head: LinearHead, masked: str) -> Floats:
    """Of each word of a masked content, shape (words,)."""
    counted = Counted(scorer, [masked])
    features = counted.features()
    smallest = scorer.header.smallest_ngram
    occurrences = [
        Occurrences(length=length, places=places, terms=terms)
        for length, (places, terms) in enumerate(counted.occurrences, smallest)
    ]
    weights = np.asarray(scorer.header.slope * head.weights[features.terms])
    return contributions_of_words(int(counted.words[0]), occurrences, features.terms, weights * features.values)
