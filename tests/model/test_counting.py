import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from falsetrue.model.counting import count_ngrams

TEXTS = ["The vote, the VOTE and the budget", "A budget vote", "", "the end"]


def texts() -> st.SearchStrategy[list[str]]:
    words = st.sampled_from(["the", "vote", "İstanbul", "straße", "ΟΔΟΣ", "x", "10", "naïve", "\u0301ab", "新闻", "_a"])
    written = st.lists(words, max_size=12).map(" ".join) | st.text(max_size=40)
    return st.lists(written, min_size=1, max_size=8)


@given(texts=texts(), largest=st.integers(1, 3), fewest=st.integers(1, 3))
def test_counts_are_those_of_scikit_learn(texts: list[str], largest: int, fewest: int) -> None:
    vectorizer = CountVectorizer(ngram_range=(1, largest), min_df=fewest)
    try:
        expected = vectorizer.fit_transform(texts)
    except ValueError:  # no term at all
        assert count_ngrams(texts, largest=largest, fewest_texts=fewest).matrix.shape == (len(texts), 0)
        return
    found = count_ngrams(texts, largest=largest, fewest_texts=fewest)
    assert found.terms.tolist() == vectorizer.get_feature_names_out().tolist()
    np.testing.assert_array_equal(found.matrix.toarray(), expected.toarray())


def test_rows_and_columns_can_be_taken_out() -> None:
    counts = count_ngrams(TEXTS, largest=1)
    some = counts.rows(np.array([1, 3])).columns(np.flatnonzero(counts.terms == "vote"))
    assert some.matrix.toarray().tolist() == [[1], [0]]
    assert some.terms.tolist() == ["vote"]


def test_text_frequency_counts_texts_not_occurrences() -> None:
    counts = count_ngrams(TEXTS, largest=1)
    assert dict(zip(counts.terms.tolist(), counts.text_frequency().tolist(), strict=True))["the"] == 2


def test_no_text_is_no_count() -> None:
    assert count_ngrams([], largest=2).matrix.shape == (0, 0)
