"""◆ Labelled news to figures: of a recipe, fitted afresh for every way of keeping news aside, or of a saved model."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from falsetrue.errors import InputError
from falsetrue.jobs.classify import Classification, Classifier, Item
from falsetrue.jobs.judging import (
    Clusters,
    Decided,
    clusters_of,
    estimate_record,
    figures_record,
    judge_policy,
    leave_one_corpus_out,
    score_apart,
)
from falsetrue.jobs.progress import Progress
from falsetrue.model.baselines import BASELINES, DEPLOYED_ROWS, Fitting, scoring
from falsetrue.model.decision import Policy
from falsetrue.model.evaluation import (
    DatesRecord,
    EvaluationReport,
    FileFactsRecord,
    ProtocolRecord,
    RowRecord,
    SideRecord,
)
from falsetrue.model.figures import FIGURES, EstimateRecord
from falsetrue.model.fitting import FEWEST_PER_CLASS, Recipe, fit, labels_of
from falsetrue.model.resampling import Resampled, difference, mean, mean_difference, resample
from falsetrue.news.about import About
from falsetrue.news.article import Article, Label
from falsetrue.news.cleaning import Dropped, clean
from falsetrue.news.dates import Dates, read_dates
from falsetrue.news.duplicates import near_duplicate_groups
from falsetrue.news.labelled import Columns, corpus_names, read_labelled
from falsetrue.news.splitting import (
    HELD_OUT_SHARE,
    corpus_families,
    draw_rows,
    grouped_folds,
    grouped_split,
    later_in_time,
    positions_by_corpus,
    sources_known,
)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Folds in which the reference rows beside a saved model are fitted.
REFERENCE_FOLDS = 5
_HELD_OUT = f"{100 * HELD_OUT_SHARE:.0f} %"
#: Texts classified at a time.
_BATCH = 2_000
#: Names of the rows that are no reference row.
MODEL, OTHER, DIFFERENCE = "model", "other", "difference"


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What to evaluate on."""

    files: Sequence[str]  #: labelled files, each a corpus
    columns: Columns = field(default_factory=Columns)
    families: Sequence[Sequence[str]] = ()  #: corpora that leave together, beside those that share articles
    rows: int | None = None  #: articles of a corpus at most, half of each class as far as there are; ``None``: all
    seed: int = 0
    about: Mapping[str, About] = field(default_factory=dict)  #: what is known of corpora, by name: families, weights
    prevalence: float | None = None  #: share of false news that a saved model is to suppose; ``None``: its policy's

    def all_families(self) -> list[list[str]]:
        """The given ones and those that are known of."""
        known: dict[str, list[str]] = {}
        for name in (Path(path).stem for path in self.files):
            if name in self.about and self.about[name].family:
                known.setdefault(str(self.about[name].family), []).append(name)
        return [*map(list, self.families), *known.values()]


@dataclass(frozen=True, kw_only=True)
class _News:
    """Everything that was read, and what belongs together."""

    articles: list[Article]
    days: list[date | None]
    duplicates: Integers
    clusters: Clusters
    facts: list[FileFactsRecord]
    seed: int


@dataclass(frozen=True, kw_only=True)
class _Scores:
    """What every row says of every article; NaN where it was not asked."""

    p_real: dict[str, Floats]  #: by row: ``model``, perhaps ``other``, the reference rows
    decided: dict[str, Decided] = field(default_factory=dict)  #: of saved models, by row


def evaluate_recipe(
    evaluation: Evaluation, recipe: Recipe, other: Recipe | None, *, today: date, progress: Progress
) -> EvaluationReport:
    """Fit ``recipe`` afresh for each protocol, and judge it on what was kept aside.

    The protocols: grouped; later in time; leave one corpus out, where there are two or more. One
    that cannot be run is named with the reason. ``other`` is a recipe to compare with, on the same
    splits. Raises :class:`InputError` where a file cannot be used or nothing could be run.
    """
    news = _read(evaluation, today, progress, both_classes=True)
    families = corpus_families(news.articles, news.duplicates, evaluation.all_families())
    weights = {name: about.weight for name, about in evaluation.about.items()}
    fits = {MODEL: _fitting(recipe, weights)} | ({OTHER: _fitting(other, weights)} if other else {}) | BASELINES
    protocols, not_run = [], {}
    runs: dict[str, Callable[[], ProtocolRecord]] = {
        "grouped": lambda: _grouped(news, fits, progress),
        "later_in_time": lambda: _later(news, fits, progress),
        "leave_one_corpus_out": lambda: _left_out(news, fits, families, progress),
    }
    for name, run in runs.items():
        try:
            protocols.append(run())
        except InputError as error:
            not_run[name] = str(error)
    if not protocols:
        raise InputError("; ".join(dict.fromkeys(not_run.values())))
    return EvaluationReport(
        judged=recipe.name,
        kind="recipe",
        compared_with=other.name if other else None,
        seed=evaluation.seed,
        rows=evaluation.rows,
        deployed_rows=DEPLOYED_ROWS,
        warnings=_warnings_of_files(news.facts),
        files=news.facts,
        protocols=protocols,
        not_run=not_run,
    )


