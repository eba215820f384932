"""Labelled news to figures: of a recipe, fitted afresh for every way of keeping news aside, or of a saved model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from falsetrue.errors import InputError
from falsetrue.jobs.classify import Classifier
from falsetrue.jobs.evaluated_news import News, read_news, warnings_of_files
from falsetrue.jobs.progress import Progress
from falsetrue.jobs.protocol_figures import MODEL, OTHER
from falsetrue.jobs.protocols import (
    as_saved_protocol,
    grouped_protocol,
    later_protocol,
    left_out_protocol,
    recipe_fitting,
)
from falsetrue.model.baselines import BASELINES, DEPLOYED_ROWS
from falsetrue.model.decision import Policy
from falsetrue.model.evaluation import EvaluationReport, ProtocolRecord
from falsetrue.model.fitting import Recipe
from falsetrue.news.about import About
from falsetrue.news.labelled import Columns
from falsetrue.news.overlap import describe_overlaps, overlaps
from falsetrue.news.splitting import corpus_families, positions_by


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


def evaluate_recipe(
    evaluation: Evaluation, recipe: Recipe, other: Recipe | None, *, today: date, progress: Progress
) -> EvaluationReport:
    """Fit ``recipe`` afresh for each protocol, and judge it on what was kept aside.

    The protocols: grouped; later in time; leave one corpus out, where there are two or more. One
    that cannot be run is named with the reason. ``other`` is a recipe to compare with, on the same
    splits. Raises :class:`InputError` where a file cannot be used or nothing could be run.
    """
    news = _read(evaluation, today, progress, both_classes=True, filters=recipe.filters)
    families = corpus_families(news.articles, news.duplicates, evaluation.all_families())
    weights = {name: about.weight for name, about in evaluation.about.items()}
    fits = (
        {MODEL: recipe_fitting(recipe, weights)}
        | ({OTHER: recipe_fitting(other, weights)} if other else {})
        | BASELINES
    )
    protocols, not_run = [], {}
    runs: dict[str, Callable[[], ProtocolRecord]] = {
        "grouped": lambda: grouped_protocol(news, fits, progress),
        "later_in_time": lambda: later_protocol(news, fits, progress),
        "leave_one_corpus_out": lambda: left_out_protocol(news, fits, families, progress),
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
        warnings=warnings_of_files(news.facts),
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
    news = _read(evaluation, today, progress, both_classes=False, filters=classifier.manifest.filters)
    prevalence = classifier.policies.prevalence(policy, evaluation.prevalence)
    protocol = as_saved_protocol(news, classifier, policy, other, prevalence=prevalence, progress=progress)
    warnings = warnings_of_files(news.facts)
    warnings += classifier.policies.cautions(policy, classifier.manifest.reference, evaluation.prevalence)
    if prevalence is not None:
        warnings.append(
            f"probabilities suppose that {prevalence:.1%} of the news is false; figures that depend on the mixture "
            "(accuracy, F1, Brier score, log loss, ECE, precision) are those of the files' own"
        )
    for each in (classifier, other):
        warnings += _warnings_of_training(each, news) if each else []
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


def _read(
    evaluation: Evaluation, today: date, progress: Progress, *, both_classes: bool, filters: Sequence[str]
) -> News:
    return read_news(
        evaluation.files,
        evaluation.columns,
        rows=evaluation.rows,
        seed=evaluation.seed,
        today=today,
        both_classes=both_classes,
        filters=filters,
        progress=progress,
    )


def _warnings_of_training(classifier: Classifier, news: News) -> list[str]:
    manifest = classifier.manifest
    learnt = {file.sha256 for corpus in manifest.corpora for file in corpus.files.values()}
    positions = positions_by(article.corpus for article in news.articles)
    warnings = []
    for each in news.facts:
        if each.sha256 in learnt:
            warnings.append(f"{_name(classifier)} learnt from {each.path} (the same bytes): its figures there flatter")
            continue
        shared = overlaps([news.articles[at] for at in positions[each.corpus]], manifest.content_sketches)
        if shared:
            warnings.append(
                f"{_name(classifier)} learnt from articles of {each.path}: {describe_overlaps(shared)}; "
                "its figures there flatter"
            )
    return warnings


def _name(classifier: Classifier) -> str:
    return f"{classifier.manifest.name} {classifier.manifest.version}"
