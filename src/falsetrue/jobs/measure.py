"""What a model is worth on news that it was not fitted on, and the policy that the news it was fitted on suggests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from falsetrue.bundle.baseline import Baseline, known_shares, make_baseline
from falsetrue.bundle.manifest import (
    EvaluationRecord,
    KnownOutletsRecord,
    LeftOutRecord,
    MetricsRecord,
    SelectiveRecord,
)
from falsetrue.bundle.scorer import Scorer, Scores
from falsetrue.errors import InputError
from falsetrue.features.sketching import Sketcher
from falsetrue.jobs.judging import (
    Clusters,
    Decided,
    estimate_record,
    figures_record,
    judge_policy,
    judge_scores,
)
from falsetrue.jobs.progress import Progress
from falsetrue.model.baselines import BASELINES
from falsetrue.model.decision import EVEN, Outcome, Policy, Reason, Thresholds, decide
from falsetrue.model.figures import FiguresRecord, PolicyFiguresRecord
from falsetrue.model.fitting import labels_of
from falsetrue.model.metrics import Floats, Labels, confusion
from falsetrue.model.resampling import Resampled, mean, resample
from falsetrue.model.thresholds import Promise, Target, fit_band
from falsetrue.monitor.observations import SAID, observed, priorities_of_rows
from falsetrue.monitor.reference import LEAST, PUBLIC_SALT, Reference, make_reference
from falsetrue.news.article import Article
from falsetrue.news.splitting import positions_by

Positions = NDArray[np.int64]

#: Precision that the default policy promises for both verdicts ...
TARGET_PRECISION = 0.95
#: ... and the probability with which each may be missed, over the draw of the news that the thresholds are set on.
ERROR = 0.1
#: The default policy never decides a text whose ``p_real`` is closer to a half than this.
MARGIN = 0.1
#: Words below which the default policy does not decide: a headline says too little.
MINIMUM_WORDS = 20
#: Words from which the default policy asks that the halves of a text do not contradict each other.
ENOUGH_FOR_HALVES = 120
#: The most that the default policy asks for: articles fitted on hold fewer unknown words than others do.
MOST_KNOWN = 0.8
#: Texts that a language must have among those kept aside to be judged on its own.
ENOUGH_OF_A_LANGUAGE = 50
#: Share of the news that may fall below the default policy's share of known words ...
UNFAMILIAR = 0.005
#: ... and below its log-odds of being news.
UNLIKE_NEWS = 0.02


# --- the default policy ------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """What a policy is made from: articles fitted on, and scores by models that did not see them."""

    labels: Labels
    out_of_fold: Floats  #: ``p_real``, shape (n,)
    languages: Sequence[str]  #: of each article, BCP 47
    duplicates: Positions  #: near copies share a number
    unseen: Scores  #: of some articles on which what tells news from other texts was not fitted


def default_policy(learnt: Learnt, languages: Sequence[str]) -> Policy:
    """Thresholds that keep the promise of precision on news like that fitted on, but for :data:`ERROR`.

    The texts are taken to be independent; of near copies the first one counts. A language has thresholds of its
    own where its articles prove them for both verdicts, else the general ones.
    """
    first = np.unique(learnt.duplicates, return_index=True)[1]
    labels, p_real = learnt.labels[first], learnt.out_of_fold[first]
    language = np.array(learnt.languages)[first]
    general = _thresholds(labels, p_real)
    own = {
        name: _thresholds(labels[language == name], p_real[language == name])
        for name in languages
        if len(languages) > 1
    }
    return Policy(
        name="default",
        version=1,
        false_below=general.false_below,
        real_above=general.real_above,
        by_language={name: found for name, found in own.items() if found.false_below > 0 and found.real_above < 1},
        languages=tuple(languages),
        minimum_words=MINIMUM_WORDS,
        minimum_known_share=min(int(100 * np.quantile(known_shares(learnt.unseen), UNFAMILIAR)) / 100, MOST_KNOWN),
        minimum_news_log_odds=_minimum_log_odds(learnt.unseen),
        minimum_words_for_halves=ENOUGH_FOR_HALVES,
    )


def _thresholds(labels: Labels, p_real: Floats) -> Thresholds:
    def cut(verdict: Outcome, none: float) -> float:
        target = Target(verdict=verdict, promise=Promise.PRECISION, value=TARGET_PRECISION)
        found = fit_band(labels, p_real, [target], error=ERROR).threshold
        return none if found is None else found

    return Thresholds(
        false_below=min(cut(Outcome.FALSE, 0.0), EVEN - MARGIN), real_above=max(cut(Outcome.REAL, 1.0), EVEN + MARGIN)
    )


def _minimum_log_odds(unseen: Scores) -> float | None:
    if unseen.news_log_odds is None:
        return None
    is_long = np.array(unseen.words) >= MINIMUM_WORDS
    values = unseen.news_log_odds[is_long] if is_long.any() else unseen.news_log_odds
    return round(float(np.quantile(values, UNLIKE_NEWS)), 3)


# --- figures ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class KeptAside:
    """Articles that a model was not fitted on."""

    articles: Sequence[Article]
    clusters: Clusters
    seed: int

    def at(self, positions: Positions) -> "KeptAside":
        """Some of them."""
        some = [self.articles[place] for place in positions]
        return KeptAside(articles=some, clusters=self.clusters.at(positions), seed=self.seed)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was found."""

    metrics: MetricsRecord
    evaluation: EvaluationRecord
    baseline: Baseline
    reference: Reference | None  #: ``None`` where too few articles were kept aside; of no named model yet
    policy: Policy


