"""Labelled news to a sealed bundle."""

import hashlib
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from falsetrue.bundle.baseline import known_shares, make_baseline
from falsetrue.bundle.card import write_card
from falsetrue.bundle.compiling import compile_pipeline
from falsetrue.bundle.folder import BASELINE, CARD, ESTIMATOR, SCORER, compare, refuse_existing, write_bundle
from falsetrue.bundle.foreign import EstimatorScorer, dump_estimator
from falsetrue.bundle.golden import golden_digest, golden_texts
from falsetrue.bundle.manifest import (
    CorpusRecord,
    EstimateRecord,
    FileRecord,
    Manifest,
    MetricsRecord,
    PolicyRecord,
    SelectiveRecord,
    SplitRecord,
    encode,
    fingerprint,
    seal,
)
from falsetrue.bundle.scorer import Scorer, Scores, from_bytes
from falsetrue.errors import CannotCompileError, InputError
from falsetrue.jobs.progress import Progress
from falsetrue.model.decision import DEFAULT_ACTIONS, EVEN, Outcome, Policy, decide
from falsetrue.model.fitting import Recipe, fit
from falsetrue.model.metrics import Estimate, Labels, auc, bootstrap, confusion, judge, proportion
from falsetrue.model.metrics import thresholds_for_precision as thresholds
from falsetrue.news.article import Article, Label
from falsetrue.news.cleaning import MINIMUM_CHARACTERS, Dropped, clean, clean_as_deployed
from falsetrue.news.reading import Columns, read_labelled, read_one_class
from falsetrue.news.splitting import split_at_random

#: Precision that the default policy aims at for both verdicts.
TARGET_PRECISION = 0.95
#: The default policy never decides a text whose ``p_real`` is closer to a half than this.
MARGIN = 0.1
#: Words below which the default policy does not decide: a headline says too little.
MINIMUM_WORDS = 20
#: Share of held-out news that may fall below the default policy's share of known words.
UNFAMILIAR = 0.005


@dataclass(frozen=True, kw_only=True)
class Training:
    """What to train on, and how. Give ``files``, or ``real`` and ``fake``."""

    recipe: Recipe
    name: str
    files: Sequence[str] = ()  #: labelled files, each a corpus
    real: str | None = None  #: a file of real news only
    fake: str | None = None  #: a file of false news only
    columns: Columns = field(default_factory=Columns)
    languages: Sequence[str] = ()  #: BCP 47
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """One collection, read and cleaned."""

    name: str
    paths: Sequence[str]
    articles: list[Article]
    dropped: Dropped


def train(training: Training, folder: Path, *, now: datetime, progress: Progress, replace: bool = False) -> Manifest:
    """Read, clean, split, fit, calibrate, measure, prove and save; returns the sealed manifest.

    Raises :class:`InputError` naming file, line and value where the news cannot be used. With the
    same files, seed and library versions, every byte but the two times is the same.
    """
    refuse_existing(folder, replace=replace)
    corpora = [_checked(corpus) for corpus in _read_all(training, progress)]
    articles = _deduplicated(corpora, training.recipe)
    fitted_at, held_out_at = split_at_random(len(articles), training.seed)
    held_out = [articles[position] for position in held_out_at]
    progress.phase("fit and calibrate")
    pipeline = fit(training.recipe, [articles[position] for position in fitted_at], training.seed)
    progress.phase("compile and prove")
    made = compiled(pipeline)
    progress.phase("measure")
    measured = _measure(held_out, made.scorer, training.seed)
    progress.phase("save")
    files = {ESTIMATOR: dump_estimator(pipeline), BASELINE: encode(measured.baseline)}
    if made.blob is not None:
        files[SCORER] = made.blob
    manifest = _manifest(training, corpora, measured, len(fitted_at), made)
    return _seal_and_write(folder, manifest, files, now, replace=replace)


# --- read ----------------------------------------------------------------------------------------


