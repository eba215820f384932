"""Which of the features of one corpus give its labels away."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from falsetrue.news.filtering import CATALOGUE as FILTERS
from falsetrue.news.leaks import testing
from falsetrue.news.leaks.after import Again, Trace, Treatment, look_again, words_of
from falsetrue.news.leaks.evidence import Evidence, Present
from falsetrue.news.leaks.facts import Fact, labels_around
from falsetrue.news.leaks.findings import After, Finding, Remedy
from falsetrue.news.leaks.shape import MEASURES
from falsetrue.news.leaks.testing import Counts, Sides, auc_and_p, count_sides, draw_sides, encode, exact_p_values
from falsetrue.news.leaks.wordings import Wording, explained, told_once, trace_of, wording_findings
from falsetrue.news.masking import CATALOGUE

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

#: With fewer articles of a class, chance looks like a leak and a leak like chance.
FEWEST_OF_CLASS = 30
#: N-grams of one kind and place that are looked at closely, the worst first.
MOST_CANDIDATES = 300

_Traced = tuple[Finding, Trace]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What was found in one corpus."""

    findings: list[Finding]
    discovered: int


def judge(evidence: Evidence, labels: Integers, seed: int, treatment: Treatment | None = None) -> Judged:
    """Which features give the labels away, and what ``treatment`` leaves of them.

    Without a treatment, findings have neither examples nor remedies: only that there are any is known.
    """
    sides = draw_sides(labels, evidence.duplicates, seed)
    if min(sides.sizes) < FEWEST_OF_CLASS // 2:
        return Judged(findings=[], discovered=0)
    threshold = testing.LEVEL / max(evidence.size, 1)
    signs = [_discover_signs(part, sides, threshold) for part in evidence.present]
    measures = _discover_measures(evidence, sides, threshold)
    facts = _scored_facts(evidence, sides)
    discovered = sum(len(found.at) for found in signs) + len(measures) + len(facts)
    again = testing.LEVEL / max(discovered, 1)
    traced: list[_Traced] = []
    wordings: list[Wording] = []
    for found in signs:
        told = _replicated_signs(evidence.corpus, found, again)
        if found.part.grams is None:
            traced += _traced_signs(found.part, told)
        else:
            wordings += wording_findings(found.part, told) if told else []
    for wording, others in told_once(wordings, len(evidence.articles)):
        finding = explained(evidence, wording, others) if treatment else wording.finding
        traced.append((finding, trace_of(wording, others)))
    traced += _replicated_measures(evidence, measures, sides, again)
    traced += _replicated_facts(evidence, facts, sides, again)
    traced = _without_weaker_marks(traced)
    findings = _treated(evidence, sides, traced, treatment) if treatment else [finding for finding, _ in traced]
    corrected = [replace(each, p_value=min(each.p_value * discovered, 1.0)) for each in findings]
    return Judged(findings=worst_first(corrected), discovered=discovered)


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """The highest AUC first; of equal ones what stands in the articles before what is said about them."""
    return sorted(findings, key=lambda each: (-each.auc, each.kind == "fact"))


def _without_weaker_marks(traced: Sequence[_Traced]) -> list[_Traced]:
    """A mark that is there or not is no news where its share is told already."""
    best: dict[tuple[str, str], _Traced] = {}
    for each, trace in traced:
        key = (each.where, each.name)
        if each.kind == "shape" and (key not in best or each.auc > best[key][0].auc):
            best[key] = each, trace
    return [(each, trace) for each, trace in traced if each.kind != "shape"] + list(best.values())


def _treated(evidence: Evidence, sides: Sides, traced: Sequence[_Traced], treatment: Treatment) -> list[Finding]:
    """The findings with what masks and filters leave of each, and the filters that remedy it."""
    again = look_again(evidence, sides, [trace for _, trace in traced], treatment)
    return [_with_after(finding, trace, left) for (finding, trace), left in zip(traced, again, strict=True)]


def _with_after(finding: Finding, trace: Trace, left: Again) -> Finding:
    auc = max(left.auc, 1 - left.auc)
    shares = left.share_real, left.share_false
    is_sign = trace.articles is not None and max(shares) >= testing.SHARE
    after = After(
        share_real=left.share_real,
        share_false=left.share_false,
        auc=auc,
        is_leak=auc >= testing.AUC or (is_sign and max(shares) >= testing.PURITY * sum(shares)),
    )
    remedy = replace(finding.remedy, filters=left.filters)
    if left.filters and not remedy.masks:
        remedy = replace(remedy, says=f"filter {left.filters[0]}: {FILTERS[left.filters[0]].what}")
    return replace(finding, after=after, remedy=remedy)