def check_both_classes(articles: Sequence[Article]) -> None:
    """Raise :class:`InputError` where a class is missing among articles that are to be judged."""
    if len({article.label for article in articles}) < 2:  # noqa: PLR2004 - two classes
        raise InputError(f"the {len(articles)} articles kept aside are all of one class; more articles are needed")


def measure(kept: KeptAside, scorer: Scorer, policy: Policy) -> Measured:
    """Score the articles kept aside, and judge the scores and what the policy makes of them."""
    scores = scorer.score([article.content for article in kept.articles])
    decided = _decided(policy, scores)
    evaluation = _evaluation(kept, scores, decided)
    labels = labels_of(kept.articles)
    return Measured(
        metrics=_metrics(evaluation, confusion(labels, (scores.p_real > EVEN).astype(np.int64))),
        evaluation=evaluation,
        baseline=make_baseline(labels, scores),
        reference=_reference(kept, scores, decided),
        policy=policy,
    )


def _reference(kept: KeptAside, scores: Scores, decided: Decided) -> Reference | None:
    """What the monitor compares traffic with. Days say nothing here: news kept aside is of all times."""
    if len(kept.articles) < LEAST:
        return None
    contents = [article.content for article in kept.articles]
    observations = observed(
        p_real=scores.p_real,
        labels=np.array([SAID[verdict] for verdict in decided.verdicts], dtype=np.int8),
        languages=scores.languages or [None] * len(contents),
        characters=[len(content) for content in contents],
        words=scores.words,
        known_words=scores.known_words,
        sketches=Sketcher(PUBLIC_SALT).sketch(contents),
        seconds=np.zeros(len(contents)),
        priority=priorities_of_rows(0, len(contents), kept.seed),
        truth=labels_of(kept.articles).astype(np.int8),
    )
    return make_reference(
        [observations], name="held-out news", model_name="", model_version="", salt=PUBLIC_SALT, has_copies=False
    )


def _decided(policy: Policy, scores: Scores) -> Decided:
    verdicts = [decide(policy, score) for score in scores.each()]
    return Decided(
        policy=policy.reference,
        verdicts=[verdict.outcome for verdict in verdicts],
        reasons=[verdict.reasons for verdict in verdicts],
    )


def _evaluation(kept: KeptAside, scores: Scores, decided: Decided) -> EvaluationRecord:
    p_real, elsewhere = scores.p_real, {Reason.OUT_OF_SCOPE, Reason.UNSUPPORTED_LANGUAGE}
    corpora = positions_by(article.corpus for article in kept.articles)
    spoken = {name: at for name, at in positions_by(scores.languages or ()).items() if len(at) >= ENOUGH_OF_A_LANGUAGE}
    languages = spoken if len(spoken) > 1 else {}
    return EvaluationRecord(
        held_out=judge_scores(kept.articles, p_real, seed=kept.seed, clusters=kept.clusters),
        policy=judge_policy(kept.articles, decided, seed=kept.seed, clusters=kept.clusters),
        by_corpus={name: _figures(kept.at(at), p_real[at]) for name, at in corpora.items()},
        policy_by_corpus={name: _policy_figures(kept.at(at), decided.at(at)) for name, at in corpora.items()},
        by_language={name: _figures(kept.at(at), p_real[at]) for name, at in languages.items()},
        policy_by_language={name: _policy_figures(kept.at(at), decided.at(at)) for name, at in languages.items()},
        called_elsewhere=float(np.mean([bool(elsewhere & set(reasons)) for reasons in decided.reasons])),
    )


