"""◆ Labelled news to a sealed bundle."""

import hashlib
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from falsetrue.bundle.card import write_card
from falsetrue.bundle.compiling import compile_pipeline
from falsetrue.bundle.folder import compare, refuse_existing, write_bundle
from falsetrue.bundle.foreign import EstimatorScorer, dump_estimator
from falsetrue.bundle.golden import golden_digest, golden_texts
from falsetrue.bundle.manifest import (
    BASELINE,
    CARD,
    ESTIMATOR,
    REFERENCE,
    SCORER,
    CalibrationRecord,
    CorpusRecord,
    FileRecord,
    LeakAfterRecord,
    LeakRecord,
    Manifest,
    SplitRecord,
    check_name,
    encode,
    fingerprint,
    policy_record,
    seal,
)
from falsetrue.bundle.scorer import Scorer, from_bytes
from falsetrue.errors import CannotCompileError, InputError
from falsetrue.features.languages import UNDETERMINED, known_languages, language_of
from falsetrue.jobs.audit import audit_articles
from falsetrue.jobs.corpora import Corpus, Sources, read_corpora
from falsetrue.jobs.judging import Clusters, clusters_of
from falsetrue.jobs.measure import (
    KeptAside,
    Learnt,
    LeftOutFound,
    check_both_classes,
    default_policy,
    judge_left_out,
    measure,
    with_known_outlets,
    with_left_out,
    with_references,
)
from falsetrue.jobs.probe import probe
from falsetrue.jobs.progress import Progress
from falsetrue.model.decision import EVEN, Policy
from falsetrue.model.fitting import (
    Recipe,
    balanced_weights,
    check_classes_fit,
    count,
    fit_counted,
    fit_deployed,
    labels_of,
    make_folds,
    make_weights,
    suited,
)
from falsetrue.model.scope import NewsMeasure, fit_news_measure, other_texts, written_texts
from falsetrue.news.about import About
from falsetrue.news.article import Article, Label
from falsetrue.news.cleaning import MINIMUM_CHARACTERS
from falsetrue.news.dates import read_dates
from falsetrue.news.duplicates import near_duplicate_groups
from falsetrue.news.filtering import CATALOGUE, Filters
from falsetrue.news.labelled import Columns
from falsetrue.news.leaks.after import Treatment
from falsetrue.news.leaks.findings import After
from falsetrue.news.masking import Masker
from falsetrue.news.overlap import sketch
from falsetrue.news.splitting import (
    balanced_positions,
    corpus_families,
    grouped_split,
    leave_one_corpus_out_splits,
    sources_known,
    split_at_random,
    without_sources,
)

Positions = NDArray[np.int64]

#: Shares of the articles kept aside, of outlets that are not fitted on and of outlets that are, where they are known.
OTHER_OUTLETS, KNOWN_OUTLETS = 0.15, 0.1
#: Share of the articles that must be in a language for the model to know it.
COMMON_LANGUAGE = 0.01
#: Articles drawn at most to tell news from other texts, and again as many to set the limit on.
SAMPLED = 6000


@dataclass(frozen=True, kw_only=True)
class Training:
    """What to train on, and how. Give ``files``, or ``real`` and ``fake``."""

    recipe: Recipe
    name: str
    files: Sequence[str] = ()  #: labelled files, each a corpus
    real: str | None = None  #: a file of real news only
    fake: str | None = None  #: a file of false news only
    columns: Columns = field(default_factory=Columns)
    languages: Sequence[str] = ()  #: BCP 47; empty: those that the news is found to be in
    about: Mapping[str, About] = field(default_factory=dict)  #: what is known of the corpora, by name
    split: str | None = None  #: ``grouped`` or ``random``; ``None``: random for the deployed recipe only
    rows: int | None = None  #: articles of a corpus at most, half of each class as far as there are; ``None``: all
    quick: bool = False  #: neither look for leaks nor leave each corpus out in turn
    seed: int = 0

    def judged(self, articles: Sequence[Article], positions: Positions) -> Positions:
        """Those of some positions that figures, and thresholds, come from: as many false as real of each corpus."""
        at = np.array([place for place in positions if self._is_judged(articles[place].corpus)], dtype=np.int64)
        return at[balanced_positions([articles[place] for place in at], self.seed)]

    def _is_judged(self, corpus: str) -> bool:
        return self.about.get(corpus, About()).judged

    @property
    def is_grouped(self) -> bool:
        """Whether near duplicates, and sources where they are known, stay on one side of the split."""
        return self.split == "grouped" or (self.split is None and not self.recipe.as_deployed)


