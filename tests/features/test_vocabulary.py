from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from falsetrue.features.vocabulary import Vocabulary
from falsetrue.features.words import words

WORDS = ["aa", "bb", "cc", "dd", "ñandú"]


def vocabulary(terms: list[str], largest: int) -> Vocabulary:
    return Vocabulary(np.frombuffer("\n".join(terms).encode(), dtype=np.uint8), largest)


@given(
    st.lists(
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join), min_size=1, max_size=12, unique=True
    ),
    st.lists(st.lists(st.sampled_from([*WORDS, "unknown"])).map(" ".join), max_size=5),
    st.sampled_from([(1, 1), (1, 2), (2, 2), (1, 3), (2, 3), (3, 3)]),
)
def test_it_finds_the_terms_that_looking_each_ngram_up_finds(
    terms: list[str], texts: list[str], bounds: tuple[int, int]
) -> None:
    smallest, largest = bounds
    ours = vocabulary(terms, largest)
    numbers = ours.terms_only(ours.numbers([words(text) for text in texts]))
    found: Counter[int] = Counter()
    for _, columns in ours.ngrams(numbers, smallest, largest):
        found += Counter(columns.tolist())
    cut = CountVectorizer(ngram_range=bounds).build_analyzer()
    grams = [gram for text in texts for gram in cut(text)]
    assert found == Counter(terms.index(gram) for gram in grams if gram in terms)
    assert len(numbers) == sum(len(words(text)) + 1 for text in texts)


def test_ngrams_never_run_from_one_text_into_the_next() -> None:
    ours = vocabulary(["aa bb"], 2)
    numbers = ours.terms_only(ours.numbers([["xx", "aa"], ["bb", "yy"]]))
    assert [len(places) for places, _ in ours.ngrams(numbers, 1, 2)] == [0, 0]


def test_more_words_than_keys_can_number_are_refused() -> None:
    with pytest.raises(OverflowError, match="3 words are more than this version can number 64-grams of"):
        vocabulary(["aa", "bb", "cc"], 64)