def evaluate_model(
    evaluation: Evaluation,
    classifier: Classifier,
    policy: Policy,
    other: Classifier | None = None,
    *,
    today: date,
    progress: Progress,
) -> EvaluationReport:
    """Judge a saved model as it is, under ``policy``, on labelled files; paired with ``other`` under its default one.

    The reference rows are fitted out of fold on the same files. Warns where a model learnt from one of the files.
    """
    news = _read(evaluation, today, progress, both_classes=False)
    prevalence = classifier.policies.prevalence(policy, evaluation.prevalence)
    protocol = _as_saved(news, classifier, policy, other, prevalence=prevalence, progress=progress)
    warnings = _warnings_of_files(news.facts)
    warnings += classifier.policies.cautions(policy, classifier.manifest.reference, evaluation.prevalence)
    if prevalence is not None:
        warnings.append(
            f"probabilities suppose that {prevalence:.1%} of the news is false; figures that depend on the mixture "
            "(accuracy, F1, Brier score, log loss, ECE, precision) are those of the files' own"
        )
    for each in (classifier, other):
        warnings += _warnings_of_training(each, news.facts) if each else []
    return EvaluationReport(
        judged=_name(classifier),
        kind="model",
        compared_with=_name(other) if other else None,
        seed=evaluation.seed,
        rows=evaluation.rows,
        deployed_rows=DEPLOYED_ROWS,
        warnings=warnings,
        files=news.facts,
        protocols=[protocol],
        not_run={},
        prevalence=prevalence,
    )


# --- read ----------------------------------------------------------------------------------------


def _read(evaluation: Evaluation, today: date, progress: Progress, *, both_classes: bool) -> _News:
    corpus_names(evaluation.files)
    articles: list[Article] = []
    days: list[date | None] = []
    facts = []
    for path in evaluation.files:
        progress.phase(f"read {Path(path).name}")
        dropped = Dropped()
        kept = clean(read_labelled(path, evaluation.columns, dropped), dropped)
        _check(path, kept, dropped, both_classes=both_classes)
        drawn = kept if evaluation.rows is None else draw_rows(kept, evaluation.rows, evaluation.seed)
        dates = read_dates([article.date for article in drawn], today)
        facts.append(_facts(path, drawn, dropped, dates))
        articles += drawn
        days += dates.days
    progress.phase("find near duplicates")
    duplicates = near_duplicate_groups([article.content for article in articles])
    return _News(
        articles=articles,
        days=days,
        duplicates=duplicates,
        clusters=clusters_of(articles, duplicates),
        facts=facts,
        seed=evaluation.seed,
    )


def _check(path: str, articles: Sequence[Article], dropped: Dropped, *, both_classes: bool) -> None:
    left_out = ", ".join(f"{count} {reason}" for reason, count in dropped.reasons().items() if count)
    if not articles:
        raise InputError(f"{path}: no article is left to judge ({left_out or 'the file has no rows'})")
    classes = {article.label for article in articles}
    if both_classes and len(classes) == 1:
        only = classes.pop().name.lower()
        raise InputError(
            f"{path}: all {len(articles)} articles are {only}; a recipe needs both classes to be fitted"
            + (f" (left out: {left_out})" if left_out else "")
        )


def _facts(path: str, articles: Sequence[Article], dropped: Dropped, dates: Dates) -> FileFactsRecord:
    real = sum(article.label is Label.REAL for article in articles)
    with Path(path).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileFactsRecord(
        corpus=articles[0].corpus,
        path=path,
        sha256=digest,
        real=real,
        false=len(articles) - real,
        dropped=dropped.reasons(),
        sources={
            label.name.lower(): len({a.source.lower() for a in articles if a.label is label and a.source})
            for label in (Label.REAL, Label.FALSE)
        },
        sources_apart=sources_known(articles)[articles[0].corpus],
        titles=sum(bool(article.title and article.title.strip()) for article in articles),
        dates=DatesRecord(
            dated=dates.dated, unreadable=dates.unreadable, ambiguous=dates.ambiguous, absurd=dates.absurd
        ),
        languages=dict(Counter(article.language or "unknown" for article in articles).most_common()),
    )


