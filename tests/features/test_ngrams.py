import pickle
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow.parquet import read_table
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer

from falsetrue.features.ngrams import NgramVectorizer

WORDS = [
    "the",
    "vote",
    "vote",
    "budget",
    "a",
    "I",
    "10",
    "x9",
    "_a",
    "İstanbul",
    "straße",
    "STRASSE",
    "ΟΔΟΣ",
    "οδος",
    "naïve",
    "nai\u0308ve",
    "新闻",
    "新闻报道",
    "\u0301ab",
    "Ⅷ",
    "ǅungla",
    "\U0001d400\U0001d401",
    "\U0001f469\u200d\U0001f680",
    "elephant",
    "elephants",
    "elephantine",
    "don't",
    "e-mail",
    "ab\0cd",
]
TEXTS = ["The vote, the VOTE and the budget", "A budget vote", "", "the end of the budget"]
NO_COMPILER = pytest.mark.skipif(find_spec("falsetrue.features._counting") is None, reason="no compiler built it")
BOTH = pytest.mark.parametrize("native", [pytest.param(True, marks=NO_COMPILER), False])


@contextmanager
def counted_by(*, native: bool) -> Iterator[None]:
    """Count in compiled C, or in NumPy."""
    with pytest.MonkeyPatch.context() as patch:
        if not native:
            patch.setattr("falsetrue.features.counting.compiled", None)
        yield


def texts() -> st.SearchStrategy[list[str]]:
    written = st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join) | st.text(max_size=40)
    return st.lists(written, min_size=1, max_size=8)


def options() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "lowercase": st.booleans(),
            "stop_words": st.none() | st.lists(st.sampled_from([*WORDS, "of the"]), max_size=3) | st.just("english"),
            "ngram_range": st.sampled_from([(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3)]),
            "min_df": st.sampled_from([1, 2, 3, 0.2, 0.5]),
            "max_df": st.sampled_from([1.0, 0.9, 0.5, 2, 3]),
            "max_features": st.none() | st.integers(1, 9),
            "binary": st.booleans(),
            "norm": st.sampled_from([None, "l1", "l2"]),
            "use_idf": st.booleans(),
            "smooth_idf": st.booleans(),
            "sublinear_tf": st.booleans(),
        }
    )