@dataclass(frozen=True, kw_only=True)
class _Signs:
    """Features of one part that were discovered, with their counts in the half that was not searched."""

    part: Present
    at: Integers
    again: Counts


def _discover_signs(part: Present, sides: Sides, threshold: float) -> _Signs:
    searched, held = count_sides(part.document, part.feature, part.size, sides)
    strong = searched.strong
    if part.allowed is not None:
        strong &= part.allowed & (searched.purity >= testing.PURITY)
    at = np.flatnonzero(strong)
    at = at[exact_p_values(searched.only(at)) <= threshold]
    same_side = (held.auc[at] > 0.5) == (searched.auc[at] > 0.5)  # noqa: PLR2004 - neither side
    at = at[same_side & (held.auc[at] != 0.5)]  # noqa: PLR2004
    return _Signs(part=part, at=at, again=held.only(at))


def _replicated_signs(corpus: str, found: _Signs, level: float) -> dict[int, Finding]:
    """By feature, those that hold on the other half as well; the worst first."""
    p_values = exact_p_values(found.again)
    stay = np.flatnonzero(found.again.strong & (p_values <= level))
    if found.part.allowed is not None:
        stay = stay[found.again.purity[stay] >= testing.PURITY]
    worst = stay[np.argsort(-abs(found.again.auc[stay] - 0.5), kind="stable")][:MOST_CANDIDATES]
    return {int(found.at[each]): _sign(corpus, found, int(each), float(p_values[each])) for each in worst}


def _traced_signs(part: Present, told: dict[int, Finding]) -> Iterator[_Traced]:
    holders = part.holders(list(told))
    for feature, finding in told.items():
        yield (
            finding,
            Trace(
                where=part.where,
                articles=holders[feature],
                words=((part.where, words_of(finding.name)),) if part.kind == "repeated" else (),
                mask=finding.name if part.kind == "family" else "",
                column=feature if part.kind == "shape" else None,
            ),
        )


def _sign(corpus: str, found: _Signs, at: int, p_value: float) -> Finding:
    auc = float(found.again.auc[at])
    part = found.part
    return Finding(
        corpus=corpus,
        kind=part.kind,
        where=part.where,
        name=part.names(int(found.at[at])),
        direction="real" if auc > 0.5 else "false",  # noqa: PLR2004
        share_real=float(found.again.share_real[at]),
        share_false=float(found.again.share_false[at]),
        auc=max(auc, 1 - auc),
        p_value=p_value,
        remedy=_plain_remedy(part, int(found.at[at])),
        seen_by_default_features=part.kind != "shape" or _shape_remedy(part.names(int(found.at[at])))[0],
    )


def _plain_remedy(part: Present, feature: int) -> Remedy:
    if part.kind == "family":
        name = part.names(feature)
        return Remedy(masks=(name,), says=f"mask {name}: {CATALOGUE[name].what}")
    if part.kind == "shape":
        return Remedy(says=_shape_remedy(MEASURES[feature])[1])
    if part.kind == "repeated":
        return Remedy(says="leave out rows with this text: it stands in many articles and is the content of none")
    return Remedy(says="")


# --- measures ----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Measured:
    """A measure that was discovered."""

    where: str
    column: int
    auc: float  #: on the half that was searched
    threshold: float


def _discover_measures(evidence: Evidence, sides: Sides, threshold: float) -> list[_Measured]:
    half, labels = sides.half(0), sides.labels[sides.half(0)]
    found = []
    for where, table in evidence.measures.items():
        for column in range(table.shape[1]):
            values = table[half, column]
            auc, p_value = auc_and_p(values, labels)
            if p_value <= threshold and abs(auc - 0.5) >= testing.AUC - 0.5:
                cut = testing.best_threshold(values, labels)
                found.append(_Measured(where=where, column=column, auc=auc, threshold=cut))
    return found