@dataclass(frozen=True, kw_only=True)
class _News:
    """Every article, and which of them are near copies of each other."""

    articles: list[Article]
    duplicates: Positions
    fit_at: Positions
    other_at: Positions  #: kept aside: of outlets that are not fitted on, where outlets are known
    clusters: Clusters
    known_at: Positions  #: kept aside as well: of outlets that are fitted on; empty where none is known

    def at(self, positions: Positions) -> list[Article]:
        return [self.articles[at] for at in positions]

    def keep_aside(self, positions: Positions, seed: int) -> KeptAside:
        articles = self.at(positions)
        check_both_classes(articles)
        return KeptAside(articles=articles, clusters=self.clusters.at(positions), seed=seed)


def train(
    training: Training, folder: Path, *, now: datetime, progress: Progress, replace_existing: bool = False
) -> Manifest:
    """Read, clean, audit, split, fit, calibrate, measure, prove and save; returns the sealed manifest.

    Raises :class:`InputError` naming file, line and value where the news cannot be used. With the
    same files, seed and library versions, every byte but the two times is the same.
    """
    check_name(training.name)
    check_languages(training.languages)
    refuse_existing(folder, replace=replace_existing)
    sources = Sources(
        files=training.files,
        real=training.real,
        fake=training.fake,
        columns=training.columns,
        filters=training.recipe.filters,
        rows=training.rows,
        seed=training.seed,
    )
    corpora = read_corpora(sources, progress, as_deployed=training.recipe.as_deployed)
    articles = [article for corpus in corpora for article in corpus.articles]
    leaks = [] if training.quick else _leaks(training, articles, now, progress)
    news = _split(training, articles, progress)
    check_classes_fit(news.at(news.fit_at))
    kept = news.keep_aside(news.other_at, training.seed)
    fitting = _Fitting(training, news, progress)
    model = fitting.fit(news.fit_at, "fit and calibrate")
    progress.phase("measure")
    measured = measure(kept, model.proved.scorer, model.policy)
    evaluation = measured.evaluation
    if len(news.known_at):
        known = news.keep_aside(news.known_at, training.seed)
        evaluation = with_known_outlets(evaluation, known, model.proved.scorer, model.policy)
    if not training.quick:
        evaluation = with_references(evaluation, kept, news.at(news.fit_at), progress)
        evaluation = with_left_out(evaluation, _leave_out(fitting, news, training))
    progress.phase("save")
    files = {ESTIMATOR: model.estimator, BASELINE: encode(measured.baseline)}
    if model.proved.blob is not None:
        files[SCORER] = model.proved.blob
    if measured.reference is not None:
        files[REFERENCE] = replace(measured.reference, model_name=training.name).to_bytes()
    manifest = Manifest(
        name=training.name,
        version="",
        created_at="",
        recipe=training.recipe.name,
        recipe_summary=_summary(training, [corpus.name for corpus in corpora]),
        compiled=model.proved.refusal is None,
        not_compiled_because=model.proved.refusal,
        languages=list(fitting.languages),
        masks=list(training.recipe.masks),
        blocked_words=sorted(training.recipe.blocked_words),
        filters=list(training.recipe.filters),
        left_out=_left_out_of_training(training.recipe),
        corpora=[_corpus_record(corpus, training.about.get(corpus.name, About()), now) for corpus in corpora],
        content_sketches={corpus.name: sketch(corpus.articles) for corpus in corpora},
        split=_split_record(training, news),
        metrics=measured.metrics,
        evaluation=evaluation,
        leaks=leaks,
        probes=probe(model.proved.scorer, model.policy, seed=training.seed),
        calibration=None if training.recipe.as_deployed else CalibrationRecord(method="sigmoid", prevalence=EVEN),
        policy=policy_record(model.policy),
        golden_p_real=model.proved.golden_p_real,
        golden_sha256=golden_digest(),
        libraries=_libraries(),
        files={},
    )
    return _seal_and_write(folder, manifest, files, now, replace_existing=replace_existing)


