"""How the default recipe was chosen, to be run again: `make select`.

Leave one corpus out, nested: for each family of corpora, the settings are chosen by leaving out, in turn, each of
the *other* families, and only then is the family itself scored. What is printed is the figure for the settings so
chosen, for every fixed setting (which flatters, as the best of several does), for plain TF-IDF and logistic
regression on the same rows, and the paired gain with its 95 % interval; and for Spanish, of which there is one
corpus, five folds of it, the model fitted on the other folds and on all other corpora. Needs the labelled corpora.
"""

import argparse
import itertools
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from falsetrue.jobs.corpora import Sources, read_corpora
from falsetrue.jobs.judging import clusters_of
from falsetrue.jobs.progress import Quiet
from falsetrue.model.counting import Counts
from falsetrue.model.fitting import DEFAULT, PLAIN, Recipe, balanced_weights, count, fit_linear, labels_of
from falsetrue.model.metrics import Floats
from falsetrue.model.resampling import Resampled, mean, mean_difference, resample
from falsetrue.news.about import About, read_about
from falsetrue.news.article import Article
from falsetrue.news.duplicates import near_duplicate_groups
from falsetrue.news.labelled import Columns
from falsetrue.news.splitting import LeftOut, grouped_folds, leave_one_corpus_out_splits

#: Values that are tried of ``C``, of the weight of corpora of headlines, claims and short texts, and of the power of
#: its size by which a corpus weighs.
PENALTIES = (0.3, 1.0, 3.0)
SHORT_WEIGHTS = (0.3, 1.0)
POWERS = (0.0, 0.5)
#: Full-text English corpora over which means are taken.
JUDGED = (
    "isot_partial_fulltext",
    "fakenewsnet_gossipcop",
    "fakenewsnet_politifact",
    "cs216_outlets2017",
    "buzzfeed_webis2016",
    "fakenewsamt",
)
SHORT = ("coaid", "liar2", "covid19_fnir")
OTHERS = ("spanish_fakenews_corpus",)
ROWS = 6000
#: The corpus that is judged by folds, as it is the only one of its language.
FOLDED = "spanish_fakenews_corpus"
FOLDS = 5
FOLDED_SEEDS = 3


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is chosen among."""

    inverse_penalty: float
    short_weight: float
    power: float = 0.0

    def __str__(self) -> str:
        return f"C {self.inverse_penalty:g}, short texts {self.short_weight:g}, power of size {self.power:g}"

    def weights(self, articles: Sequence[Article]) -> dict[str, float]:
        """Of each corpus; the only one of its language weighs 1."""
        sizes = Counter(article.corpus for article in articles)
        by_size = {name: (size / ROWS) ** self.power for name, size in sizes.items() if name not in OTHERS}
        return by_size | {name: self.short_weight * by_size.get(name, 1.0) for name in SHORT}


@dataclass(frozen=True, kw_only=True)
class News:
    """Everything that is fitted on and judged."""

    articles: list[Article]
    labels: NDArray[np.int64]
    duplicates: NDArray[np.int64]  #: near copies share a number
    splits: list[LeftOut]

    def at(self, positions: NDArray[np.int64]) -> list[Article]:
        """Some of the articles."""
        return [self.articles[at] for at in positions]

    def positions(self, corpus: str) -> NDArray[np.int64]:
        """Where the articles of a corpus stand."""
        return np.array([at for at, article in enumerate(self.articles) if article.corpus == corpus], dtype=np.int64)


def main() -> None:
    """Read, choose, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", type=Path, help="the folder of the labelled corpora")
    folder: Path = parser.parse_args().corpora
    begun = time.perf_counter()
    about = read_about("training/corpora.toml")
    news = read(folder, about)
    counts = count(DEFAULT, news.articles)
    values = itertools.product(PENALTIES, SHORT_WEIGHTS, POWERS)
    grid = [Setting(inverse_penalty=c, short_weight=w, power=p) for c, w, p in values]
    fixed = {setting: left_out_scores(news, counts, DEFAULT, setting) for setting in grid}
    chosen = choose(news, counts, grid, about)
    nested = np.full(len(news.articles), np.nan)
    for corpus, setting in chosen.items():
        at = news.positions(corpus)
        nested[at] = fixed[setting][at]
    spanish = {seed: folded_scores(news, counts, about, seed) for seed in range(FOLDED_SEEDS)}
    del counts
    plain = left_out_scores(news, count(PLAIN, news.articles), PLAIN, Setting(inverse_penalty=1.0, short_weight=1.0))
    show(news, fixed, chosen, nested, plain)
    show_spanish(news, spanish)
    print(f"\n{time.perf_counter() - begun:.0f} s")


