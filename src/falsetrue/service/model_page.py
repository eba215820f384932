"""What the page about the model shows, in the order in which it is read: the worst first."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from falsetrue.bundle.card import worst_first
from falsetrue.bundle.manifest import EvaluationRecord, LeakRecord, Manifest
from falsetrue.model.figures import EstimateRecord, FiguresRecord, PolicyFiguresRecord, auc_rank
from falsetrue.model.probing import ProbeRecord, describe
from falsetrue.news.masking import CATALOGUE

#: Leaks of one corpus that are told; the record has them all.
MOST_LEAKS = 3
#: Where the axis of the drawn AUCs begins, unless one lies below.
_AXIS_START = 0.4


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a model is worth on some texts; ``None``: not measured, or not defined for them."""

    name: str
    texts: int | None = None
    auc: EstimateRecord | None = None
    accuracy: EstimateRecord | None = None
    coverage: EstimateRecord | None = None  #: share decided
    precision_false: EstimateRecord | None = None
    precision_real: EstimateRecord | None = None


@dataclass(frozen=True, kw_only=True)
class CorpusLeaks:
    """What gave the label away in one corpus."""

    corpus: str
    found: int
    seen: int  #: of these, in the words themselves
    strongest: tuple[LeakRecord, ...]


@dataclass(frozen=True, kw_only=True)
class ModelPage:
    """Everything that takes some work to show."""

    elsewhere: tuple[Judged, ...]  #: corpora, each by a model that was fitted without it
    corpora: tuple[Judged, ...]  #: corpora, on the texts kept aside
    languages: tuple[Judged, ...]  #: the same texts by language
    references: tuple[Judged, ...]  #: other ways to judge the same texts, the best first
    leaks: tuple[CorpusLeaks, ...]
    flips: tuple[LeakRecord, ...]  #: signs of one class here and of the other there, the strongest first
    failures: tuple[tuple[ProbeRecord, str], ...]  #: with a sentence in English, the most frequent first
    masks: tuple[str, ...]  #: what each hides, in English
    citations: tuple[tuple[str, str], ...]  #: corpora, and whom to name for them
    axis_start: float  #: where the axis of the drawn AUCs begins; it ends at 1


def model_page(manifest: Manifest) -> ModelPage:
    """What there is to show of a manifest of any format."""
    evaluation = manifest.evaluation
    elsewhere = _sorted(_elsewhere(evaluation)) if evaluation else ()
    corpora = _sorted(_corpora(evaluation)) if evaluation else _corpora_of_format_1(manifest)
    languages = _sorted(_each(evaluation.by_language.items())) if evaluation else ()
    references = _sorted(_each(evaluation.references.items()))[::-1] if evaluation else ()
    leaks = sorted(manifest.leaks, key=lambda leak: -abs(leak.auc - 0.5))
    failures = sorted(manifest.probes, key=lambda record: record.as_expected_if_forced / record.probes)
    return ModelPage(
        elsewhere=elsewhere,
        corpora=corpora,
        languages=languages,
        references=references,
        leaks=_by_corpus([leak for leak in leaks if leak.kind != "sign_flip"]),
        flips=tuple(leak for leak in leaks if leak.kind == "sign_flip"),
        failures=tuple((record, describe(record)) for record in failures),
        masks=tuple(CATALOGUE[name].what if name in CATALOGUE else name for name in manifest.masks),
        citations=_citations(manifest),
        axis_start=_axis_start(chain(elsewhere, corpora, languages, references)),
    )


def _elsewhere(evaluation: EvaluationRecord) -> Iterable[Judged]:
    for record in evaluation.left_out:
        for name, figures in record.figures.items():
            yield _judged(name, figures, record.policies.get(name))


def _corpora(evaluation: EvaluationRecord) -> Iterable[Judged]:
    for name, figures in evaluation.by_corpus.items():
        yield _judged(name, figures, evaluation.policy_by_corpus.get(name))


def _corpora_of_format_1(manifest: Manifest) -> tuple[Judged, ...]:
    return tuple(
        Judged(name=name, auc=figures.get("auc"), accuracy=figures.get("accuracy"))
        for name, figures in worst_first(manifest)
    )


def _each(rows: Iterable[tuple[str, FiguresRecord]]) -> Iterable[Judged]:
    return (_judged(name, figures, None) for name, figures in rows)


def _judged(name: str, figures: FiguresRecord, policy: PolicyFiguresRecord | None) -> Judged:
    return Judged(
        name=name,
        texts=figures.texts,
        auc=figures.auc,
        accuracy=figures.accuracy,
        coverage=policy.coverage if policy else None,
        precision_false=policy.precision_false if policy else None,
        precision_real=policy.precision_real if policy else None,
    )


def _sorted(rows: Iterable[Judged]) -> tuple[Judged, ...]:
    """Lowest AUC first; one without (a class is missing) stands last."""
    return tuple(sorted(rows, key=lambda row: auc_rank(row.auc)))


def _by_corpus(leaks: Sequence[LeakRecord]) -> tuple[CorpusLeaks, ...]:
    """Corpora with most leaks first; ``leaks`` are in the order of their strength."""
    corpora: dict[str, list[LeakRecord]] = {}
    for leak in leaks:
        corpora.setdefault(leak.corpus, []).append(leak)
    return tuple(
        CorpusLeaks(
            corpus=corpus,
            found=len(found),
            seen=sum(leak.seen for leak in found),
            strongest=tuple(found[:MOST_LEAKS]),
        )
        for corpus, found in sorted(corpora.items(), key=lambda item: -len(item[1]))
    )


def _citations(manifest: Manifest) -> tuple[tuple[str, str], ...]:
    """One for all the corpora that have the same makers."""
    corpora: dict[str, list[str]] = {}
    for corpus in manifest.corpora:
        if corpus.cite:
            corpora.setdefault(corpus.cite, []).append(corpus.name)
    return tuple((", ".join(names), cite) for cite, names in corpora.items())


def _axis_start(rows: Iterable[Judged]) -> float:
    lowest = min((row.auc.low for row in rows if row.auc), default=1.0)
    return min(_AXIS_START, math.floor(10 * lowest) / 10)