def check_languages(languages: Sequence[str]) -> None:
    """Raise :class:`InputError` for one that no text could ever be found to be in."""
    for language in languages:
        if language not in known_languages():
            raise InputError(
                f"language {language[:40]!r} is none that is recognised; say a code of BCP 47 as en or es: "
                f"{', '.join(sorted(known_languages()))}"
            )


# --- leaks and splits ---------------------------------------------------------------------------------


def _leaks(training: Training, articles: Sequence[Article], now: datetime, progress: Progress) -> list[LeakRecord]:
    """What the audit found and the recipe's masks leave, without examples: those are the corpus's text."""
    recipe = training.recipe
    treatment = Treatment(masker=Masker(recipe.masks), filters=Filters(recipe.filters))
    audited = audit_articles(articles, training.seed, progress, now=now, treatment=treatment)
    return [
        LeakRecord(
            corpus=finding.corpus,
            kind=finding.kind,
            where=finding.where,
            name=finding.name,
            real_share=finding.share_real,
            false_share=finding.share_false,
            auc=finding.auc,
            seen=finding.seen_by_default_features,
            masks=list(finding.remedy.masks),
            remedy=finding.remedy.says,
            after=_after(finding.after),
        )
        for finding in audited.findings
    ]


def _after(after: After | None) -> LeakAfterRecord | None:
    if after is None:
        return None
    return LeakAfterRecord(real_share=after.share_real, false_share=after.share_false, auc=after.auc)


def _split(training: Training, articles: list[Article], progress: Progress) -> _News:
    """Keep news aside: where outlets are known, of other outlets and, apart from that, of known ones."""
    progress.phase("find near duplicates")
    duplicates = near_duplicate_groups([article.content for article in articles])
    clusters = clusters_of(articles, duplicates)
    seed, nobody = training.seed, np.empty(0, dtype=np.int64)
    if not training.is_grouped:
        fit_at, held_out_at = split_at_random(len(articles), seed)
        return _News(
            articles=articles,
            duplicates=duplicates,
            clusters=clusters,
            fit_at=fit_at,
            other_at=held_out_at,
            known_at=nobody,
        )
    if not any(sources_known(articles).values()):
        fit_at, other_at = grouped_split(articles, seed, duplicates)
        known_at = nobody
    else:
        rest_at, other_at = grouped_split(articles, seed, duplicates, share=OTHER_OUTLETS)
        rest = without_sources([articles[at] for at in rest_at])
        share = KNOWN_OUTLETS / (1 - OTHER_OUTLETS)
        inner_fit, inner_known = grouped_split(rest, seed, duplicates[rest_at], share=share)
        fit_at, known_at = rest_at[inner_fit], training.judged(articles, rest_at[inner_known])
    return _News(
        articles=articles,
        duplicates=duplicates,
        clusters=clusters,
        fit_at=fit_at,
        other_at=training.judged(articles, other_at),
        known_at=known_at,
    )


def _split_record(training: Training, news: _News) -> SplitRecord:
    return SplitRecord(
        kind="grouped" if training.is_grouped else "random",
        seed=training.seed,
        fitted=len(news.fit_at),
        held_out=len(news.other_at),
        known_outlets=len(news.known_at),
        sources_apart=sources_known(news.articles) if training.is_grouped else {},
    )


# --- fit --------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Proved:
    """How a pipeline will be served."""

    scorer: Scorer
    blob: bytes | None  #: ``scorer.safetensors``; ``None`` where only unpickling serves it
    refusal: str | None  #: why there is no blob
    golden_p_real: list[float]  #: what the pipeline itself says of the golden texts


