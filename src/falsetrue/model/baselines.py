"""The reference rows that stand beside every model, so that a reader sees what its figures mean.

Each is fitted on the very articles that the model beside it was fitted on.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from falsetrue.model.fitting import DEPLOYED, balanced_weights, fit
from falsetrue.news.article import Article

Floats = NDArray[np.float64]
#: Articles to the probability, in [0, 1], that each is real: shape (n,).
Scoring = Callable[[Sequence[Article]], Floats]
#: Articles to fit on and a seed, to what scores others.
Fitting = Callable[[Sequence[Article], int], Scoring]

#: Articles that the deployed recipe's random forest is fitted on at most; a random draw of more.
DEPLOYED_ROWS = 10_000

_WORD = re.compile(r"[^\W\d_]+")


def fit_always_real(_articles: Sequence[Article], _seed: int) -> Scoring:
    """Says *real* of everything, with certainty."""
    return lambda articles: np.ones(len(articles))


def fit_length_only(articles: Sequence[Article], _seed: int) -> Scoring:
    """A logistic regression of the logarithm of the number of characters, title and text joined."""
    return _fit_number(lambda article: float(np.log1p(len(article.content))), articles)


def fit_title_case_only(articles: Sequence[Article], _seed: int) -> Scoring:
    """A logistic regression of :func:`title_case_share` of the title, or of the text where there is no title."""
    return _fit_number(lambda article: title_case_share(article.title or article.text), articles)


def fit_deployed(articles: Sequence[Article], seed: int) -> Scoring:
    """The deployed model's own pipeline, fitted on at most :data:`DEPLOYED_ROWS` of the articles."""
    if len(articles) > DEPLOYED_ROWS:
        drawn = np.random.default_rng(seed).choice(len(articles), DEPLOYED_ROWS, replace=False)
        articles = [articles[at] for at in np.sort(drawn)]
    return scoring(fit(DEPLOYED, articles, seed))


def scoring(pipeline: Any) -> Scoring:
    """What a fitted pipeline of texts says of articles."""

    def score(articles: Sequence[Article]) -> Floats:
        if not articles:
            return np.empty(0)
        return np.asarray(pipeline.predict_proba([article.content for article in articles])[:, 1], dtype=np.float64)

    return score


def title_case_share(text: str) -> float:
    """Share of the words (runs of letters) that begin with a capital; 0 where there is none."""
    words = _WORD.findall(text)
    return sum(word[0].isupper() for word in words) / len(words) if words else 0.0


def _fit_number(measure: Callable[[Article], float], articles: Sequence[Article]) -> Scoring:
    """A logistic regression of one number, every corpus and class weighing the same."""
    model = make_pipeline(StandardScaler(), LogisticRegression())
    labels = [int(article.label) for article in articles]

    def numbers(each: Sequence[Article]) -> Floats:
        return np.array([measure(article) for article in each]).reshape(-1, 1)

    model.fit(numbers(articles), labels, logisticregression__sample_weight=balanced_weights(articles))
    return lambda each: model.predict_proba(numbers(each))[:, 1] if each else np.empty(0)


#: The reference rows, by the name under which they are shown.
BASELINES: dict[str, Fitting] = {
    "deployed recipe": fit_deployed,
    "always real": fit_always_real,
    "length only": fit_length_only,
    "title case only": fit_title_case_only,
}
