"""Recipes: how a scikit-learn pipeline is put together and fitted."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from falsetrue.errors import InputError
from falsetrue.model.counting import Counts, count_ngrams
from falsetrue.model.regression import fit_regression
from falsetrue.news import filtering, masking
from falsetrue.news.article import Article
from falsetrue.news.duplicates import near_duplicate_groups
from falsetrue.news.masking import Masker
from falsetrue.news.splitting import grouped_folds, without_sources

Positions = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Folds in which the scores for calibration are made, each by a model that did not see the fold.
CALIBRATION_FOLDS = 5
#: A recipe needs at least this many articles of each class to fit on.
FEWEST_PER_CLASS = 2 * CALIBRATION_FOLDS


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A named way to make a model."""

    name: str
    summary: str  #: one line for people
    as_deployed: bool = False  #: prepare and weigh the articles as the deployed model's project did
    masks: tuple[str, ...] = ()  #: names of masks laid over every text
    filters: tuple[str, ...] = ()  #: names of filters; a text that one matches is no article
    blocked_words: frozenset[str] = frozenset()  #: words that stand in no term
    digits: bool = True  #: whether a term may hold a digit; years and counts tell when, not what
    largest_ngram: int = 2
    fewest_texts: int = 3  #: in which a term must stand
    most_terms: int = 100_000  #: of those in most texts
    inverse_penalty: float = 1.0  #: ``C`` of the logistic regression, where several corpora must agree
    inverse_penalty_alone: float = 10.0  #: the same for a single corpus, where there is nothing to agree with


DEFAULT = Recipe(
    name="default",
    summary="TF-IDF of word 1-2-grams with known leaks masked, logistic regression, corpora and classes of equal "
    "weight, calibrated by Platt's sigmoid on out-of-fold scores",
    masks=tuple(masking.CATALOGUE),
    filters=tuple(filtering.CATALOGUE),
    digits=False,
)
PLAIN = Recipe(
    name="plain",
    summary="TF-IDF of word 1-2-grams with nothing masked, logistic regression, corpora and classes of equal weight, "
    "calibrated by Platt's sigmoid on out-of-fold scores: what most people would do, to compare with",
)
DEPLOYED = Recipe(
    name="deployed",
    summary="TF-IDF of words (at most 122,131), random forest of depth 6: the deployed model's own pipeline",
    as_deployed=True,
)
RECIPES = {recipe.name: recipe for recipe in (DEFAULT, PLAIN, DEPLOYED)}


def suited(recipe: Recipe, articles: Sequence[Article]) -> Recipe:
    """The recipe with the penalty for a single corpus where there is no other."""
    if len({article.corpus for article in articles}) > 1:
        return recipe
    return replace(recipe, inverse_penalty=recipe.inverse_penalty_alone)


@cache
def _masker(references: tuple[str, ...]) -> Masker:
    """Made once: it takes as long as masking some thousand texts."""
    return Masker(references)


class MaskingTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """First step of a pipeline: lays the masks over the texts, as serving does."""

    def __init__(self, masks: Sequence[str] = ()) -> None:
        self.masks = masks

    def fit(self, texts: Sequence[str], labels: Any = None) -> "MaskingTransformer":
        """Nothing is learnt."""
        del texts, labels
        return self

    def transform(self, texts: Sequence[str]) -> list[str]:
        """The texts, masked."""
        masker = _masker(tuple(self.masks))
        return [masker.mask(text) for text in texts]

    def __sklearn_is_fitted__(self) -> bool:
        return True


@dataclass(frozen=True, kw_only=True)
class Weights:
    """How much each article counts, shape (n,) each."""

    fit: Floats  #: mean 1
    calibration: Floats  #: 0 for those that probabilities do not come from


def balanced_weights(articles: Sequence[Article], of_corpus: Mapping[str, float] | None = None) -> Floats:
    """Weights, mean 1, under which each class of a corpus counts the same, and corpora as ``of_corpus`` says, or 1."""
    sizes = Counter((article.corpus, int(article.label)) for article in articles)
    importance = of_corpus or {}
    weights = np.array(
        [importance.get(article.corpus, 1.0) / sizes[article.corpus, int(article.label)] for article in articles]
    )
    return weights / weights.mean()


def make_weights(
    articles: Sequence[Article], of_corpus: Mapping[str, float] | None = None, unjudged: Collection[str] = ()
) -> Weights:
    """:func:`balanced_weights` for fitting; for calibration, both classes of a corpus as much as its rarer one has.

    The latter as a draw of as many false as real articles of each corpus would, without leaving any
    out. Corpora that are ``unjudged`` take no part in it.
    """
    sizes = Counter((article.corpus, int(article.label)) for article in articles)
    rarer = {corpus: 0 if corpus in unjudged else min(sizes[corpus, 0], sizes[corpus, 1]) for corpus, _ in sizes}
    calibration = [rarer[article.corpus] / sizes[article.corpus, int(article.label)] for article in articles]
    return Weights(fit=balanced_weights(articles, of_corpus), calibration=np.array(calibration))


