"""◆ Labelled news and a target to a policy whose thresholds keep it."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from falsetrue.errors import InputError
from falsetrue.features.languages import UNDETERMINED
from falsetrue.jobs.classify import Classification, Classifier, Item
from falsetrue.jobs.progress import Progress
from falsetrue.model.decision import EVEN, Outcome, Policy, Reason
from falsetrue.model.metrics import Estimate, proportion
from falsetrue.model.prevalence import check_prevalence
from falsetrue.model.thresholds import Band, Target, fit_band, is_given, parse_target
from falsetrue.news.article import Article, Label
from falsetrue.news.cleaning import Dropped
from falsetrue.news.duplicates import near_duplicate_groups
from falsetrue.news.labelled import Columns, read_labelled
from falsetrue.news.overlap import describe_overlaps, overlaps, total_share
from falsetrue.registry.policies import (
    BandTable,
    FittedTable,
    PolicyFile,
    ThresholdsTable,
    check_policy_name,
    make_policy,
    write_policy,
)

#: Texts of a language below which it gets no thresholds of its own: hardly any target could be reached.
ENOUGH_OF_LANGUAGE = 200
#: Share of the articles from which a file counts as one that the model has learnt from.
MOST = 0.5
#: Texts scored at a time.
BATCH = 256
#: Sources that weigh no more than so many equally large ones make the guarantee doubtful.
ENOUGH_SOURCES = 20
_VERDICTS = {Outcome.FALSE: Label.FALSE, Outcome.REAL: Label.REAL}


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """What to fit a policy on, and to which targets."""

    labelled: str  #: a file of labelled news
    name: str
    targets: Sequence[str]  #: as :func:`falsetrue.model.thresholds.parse_target` reads them
    confidence: float = 0.9  #: probability, in (0, 1), with which all targets are to hold together
    columns: Columns = field(default_factory=Columns)
    actions: Mapping[Outcome, str] = field(default_factory=dict)  #: those that differ from the usual ones
    prevalence: float | None = None  #: share of false news that they are to hold at; ``None``: that of the file
    per_language: bool = False
    even_if_trained_on: bool = False  #: fit although the model has learnt from this very file


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What the policy says of the labelled news; with a prevalence, of news of which that share is false."""

    per_1000: dict[Outcome, float]  #: texts with each outcome
    precision: dict[Outcome, Estimate | None]  #: of the labelled news as it is; ``None`` where never said
    precision_at_prevalence: dict[Outcome, float | None]  #: the same at the prevalence; empty without one


@dataclass(frozen=True, kw_only=True)
class FittedPolicy:
    """What came of it."""

    path: Path
    policy: Policy
    fitted: FittedTable
    expected: Expected
    warnings: list[str]  #: why what is promised may not hold, one sentence each


@dataclass(frozen=True, kw_only=True, slots=True)
class _Text:
    """One labelled text and what the model found in it."""

    article: Article
    found: Classification


@dataclass(kw_only=True)
class _News:
    """The labelled file, read."""

    articles: list[Article]  #: one of each group of near duplicates
    left_out: Counter[str]  #: rows that no threshold was set on, by reason
    rows: int
    warnings: list[str]


