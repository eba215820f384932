"""The ways of keeping news aside, and who scores it: recipes fitted on the rest, or a model as it was saved."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from falsetrue.errors import InputError
from falsetrue.jobs.classify import Classification, Classifier, Item
from falsetrue.jobs.evaluated_news import News
from falsetrue.jobs.judging import Decided, leave_one_corpus_out, score_apart
from falsetrue.jobs.progress import Progress
from falsetrue.jobs.protocol_figures import MODEL, OTHER, Scores, judge
from falsetrue.model.baselines import BASELINES, Fitting, scoring
from falsetrue.model.decision import Policy
from falsetrue.model.evaluation import ProtocolRecord, SideRecord
from falsetrue.model.fitting import FEWEST_PER_CLASS, Recipe, fit, labels_of
from falsetrue.news.article import Article
from falsetrue.news.splitting import HELD_OUT_SHARE, grouped_folds, grouped_split, later_in_time, positions_by

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Folds in which the reference rows beside a saved model are fitted.
REFERENCE_FOLDS = 5
_HELD_OUT = f"{100 * HELD_OUT_SHARE:.0f} %"
#: Texts classified at a time.
_BATCH = 2_000


def recipe_fitting(recipe: Recipe, weights: Mapping[str, float]) -> Fitting:
    """How a recipe is fitted; ``weights`` say how much each corpus counts beside the others."""
    return lambda articles, seed: scoring(fit(recipe, articles, seed, weights))


def grouped_protocol(news: News, fits: Mapping[str, Fitting], progress: Progress) -> ProtocolRecord:
    """Keep groups of near duplicates, and sources, aside; raises :class:`InputError` where a recipe cannot be fitted.

    ``fits`` are the rows by name, the one judged under :data:`MODEL`.
    """
    fit_at, held_out = grouped_split(news.articles, news.seed, news.duplicates)
    scores = _score_all(news, fits, [(fit_at, held_out)], "grouped", progress)
    judged = Counter(news.articles[at].corpus for at in held_out)
    return judge(
        news,
        scores,
        held_out,
        progress,
        name="grouped",
        explanation=f"About {_HELD_OUT} of each class of each corpus is judged by a model fitted on the rest. "
        "No two near duplicates stand on both sides, and no source does where the sources are known.",
        corpora={
            corpus: SideRecord(fitted=len(fit_at), judged=judged[corpus], left_with=[])
            for corpus in positions_by(article.corpus for article in news.articles)
        },
        skipped={},
    )


def later_protocol(news: News, fits: Mapping[str, Fitting], progress: Progress) -> ProtocolRecord:
    """Keep the last days aside; raises :class:`InputError` where no corpus has enough dates."""
    split = later_in_time(news.articles, news.days, news.duplicates)
    if not split.first_day:
        raise InputError("; ".join(f"{corpus}: {reason}" for corpus, reason in split.skipped.items()))
    scores = _score_all(news, fits, [(split.fit, split.held_out)], "later in time", progress)
    judged = Counter(news.articles[at].corpus for at in split.held_out)
    return judge(
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


def left_out_protocol(
    news: News, fits: Mapping[str, Fitting], families: Sequence[Sequence[str]], progress: Progress
) -> ProtocolRecord:
    """Leave each family of corpora out; raises :class:`InputError` where there is but one, or none can be judged."""
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
    return judge(
        news,
        Scores(p_real={name: each.p_real for name, each in found.items()}),
        judged,
        progress,
        name="leave_one_corpus_out",
        explanation="Each corpus is judged by a model fitted on the others, less those that leave with it and less "
        "near duplicates of its articles. This is what to expect on news from elsewhere.",
        corpora=corpora,
        skipped=model.problems,
    )


def _score_all(
    news: News, fits: Mapping[str, Fitting], splits: Sequence[tuple[Integers, Integers]], name: str, progress: Progress
) -> Scores:
    """Every row's scores; raises :class:`InputError` where the model cannot be fitted."""
    p_real = {}
    for row, fit_row in fits.items():
        found = score_apart(news.articles, fit_row, splits, seed=news.seed, progress=progress, name=f"{name}: {row}")
        if found.problems and row in (MODEL, OTHER):
            raise InputError(found.problems[0])
        p_real[row] = found.p_real
    return Scores(p_real=p_real)


def as_saved_protocol(
    news: News,
    classifier: Classifier,
    policy: Policy,
    other: Classifier | None,
    *,
    prevalence: float | None,
    progress: Progress,
) -> ProtocolRecord:
    """What saved models say of every article, ``other`` under its default policy; nothing is kept aside."""
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
    return judge(
        news,
        Scores(p_real=p_real, decided=decided),
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


def _add_references(news: News, p_real: dict[str, Floats], progress: Progress) -> dict[str, str]:
    """Score each corpus by reference rows fitted out of fold on it; returns the corpora that are too small."""
    splits, too_small = [], {}
    for corpus, at in positions_by(article.corpus for article in news.articles).items():
        own = [news.articles[position] for position in at]
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