def fitted(vectorizer: TfidfVectorizer, documents: list[str]) -> csr_matrix | str:
    """The matrix, or what the error says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of stop words that no text can hold, and of terms that no text does
        try:
            return vectorizer.fit_transform(documents)
        except ValueError as error:
            return str(error)


def assert_same(found: csr_matrix, expected: csr_matrix) -> None:
    assert found.shape == expected.shape
    np.testing.assert_allclose((found - expected).data, 0, rtol=0, atol=1e-12)
    assert found.has_canonical_format
    assert found.nnz == expected.nnz


# --- the same as scikit-learn -----------------------------------------------------------------------


@BOTH
@given(documents=texts(), chosen=options(), later=texts())
def test_values_terms_and_errors_are_those_of_scikit_learn(
    native: bool,  # noqa: FBT001
    documents: list[str],
    chosen: dict[str, Any],
    later: list[str],
) -> None:
    theirs, ours = TfidfVectorizer(**chosen), NgramVectorizer(**chosen)
    expected = fitted(theirs, documents)
    with counted_by(native=native):
        found = fitted(ours, documents)
        if isinstance(expected, str) or isinstance(found, str):
            assert found == expected
            return
        assert ours.get_feature_names_out().tolist() == theirs.get_feature_names_out().tolist()
        assert ours.vocabulary_ == theirs.vocabulary_
        assert_same(found, expected)
        assert_same(ours.transform(later), theirs.transform(later))
        if chosen["use_idf"]:
            np.testing.assert_allclose(ours.idf_, theirs.idf_, rtol=1e-15)


@BOTH
@given(
    documents=texts(),
    vocabulary=st.lists(
        st.lists(st.sampled_from([*WORDS, "", "\n", "ab"]), min_size=1, max_size=4).map(" ".join),
        min_size=1,
        unique=True,
    ),
    chosen=options(),
)
def test_a_given_vocabulary_keeps_its_columns(
    native: bool,  # noqa: FBT001
    documents: list[str],
    vocabulary: list[str],
    chosen: dict[str, Any],
) -> None:
    chosen |= {"vocabulary": vocabulary, "smooth_idf": True}
    theirs, ours = TfidfVectorizer(**chosen), NgramVectorizer(**chosen)
    expected = fitted(theirs, documents)
    with counted_by(native=native):
        found = fitted(ours, documents)
        assert not isinstance(found, str)
        assert not isinstance(expected, str)
        assert_same(found, expected)
        assert ours.vocabulary_ == theirs.vocabulary_
        assert_same(ours.transform(documents), theirs.transform(documents))


@BOTH
def test_many_texts_whose_words_and_ngrams_outgrow_every_first_table(native: bool) -> None:  # noqa: FBT001
    generator = np.random.default_rng(0)
    numbers = generator.zipf(1.3, size=(1500, 60)) % 4000
    documents = [" ".join(f"w{number}" * (1 + number % 3) for number in row) for row in numbers]
    chosen: dict[str, Any] = {"ngram_range": (1, 3), "min_df": 3, "sublinear_tf": True}
    with counted_by(native=native):
        ours = NgramVectorizer(**chosen)
        theirs = TfidfVectorizer(**chosen)
        assert_same(ours.fit_transform(documents), theirs.fit_transform(documents))
        assert ours.get_feature_names_out().tolist() == theirs.get_feature_names_out().tolist()


@BOTH
def test_more_than_255_texts_may_be_asked_of_a_term(native: bool) -> None:  # noqa: FBT001
    documents = ["red green"] * 300 + ["red blue"] * 299
    with counted_by(native=native):
        vectorizer = NgramVectorizer(ngram_range=(1, 2), min_df=300).fit(documents)
    assert vectorizer.get_feature_names_out().tolist() == ["green", "red", "red green"]


@BOTH
def test_equally_frequent_terms_are_taken_as_scikit_learn_takes_them(native: bool) -> None:  # noqa: FBT001
    documents = [" ".join(f"w{number}" for number in range(start, start + 40)) for start in range(0, 2000, 25)]
    with counted_by(native=native):
        ours = NgramVectorizer(max_features=500).fit(documents)
    assert ours.vocabulary_ == TfidfVectorizer(max_features=500).fit(documents).vocabulary_


# --- the manners of scikit-learn --------------------------------------------------------------------


def test_it_can_be_cloned_with_its_parameters() -> None:
    vectorizer = NgramVectorizer(ngram_range=(1, 2), min_df=2).fit(TEXTS)
    copy = clone(vectorizer)
    assert copy.get_params() == vectorizer.get_params()
    assert copy.set_params(min_df=1).min_df == 1
    with pytest.raises(NotFittedError):
        copy.transform(TEXTS)


def test_a_pickled_one_says_the_same() -> None:
    vectorizer = NgramVectorizer(ngram_range=(1, 2)).fit(TEXTS)
    vectorizer.transform(TEXTS)
    again = pickle.loads(pickle.dumps(vectorizer))  # noqa: S301 - our own
    assert_same(again.transform(TEXTS), vectorizer.transform(TEXTS))


def test_the_same_texts_make_the_same_pickle() -> None:
    made = [pickle.dumps(NgramVectorizer(stop_words=["the"]).fit(list(TEXTS))) for _ in range(2)]
    assert made[0] == made[1]


def test_texts_are_read_once_and_may_be_bytes() -> None:
    expected = TfidfVectorizer().fit_transform(TEXTS)
    encoded: Any = (text.encode() for text in TEXTS)
    assert_same(NgramVectorizer().fit_transform(encoded), expected)


def test_fitting_anew_forgets_what_was() -> None:
    vectorizer = NgramVectorizer().fit(TEXTS)
    vectorizer.transform(TEXTS)
    vectorizer.set_params(norm=None, ngram_range=(2, 2)).fit(TEXTS[:2])
    assert_same(
        vectorizer.transform(TEXTS), TfidfVectorizer(norm=None, ngram_range=(2, 2)).fit(TEXTS[:2]).transform(TEXTS)
    )


@pytest.mark.parametrize(
    ("chosen", "complaint"),
    [
        ({"ngram_range": (1, 4)}, "1 to 3 words"),
        ({"ngram_range": (2, 1)}, "ngram_range"),
        ({"min_df": -1}, "min_df"),
        ({"norm": "l3"}, "norm"),
    ],
)
def test_parameters_that_there_are_not_are_refused(chosen: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        NgramVectorizer(**chosen).fit(TEXTS)


def test_one_text_instead_of_many_is_refused() -> None:
    with pytest.raises(ValueError, match="string object received"):
        NgramVectorizer().fit("the vote")


@NO_COMPILER
def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError, match="texts must be str, not int"):
        NgramVectorizer().fit(cast("list[str]", ["the vote", 3]))


# --- the compiled part alone ------------------------------------------------------------------------


@NO_COMPILER
def test_a_counter_counts_once_and_in_order() -> None:
    counter = import_module("falsetrue.features._counting").Counter(stop_words=b"", lowercase=True, largest=2)
    counter.add(["the vote"])
    with pytest.raises(RuntimeError, match="counts once"):
        counter.count(b"", 1)
    counter.keep(1)
    with pytest.raises(RuntimeError, match="counts once"):
        counter.add(["the vote"])


@NO_COMPILER
def test_arrays_that_do_not_fit_are_refused() -> None:
    counter = import_module("falsetrue.features._counting").Counter(stop_words=b"", lowercase=True, largest=1)
    counter.add(["the vote"])
    assert counter.keep(1) == b"the\nvote\n"
    with pytest.raises(ValueError, match="beyond the words"):
        counter.count(np.array([0, 2], dtype=np.uint32), 1)
    counter.count(np.array([0, 1], dtype=np.uint32), 1)
    columns, none, ends = np.array([0, 1], dtype=np.int32), np.empty(0, dtype=np.int32), np.empty(1, dtype=np.int64)
    plain = False, False, 0
    values, found = np.empty(2), np.empty(2, dtype=np.int32)
    with pytest.raises(ValueError, match="beyond the last"):
        counter.rows(columns, none, 1, None, *plain, ends, found, values)
    with pytest.raises(ValueError, match="wrong size"):
        counter.rows(columns, none, 2, np.ones(3), *plain, ends, found, values)
    with pytest.raises(OverflowError):
        counter.rows(columns, none, 2, None, *plain, ends, found[:1], values[:1])


# --- real articles ----------------------------------------------------------------------------------


@pytest.mark.corpora
@BOTH
def test_real_articles_are_vectorized_as_scikit_learn_does(corpora: Path, native: bool) -> None:  # noqa: FBT001
    documents, expected, vocabulary = vectorized(corpora)
    ours = NgramVectorizer(**CHOSEN)
    with counted_by(native=native):
        assert_same(ours.fit_transform(documents), expected)
        assert ours.vocabulary_ == vocabulary


CHOSEN: dict[str, Any] = {"ngram_range": (1, 2), "min_df": 2, "sublinear_tf": True}


@cache
def vectorized(corpora: Path) -> tuple[list[str], Any, dict[str, int]]:
    """Real articles, and what scikit-learn makes of them."""
    table = read_table(corpora / "fakenewsnet_politifact.parquet", columns=["text"])
    documents = [text for text in table.column("text").to_pylist() if text]
    theirs = TfidfVectorizer(**CHOSEN)
    return documents, theirs.fit_transform(documents), theirs.vocabulary_