def fit_policy(
    fitting: Fitting, classifier: Classifier, folder: Path, *, now: datetime, progress: Progress
) -> FittedPolicy:
    """Find the widest thresholds that keep every target, and write ``NAME@N.toml`` into ``folder``.

    Texts that the model's own policy would not decide for another reason than their probability are
    left out, and so are all but the first of near duplicates, which are not independent of each
    other. ``now`` must be UTC-aware. Raises :class:`InputError` or :class:`PolicyError` where the
    news, a target or the name cannot be used; nothing is written then.
    """
    of_model = classifier.manifest.policy.policy()
    targets = _check(fitting, of_model)
    digest = _digest(fitting.labelled)
    progress.phase(f"read {Path(fitting.labelled).name}")
    news = _read(fitting)
    trained_on = _check_unseen(fitting, classifier, digest, news)
    progress.phase("score", len(news.articles), "texts")
    scored = _score(news.articles, classifier, of_model, fitting.prevalence, progress)
    usable = _usable(scored, news)
    progress.phase("fit")
    news.warnings += _warn_of_given(targets, usable, fitting.prevalence)
    languages = _languages(usable, news.warnings) if fitting.per_language else []
    bands = _fit_bands(usable if fitting.prevalence is None else scored, targets, ["", *languages], fitting)
    general, *own = [_thresholds(bands, language, of_model) for language in ["", *languages]]
    fitted = _fitted(fitting, classifier, news, bands, now=now, digest=digest, trained_on=trained_on)
    written = PolicyFile(
        false_below=general.false_below,
        real_above=general.real_above,
        by_language=dict(zip(languages, own, strict=True)),
        actions=dict(fitting.actions),
        fitted=fitted,
    )
    progress.phase("apply", len(news.articles), "texts")
    policy = make_policy(fitting.name, 1, written, of_model)
    expected = _expected(_score(news.articles, classifier, policy, fitting.prevalence, progress), fitting.prevalence)
    path = write_policy(folder, fitting.name, written)
    version = int(path.stem.partition("@")[2])
    return FittedPolicy(
        path=path,
        policy=make_policy(fitting.name, version, written, of_model),
        fitted=fitted,
        expected=expected,
        warnings=news.warnings,
    )


# --- what was given ----------------------------------------------------------------------------------


def _check(fitting: Fitting, of_model: Policy) -> list[Target]:
    """The targets; raises where something given makes no sense."""
    check_policy_name(fitting.name, of_model)
    if not 0 < fitting.confidence < 1:
        raise InputError(f"confidence {fitting.confidence:g} is no probability between 0 and 1; 0.9 is usual")
    if fitting.prevalence is not None:
        check_prevalence(fitting.prevalence)
    targets = [target for written in fitting.targets for target in parse_target(written)]
    if not targets:
        raise InputError("say what is wanted, for example --target precision=0.95")
    kinds = [(target.verdict, target.promise) for target in targets]
    for verdict, promise in kinds:
        if kinds.count((verdict, promise)) > 1:
            raise InputError(f"two targets are given for the {promise} of {verdict}; say one")
    return targets


def _digest(labelled: str) -> str:
    """SHA-256 of the labelled file."""
    try:
        with Path(labelled).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{labelled}: cannot be opened ({error.strerror})") from error


def _check_unseen(fitting: Fitting, classifier: Classifier, digest: str, news: _News) -> bool:
    """Whether the model has learnt from the file or from most of its articles; refused unless that was wanted.

    A smaller part of them is a warning.
    """
    model, what = classifier.manifest.name, None
    shared = overlaps(news.articles, classifier.manifest.content_sketches)
    if digest in {file.sha256 for corpus in classifier.manifest.corpora for file in corpus.files.values()}:
        what = "this very file"
    elif total_share(shared) >= MOST:
        what = f"most of its articles: {describe_overlaps(shared)};"
    elif shared:
        news.warnings.append(
            f"the model {model} has learnt from some of the articles: {describe_overlaps(shared)}; it knows their "
            "answers, so what is promised is too good"
        )
    if what and not fitting.even_if_trained_on:
        raise InputError(
            f"{fitting.labelled}: the model {model} has learnt from {what} and knows the answers, so the thresholds "
            "would promise too much; give labelled news that it has not seen, or say --even-if-trained-on"
        )
    return what is not None


def _read(fitting: Fitting) -> _News:
    """Labelled articles, one of each group of near duplicates."""
    dropped = Dropped()
    articles = list(read_labelled(fitting.labelled, fitting.columns, dropped))
    groups = near_duplicate_groups([article.content for article in articles]).tolist()
    first: dict[int, Article] = {}
    torn = set()
    for group, article in zip(groups, articles, strict=True):
        if first.setdefault(group, article).label is not article.label:
            torn.add(group)
    left_out = Counter(no_label=dropped.no_label, near_duplicate=len(articles) - len(first))
    warnings = []
    if torn:
        warnings.append(f"{len(torn)} groups of near duplicates stand under both labels; the first row of each counts")
    return _News(
        articles=list(first.values()), left_out=left_out, rows=len(articles) + dropped.no_label, warnings=warnings
    )