def read(folder: Path, about: Mapping[str, About]) -> News:
    """The corpora, cleaned, at most :data:`ROWS` of each, and how they leave."""
    files = [str(folder / f"{name}.parquet") for name in (*JUDGED, *SHORT, *OTHERS)]
    corpora = read_corpora(Sources(files=files, columns=Columns(), rows=ROWS, filters=DEFAULT.filters), Quiet())
    articles = [article for corpus in corpora for article in corpus.articles]
    families: dict[str, list[str]] = {}
    for corpus in corpora:
        families.setdefault(about[corpus.name].family or corpus.name, []).append(corpus.name)
    duplicates = near_duplicate_groups([article.content for article in articles])
    splits = leave_one_corpus_out_splits(articles, list(families.values()), duplicates)
    return News(articles=articles, labels=labels_of(articles), duplicates=duplicates, splits=splits)


# --- scores ------------------------------------------------------------------------------------------


def left_out_scores(
    news: News, counts: Counts, recipe: Recipe, setting: Setting, without: Sequence[str] = ()
) -> Floats:
    """Scores of each judged corpus by a model fitted on the others; NaN for all else.

    Corpora named ``without`` are as if they did not exist: neither fitted on nor scored.
    """
    scores = np.full(len(news.articles), np.nan)
    for split in news.splits:
        if set(split.corpora) & set(without) or not set(split.corpora) & set(JUDGED):
            continue
        fit_at = np.array([at for at in split.fit if news.articles[at].corpus not in without], dtype=np.int64)
        weights = balanced_weights(news.at(fit_at), setting.weights(news.at(fit_at)))
        suited = replace(recipe, inverse_penalty=setting.inverse_penalty)
        linear = fit_linear(suited, counts.rows(fit_at), news.labels[fit_at], weights)
        held_out = np.array([at for at in split.held_out if news.articles[at].corpus in JUDGED], dtype=np.int64)
        scores[held_out] = linear.decide(counts.rows(held_out))
        sys.stderr.write(f"{recipe.name}, {setting}: {', '.join(split.corpora)}\n")
    return scores


def folded_scores(news: News, counts: Counts, about: Mapping[str, About], seed: int) -> Floats:
    """Scores of :data:`FOLDED`, each fold by a model fitted on the other folds and on all other corpora.

    Outlets and near copies stand in one fold each.
    """
    own = news.positions(FOLDED)
    others = np.setdiff1d(np.arange(len(news.articles)), own)
    folds = grouped_folds(news.at(own), FOLDS, seed, news.duplicates[own])
    scores = np.empty(len(own))
    for fold in range(FOLDS):
        held_out = own[folds == fold]
        fit_at = np.concatenate([others, own[folds != fold]])
        fit_at = np.sort(fit_at[~np.isin(news.duplicates[fit_at], news.duplicates[held_out])])
        weights = balanced_weights(news.at(fit_at), {name: each.weight for name, each in about.items()})
        linear = fit_linear(DEFAULT, counts.rows(fit_at), news.labels[fit_at], weights)
        scores[folds == fold] = linear.decide(counts.rows(held_out))
        sys.stderr.write(f"{FOLDED}: seed {seed}, fold {fold}\n")
    return scores


