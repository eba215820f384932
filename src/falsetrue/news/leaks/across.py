"""What several corpora show together: articles in common, and features whose sign flips between them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from falsetrue.news.leaks import testing
from falsetrue.news.leaks.after import Again, Trace, Treatment, look_again
from falsetrue.news.leaks.evidence import Evidence, Present
from falsetrue.news.leaks.findings import After, Finding, Remedy, SharedArticles
from falsetrue.news.leaks.shape import MEASURES
from falsetrue.news.leaks.testing import Sides, auc_and_p, count_sides, draw_sides, exact_p_values

Integers = NDArray[np.int64]

#: A feature has a sign in a corpus if it tells the classes apart by this area under the ROC curve, in both halves.
FLIP_AUC = 0.57
#: Words whose sign flips that are told, at most.
MOST_WORDS = 15

Key = tuple[str, str, str]  #: kind, where, name
_Pair = tuple["_Signed", "_Signed"]  #: a sign of *real* in one corpus, and of *false* in another


@dataclass(frozen=True, kw_only=True)
class _Signed:
    """A feature with a sign in one corpus, on the half that was not searched."""

    corpus: str
    auc: float  #: above 0.5 a sign of *real*
    share_real: float
    share_false: float
    p_value: float
    part: Present | None = None  #: of what an article has or has not: where its ``feature`` is
    feature: int = 0  #: or the column of the measure


def sign_flips(
    evidences: Sequence[Evidence], labels: Sequence[Integers], seed: int, treatment: Treatment
) -> list[Finding]:
    """Features that are a sign of *real* in one corpus and of *false* in another, both replicated.

    Each with what ``treatment`` leaves of it in these two.
    """
    level = testing.LEVEL / max(sum(evidence.size for evidence in evidences), 1)
    signed: dict[Key, list[_Signed]] = {}
    for evidence, own in zip(evidences, labels, strict=True):
        sides = draw_sides(own, evidence.duplicates, seed)
        if min(sides.sizes):
            for key, found in _signed(evidence, sides, level):
                signed.setdefault(key, []).append(found)
    flips = {key: _extremes(found) for key, found in signed.items() if _flipped(found)}
    worst = sorted(flips, key=lambda key: -_strength(*flips[key]))
    words = [key for key in worst if " as a word" in key[1]][:MOST_WORDS]
    told = {key: flips[key] for key in worst if key in words or " as a word" not in key[1]}
    left = _left(told, evidences, labels, seed, treatment)
    return [_flip(key, *pair, left) for key, pair in told.items()]


def _extremes(found: Sequence[_Signed]) -> _Pair:
    """The strongest sign of *real* and of *false*."""
    return max(found, key=lambda each: each.auc), min(found, key=lambda each: each.auc)


def _strength(real: _Signed | Again, false: _Signed | Again) -> float:
    """The area under the ROC curve that both reach, each with its own sign; 0.5 where they have not these signs."""
    return max(min(real.auc, 1 - false.auc), 0.5)


def _left(
    told: Mapping[Key, _Pair],
    evidences: Sequence[Evidence],
    labels: Sequence[Integers],
    seed: int,
    treatment: Treatment,
) -> dict[tuple[Key, str], Again]:
    """What masks and filters leave of each flip, by its key and the corpus."""
    left: dict[tuple[Key, str], Again] = {}
    for evidence, own in zip(evidences, labels, strict=True):
        traces = {
            key: _trace(key, each) for key, pair in told.items() for each in pair if each.corpus == evidence.corpus
        }
        sides = draw_sides(own, evidence.duplicates, seed)
        again = look_again(evidence, sides, list(traces.values()), treatment) if traces else []
        left |= {(key, evidence.corpus): each for key, each in zip(traces, again, strict=True)}
    return left


def _trace(key: Key, signed: _Signed) -> Trace:
    kind, where, name = key
    if signed.part is None:
        return Trace(where=where, column=signed.feature)
    return Trace(
        where=signed.part.where,
        articles=signed.part.holders([signed.feature])[signed.feature],
        words=() if kind == "family" else ((signed.part.where, name),),
        mask=name if kind == "family" else "",
    )


def _signed(evidence: Evidence, sides: Sides, level: float) -> Iterator[tuple[Key, _Signed]]:
    for part in evidence.present:
        if part.kind == "family" or (part.grams is not None and part.where == "text" and part.grams.length == 1):
            yield from _signed_features(evidence.corpus, part, sides, level)
    searched, held = sides.half(0), sides.half(1)
    for where, table in evidence.measures.items():
        for column, name in enumerate(MEASURES):
            auc, p_value = auc_and_p(table[searched, column], sides.labels[searched])
            if p_value > level or abs(auc - 0.5) < FLIP_AUC - 0.5:
                continue
            again, p_again = auc_and_p(table[held, column], sides.labels[held])
            if p_again <= level and _same(auc, again):
                means = [float(table[held & (sides.labels == label), column].mean()) for label in (1, 0)]
                yield (
                    ("shape", where, name),
                    _Signed(
                        corpus=evidence.corpus,
                        auc=again,
                        share_real=means[0],
                        share_false=means[1],
                        p_value=p_again,
                        feature=column,
                    ),
                )


def _signed_features(corpus: str, part: Present, sides: Sides, level: float) -> Iterator[tuple[Key, _Signed]]:
    searched, held = count_sides(part.document, part.feature, part.size, sides)
    at = np.flatnonzero((abs(searched.auc - 0.5) >= FLIP_AUC - 0.5) & (abs(held.auc - 0.5) >= FLIP_AUC - 0.5))
    at = at[(searched.auc[at] > 0.5) == (held.auc[at] > 0.5)]  # noqa: PLR2004 - neither side
    at = at[exact_p_values(searched.only(at)) <= level]
    where = f"{part.where} as a word" if part.grams is not None else part.where
    for feature, p_value in zip(at.tolist(), exact_p_values(held.only(at)).tolist(), strict=True):
        if p_value <= level:
            yield (
                (part.kind, where, part.names(feature)),
                _Signed(
                    corpus=corpus,
                    auc=float(held.auc[feature]),
                    share_real=float(held.share_real[feature]),
                    share_false=float(held.share_false[feature]),
                    p_value=p_value,
                    part=part,
                    feature=feature,
                ),
            )


def _same(one: float, other: float) -> bool:
    return (one - 0.5) * (other - 0.5) > 0 and abs(other - 0.5) >= FLIP_AUC - 0.5


def _flipped(found: Sequence[_Signed]) -> bool:
    return len({each.auc > 0.5 for each in found}) == 2  # noqa: PLR2004 - real and false


def _flip(key: Key, real: _Signed, false: _Signed, left: Mapping[tuple[Key, str], Again]) -> Finding:
    kind, where, name = key
    after = left[key, real.corpus]
    strength = _strength(after, left[key, false.corpus])
    return Finding(
        corpus=f"{real.corpus}, {false.corpus}",
        kind="sign_flip",
        where=where,
        name=name,
        direction="real",
        share_real=real.share_real,
        share_false=real.share_false,
        auc=_strength(real, false),
        p_value=max(real.p_value, false.p_value),
        examples=(
            f"{real.corpus}: a sign of real, AUC {real.auc:.2f}",
            f"{false.corpus}: a sign of false, AUC {1 - false.auc:.2f}",
        ),
        remedy=Remedy(
            masks=(name,) if kind == "family" else (),
            says="it cannot be a sign of truth: mask or block it, and look at figures for corpora not learnt from",
        ),
        seen_by_default_features=kind != "shape",
        after=After(
            share_real=after.share_real,
            share_false=after.share_false,
            auc=strength,
            is_leak=strength >= FLIP_AUC,
        ),
    )


def corpus_as_sign(corpora: Sequence[str], labels: Integers) -> list[Finding]:
    """Whether merely knowing the corpus tells the label, as where one corpus is mostly real and another false."""
    names, codes = np.unique(corpora, return_inverse=True)
    share = (np.bincount(codes, weights=labels) / np.bincount(codes))[codes]
    auc, p_value = auc_and_p(share, labels)
    if auc < testing.AUC or p_value > testing.LEVEL:
        return []
    above = share > testing.best_threshold(share, labels)
    return [
        Finding(
            corpus="all",
            kind="fact",
            where="article",
            name="corpus",
            direction="real",
            share_real=float(above[labels == 1].mean()),
            share_false=float(above[labels == 0].mean()),
            auc=auc,
            p_value=p_value,
            examples=tuple(f"{name}: {share[codes == at][0]:.0%} real" for at, name in enumerate(names.tolist()))[:3],
            remedy=Remedy(says="each corpus and each class in it must weigh the same, as `falsetrue train` has it"),
            seen_by_default_features=True,
        )
    ]


def shared_articles(corpora: Sequence[str], labels: Integers, duplicates: Integers) -> list[SharedArticles]:
    """Near-duplicate groups that stand in two corpora, by pair of corpora."""
    names, codes = np.unique(corpora, return_inverse=True)
    members: dict[int, list[int]] = {}
    several = np.bincount(duplicates)[duplicates] > 1 if len(duplicates) else np.zeros(0, dtype=bool)
    for at in np.flatnonzero(several).tolist():
        members.setdefault(int(duplicates[at]), []).append(at)
    counted: dict[tuple[int, int], list[int]] = {}
    for group in members.values():
        here = sorted({int(codes[at]) for at in group})
        for place, one in enumerate(here):
            for other in here[place + 1 :]:
                said = [[int(labels[at]) for at in group if codes[at] == corpus] for corpus in (one, other)]
                counts = counted.setdefault((one, other), [0, 0, 0])
                counts[0] += len(said[0])
                counts[1] += len(said[1])
                counts[2] += set(said[0]) != set(said[1])
    return [
        SharedArticles(one=str(names[one]), other=str(names[other]), in_one=a, in_other=b, conflicting_groups=c)
        for (one, other), (a, b, c) in sorted(counted.items(), key=lambda item: -sum(item[1][:2]))
    ]
