import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from falsetrue.features.ngrams import ngrams, words

AWKWARD = [
    "ΟΔΥΣΣΕΥΣ ΣΟΦΟΣ",
    "İSTANBUL IŞIK",
    "e\u0301crit a\u0300",
    "a\x00b cc\x00dd",
    "x y zz",
    "",
    "\ud800 lone",
    "ﬁne Straße",
]


@pytest.mark.parametrize("bounds", [(1, 1), (1, 2), (2, 2), (1, 3), (2, 3), (3, 3)])
@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_texts_are_cut_as_scikit_learn_cuts_them(text: str, bounds: tuple[int, int]) -> None:
    analyze = CountVectorizer(ngram_range=bounds).build_analyzer()
    assert ngrams(words(text), *bounds) == analyze(text)


@settings(max_examples=300)
@given(st.text(), st.sampled_from([(1, 1), (1, 2), (2, 3), (1, 3)]))
def test_any_text_is_cut_as_scikit_learn_cuts_it(text: str, bounds: tuple[int, int]) -> None:
    analyze = CountVectorizer(ngram_range=bounds).build_analyzer()
    assert ngrams(words(text), *bounds) == analyze(text)
