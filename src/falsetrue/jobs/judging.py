"""What scores are worth, and how to get scores of articles that no model was fitted on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falsetrue.errors import InputError
from falsetrue.jobs.progress import Progress
from falsetrue.model.baselines import Fitting
from falsetrue.model.decision import Outcome
from falsetrue.model.figures import (
    FIGURES,
    BinRecord,
    EstimateRecord,
    FiguresRecord,
    PolicyFiguresRecord,
    RiskRecord,
)
from falsetrue.model.fitting import labels_of
from falsetrue.model.metrics import Estimate
from falsetrue.model.resampling import COVERAGES, Resampled, resample, shares
from falsetrue.news.article import Article
from falsetrue.news.duplicates import near_duplicate_groups
from falsetrue.news.splitting import LeftOut, leave_one_corpus_out_splits, sources_known

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """What is right or wrong together: the units that the bootstrap draws."""

    numbers: Integers  #: shape (n,), alike where articles belong together
    by_source: NDArray[np.bool_]  #: shape (n,), whether the sources of the article's corpus are known
    duplicates: Integers  #: shape (n,), groups of near duplicates
    labels: Integers  #: shape (n,)

    def at(self, positions: Integers) -> "Clusters":
        """The same of some of the articles.

        Near duplicates alone, where a class of theirs comes from one source: draws of it would not
        differ, and the interval would be too good to be true.
        """
        numbers, by_source = self.numbers[positions], self.by_source[positions]
        duplicates, labels = self.duplicates[positions], self.labels[positions]
        if any(len(np.unique(numbers[labels == label])) == 1 for label in np.unique(labels)):
            numbers, by_source = duplicates, np.zeros_like(by_source)
        return Clusters(numbers=numbers, by_source=by_source, duplicates=duplicates, labels=labels)

    @property
    def kind(self) -> str:
        """``source``, ``near_duplicates`` or ``mixed``."""
        if self.by_source.all():
            return "source"
        return "mixed" if self.by_source.any() else "near_duplicates"


def clusters_of(articles: Sequence[Article], duplicates: Integers | None = None) -> Clusters:
    """Clusters for the intervals: articles of one source in corpora whose sources are known, else near duplicates.

    ``duplicates`` are found here unless given.
    """
    if duplicates is None:
        duplicates = near_duplicate_groups([article.content for article in articles])
    known = sources_known(articles)
    numbers: dict[str | int, int] = {}
    keys = [
        article.source.lower() if article.source and known[article.corpus] else duplicate
        for article, duplicate in zip(articles, duplicates.tolist(), strict=True)
    ]
    return Clusters(
        numbers=np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64),
        by_source=np.array([known[article.corpus] for article in articles], dtype=bool),
        duplicates=duplicates,
        labels=labels_of(articles),
    )


def judge_scores(
    articles: Sequence[Article], p_real: Floats, *, seed: int, clusters: Clusters | None = None
) -> FiguresRecord:
    """Every figure of ``p_real``, shape (n,) in [0, 1], on articles that no model behind it was fitted on.

    ``clusters`` are those of :func:`clusters_of`, found here unless given; of more articles than these,
    :meth:`Clusters.at` picks theirs.
    """
    clusters = clusters or clusters_of(articles)
    labels = labels_of(articles)
    return figures_record(labels, resample(labels, p_real, clusters=clusters.numbers, seed=seed), clusters.kind)


def figures_record(labels: Integers, found: Resampled, clustered_by: str, *, curves: bool = True) -> FiguresRecord:
    """Figures as they are written down, with the reliability bins and the risk-coverage curve unless told not to."""
    real = int(labels.sum())
    return FiguresRecord(
        texts=len(labels),
        real=real,
        false=len(labels) - real,
        clusters=found.clusters,
        clustered_by=clustered_by,
        **{figure.name: estimate_record(found.estimate(figure.name)) for figure in FIGURES},
        reliability=_reliability(found) if curves else [],
        risk_coverage=_risk_coverage(found) if curves else [],
    )


def estimate_record(estimate: Estimate | None) -> Any:
    """An estimate as it is written down (an :class:`EstimateRecord`), ``None`` for ``None``."""
    return None if estimate is None else EstimateRecord(**asdict(estimate))


def _reliability(found: Resampled) -> list[BinRecord]:
    bins = zip(found.values["reliability_mean"], found.curve("reliability_real"), found.bin_texts, strict=True)
    return [
        BinRecord(mean_p_real=float(mean), real=estimate_record(share), texts=int(texts))
        for mean, share, texts in bins
        if share is not None
    ]


def _risk_coverage(found: Resampled) -> list[RiskRecord]:
    return [
        RiskRecord(coverage=round(float(coverage), 2), wrong=estimate_record(wrong))
        for coverage, wrong in zip(COVERAGES, found.curve("risk"), strict=True)
    ]


# --- a policy -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What a policy said of some articles, each in its place."""

    policy: str  #: ``NAME@VERSION``
    verdicts: Sequence[Outcome]
    reasons: Sequence[Sequence[str]]

    def at(self, positions: Integers) -> "Decided":
        """The same of some of the articles."""
        return Decided(
            policy=self.policy,
            verdicts=[self.verdicts[at] for at in positions],
            reasons=[self.reasons[at] for at in positions],
        )