def _score(
    articles: Sequence[Article], classifier: Classifier, policy: Policy, prevalence: float | None, progress: Progress
) -> list[_Text]:
    """What ``policy`` makes of each article that is not empty."""
    texts = []
    for start in range(0, len(articles), BATCH):
        batch = articles[start : start + BATCH]
        items = [Item(text=article.text, title=article.title) for article in batch]
        answers = classifier.classify(items, policy, prevalence=prevalence)
        texts += [
            _Text(article=article, found=found)
            for article, found in zip(batch, answers, strict=True)
            if isinstance(found, Classification)
        ]
        progress.at(start + len(batch))
    return texts


def _other_reasons(text: _Text) -> list[Reason]:
    """Why a text is not decided, whatever the thresholds."""
    return [reason for reason in text.found.reasons if reason is not Reason.NEAR_THRESHOLD]


def _usable(texts: Sequence[_Text], news: _News) -> list[_Text]:
    """Texts whose verdict depends on thresholds alone; the others are counted by their first reason."""
    news.left_out["empty_text"] += len(news.articles) - len(texts)
    usable = []
    for text in texts:
        others = _other_reasons(text)
        if others:
            news.left_out[others[0]] += 1
        else:
            usable.append(text)
    if not usable:
        left_out = ", ".join(f"{count} {reason}" for reason, count in news.left_out.items() if count)
        raise InputError(f"there is no labelled text to set thresholds on ({left_out or 'the file has no rows'})")
    news.warnings += _warn_of_sources([text.article.source for text in usable])
    return usable


def _warn_of_sources(sources: Sequence[str | None]) -> list[str]:
    """Texts of one source resemble each other, so few sources say less than their many texts seem to."""
    named = Counter(source for source in sources if source)
    if not named:
        return ["the file names no sources: if few of them dominate it, the guarantee is worth less than it says"]
    weight = sum(named.values()) ** 2 / sum(count**2 for count in named.values())
    if weight >= ENOUGH_SOURCES:
        return []
    name, count = named.most_common(1)[0]
    return [
        f"few sources dominate the file: it weighs as {weight:.1f} equally large ones ({name[:60]!r} alone has {count} "
        f"of {len(sources)} texts); the guarantee is for more texts of these, and worth little for other sources"
    ]


def _warn_of_given(targets: Sequence[Target], usable: Sequence[_Text], prevalence: float | None) -> list[str]:
    """Targets that would be reached without a model."""
    where = "in the file" if prevalence is None else "at that prevalence"
    if prevalence is None:
        prevalence = float(np.mean([text.article.label is Label.FALSE for text in usable]))
    shares = {Outcome.FALSE: prevalence, Outcome.REAL: 1 - prevalence}
    return [
        f"the target {target.promise}.{target.verdict}={target.value:g} asks for nothing: {where} "
        f"{shares[target.verdict]:.1%} of the news is {target.verdict}, so calling every text {target.verdict} would "
        "reach it; ask for more"
        for target in targets
        if is_given(target, prevalence)
    ]


# --- fitting -----------------------------------------------------------------------------------------


def _languages(usable: Sequence[_Text], warnings: list[str]) -> list[str]:
    """Languages with enough texts for thresholds of their own; none where all texts are of one."""
    counts = Counter(text.found.language for text in usable)
    counts.pop(None, None)
    counts.pop(UNDETERMINED, None)
    enough = sorted(language for language, count in counts.items() if language and count >= ENOUGH_OF_LANGUAGE)
    few = [f"{language} ({count})" for language, count in sorted(counts.items()) if language not in enough]
    if few:
        warnings.append(
            f"too few texts for thresholds of their own (fewer than {ENOUGH_OF_LANGUAGE}): {', '.join(few)}; "
            "there the thresholds of all texts together apply, which promise nothing for one language alone"
        )
    if not counts:
        warnings.append("this model tells no languages apart: the thresholds are those of all texts together")
    return [] if len(counts) == 1 else enough


