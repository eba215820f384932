"""What a model is worth on held-out news: its figures, its baseline, and the policy that they suggest."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from falsetrue.bundle.baseline import Baseline, known_shares, make_baseline
from falsetrue.bundle.manifest import EstimateRecord, MetricsRecord, SelectiveRecord
from falsetrue.bundle.scorer import Floats, Scorer, Scores
from falsetrue.errors import InputError
from falsetrue.model.decision import EVEN, Outcome, Policy, decide
from falsetrue.model.metrics import (
    Estimate,
    Labels,
    auc,
    bootstrap,
    confusion,
    judge,
    proportion,
    thresholds_for_precision,
)
from falsetrue.news.article import Article, Label

#: Precision that the default policy aims at for both verdicts.
TARGET_PRECISION = 0.95
#: The default policy never decides a text whose ``p_real`` is closer to a half than this.
MARGIN = 0.1
#: Words below which the default policy does not decide: a headline says too little.
MINIMUM_WORDS = 20
#: Share of held-out news that may fall below the default policy's share of known words.
UNFAMILIAR = 0.005


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was found."""

    metrics: MetricsRecord
    baseline: Baseline
    policy: Policy
    held_out: int


def measure(held_out: Sequence[Article], scorer: Scorer, seed: int) -> Measured:
    """Score held-out articles and judge the scores; raises :class:`InputError` where a class is missing."""
    labels = np.array([int(article.label) for article in held_out])
    if len(set(labels.tolist())) < 2:  # noqa: PLR2004 - two classes
        raise InputError(f"the {len(held_out)} articles kept aside are all of one class; more articles are needed")
    scores = scorer.score([article.content for article in held_out])
    policy = _default_policy(labels[::2], _every_second(scores, 0))
    metrics = MetricsRecord(
        **{name: _record(estimate) for name, estimate in judge(labels, scores.p_real, seed).items()},
        confusion=confusion(labels, (scores.p_real > EVEN).astype(np.int64)),
        selective=_selective(policy, labels[1::2], _every_second(scores, 1)),
        by_corpus=_by_corpus(held_out, labels, scores, seed),
    )
    baseline = make_baseline(labels, scores)
    return Measured(metrics=metrics, baseline=baseline, policy=policy, held_out=len(labels))


def _every_second(scores: Scores, start: int) -> Scores:
    """Half of the held-out texts (they stand in random order): one half sets thresholds, the other judges them."""
    return Scores(
        p_real=scores.p_real[start::2], words=scores.words[start::2], known_words=scores.known_words[start::2]
    )


def _default_policy(labels: Labels, scores: Scores) -> Policy:
    false_below, real_above = thresholds_for_precision(labels, scores.p_real, TARGET_PRECISION)
    known = float(np.quantile(known_shares(scores), UNFAMILIAR))
    return Policy(
        name="default",
        version=1,
        false_below=min(round(false_below, 4), EVEN - MARGIN),
        real_above=max(round(real_above, 4), EVEN + MARGIN),
        minimum_words=MINIMUM_WORDS,
        minimum_known_share=int(known * 100) / 100,
    )


def _selective(policy: Policy, labels: Labels, scores: Scores) -> SelectiveRecord:
    verdicts = [
        decide(policy, p_real=float(p_real), words=words, known_words=known).outcome
        for p_real, words, known in zip(scores.p_real, scores.words, scores.known_words, strict=True)
    ]
    decided = sum(verdict is not Outcome.UNSURE for verdict in verdicts)

    def precision(outcome: Outcome, label: Label) -> EstimateRecord | None:
        called = [int(actual) for actual, verdict in zip(labels, verdicts, strict=True) if verdict is outcome]
        return _record(proportion(called.count(label), len(called))) if called else None

    return SelectiveRecord(
        texts=len(labels),
        coverage=_record(proportion(decided, len(labels))),
        precision_false=precision(Outcome.FALSE, Label.FALSE),
        precision_real=precision(Outcome.REAL, Label.REAL),
    )


def _by_corpus(
    held_out: Sequence[Article], labels: Labels, scores: Scores, seed: int
) -> dict[str, dict[str, EstimateRecord]]:
    names = np.array([article.corpus for article in held_out])
    figures = {}
    for name in sorted(set(names.tolist())):
        inside = names == name
        actual, p_real = labels[inside], scores.p_real[inside]
        right = int(np.sum((p_real > EVEN) == actual))
        figures[name] = {"accuracy": _record(proportion(right, len(actual)))}
        if len(set(actual.tolist())) == 2:  # noqa: PLR2004 - AUC needs both classes
            figures[name]["auc"] = _record(_auc_interval(actual, p_real, seed))
    return figures


def _auc_interval(labels: Labels, p_real: Floats, seed: int) -> Estimate:
    return bootstrap(lambda at: auc(labels[at], p_real[at]), len(labels), seed)


def _record(estimate: Estimate) -> EstimateRecord:
    return EstimateRecord(**asdict(estimate))
