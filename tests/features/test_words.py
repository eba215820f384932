import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from falsetrue.features.words import words

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


_cut_as_scikit_learn = CountVectorizer().build_analyzer()


@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_texts_are_cut_as_scikit_learn_cuts_them(text: str) -> None:
    assert words(text) == _cut_as_scikit_learn(text)


@settings(max_examples=500)
@given(st.text())
def test_any_text_is_cut_as_scikit_learn_cuts_it(text: str) -> None:
    assert words(text) == _cut_as_scikit_learn(text)
