"""TF-IDF of word n-grams as a scikit-learn transformer that counts in compiled C. Only training imports this."""

import math
from collections.abc import Iterable
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer
from sklearn.utils.validation import check_is_fitted

from falsetrue.features.counters import Cut, Matcher, Rows, Weighing, weigh
from falsetrue.features.counting import NgramCounter, Terms, make_matcher, match
from falsetrue.features.kernel import LARGEST_NGRAM, Norm

_NORMS = {None: Norm.NONE, "l1": Norm.L1, "l2": Norm.L2}


class NgramVectorizer(TfidfVectorizer):  # type: ignore[misc]  # scikit-learn has no types
    """scikit-learn's ``TfidfVectorizer`` of words, with the same vocabulary, columns and values, more quickly.

    Parameters are those of ``TfidfVectorizer``, n-grams having three words at most; words are runs of two or more word
    characters, as there by default. Memory is about 4 bytes for each word and each length of n-gram, beside the matrix.
    """

    def __init__(
        self,
        *,
        lowercase: bool = True,
        stop_words: Any = None,
        ngram_range: tuple[int, int] = (1, 1),
        max_df: float = 1.0,
        min_df: float = 1,
        max_features: int | None = None,
        vocabulary: Any = None,
        binary: bool = False,
        norm: str | None = "l2",
        use_idf: bool = True,
        smooth_idf: bool = True,
        sublinear_tf: bool = False,
    ) -> None:
        super().__init__(
            lowercase=lowercase,
            stop_words=stop_words,
            ngram_range=ngram_range,
            max_df=max_df,
            min_df=min_df,
            max_features=max_features,
            vocabulary=vocabulary,
            binary=binary,
            norm=norm,
            use_idf=use_idf,
            smooth_idf=smooth_idf,
            sublinear_tf=sublinear_tf,
        )

    def fit(self, raw_documents: Iterable[str], y: Any = None) -> "NgramVectorizer":
        """Learn the terms and in how many texts each stands.

        Raises :class:`ValueError` as ``TfidfVectorizer`` does: for parameters that there are not, and where no term is
        left.
        """
        del y
        self._check(raw_documents)
        if self.vocabulary is None:
            self._learn_terms(raw_documents)
        else:
            self._learn_frequencies(raw_documents)
        return self

    def fit_transform(self, raw_documents: Iterable[str], y: Any = None) -> csr_matrix:
        """:meth:`fit`, and the values of the terms, shape (texts, terms), float64; texts are read once."""
        del y
        self._check(raw_documents)
        if self.vocabulary is not None:
            return self._matrix(weigh(self._learn_frequencies(raw_documents), self._weighing()))
        counter, terms = self._learn_terms(raw_documents)
        return self._matrix(counter.rows(terms, self._weighing()))

    def transform(self, raw_documents: Iterable[str]) -> csr_matrix:
        """The values of the terms, shape (texts, terms), float64.

        Raises :class:`sklearn.exceptions.NotFittedError` before :meth:`fit`.
        """
        check_is_fitted(self, "_tfidf", msg="The TF-IDF vectorizer is not fitted")
        self._check(raw_documents)
        return self._matrix(match(self._matcher(), self._texts(raw_documents), self._weighing()))

    def __getstate__(self) -> Any:
        state = dict(super().__getstate__())
        state.pop("_known", None)
        return state

    def _check(self, raw_documents: Any) -> None:
        if isinstance(raw_documents, str):
            raise ValueError("Iterable over raw text documents expected, string object received.")  # noqa: TRY004
        self._validate_params()
        self._validate_ngram_range()
        if self.ngram_range[0] < 1 or self.ngram_range[1] > LARGEST_NGRAM:
            raise ValueError(
                f"ngram_range={self.ngram_range} has no fast form; n-grams have 1 to {LARGEST_NGRAM} words"
            )

    def _texts(self, raw_documents: Iterable[Any]) -> Iterable[str]:
        return (text if isinstance(text, str) else self.decode(text) for text in raw_documents)

    def _cut(self) -> Cut:
        smallest, largest = self.ngram_range
        stop_words = tuple(self.get_stop_words() or ())
        return Cut(smallest=smallest, largest=largest, lowercase=self.lowercase, stop_words=stop_words)

    def _weighing(self) -> Weighing:
        idf = np.asarray(self.idf_, dtype=np.float64) if self.use_idf else None
        return Weighing(idf=idf, binary=self.binary, sublinear=self.sublinear_tf, norm=_NORMS[self.norm])

    def _learn_terms(self, raw_documents: Iterable[Any]) -> tuple[NgramCounter, Terms]:
        counter = NgramCounter(self._cut())
        counter.add(self._texts(raw_documents))
        if not counter.has_ngrams:
            raise ValueError("empty vocabulary; perhaps the documents only contain stop words")
        terms = self._choose(counter)
        self.fixed_vocabulary_ = False
        self.vocabulary_ = dict(zip(terms.spelled.tolist(), range(len(terms)), strict=True))
        self._learn_idf(terms.texts, counter.texts)
        return counter, terms

    def _choose(self, counter: NgramCounter) -> Terms:
        """The terms that are neither too rare nor too frequent."""
        fewest, most = (
            float(share if isinstance(share, Integral) else share * counter.texts)
            for share in (self.min_df, self.max_df)
        )
        if most < fewest:
            raise ValueError("max_df corresponds to < documents than min_df")
        terms = counter.terms(fewest=math.ceil(fewest), most=math.floor(most))
        if self.max_features is not None and len(terms) > self.max_features:
            times = (terms.texts if self.binary else terms.times).astype(np.float64)
            # Not stable, as scikit-learn: of equally frequent terms the same are taken.
            terms = terms[np.sort((-times).argsort()[: self.max_features])]
        if not len(terms):
            raise ValueError("After pruning, no terms remain. Try a lower min_df or a higher max_df.")
        return terms

    def _learn_frequencies(self, raw_documents: Iterable[Any]) -> Rows:
        """Learn how frequent the terms of a given vocabulary are; their counts."""
        super().fit([""])  # takes the vocabulary over
        rows = match(self._matcher(), self._texts(raw_documents), Weighing())
        self._learn_idf(np.bincount(rows.columns, minlength=len(self.vocabulary_)), len(rows.ends))
        return rows

    def _learn_idf(self, texts: NDArray[np.int64], count: int) -> None:
        self._tfidf = TfidfTransformer(
            norm=self.norm, use_idf=self.use_idf, smooth_idf=self.smooth_idf, sublinear_tf=self.sublinear_tf
        )
        if self.use_idf:
            self._tfidf.idf_ = np.log((count + int(self.smooth_idf)) / (texts + float(self.smooth_idf))) + 1.0

    def _matcher(self) -> Matcher:
        """What finds the terms in texts; kept for as long as the vocabulary and the parameters stay."""
        known = getattr(self, "_known", None)
        cut = self._cut()
        if known is None or known[0] is not self.vocabulary_ or known[1] != cut:
            known = self._known = (self.vocabulary_, cut, make_matcher(self.get_feature_names_out().tolist(), cut))
        matcher: Matcher = known[2]
        return matcher

    def _matrix(self, rows: Rows) -> csr_matrix:
        ends = np.concatenate([[0], rows.ends])
        return csr_matrix((rows.values, rows.columns, ends), shape=(len(rows.ends), len(self.vocabulary_)))