def choose(news: News, counts: Counts, grid: Sequence[Setting], about: Mapping[str, About]) -> dict[str, Setting]:
    """For each judged corpus the setting that is best on average over the families other than its own."""
    chosen: dict[str, Setting] = {}
    for split in news.splits:
        own = [corpus for corpus in split.corpora if corpus in JUDGED]
        if not own:
            continue
        family = {name for name, each in about.items() if each.family == about[own[0]].family}
        inner = {s: meanauc(news, left_out_scores(news, counts, DEFAULT, s, without=sorted(family))) for s in grid}
        chosen |= dict.fromkeys(own, max(inner, key=inner.__getitem__))
    return chosen


# --- figures -----------------------------------------------------------------------------------------


def by_corpus(news: News, scores: Floats) -> dict[str, Resampled]:
    """Resampled figures of every corpus that has scores."""
    found = {}
    for number, corpus in enumerate(JUDGED):
        at = news.positions(corpus)
        if np.isnan(scores[at]).any():
            continue
        articles = news.at(at)
        probabilities = 1 / (1 + np.exp(-scores[at]))
        found[corpus] = resample(
            news.labels[at], probabilities, clusters=clusters_of(articles).numbers, seed=number, resamples=1000
        )
    return found


def meanauc(news: News, scores: Floats) -> float:
    """Mean over the corpora that have scores."""
    return float(np.mean([roc_auc_score(news.labels[at], scores[at]) for at in _scored(news, scores)]))


def _scored(news: News, scores: Floats) -> list[NDArray[np.int64]]:
    positions = [news.positions(corpus) for corpus in JUDGED]
    return [at for at in positions if not np.isnan(scores[at]).any()]


def show(
    news: News, fixed: Mapping[Setting, Floats], chosen: Mapping[str, Setting], nested: Floats, plain: Floats
) -> None:
    """Print the tables."""
    rows = {"plain TF-IDF and logistic regression": plain, "**nested choice**": nested}
    rows |= {f"always {setting}": scores for setting, scores in fixed.items()}
    print("| settings | mean | " + " | ".join(JUDGED) + " |")
    print("|---" * (2 + len(JUDGED)) + "|")
    for name, scores in rows.items():
        aucs = [roc_auc_score(news.labels[at], scores[at]) for at in _scored(news, scores)]
        print(f"| {name} | {np.mean(aucs):.4f} | " + " | ".join(f"{value:.3f}" for value in aucs) + " |")
    print("\nChosen: " + "; ".join(f"{corpus}: {setting}" for corpus, setting in chosen.items()))
    theirs = list(by_corpus(news, plain).values())
    shipped = Setting(inverse_penalty=DEFAULT.inverse_penalty, short_weight=0.3, power=0.5)
    for name, scores in (("nested", nested), (f"as shipped, {shipped}", fixed[shipped])):
        ours = list(by_corpus(news, scores).values())
        gain = mean_difference(ours, theirs, "auc")
        print(f"\n{name}: mean AUC {_written(mean(ours, 'auc'))}; gain over plain {_written(gain)}")


def show_spanish(news: News, scored: Mapping[int, Floats]) -> None:
    """Print the AUC of :data:`FOLDED` for each seed of its folds, and their mean with its interval."""
    at = news.positions(FOLDED)
    clusters = clusters_of(news.at(at)).numbers
    runs = [
        resample(news.labels[at], 1 / (1 + np.exp(-scores)), clusters=clusters, seed=0, resamples=1000)
        for scores in scored.values()
    ]
    each = ", ".join(f"{roc_auc_score(news.labels[at], scores):.3f}" for scores in scored.values())
    print(f"\n{FOLDED}, {FOLDS} folds, outlets apart: AUC {_written(mean(runs, 'auc'))} (by seed: {each})")


def _written(estimate: object) -> str:
    value, low, high = (getattr(estimate, name) for name in ("value", "low", "high"))
    return f"{value:.4f} [{low:.4f}, {high:.4f}]"


if __name__ == "__main__":
    main()