def _warnings_of_files(facts: Sequence[FileFactsRecord]) -> list[str]:
    warnings = []
    for each in facts:
        if not each.titles:
            warnings.append(f"{each.corpus}: no article has a title; 'title case only' stands on its texts")
        for count, what in (
            (each.dates.ambiguous, "may be day or month first, and the file does not say"),
            (each.dates.absurd, "are no day of the calendar, before 1900, or in the future"),
            (each.dates.unreadable, "are of no known form"),
        ):
            if count:
                warnings.append(f"{each.corpus}: {count:,} dates {what}; they are not used")
    return warnings


def _warnings_of_training(classifier: Classifier, facts: Sequence[FileFactsRecord]) -> list[str]:
    learnt = {file.sha256 for corpus in classifier.manifest.corpora for file in corpus.files.values()}
    return [
        f"{_name(classifier)} learnt from {each.path} (the same bytes): its figures there flatter"
        for each in facts
        if each.sha256 in learnt
    ]


def _name(classifier: Classifier) -> str:
    return f"{classifier.manifest.name} {classifier.manifest.version}"


# --- protocols ------------------------------------------------------------------------------------


def _fitting(recipe: Recipe, weights: Mapping[str, float]) -> Fitting:
    return lambda articles, seed: scoring(fit(recipe, articles, seed, weights))


def _grouped(news: _News, fits: Mapping[str, Fitting], progress: Progress) -> ProtocolRecord:
    fit_at, held_out = grouped_split(news.articles, news.seed, news.duplicates)
    scores = _score_all(news, fits, [(fit_at, held_out)], "grouped", progress)
    judged = Counter(news.articles[at].corpus for at in held_out)
    return _judge(
        news,
        scores,
        held_out,
        progress,
        name="grouped",
        explanation=f"About {_HELD_OUT} of each class of each corpus is judged by a model fitted on the rest. "
        "No two near duplicates stand on both sides, and no source does where the sources are known.",
        corpora={
            corpus: SideRecord(fitted=len(fit_at), judged=judged[corpus], left_with=[])
            for corpus in positions_by_corpus(news.articles)
        },
        skipped={},
    )


def _later(news: _News, fits: Mapping[str, Fitting], progress: Progress) -> ProtocolRecord:
    split = later_in_time(news.articles, news.days, news.duplicates)
    if not split.first_day:
        raise InputError("; ".join(f"{corpus}: {reason}" for corpus, reason in split.skipped.items()))
    scores = _score_all(news, fits, [(split.fit, split.held_out)], "later in time", progress)
    judged = Counter(news.articles[at].corpus for at in split.held_out)
    return _judge(
        news,
        scores,
        split.held_out,
        progress,
        name="later_in_time",
        explanation=f"The last days of each corpus, about {_HELD_OUT} of its dated articles, are judged by "
        "one model fitted on the days before them of all dated corpora. Undated articles take no part.",
        corpora={
            corpus: SideRecord(
                fitted=len(split.fit),
                judged=judged[corpus],
                removed=split.removed[corpus],
                first_day=day.isoformat(),
                left_with=[],
            )
            for corpus, day in split.first_day.items()
        },
        skipped=split.skipped,
    )


def _left_out(
    news: _News, fits: Mapping[str, Fitting], families: Sequence[Sequence[str]], progress: Progress
) -> ProtocolRecord:
    if len(families) < 2:  # noqa: PLR2004 - one to leave out, one to fit on
        raise InputError("there is one corpus, or one family of them; two are needed to leave one out")
    found = {
        name: leave_one_corpus_out(
            news.articles,
            fit_row,
            families,
            seed=news.seed,
            progress=progress,
            duplicates=news.duplicates,
            name=f"leave one out: {name}",
        )
        for name, fit_row in fits.items()
    }
    model = found[MODEL]
    judged = np.flatnonzero(~np.isnan(model.p_real))
    if not len(judged):
        raise InputError("; ".join(dict.fromkeys(model.problems.values())))
    sizes = Counter(article.corpus for article in news.articles)
    corpora = {
        corpus: SideRecord(
            fitted=len(split.fit),
            judged=sizes[corpus],
            removed=split.removed,
            left_with=[each for each in split.corpora if each != corpus],
        )
        for split in model.splits
        for corpus in split.corpora
        if corpus not in model.problems
    }
    return _judge(
        news,
        _Scores(p_real={name: each.p_real for name, each in found.items()}),
        judged,
        progress,
        name="leave_one_corpus_out",
        explanation="Each corpus is judged by a model fitted on the others, less those that leave with it and less "
        "near duplicates of its articles. This is what to expect on news from elsewhere.",
        corpora=corpora,
        skipped=model.problems,
    )


def _score_all(
    news: _News, fits: Mapping[str, Fitting], splits: Sequence[tuple[Integers, Integers]], name: str, progress: Progress
) -> _Scores:
    """Every row's scores; raises :class:`InputError` where the model cannot be fitted."""
    p_real = {}
    for row, fit_row in fits.items():
        found = score_apart(news.articles, fit_row, splits, seed=news.seed, progress=progress, name=f"{name}: {row}")
        if found.problems and row in (MODEL, OTHER):
            raise InputError(found.problems[0])
        p_real[row] = found.p_real
    return _Scores(p_real=p_real)