def _replicated_measures(evidence: Evidence, found: list[_Measured], sides: Sides, level: float) -> Iterator[_Traced]:
    half, labels = sides.half(1), sides.labels[sides.half(1)]
    for each in found:
        values = evidence.measures[each.where][half, each.column]
        auc, p_value = auc_and_p(values, labels)
        if p_value <= level and (auc - 0.5) * (each.auc - 0.5) > 0 and abs(auc - 0.5) >= testing.AUC - 0.5:
            above = values > each.threshold
            seen, says = _shape_remedy(MEASURES[each.column])
            finding = Finding(
                corpus=evidence.corpus,
                kind="shape",
                where=each.where,
                name=MEASURES[each.column],
                direction="real" if auc > 0.5 else "false",  # noqa: PLR2004
                share_real=float(above[labels == 1].mean()),
                share_false=float(above[labels == 0].mean()),
                auc=max(auc, 1 - auc),
                p_value=p_value,
                examples=(f"more than {each.threshold:.3g}",),
                remedy=Remedy(masks=("mojibake@1",) if "debris" in MEASURES[each.column] else (), says=says),
                seen_by_default_features=seen,
            )
            yield finding, Trace(where=each.where, column=each.column, threshold=each.threshold)


#: By how the name of a measure begins: whether words in lower case can show it to the model, and what to do.
_SHAPE_REMEDIES = {
    "length": (False, "not seen: each text is scaled to one length; compare with the row `length only`"),
    "mean length": (False, "not seen as such; it goes with the words themselves"),
    "accented": (True, "words are spelt otherwise in one class; compare within one language and encoding"),
    "letters of other": (True, "leave out texts of another language, or page debris in it"),
    "encoding debris": (True, "mask mojibake@1: wrong decoding cuts words in a way of its own"),
    "digits": (True, "numbers are words to the model; see whether dates or counts come with one class"),
    "straight apostrophes": (False, "not seen as such; where one kind was lost, pieces of words are seen"),
    "curly apostrophes": (False, "not seen as such; where one kind was lost, pieces of words are seen"),
    "missing": (False, "not seen as such; leave out rows without it, or train without the column"),
    "": (False, "not seen by the default features: words are in lower case and marks are left out"),
}


def _shape_remedy(name: str) -> tuple[bool, str]:
    return next(remedy for begin, remedy in _SHAPE_REMEDIES.items() if name.startswith(begin))


# --- facts -------------------------------------------------------------------------------------------

_FACT_REMEDIES = {
    "source": "group the split by source: the model is judged on sources that it has not seen",
    "subject": "never a feature; compare the classes within a subject",
    "language": "one model for each language, or both classes in each",
    "form of the date": "never a feature; the classes were collected apart, so look for what else differs",
    "year": "the classes are of different times: balance the years, and test later in time",
    "order in the file": "shuffle; never split by position",
}


def _scored_facts(evidence: Evidence, sides: Sides) -> list[tuple[str, Floats, Fact | None]]:
    """Every column as a measure, fitted on the half that is searched."""
    fit, labels = sides.half(0), sides.labels
    scored: list[tuple[str, Floats, Fact | None]] = [
        (fact.name, encode(fact.codes, labels, fit), fact) for fact in evidence.facts
    ]
    if evidence.ordered:
        scored.append(("order in the file", labels_around(labels, fit), None))
    return scored


def _replicated_facts(
    evidence: Evidence, scored: list[tuple[str, Floats, Fact | None]], sides: Sides, level: float
) -> Iterator[_Traced]:
    half, labels = sides.half(1), sides.labels
    for name, values, fact in scored:
        auc, p_value = auc_and_p(values[half], labels[half])
        if auc < testing.AUC or p_value > level:
            continue
        threshold = testing.best_threshold(values[sides.half(0)], labels[sides.half(0)])
        above = values > threshold
        finding = Finding(
            corpus=evidence.corpus,
            kind="fact",
            where="article",
            name=name,
            direction="real",
            share_real=float(above[half & (labels == 1)].mean()),
            share_false=float(above[half & (labels == 0)].mean()),
            auc=auc,
            p_value=p_value,
            examples=_categories(fact, labels) if fact else (),
            remedy=Remedy(says=_FACT_REMEDIES[name]),
            seen_by_default_features=False,
        )
        yield finding, Trace(where="article", values=values, threshold=threshold)


def _categories(fact: Fact, labels: Integers) -> tuple[str, ...]:
    """The three categories that differ most between the classes."""
    size = len(fact.categories)
    real = np.bincount(fact.codes, weights=labels, minlength=size) / max(int(labels.sum()), 1)
    false = np.bincount(fact.codes, weights=1 - labels, minlength=size) / max(int((1 - labels).sum()), 1)
    worst = np.argsort(-abs(real - false), kind="stable")[:3]
    return tuple(f"{fact.categories[at][:40]}: {real[at]:.0%} of real, {false[at]:.0%} of false" for at in worst)
