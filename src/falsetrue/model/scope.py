"""What tells news from recipes, poems, adverts, code and other kinds of text.

A second weighted sum over the same TF-IDF values: a logistic regression of the labelled news, false and real alike,
and of short news reports, against texts of other kinds. The reports and the other texts were written for this
project, so that neither who wrote a text nor how clean it is tells the two apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack
from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.float64]

#: Files of texts, in both languages of the shipped model.
_FILES = {"news": ("news_like_en", "news_like_es"), "other": ("beyond_news_en", "beyond_news_es")}
#: ``C`` of the logistic regression.
INVERSE_PENALTY = 100.0
#: Texts of words in no order, added to the other kinds, for each text of these.
SHUFFLED_SHARE = 0.25


class WrittenText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One text written for this project."""

    kind: str
    text: str


@cache
def written_texts(which: str) -> tuple[WrittenText, ...]:
    """The texts of a class, ``news`` or ``other``."""
    folder = files("falsetrue.model").joinpath("scope_texts")
    return tuple(
        msgspec.json.decode(line, type=WrittenText)
        for name in _FILES[which]
        for line in folder.joinpath(f"{name}.jsonl").read_bytes().splitlines()
        if line.strip()
    )


def other_texts(news: Sequence[str], seed: int) -> list[str]:
    """Texts that are no news: the written ones, and some of ``news`` with their words in no order."""
    written = [text.text for text in written_texts("other")]
    generator = np.random.default_rng(seed)
    count = min(len(news), int(SHUFFLED_SHARE * len(written)))
    drawn = generator.choice(len(news), count, replace=False)
    return written + [_shuffled(news[at], generator) for at in drawn]


def _shuffled(text: str, generator: np.random.Generator) -> str:
    words = text.split()
    generator.shuffle(words)
    return " ".join(words)


@dataclass(frozen=True, kw_only=True)
class NewsMeasure:
    """A weighted sum over TF-IDF values: log-odds that a text is news."""

    weights: Floats  #: shape (terms,)
    intercept: float


def fit_news_measure(news: csr_matrix, weights: Floats, reports: csr_matrix, other: csr_matrix) -> NewsMeasure:
    """Fit on TF-IDF values, shape (texts, terms) each, of labelled news, news reports and texts of other kinds.

    ``weights`` are those of the labelled news. Both classes weigh the same, and so do, in the first, the labelled
    news and the reports.
    """
    values = vstack([news, reports, other], format="csr")
    share = len(weights) / 2
    weigh = np.concatenate(
        [
            weights * share / 2 / weights.sum(),
            np.full(reports.shape[0], share / 2 / max(1, reports.shape[0])),
            np.full(other.shape[0], share / other.shape[0]),
        ]
    )
    is_news = np.arange(values.shape[0]) < news.shape[0] + reports.shape[0]
    regression = LogisticRegression(C=INVERSE_PENALTY, max_iter=2000).fit(values, is_news, weigh)
    return NewsMeasure(weights=regression.coef_[0], intercept=float(regression.intercept_[0]))
