"""◆ Labelled news to a sealed bundle."""

import hashlib
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from falsetrue.bundle.card import write_card
from falsetrue.bundle.compiling import compile_pipeline
from falsetrue.bundle.folder import compare, refuse_existing, write_bundle
from falsetrue.bundle.foreign import EstimatorScorer, dump_estimator
from falsetrue.bundle.golden import golden_digest, golden_texts
from falsetrue.bundle.manifest import (
    BASELINE,
    CARD,
    ESTIMATOR,
    SCORER,
    CorpusRecord,
    FileRecord,
    Manifest,
    PolicyRecord,
    SplitRecord,
    check_name,
    encode,
    fingerprint,
    seal,
)
from falsetrue.bundle.scorer import Scorer, from_bytes
from falsetrue.errors import CannotCompileError, InputError
from falsetrue.jobs.measure import Measured, measure
from falsetrue.jobs.progress import Progress
from falsetrue.model.fitting import Recipe, fit
from falsetrue.news.article import Article, Label
from falsetrue.news.cleaning import MINIMUM_CHARACTERS, Dropped, clean, clean_as_deployed
from falsetrue.news.labelled import Columns, read_labelled, read_one_class
from falsetrue.news.splitting import split_at_random


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


def train(
    training: Training, folder: Path, *, now: datetime, progress: Progress, replace_existing: bool = False
) -> Manifest:
    """Read, clean, split, fit, calibrate, measure, prove and save; returns the sealed manifest.

    Raises :class:`InputError` naming file, line and value where the news cannot be used. With the
    same files, seed and library versions, every byte but the two times is the same.
    """
    check_name(training.name)
    refuse_existing(folder, replace=replace_existing)
    corpora = [_checked(corpus) for corpus in _read_all(training, progress)]
    if len(corpora) > 1 and not training.recipe.as_deployed:
        corpora = [_checked(corpus) for corpus in _without_shared(corpora)]
    articles = [article for corpus in corpora for article in corpus.articles]
    fitted_at, held_out_at = split_at_random(len(articles), training.seed)
    held_out = [articles[position] for position in held_out_at]
    progress.phase("fit and calibrate")
    pipeline = fit(training.recipe, [articles[position] for position in fitted_at], training.seed)
    estimator = dump_estimator(pipeline)  # before it is used, which leaves traces in it
    progress.phase("compile and prove")
    proved = prove(pipeline)
    progress.phase("measure")
    measured = measure(held_out, proved.scorer, training.seed)
    progress.phase("save")
    files = {ESTIMATOR: estimator, BASELINE: encode(measured.baseline)}
    if proved.blob is not None:
        files[SCORER] = proved.blob
    manifest = _manifest(training, corpora, measured, len(fitted_at), proved)
    return _seal_and_write(folder, manifest, files, now, replace_existing=replace_existing)


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


def _without_shared(corpora: Sequence[Corpus]) -> list[Corpus]:
    """An article that stands in two corpora stays in the first; one that stands there under both labels goes."""
    labels: dict[bytes, set[Label]] = {}
    first: dict[bytes, str] = {}
    for corpus in corpora:
        for article in corpus.articles:
            key = article.content_hash
            labels.setdefault(key, set()).add(article.label)
            first.setdefault(key, corpus.name)
    return [_own(corpus, labels, first) for corpus in corpora]


def _own(corpus: Corpus, labels: Mapping[bytes, set[Label]], first: Mapping[bytes, str]) -> Corpus:
    dropped = replace(corpus.dropped)
    kept = []
    for article in corpus.articles:
        key = article.content_hash
        if len(labels[key]) > 1:
            dropped.conflicting += 1
        elif first[key] != corpus.name:
            dropped.duplicate += 1
        else:
            kept.append(article)
    return replace(corpus, articles=kept, dropped=dropped)


# --- compile and prove -------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Proved:
    """How a pipeline will be served."""

    scorer: Scorer
    blob: bytes | None  #: ``scorer.safetensors``; ``None`` where only unpickling serves it
    refusal: str | None  #: why there is no blob
    golden_p_real: list[float]  #: what the pipeline itself says of the golden texts


def prove(pipeline: Any) -> Proved:
    """The compiled scorer, proved equal to the pipeline; or the pipeline itself and why it has none."""
    estimator = EstimatorScorer(pipeline)
    golden = estimator.score(golden_texts()).p_real
    try:
        blob = compile_pipeline(pipeline)
    except CannotCompileError as error:
        return Proved(scorer=estimator, blob=None, refusal=str(error), golden_p_real=golden.tolist())
    scorer = from_bytes(blob)
    compare(golden, scorer.score(golden_texts()).p_real, "the pipeline and its compiled scorer")
    return Proved(scorer=scorer, blob=blob, refusal=None, golden_p_real=golden.tolist())


# --- save ----------------------------------------------------------------------------------------


def _manifest(
    training: Training,
    corpora: Sequence[Corpus],
    measured: Measured,
    fitted: int,
    proved: Proved,
) -> Manifest:
    """Everything but the digests of the files."""
    return Manifest(
        name=training.name,
        version="",
        created_at="",
        recipe=training.recipe.name,
        recipe_summary=training.recipe.summary,
        compiled=proved.refusal is None,
        not_compiled_because=proved.refusal,
        languages=list(training.languages),
        filters=_filters(training.recipe),
        corpora=[_corpus_record(corpus) for corpus in corpora],
        split=SplitRecord(kind="random", seed=training.seed, fitted=fitted, held_out=measured.held_out),
        metrics=measured.metrics,
        policy=PolicyRecord(**asdict(measured.policy)),
        golden_p_real=proved.golden_p_real,
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
    folder: Path, manifest: Manifest, files: dict[str, bytes], now: datetime, *, replace_existing: bool
) -> Manifest:
    """Seal the files, then the card made from the manifest, then the manifest."""
    bare = msgspec.structs.replace(manifest, files={name: fingerprint(files[name]) for name in sorted(files)})
    card = write_card(bare).encode()
    sealed = seal(msgspec.structs.replace(bare, files=bare.files | {CARD: fingerprint(card)}), now)
    write_bundle(folder, sealed, {**files, CARD: card}, replace=replace_existing)
    return sealed