@dataclass(frozen=True, kw_only=True)
class _Model:
    """A fitted model with the policy that its own articles suggest."""

    estimator: bytes
    proved: Proved
    policy: Policy


class _Fitting:
    """Fits the recipe on any of the articles, which are counted once."""

    def __init__(self, training: Training, news: _News, progress: Progress) -> None:
        self._training = training
        self._news = news
        self._progress = progress
        self._importance = {name: about.weight for name, about in training.about.items()}
        self._unjudged = {name for name, about in training.about.items() if not about.judged}
        progress.phase("tell languages", len(news.articles), "articles")
        # As serving will find them, whatever the files say.
        self._language = [language_of(article.content) for article in news.articles]
        self.languages = tuple(training.languages) or _common(self._language)
        progress.phase("count words")
        self._counts = None if training.recipe.as_deployed else count(training.recipe, news.articles)

    def fit(self, at: Positions, phase: str) -> _Model:
        """Fit on the articles at some positions."""
        self._progress.phase(phase)
        training, news = self._training, self._news
        articles, duplicates = news.at(at), news.duplicates[at]
        folds = make_folds(articles, duplicates, training.seed)
        if self._counts is None:
            fitted = fit_deployed(articles, folds, training.seed)
        else:
            weights = make_weights(articles, self._importance, self._unjudged)
            recipe = suited(training.recipe, articles)
            fitted = fit_counted(recipe, self._counts.rows(at), labels_of(articles), weights, folds)
        estimator = dump_estimator(fitted.pipeline)  # before it is used, which leaves traces in it
        shown, unseen = _sample(articles, training.seed)
        measure_of_news = None if self._counts is None else _news_measure(fitted.pipeline, shown, training.seed)
        proved = prove(fitted.pipeline, measure_of_news)
        judged = training.judged(articles, np.arange(len(articles)))
        learnt = Learnt(
            labels=labels_of(articles)[judged],
            out_of_fold=fitted.out_of_fold[judged],
            languages=[self._language[place] for place in at[judged]],
            duplicates=duplicates[judged],
            unseen=proved.scorer.score([article.content for article in unseen]),
        )
        return _Model(estimator=estimator, proved=proved, policy=default_policy(learnt, self.languages))


def _common(languages: Sequence[str]) -> tuple[str, ...]:
    """Languages of a notable share of the articles, the most common first."""
    counted = Counter(language for language in languages if language != UNDETERMINED)
    return tuple(
        language for language, articles in counted.most_common() if articles >= COMMON_LANGUAGE * len(languages)
    )


