"""Recipes: how a scikit-learn pipeline is put together and fitted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline

from falsetrue.errors import InputError
from falsetrue.news.article import Article

#: Folds in which the scores for calibration are made, each by a model that did not see the fold.
CALIBRATION_FOLDS = 3
#: A recipe needs at least this many articles of each class to fit on.
FEWEST_PER_CLASS = 2 * CALIBRATION_FOLDS


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A named way to make a model."""

    name: str
    summary: str  #: one line for people
    as_deployed: bool = False  #: prepare and weigh the articles as the deployed model's project did


DEFAULT = Recipe(
    name="default",
    summary="TF-IDF of word 1-2-grams, logistic regression, calibrated by Platt's sigmoid on out-of-fold scores",
)
DEPLOYED = Recipe(
    name="deployed",
    summary="TF-IDF of words (at most 122,131), random forest of depth 6: the deployed model's own pipeline",
    as_deployed=True,
)
RECIPES = {recipe.name: recipe for recipe in (DEFAULT, DEPLOYED)}


def make_pipeline(recipe: Recipe, seed: int) -> Pipeline:
    """An unfitted pipeline of two steps, ``vectorizer`` and ``classifier``."""
    if recipe is DEPLOYED:
        vectorizer = TfidfVectorizer(max_features=122131)
        classifier: Any = RandomForestClassifier(max_depth=6, random_state=seed, n_jobs=1)
    else:
        vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=3, max_features=80_000, sublinear_tf=True)
        folds = StratifiedKFold(CALIBRATION_FOLDS, shuffle=True, random_state=seed)
        regression = LogisticRegression(C=10.0, max_iter=1000)
        classifier = CalibratedClassifierCV(regression, method="sigmoid", cv=folds, ensemble=False)
    return Pipeline([("vectorizer", vectorizer), ("classifier", classifier)])


def balanced_weights(articles: Sequence[Article]) -> NDArray[np.float64]:
    """Weights, mean 1, under which every corpus, and each class in it, counts the same."""
    groups = [(article.corpus, int(article.label)) for article in articles]
    sizes: dict[tuple[str, int], int] = {}
    for group in groups:
        sizes[group] = sizes.get(group, 0) + 1
    weights = np.array([1 / sizes[group] for group in groups])
    return weights / weights.mean()


def fit(recipe: Recipe, articles: Sequence[Article], seed: int) -> Pipeline:
    """Fit ``recipe``; raises :class:`InputError` where there are too few articles of a class."""
    labels = np.array([int(article.label) for article in articles])
    fewest = int(np.bincount(labels, minlength=2).min())
    if fewest < FEWEST_PER_CLASS:
        raise InputError(
            f"a class has only {fewest} articles to fit on after cleaning; at least {FEWEST_PER_CLASS} are needed"
        )
    pipeline = make_pipeline(recipe, seed)
    weights = {} if recipe.as_deployed else {"classifier__sample_weight": balanced_weights(articles)}
    try:
        pipeline.fit([article.content for article in articles], labels, **weights)
    except ValueError as error:
        if "terms remain" in str(error) or "empty vocabulary" in str(error):
            raise InputError("the articles share too few words to learn from: no word occurs in 3 of them") from error
        raise
    # scikit-learn notes a memory address here, which would make every saved file different.
    vars(pipeline["vectorizer"]).pop("_stop_words_id", None)
    return pipeline