def labels_of(articles: Sequence[Article]) -> NDArray[np.int64]:
    """0 or 1 for each article."""
    return np.array([int(article.label) for article in articles], dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A fitted model, and what models that did not see them say of the articles that it was fitted on."""

    pipeline: Pipeline
    out_of_fold: Floats  #: ``p_real`` of each article, shape (n,), by models that may know its outlet


@dataclass(frozen=True, kw_only=True)
class Folds:
    """Numbers of the folds in which articles are scored by models that did not see them, shape (n,) each."""

    other_outlets: Positions  #: no outlet stands in two folds, where outlets are known; nor near copies
    known_outlets: Positions  #: near copies alone are kept together


def make_folds(articles: Sequence[Article], duplicates: Positions, seed: int) -> Folds:
    """Folds of both kinds; ``duplicates`` numbers the groups of near copies."""
    return Folds(
        other_outlets=grouped_folds(articles, CALIBRATION_FOLDS, seed, duplicates),
        known_outlets=grouped_folds(without_sources(articles), CALIBRATION_FOLDS, seed, duplicates),
    )


def fit(
    recipe: Recipe, articles: Sequence[Article], seed: int, of_corpus: Mapping[str, float] | None = None
) -> Pipeline:
    """Fit ``recipe``, corpora weighing as ``of_corpus`` says, or 1.

    Raises :class:`InputError` where there are too few articles of a class.
    """
    check_classes_fit(articles)
    if recipe.as_deployed:
        return _fit_as_deployed([article.content for article in articles], labels_of(articles), seed)
    duplicates = near_duplicate_groups([article.content for article in articles])
    folds, weights = make_folds(articles, duplicates, seed), make_weights(articles, of_corpus)
    suitable = suited(recipe, articles)
    return fit_counted(suitable, count(suitable, articles), labels_of(articles), weights, folds).pipeline


def check_classes_fit(articles: Sequence[Article]) -> None:
    """Raise :class:`InputError` where there are too few articles of a class to fit on."""
    fewest = int(np.bincount(labels_of(articles), minlength=2).min())
    if fewest < FEWEST_PER_CLASS:
        raise InputError(
            f"a class has only {fewest} articles to fit on after cleaning; at least {FEWEST_PER_CLASS} are needed"
        )


def fit_deployed(articles: Sequence[Article], folds: Folds, seed: int) -> Fitted:
    """Fit the deployed model's recipe."""
    texts, labels = np.array([article.content for article in articles], dtype=object), labels_of(articles)
    out_of_fold = np.empty(len(labels))
    for fold in np.unique(folds.known_outlets):
        inside = folds.known_outlets == fold
        _check_both(labels[~inside])
        without = _fit_as_deployed(texts[~inside].tolist(), labels[~inside], seed)
        out_of_fold[inside] = without.predict_proba(texts[inside].tolist())[:, 1]
    return Fitted(pipeline=_fit_as_deployed(texts.tolist(), labels, seed), out_of_fold=out_of_fold)


def _fit_as_deployed(texts: Sequence[str], labels: NDArray[np.int64], seed: int) -> Pipeline:
    vectorizer = TfidfVectorizer(max_features=122131)
    forest = RandomForestClassifier(max_depth=6, random_state=seed, n_jobs=1)
    pipeline = Pipeline([("vectorizer", vectorizer), ("classifier", forest)])
    try:
        pipeline.fit(texts, labels)
    except ValueError as error:
        if "empty vocabulary" in str(error):
            raise InputError("the articles have no words to learn from") from error
        raise
    # scikit-learn notes a memory address here, which would make every saved file different.
    vars(vectorizer).pop("_stop_words_id", None)
    return pipeline


# --- the default recipe -----------------------------------------------------------------------------


def count(recipe: Recipe, articles: Sequence[Article]) -> Counts:
    """The n-grams of the articles, masked, less those that hold a blocked word; for any number of fits."""
    masker = Masker(recipe.masks)
    texts = (masker.mask(article.content) for article in articles)
    counts = count_ngrams(texts, largest=recipe.largest_ngram, fewest_texts=recipe.fewest_texts)
    return counts.columns(np.flatnonzero([_is_allowed(recipe, term) for term in counts.terms.tolist()]))


def _is_allowed(recipe: Recipe, term: str) -> bool:
    if not recipe.digits and any(character.isdigit() for character in term):
        return False
    return not recipe.blocked_words or recipe.blocked_words.isdisjoint(term.split(" "))


@dataclass(frozen=True, kw_only=True)
class Linear:
    """A logistic regression over TF-IDF values of some columns of counts, not yet calibrated."""

    columns: Positions
    tfidf: TfidfTransformer
    regression: LogisticRegression

    def decide(self, counts: Counts) -> Floats:
        """Decision values, shape (texts,)."""
        values: Floats = self.regression.decision_function(self.tfidf.transform(counts.matrix[:, self.columns]))
        return values


def fit_counted(recipe: Recipe, counts: Counts, labels: NDArray[np.int64], weights: Weights, folds: Folds) -> Fitted:
    """Fit on articles that were counted.

    Every fold is scored by a model fitted on the others; Platt's sigmoid (1999) through the scores of articles
    of other outlets makes probabilities of decision values, and is folded into the weights of the model fitted on all.
    """
    decisions = _decide_out_of_fold(recipe, counts, labels, weights.fit, folds.other_outlets)
    if not weights.calibration.any():
        raise InputError("no corpus is judged (`judged = false` in all of them): nothing can make probabilities")
    sigmoid = LogisticRegression(C=np.inf).fit(decisions[:, None], labels, weights.calibration)
    # Scores that rank the wrong way round say that nothing was learnt; to turn them over would be to bet on that.
    sigmoid.coef_ = np.maximum(sigmoid.coef_, 0.0)
    pipeline = _pipeline(recipe, counts, fit_linear(recipe, counts, labels, weights.fit), sigmoid)
    known = _decide_out_of_fold(recipe, counts, labels, weights.fit, folds.known_outlets)
    return Fitted(pipeline=pipeline, out_of_fold=sigmoid.predict_proba(known[:, None])[:, 1])


def _decide_out_of_fold(
    recipe: Recipe, counts: Counts, labels: NDArray[np.int64], weights: Floats, folds: Positions
) -> Floats:
    decisions = np.empty(len(labels))
    for fold in np.unique(folds):
        inside, outside = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        _check_both(labels[outside])
        without = fit_linear(recipe, counts.rows(outside), labels[outside], weights[outside])
        decisions[inside] = without.decide(counts.rows(inside))
    return decisions


def _check_both(labels: NDArray[np.int64]) -> None:
    if len(set(labels.tolist())) < 2:  # noqa: PLR2004 - two classes
        raise InputError(
            "the articles of one class are all near copies of each other or of one source, so that none can be kept "
            "aside to make probabilities; articles that differ are needed"
        )


def fit_linear(recipe: Recipe, counts: Counts, labels: NDArray[np.int64], weights: Floats) -> Linear:
    """Fit the weighted sum alone; raises :class:`InputError` where the articles share too few words."""
    frequency = counts.text_frequency()
    columns = np.flatnonzero(frequency >= recipe.fewest_texts)
    if len(columns) == 0:
        raise InputError(
            f"the articles share too few words to learn from: no word occurs in {recipe.fewest_texts} of them"
        )
    if len(columns) > recipe.most_terms:
        # Stable, so that of terms in equally many texts the first in the alphabet are taken.
        columns = np.sort(columns[np.argsort(-frequency[columns], kind="stable")[: recipe.most_terms]])
    tfidf = TfidfTransformer(sublinear_tf=True)
    values = tfidf.fit_transform(counts.matrix[:, columns])
    regression = fit_regression(values, labels, weights, inverse_penalty=recipe.inverse_penalty)
    return Linear(columns=columns, tfidf=tfidf, regression=regression)


def _pipeline(recipe: Recipe, counts: Counts, linear: Linear, sigmoid: LogisticRegression) -> Pipeline:
    """Masks, vectorizer and classifier as scikit-learn has them, with the sigmoid folded into the classifier."""
    terms = counts.terms[linear.columns].tolist()
    vectorizer = TfidfVectorizer(ngram_range=(1, recipe.largest_ngram), sublinear_tf=True, vocabulary=terms)
    vectorizer.fit([""])
    vectorizer.idf_ = linear.tfidf.idf_
    vars(vectorizer).pop("_stop_words_id", None)  # a memory address, which would make every saved file different
    slope = sigmoid.coef_[0, 0]
    linear.regression.coef_ = slope * linear.regression.coef_
    linear.regression.intercept_ = slope * linear.regression.intercept_ + sigmoid.intercept_
    steps = [("vectorizer", vectorizer), ("classifier", linear.regression)]
    return Pipeline([("masks", MaskingTransformer(list(recipe.masks))), *steps] if recipe.masks else steps)