def _sample(articles: Sequence[Article], seed: int) -> tuple[list[Article], list[Article]]:
    """Two different random draws: to fit what tells news from other texts, and to set its limit on."""
    order = np.random.default_rng(seed).permutation(len(articles))
    half = min(SAMPLED, (len(order) + 1) // 2)
    return [articles[at] for at in order[:half]], [articles[at] for at in order[half : 2 * half]]


def _news_measure(pipeline: Any, shown: Sequence[Article], seed: int) -> NewsMeasure:
    contents = [article.content for article in shown]
    reports = [text.text for text in written_texts("news")]
    values = [pipeline[:-1].transform(texts) for texts in (contents, reports, other_texts(contents, seed))]
    return fit_news_measure(values[0], balanced_weights(shown), *values[1:])


def prove(pipeline: Any, news: NewsMeasure | None = None) -> Proved:
    """The compiled scorer, proved equal to the pipeline; or the pipeline itself and why it has none."""
    estimator = EstimatorScorer(pipeline)
    golden = estimator.p_real(golden_texts())
    try:
        blob = compile_pipeline(pipeline, news)
    except CannotCompileError as error:
        return Proved(scorer=estimator, blob=None, refusal=str(error), golden_p_real=golden.tolist())
    scorer = from_bytes(blob)
    compare(golden, scorer.p_real(golden_texts()), "the pipeline and its compiled scorer")
    return Proved(scorer=scorer, blob=blob, refusal=None, golden_p_real=golden.tolist())


# --- leave out --------------------------------------------------------------------------------------


def _leave_out(fitting: _Fitting, news: _News, training: Training) -> list[LeftOutFound]:
    """Judge each family of corpora by a model fitted in the same way on all others."""
    given: dict[str, list[str]] = {}
    for name in dict.fromkeys(article.corpus for article in news.articles):
        given.setdefault(training.about.get(name, About()).family or f"corpus {name}", []).append(name)
    families = corpus_families(news.articles, news.duplicates, list(given.values()))
    found = []
    for split in leave_one_corpus_out_splits(news.articles, families, news.duplicates) if len(families) > 1 else ():
        family = " and ".join(split.corpora)
        judged = training.judged(news.articles, split.held_out)
        if not len(judged):
            continue
        if not _has_judged_classes(training, news.at(split.fit)):
            continue  # of what is left, nothing can make probabilities
        model = fitting.fit(split.fit, f"without {family}")
        kept = news.keep_aside(judged, training.seed)
        found.append(judge_left_out(family, len(split.fit), kept, model.proved.scorer, model.policy))
    return found


def _has_judged_classes(training: Training, articles: Sequence[Article]) -> bool:
    return len(training.judged(articles, np.arange(len(articles)))) > 0


# --- save ----------------------------------------------------------------------------------------


def _left_out_of_training(recipe: Recipe) -> list[str]:
    if recipe.as_deployed:
        return ["empty text", f"false rows with a text of {MINIMUM_CHARACTERS} characters or fewer"]
    return [
        "no label",
        "empty text",
        f"fewer than {MINIMUM_CHARACTERS} characters",
        "exact duplicates but for case and white space",
        "the same content under both labels",
        *(f"{CATALOGUE[name].what} ({name})" for name in recipe.filters),
    ]


def _summary(training: Training, corpora: Sequence[str]) -> str:
    """The recipe's own, and which corpora weigh less than it says."""
    weights = {name: training.about.get(name, About()).weight for name in corpora}
    less = ", ".join(f"{name} {weight:g}" for name, weight in weights.items() if weight < 1)
    summary = training.recipe.summary
    return summary if training.recipe.as_deployed or not less else f"{summary}; corpora of less weight: {less}"


def _corpus_record(corpus: Corpus, about: About, now: datetime) -> CorpusRecord:
    real = sum(article.label is Label.REAL for article in corpus.articles)
    dates = read_dates([article.date for article in corpus.articles], today=now.date())
    years = [day.year for day in dates.days if day is not None]
    return CorpusRecord(
        name=corpus.name,
        files={Path(path).name: _file_record(path) for path in corpus.paths},
        real=real,
        false=len(corpus.articles) - real,
        family=about.family,
        label_means=about.label_means,
        licence=about.licence,
        cite=about.cite,
        languages=sorted({article.language for article in corpus.articles if article.language}),
        first_year=min(years, default=None),
        last_year=max(years, default=None),
        dropped=corpus.dropped.reasons(),
    )


def _file_record(path: str) -> FileRecord:
    with Path(path).open("rb") as file:
        return FileRecord(sha256=hashlib.file_digest(file, "sha256").hexdigest(), bytes=Path(path).stat().st_size)


def _libraries() -> dict[str, str]:
    names = ("falsetrue", "joblib", "numpy", "safetensors", "scikit-learn", "scipy")
    return {"python": platform.python_version()} | {name: version(name) for name in names}


def _seal_and_write(
    folder: Path, manifest: Manifest, files: dict[str, bytes], now: datetime, *, replace_existing: bool
) -> Manifest:
    """Seal the files, then the card made from the manifest, then the manifest."""
    bare = msgspec.structs.replace(manifest, files={name: fingerprint(files[name]) for name in sorted(files)})
    card = write_card(bare).encode()
    sealed = seal(msgspec.structs.replace(bare, files=bare.files | {CARD: fingerprint(card)}), now)
    write_bundle(folder, sealed, {**files, CARD: card}, replace=replace_existing)
    return sealed