def _read_all(training: Training, progress: Progress) -> Iterator[Corpus]:
    if training.real and training.fake:
        yield _read_pair(training, training.real, training.fake, progress)
    names = [Path(path).stem for path in training.files]
    if len(set(names)) < len(names):
        raise InputError("two of the files have the same name; a corpus is called after its file, so rename one")
    for path in training.files:
        progress.phase(f"read {Path(path).name}")
        dropped = Dropped()
        articles = _clean(training.recipe, read_labelled(path, training.columns, dropped), dropped)
        yield Corpus(name=Path(path).stem, paths=[path], articles=articles, dropped=dropped)


def _read_pair(training: Training, real: str, fake: str, progress: Progress) -> Corpus:
    name = f"{Path(real).stem}+{Path(fake).stem}"
    dropped = Dropped()

    def both() -> Iterator[Article]:
        for path, label in ((real, Label.REAL), (fake, Label.FALSE)):
            progress.phase(f"read {Path(path).name}")
            yield from read_one_class(path, label, name, training.columns)

    return Corpus(name=name, paths=[real, fake], articles=_clean(training.recipe, both(), dropped), dropped=dropped)


def _clean(recipe: Recipe, articles: Iterator[Article], dropped: Dropped) -> list[Article]:
    return clean_as_deployed(articles, dropped) if recipe.as_deployed else clean(articles, dropped)


def _checked(corpus: Corpus) -> Corpus:
    """Refuse a corpus without articles, or of one class: what tells it from others would pass for the label."""
    where = " and ".join(corpus.paths)
    left_out = ", ".join(f"{count} {reason}" for reason, count in corpus.dropped.reasons().items() if count)
    if not corpus.articles:
        raise InputError(f"{where}: no article is left to learn from ({left_out or 'the file has no rows'})")
    classes = {article.label for article in corpus.articles}
    if len(classes) == 1:
        only = "real" if Label.REAL in classes else "false"
        raise InputError(
            f"{where}: all {len(corpus.articles)} articles are {only}; both classes are needed"
            + (f" (left out: {left_out})" if left_out else "")
        )
    return corpus


def _deduplicated(corpora: Sequence[Corpus], recipe: Recipe) -> list[Article]:
    """All articles; one that stands in two corpora is kept once."""
    articles = [article for corpus in corpora for article in corpus.articles]
    if recipe.as_deployed or len(corpora) == 1:
        return articles
    across = Dropped()
    kept = clean(articles, across)
    remaining = {id(article) for article in kept}
    for corpus in corpora:
        lost = sum(id(article) not in remaining for article in corpus.articles)
        corpus.dropped.duplicate += lost
        corpus.articles[:] = [article for article in corpus.articles if id(article) in remaining]
    return kept


# --- fit, compile, measure -----------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """How a pipeline will be served."""

    scorer: Scorer
    blob: bytes | None  #: ``scorer.safetensors``; ``None`` where only unpickling serves it
    refusal: str | None  #: why there is no blob
    golden_p_real: list[float]  #: what the pipeline itself says of the golden texts


def compiled(pipeline: Any) -> Compiled:
    """The compiled scorer, proved equal to the pipeline; or the pipeline itself and why it has none."""
    estimator = EstimatorScorer(pipeline)
    golden = estimator.score(golden_texts()).p_real
    try:
        blob = compile_pipeline(pipeline)
    except CannotCompileError as error:
        return Compiled(scorer=estimator, blob=None, refusal=str(error), golden_p_real=golden.tolist())
    scorer = from_bytes(blob)
    compare(golden, scorer.score(golden_texts()).p_real, "the pipeline and its compiled scorer")
    return Compiled(scorer=scorer, blob=blob, refusal=None, golden_p_real=golden.tolist())


@dataclass(frozen=True, kw_only=True)
class _Measured:
    metrics: MetricsRecord
    baseline: msgspec.Struct
    policy: Policy
    held_out: int


def _measure(held_out: Sequence[Article], scorer: Scorer, seed: int) -> _Measured:
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
    return _Measured(metrics=metrics, baseline=baseline, policy=policy, held_out=len(labels))


