"""The figures of one protocol: of all texts, by corpus and by language, of every row on the same texts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from falsetrue.jobs.evaluated_news import News
from falsetrue.jobs.judging import Decided, estimate_record, figures_record, judge_policy
from falsetrue.jobs.progress import Progress
from falsetrue.model.baselines import BASELINES
from falsetrue.model.evaluation import ProtocolRecord, RowRecord, SideRecord
from falsetrue.model.figures import FIGURES, EstimateRecord, auc_rank
from falsetrue.model.fitting import labels_of
from falsetrue.model.resampling import Resampled, difference, mean, mean_difference, resample
from falsetrue.news.splitting import positions_by

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Names of the rows that are no reference row.
MODEL, OTHER, DIFFERENCE = "model", "other", "difference"


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What every row says of every article; NaN where it was not asked."""

    p_real: dict[str, Floats]  #: by row: ``model``, perhaps ``other``, the reference rows
    decided: dict[str, Decided] = field(default_factory=dict)  #: of saved models, by row


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """One row with its draws, which means over corpora are made of."""

    record: RowRecord
    found: dict[str, Resampled]


def judge(
    news: News,
    scores: Scores,
    judged: Integers,
    progress: Progress,
    *,
    name: str,
    explanation: str,
    corpora: dict[str, SideRecord],
    skipped: dict[str, str],
) -> ProtocolRecord:
    """Every figure of one protocol: of all the texts ``judged``, by corpus and by language, and the mean over corpora.

    ``judged`` are positions among the articles, shape (m,). Every row of ``scores`` must have scored them, but for
    reference rows, which are left out where they have not.
    """
    articles = [news.articles[at] for at in judged]
    by_corpus = {name: judged[at] for name, at in positions_by(each.corpus for each in articles).items()}
    spoken = positions_by(each.language or "unknown" for each in articles)
    by_language = {name: judged[at] for name, at in spoken.items()}
    if len(by_language) == 1:
        by_language = {}
    progress.phase(f"intervals: {name.replace('_', ' ')}", 1 + len(by_corpus) + len(by_language), "rows")
    pooled = _judge_row(news, scores, judged, "all texts")
    progress.at(1)
    rows = {}
    for number, (corpus, positions) in enumerate(by_corpus.items()):
        rows[corpus] = pooled if len(by_corpus) == 1 else _judge_row(news, scores, positions, corpus, number)
        progress.at(2 + number)
    languages = [_judge_row(news, scores, positions, language).record for language, positions in by_language.items()]
    return ProtocolRecord(
        name=name,
        explanation=explanation,
        corpora=corpora,
        skipped=skipped,
        pooled=pooled.record,
        macro_mean=_macro_mean([row.found for row in rows.values()]),
        by_corpus=_worst_first(_named(row.record, corpus) for corpus, row in rows.items()),
        by_language=_worst_first(languages),
    )


def _named(row: RowRecord, name: str) -> RowRecord:
    return msgspec.structs.replace(row, name=name)


def _judge_row(news: News, scores: Scores, positions: Integers, name: str, number: int = 0) -> _Judged:
    """Figures of all rows on some articles; ``number`` keeps the draws of corpora independent."""
    labels = labels_of([news.articles[at] for at in positions])
    clusters = news.clusters.at(positions)
    found = {}
    for row, p_real in scores.p_real.items():
        own = p_real[positions]
        if not np.isnan(own).any():
            found[row] = resample(labels, own, clusters=clusters.numbers, seed=news.seed + number)
    records = {
        row: figures_record(labels, each, clusters.kind, curves=row in (MODEL, OTHER)) for row, each in found.items()
    }
    articles = [news.articles[at] for at in positions]
    policies = {
        row: judge_policy(articles, decided.at(positions), seed=news.seed, clusters=clusters)
        for row, decided in scores.decided.items()
    }
    record = RowRecord(
        name=name,
        model=records[MODEL],
        references={row: records[row] for row in BASELINES if row in records},
        other=records.get(OTHER),
        difference={
            figure.name: estimate_record(difference(found[MODEL], found[OTHER], figure.name)) for figure in FIGURES
        }
        if OTHER in found
        else {},
        policy=policies.get(MODEL),
        other_policy=policies.get(OTHER),
    )
    return _Judged(record=record, found=found)


def _macro_mean(corpora: Sequence[Mapping[str, Resampled]]) -> dict[str, dict[str, EstimateRecord | None]]:
    rows = [row for row in corpora[0] if all(row in each for each in corpora)]
    means = {
        row: {figure.name: estimate_record(mean([each[row] for each in corpora], figure.name)) for figure in FIGURES}
        for row in rows
    }
    if OTHER in rows:
        own, others = [each[MODEL] for each in corpora], [each[OTHER] for each in corpora]
        means[DIFFERENCE] = {
            figure.name: estimate_record(mean_difference(own, others, figure.name)) for figure in FIGURES
        }
    return means


def _worst_first(rows: Iterable[RowRecord]) -> list[RowRecord]:
    return sorted(rows, key=lambda row: auc_rank(row.model.auc))