def _figures(some: KeptAside, p_real: Floats) -> FiguresRecord:
    """Without curves, of which a manifest needs one only."""
    return figures_record(labels_of(some.articles), _resampled(some, p_real), some.clusters.kind, curves=False)


def _resampled(some: KeptAside, p_real: Floats) -> Resampled:
    return resample(labels_of(some.articles), p_real, clusters=some.clusters.numbers, seed=some.seed)


def _policy_figures(some: KeptAside, decided: Decided) -> PolicyFiguresRecord:
    return judge_policy(some.articles, decided, seed=some.seed, clusters=some.clusters)


def _metrics(evaluation: EvaluationRecord, counts: dict[str, int]) -> MetricsRecord:
    """The few figures that everybody asks for."""
    held_out, policy = evaluation.held_out, evaluation.policy
    return MetricsRecord(
        **{name: getattr(held_out, name) for name in ("accuracy", "f1_false", "f1_real", "brier", "auc")},
        confusion=counts,
        selective=SelectiveRecord(
            texts=held_out.texts,
            coverage=policy.coverage,
            precision_false=policy.precision_false,
            precision_real=policy.precision_real,
        ),
        by_corpus={
            name: {
                figure: estimate
                for figure, estimate in (("accuracy", figures.accuracy), ("auc", figures.auc))
                if estimate is not None
            }
            for name, figures in evaluation.by_corpus.items()
        },
    )


def with_known_outlets(
    evaluation: EvaluationRecord, kept: KeptAside, scorer: Scorer, policy: Policy
) -> EvaluationRecord:
    """The same with what the model is worth on articles of outlets that it was fitted on."""
    scores = scorer.score([article.content for article in kept.articles])
    record = KnownOutletsRecord(
        figures=_figures(kept, scores.p_real), policy=_policy_figures(kept, _decided(policy, scores))
    )
    return msgspec.structs.replace(evaluation, known_outlets=record)


def with_references(
    evaluation: EvaluationRecord, kept: KeptAside, fitted: Sequence[Article], progress: Progress
) -> EvaluationRecord:
    """The same with the reference rows, each fitted on what the model was fitted on."""
    progress.phase("reference rows", len(BASELINES), "rows")
    rows = {}
    for number, (name, fit_row) in enumerate(BASELINES.items(), start=1):
        p_real = fit_row(fitted, kept.seed)(kept.articles)
        rows[name] = _figures(kept, p_real)
        progress.at(number)
    return msgspec.structs.replace(evaluation, references=rows)


# --- corpora left out ------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class LeftOutFound:
    """What a model fitted on the other corpora says of some that were left out."""

    record: LeftOutRecord
    resampled: Mapping[str, Resampled]  #: by corpus


def judge_left_out(family: str, fitted: int, kept: KeptAside, scorer: Scorer, policy: Policy) -> LeftOutFound:
    """Judge corpora on which, and on whose kind, the model was not fitted."""
    scores = scorer.score([article.content for article in kept.articles])
    decided = _decided(policy, scores)
    figures, policies, resampled = {}, {}, {}
    for number, (name, at) in enumerate(positions_by(article.corpus for article in kept.articles).items()):
        own = replace(kept.at(at), seed=kept.seed + number)  # so that the draws of corpora are independent
        resampled[name] = _resampled(own, scores.p_real[at])
        figures[name] = figures_record(labels_of(own.articles), resampled[name], own.clusters.kind, curves=False)
        policies[name] = _policy_figures(own, decided.at(at))
    record = LeftOutRecord(family=family, corpora=list(figures), fitted=fitted, figures=figures, policies=policies)
    return LeftOutFound(record=record, resampled=resampled)


def with_left_out(evaluation: EvaluationRecord, found: Sequence[LeftOutFound]) -> EvaluationRecord:
    """The same with what each corpus is judged at when it is left out, and the mean over corpora."""
    several = [each for left_out in found for each in left_out.resampled.values()]
    return msgspec.structs.replace(
        evaluation,
        left_out=[left_out.record for left_out in found],
        left_out_mean_auc=estimate_record(mean(several, "auc")) if several else None,
    )