def _every_second(scores: Scores, start: int) -> Scores:
    """Half of the held-out texts (they stand in random order): one half sets thresholds, the other judges them."""
    return Scores(
        p_real=scores.p_real[start::2], words=scores.words[start::2], known_words=scores.known_words[start::2]
    )


def _default_policy(labels: Labels, scores: Scores) -> Policy:
    false_below, real_above = thresholds(labels, scores.p_real, TARGET_PRECISION)
    known = float(np.quantile(known_shares(scores), UNFAMILIAR))
    return Policy(
        name="default",
        version=1,
        false_below=min(round(false_below, 4), 0.5 - MARGIN),
        real_above=max(round(real_above, 4), 0.5 + MARGIN),
        minimum_words=MINIMUM_WORDS,
        minimum_known_share=int(known * 100) / 100,
        actions=dict(DEFAULT_ACTIONS),
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


def _auc_interval(labels: Labels, p_real: np.ndarray[Any, np.dtype[np.float64]], seed: int) -> Estimate:
    return bootstrap(lambda at: auc(labels[at], p_real[at]), len(labels), seed)


def _record(estimate: Estimate) -> EstimateRecord:
    return EstimateRecord(**asdict(estimate))


# --- save ----------------------------------------------------------------------------------------


def _manifest(
    training: Training,
    corpora: Sequence[Corpus],
    measured: _Measured,
    fitted: int,
    made: Compiled,
) -> Manifest:
    """Everything but the digests of the files."""
    return Manifest(
        name=training.name,
        version="",
        created_at="",
        recipe=training.recipe.name,
        recipe_summary=training.recipe.summary,
        compiled=made.refusal is None,
        not_compiled_because=made.refusal,
        languages=list(training.languages),
        filters=_filters(training.recipe),
        corpora=[_corpus_record(corpus) for corpus in corpora],
        split=SplitRecord(kind="random", seed=training.seed, fitted=fitted, held_out=measured.held_out),
        metrics=measured.metrics,
        policy=PolicyRecord(**asdict(measured.policy)),
        golden_p_real=made.golden_p_real,
        golden_sha256=golden_digest(),
        libraries=_libraries(),
        files={},
    )


def _filters(recipe: Recipe) -> list[str]:
    if recipe.as_deployed:
        return ["empty text", f"false rows with a text of {MINIMUM_CHARACTERS} characters or fewer"]
    return [
        "no label",
        "empty text",
        f"fewer than {MINIMUM_CHARACTERS} characters",
        "exact duplicates but for case and white space",
        "the same content under both labels",
    ]


def _corpus_record(corpus: Corpus) -> CorpusRecord:
    real = sum(article.label is Label.REAL for article in corpus.articles)
    return CorpusRecord(
        name=corpus.name,
        files={Path(path).name: _file_record(path) for path in corpus.paths},
        real=real,
        false=len(corpus.articles) - real,
        dropped=corpus.dropped.reasons(),
    )


def _file_record(path: str) -> FileRecord:
    with Path(path).open("rb") as file:
        return FileRecord(sha256=hashlib.file_digest(file, "sha256").hexdigest(), bytes=Path(path).stat().st_size)


def _libraries() -> dict[str, str]:
    names = ("falsetrue", "joblib", "numpy", "safetensors", "scikit-learn", "scipy")
    return {"python": platform.python_version()} | {name: version(name) for name in names}


def _seal_and_write(
    folder: Path, manifest: Manifest, files: dict[str, bytes], now: datetime, *, replace: bool
) -> Manifest:
    """Seal the files, then the card made from the manifest, then the manifest."""
    bare = msgspec.structs.replace(manifest, files={name: fingerprint(files[name]) for name in sorted(files)})
    card = write_card(bare).encode()
    sealed = seal(msgspec.structs.replace(bare, files=bare.files | {CARD: fingerprint(card)}), now)
    write_bundle(folder, sealed, {**files, CARD: card}, replace=replace)
    return sealed