def judge_policy(
    articles: Sequence[Article], decided: Decided, *, seed: int, clusters: Clusters
) -> PolicyFiguresRecord:
    """What a policy decided, and how often it was right."""
    labels = labels_of(articles)
    said = np.array([str(verdict) for verdict in decided.verdicts])
    called_false, called_real = said == "false", said == "real"
    found = shares(
        {
            "coverage": (called_false | called_real, np.ones(len(said), dtype=bool)),
            "precision_false": (labels == 0, called_false),
            "precision_real": (labels == 1, called_real),
            "false_alarm_rate": (called_false, labels == 1),
        },
        clusters=clusters.numbers,
        seed=seed,
    )
    verdicts = Counter(said.tolist())
    return PolicyFiguresRecord(
        policy=decided.policy,
        verdicts={str(outcome): verdicts[str(outcome)] for outcome in Outcome},
        reasons=dict(Counter(str(reason) for each in decided.reasons for reason in each).most_common()),
        **{name: estimate_record(estimate) for name, estimate in found.items()},
    )


# --- scores of articles that were not fitted on ---------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class OutOfFold:
    """Scores of articles by models that were not fitted on them."""

    p_real: Floats  #: shape (n,); NaN where no model could be fitted
    problems: dict[int, str]  #: by number of the split, why none could be


@dataclass(frozen=True, kw_only=True)
class LeftOutScores:
    """Scores of every corpus by a model that was fitted on the others."""

    splits: list[LeftOut]
    p_real: Floats  #: shape (n,); NaN where no model could be fitted
    problems: dict[str, str]  #: by corpus, why none could be


def leave_one_corpus_out(
    articles: Sequence[Article],
    fit: Fitting,
    families: Sequence[Sequence[str]],
    *,
    seed: int,
    progress: Progress,
    duplicates: Integers | None = None,
    name: str = "leave one corpus out",
) -> LeftOutScores:
    """Fit on all but one family of corpora, score that family; so for each family.

    ``fit`` takes articles and the seed and returns what scores others; ``families`` come from
    :func:`falsetrue.news.splitting.corpus_families`. Articles to fit on that are near duplicates of what is
    left out are removed. A family on whose complement ``fit`` raises :class:`InputError` stays without scores.
    """
    if duplicates is None:
        duplicates = near_duplicate_groups([article.content for article in articles])
    splits = leave_one_corpus_out_splits(articles, families, duplicates)
    pairs = [(split.fit, split.held_out) for split in splits]
    found = score_apart(articles, fit, pairs, seed=seed, progress=progress, name=name)
    problems = {corpus: reason for at, reason in found.problems.items() for corpus in splits[at].corpora}
    return LeftOutScores(splits=splits, p_real=found.p_real, problems=problems)


def score_apart(
    articles: Sequence[Article],
    fit: Fitting,
    splits: Sequence[tuple[Integers, Integers]],
    *,
    seed: int,
    progress: Progress,
    name: str,
) -> OutOfFold:
    """For each split, fit on its first positions and score its second ones."""
    progress.phase(name, len(splits), "fits")
    p_real = np.full(len(articles), np.nan)
    problems = {}
    for number, (fit_at, score_at) in enumerate(splits):
        try:
            scoring = fit([articles[at] for at in fit_at], seed)
            p_real[score_at] = scoring([articles[at] for at in score_at])
        except InputError as error:
            problems[number] = str(error)
        progress.at(number + 1)
    return OutOfFold(p_real=p_real, problems=problems)