def _fit_bands(
    texts: Sequence[_Text], targets: Sequence[Target], languages: Sequence[str], fitting: Fitting
) -> dict[tuple[str, Outcome], Band]:
    """A band for each language (empty: all texts) and each verdict with a target; each gets its share of the error.

    Texts that are not decided whatever the thresholds lie beyond no cut. At a prevalence, which is that of the feed,
    they count as texts that do not get the verdict: they may be more common in one class than in the other.
    """
    labels = np.array([int(text.article.label) for text in texts])
    p_real = np.array([EVEN if _other_reasons(text) else text.found.p_real for text in texts])
    spoken = np.array([text.found.language or "" for text in texts])
    verdicts = sorted({target.verdict for target in targets})
    error = (1 - fitting.confidence) / (len(languages) * len(verdicts))
    bands = {}
    for language in languages:
        inside = (spoken == language) | (language == "")
        for verdict in verdicts:
            wanted = [target for target in targets if target.verdict is verdict]
            bands[language, verdict] = fit_band(
                labels[inside], p_real[inside], wanted, error=error, prevalence=fitting.prevalence
            )
    return bands


def _thresholds(bands: Mapping[tuple[str, Outcome], Band], language: str, of_model: Policy) -> ThresholdsTable:
    """Of the bands; without a target for a verdict those of the model's own policy, as far as they leave room."""
    own = of_model.thresholds(language or None)
    false, real = bands.get((language, Outcome.FALSE)), bands.get((language, Outcome.REAL))
    real_above = own.real_above if real is None else 1.0 if real.threshold is None else real.threshold
    false_below = own.false_below if false is None else false.threshold or 0.0
    if false is None:
        return ThresholdsTable(false_below=min(false_below, real_above), real_above=real_above)
    return ThresholdsTable(false_below=false_below, real_above=max(false_below, real_above))


def _fitted(
    fitting: Fitting,
    classifier: Classifier,
    news: _News,
    bands: Mapping[tuple[str, Outcome], Band],
    *,
    now: datetime,
    digest: str,
    trained_on: bool,
) -> FittedTable:
    return FittedTable(
        model=classifier.manifest.reference,
        at=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        targets=list(fitting.targets),
        confidence=fitting.confidence,
        prevalence=fitting.prevalence,
        labelled=Path(fitting.labelled).name,
        labelled_sha256=digest,
        trained_on=trained_on,
        rows=news.rows,
        left_out={reason: count for reason, count in sorted(news.left_out.items()) if count},
        bands=[_band_table(language, verdict, band) for (language, verdict), band in bands.items()],
    )


def _band_table(language: str, verdict: Outcome, band: Band) -> BandTable:
    said = band.right + band.wrong
    observed = proportion(band.right, said) if said else None
    return BandTable(
        verdict=verdict,
        language=language,
        found=band.threshold is not None,
        deserving=band.deserving,
        others=band.others,
        right=band.right,
        wrong=band.wrong,
        low=None if observed is None else observed.low,
        high=None if observed is None else observed.high,
        most_right=band.most_right,
        enough=band.enough,
    )


# --- what to expect ----------------------------------------------------------------------------------


def _expected(texts: Sequence[_Text], prevalence: float | None) -> Expected:
    said = Counter((text.article.label, text.found.label) for text in texts)
    sizes = {label: sum(count for (actual, _), count in said.items() if actual is label) for label in Label}
    weights = {label: 1000 / len(texts) for label in Label}
    if prevalence is not None:
        shares = {Label.FALSE: prevalence, Label.REAL: 1 - prevalence}
        weights = {label: 1000 * share / max(1, sizes[label]) for label, share in shares.items()}
    per_1000 = {outcome: sum(weights[label] * said[label, outcome] for label in Label) for outcome in Outcome}
    precision, there = {}, {}
    for verdict, label in _VERDICTS.items():
        counts = [said[each, verdict] for each in Label]
        precision[verdict] = proportion(said[label, verdict], sum(counts)) if sum(counts) else None
        there[verdict] = weights[label] * said[label, verdict] / per_1000[verdict] if per_1000[verdict] else None
    return Expected(per_1000=per_1000, precision=precision, precision_at_prevalence={} if prevalence is None else there)