def _as_saved(
    news: _News,
    classifier: Classifier,
    policy: Policy,
    other: Classifier | None,
    *,
    prevalence: float | None,
    progress: Progress,
) -> ProtocolRecord:
    rows = {MODEL: (classifier, policy)} | ({OTHER: (other, other.policies.default)} if other else {})
    p_real, decided = {}, {}
    for row, (each, own_policy) in rows.items():
        progress.phase(f"classify: {row}", len(news.articles), "rows")
        found = _classify(news.articles, each, own_policy, prevalence, progress)
        p_real[row] = np.array([verdict.p_real for verdict in found])
        decided[row] = Decided(
            policy=own_policy.reference,
            verdicts=[verdict.label for verdict in found],
            reasons=[verdict.reasons for verdict in found],
        )
    skipped = _add_references(news, p_real, progress)
    sizes = Counter(article.corpus for article in news.articles)
    return _judge(
        news,
        _Scores(p_real=p_real, decided=decided),
        np.arange(len(news.articles)),
        progress,
        name="as_saved",
        explanation="The saved model judges every article of the files as it would in service. The reference rows are "
        f"fitted on the same file in {REFERENCE_FOLDS} folds, each article scored by one that did not see its fold.",
        corpora={corpus: SideRecord(fitted=0, judged=size, left_with=[]) for corpus, size in sizes.items()},
        skipped=skipped,
    )


def _classify(
    articles: Sequence[Article], classifier: Classifier, policy: Policy, prevalence: float | None, progress: Progress
) -> list[Classification]:
    found: list[Classification] = []
    for start in range(0, len(articles), _BATCH):
        items = [Item(title=article.title, text=article.text) for article in articles[start : start + _BATCH]]
        # Cleaning has left no text that is refused.
        verdicts = classifier.classify(items, policy, prevalence=prevalence)
        found += [each for each in verdicts if isinstance(each, Classification)]
        progress.at(len(found))
    return found


def _add_references(news: _News, p_real: dict[str, Floats], progress: Progress) -> dict[str, str]:
    """Score each corpus by reference rows fitted out of fold on it; returns the corpora that are too small."""
    splits, too_small = [], {}
    for corpus, positions in positions_by_corpus(news.articles).items():
        at = np.array(positions, dtype=np.int64)
        own = [news.articles[position] for position in positions]
        fewest = int(np.bincount(labels_of(own), minlength=2).min())
        if fewest < 2 * FEWEST_PER_CLASS:
            too_small[corpus] = f"reference rows need {2 * FEWEST_PER_CLASS} articles of each class; one has {fewest}"
            continue
        folds = grouped_folds(own, REFERENCE_FOLDS, news.seed, news.duplicates[at])
        splits += [(at[folds != fold], at[folds == fold]) for fold in range(REFERENCE_FOLDS) if np.any(folds == fold)]
    for row, fit_row in BASELINES.items():
        p_real[row] = score_apart(
            news.articles, fit_row, splits, seed=news.seed, progress=progress, name=f"reference: {row}"
        ).p_real
    return too_small


# --- judge ----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """One row with its draws, which means over corpora are made of."""

    record: RowRecord
    found: dict[str, Resampled]


def _judge(
    news: _News,
    scores: _Scores,
    judged: Integers,
    progress: Progress,
    *,
    name: str,
    explanation: str,
    corpora: dict[str, SideRecord],
    skipped: dict[str, str],
) -> ProtocolRecord:
    by_corpus = _positions_by(news, judged, lambda article: article.corpus)
    by_language = _positions_by(news, judged, lambda article: article.language or "unknown")
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
        by_corpus=_worst_first([_named(row.record, corpus) for corpus, row in rows.items()]),
        by_language=_worst_first(languages),
    )


def _named(row: RowRecord, name: str) -> RowRecord:
    return msgspec.structs.replace(row, name=name)


def _positions_by(news: _News, judged: Integers, key: Callable[[Article], str]) -> dict[str, Integers]:
    found: dict[str, list[int]] = {}
    for at in judged.tolist():
        found.setdefault(key(news.articles[at]), []).append(at)
    return {name: np.array(positions, dtype=np.int64) for name, positions in found.items()}


def _judge_row(news: _News, scores: _Scores, positions: Integers, name: str, number: int = 0) -> _Judged:
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


def _worst_first(rows: Sequence[RowRecord]) -> list[RowRecord]:
    return sorted(rows, key=lambda row: row.model.auc.value if row.model.auc else 1.0)
