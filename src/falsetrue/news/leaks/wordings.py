"""N-grams that give the label away and are not the news itself."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from falsetrue.news.leaks import testing
from falsetrue.news.leaks.after import REMEDIED, Trace
from falsetrue.news.leaks.evidence import Evidence, Present
from falsetrue.news.leaks.findings import Finding, Remedy
from falsetrue.news.leaks.words import Occurrences, occurrences
from falsetrue.news.masking import CATALOGUE, Masker

Integers = NDArray[np.int64]

#: An n-gram anywhere in the text is wording, not content, if it tells this much by itself ...
DOMINANT_AUC = 0.7
#: ... or belongs to so many words that are repeated alike in article after article.
REPEATED_WORDS = 8
#: An n-gram is no finding of its own if this share of its articles hold one that tells more.
SAME_ARTICLES = 0.85
#: Wordings told of a corpus, at most; the worst.
MOST_WORDINGS = 40
_LOOKED_AT = 25


@dataclass(frozen=True, kw_only=True)
class Wording:
    """An n-gram that gives the label away, and where it stands."""

    part: Present
    finding: Finding
    found: Occurrences
    articles: Integers  #: that hold it


def trace_of(wording: Wording, others: Sequence[Wording]) -> Trace:
    """An article still has it where any of the words that give its label away still stand."""
    every = (wording, *others)
    return Trace(
        where=wording.part.where,
        articles=wording.articles,
        words=tuple((each.part.where, each.finding.name) for each in every),
    )


def wording_findings(part: Present, told: dict[int, Finding]) -> list[Wording]:
    """Of n-grams that give the label away: those that are not the news itself."""
    assert part.grams is not None  # noqa: S101 - asked by the caller
    found = occurrences(part.grams, list(told), last=part.is_closing)
    chosen = [feature for feature in told if _is_wording(part, told[feature], found[feature])]
    holders = part.holders(chosen)
    return [
        Wording(part=part, finding=told[feature], found=found[feature], articles=holders[feature]) for feature in chosen
    ]


def told_once(wordings: Sequence[Wording], size: int) -> list[tuple[Wording, list[Wording]]]:
    """The worst first, each with those whose articles nearly all hold it, too."""
    kept: list[tuple[Wording, NDArray[np.bool_], list[Wording]]] = []
    for wording in sorted(wordings, key=lambda each: (-each.finding.auc, -len(each.finding.name))):
        for other, holds, others in kept:
            if wording.finding.direction == other.finding.direction and holds[wording.articles].mean() >= SAME_ARTICLES:
                others.append(wording)
                break
        else:
            if len(kept) < MOST_WORDINGS:
                holds = np.zeros(size, dtype=bool)
                holds[wording.articles] = True
                kept.append((wording, holds, []))
    return [(wording, others) for wording, _, others in kept]


def _is_wording(part: Present, finding: Finding, found: Occurrences) -> bool:
    """At an edge, all that is concentrated there; elsewhere, what tells much alone or is repeated word for word."""
    if part.allowed is not None:
        return True
    if finding.auc >= DOMINANT_AUC:
        return _pure(finding)
    return len(found.repeated) >= REPEATED_WORDS


def _pure(finding: Finding) -> bool:
    largest = max(finding.share_real, finding.share_false)
    return largest >= testing.PURITY * (finding.share_real + finding.share_false)


def explained(evidence: Evidence, wording: Wording, others: Sequence[Wording]) -> Finding:
    """With examples, the names of the others, and a mask that blanks it if there is one."""
    finding, found = wording.finding, wording.found
    is_title = wording.part.where.startswith("title")
    articles = [evidence.articles[at] for at in found.documents[:_LOOKED_AT]]
    masks = _remedying([(each.title or "") if is_title else each.text for each in articles], finding.name)
    repeated = len(found.repeated) >= REPEATED_WORDS
    if masks:
        says = f"mask {masks[0]}: {CATALOGUE[masks[0]].what}"
    elif repeated:
        says = "leave out what is repeated around the articles, or the rows that hold nothing else"
    else:
        says = f'block the term "{finding.name}"'
    return replace(
        finding,
        name=" ".join(found.repeated[:REPEATED_WORDS]) + " …" if repeated else finding.name,
        examples=found.examples,
        remedy=Remedy(masks=masks, says=says),
        also=tuple(dict.fromkeys(name for each in others if (name := each.finding.name) != finding.name))[:5],
    )


def _remedying(texts: Sequence[str], name: str) -> tuple[str, ...]:
    """The first mask that blanks the words in most of the texts; else none."""
    holds = re.compile(r"(?i)(?<!\w)" + r"\W+".join(map(re.escape, name.split())) + r"(?!\w)").search
    held = [text for text in texts if holds(text)]
    for masker in _maskers():
        gone = sum(not holds(masker.mask(text)) for text in held)
        if held and gone >= REMEDIED * len(held):
            return masker.references
    return ()


@cache
def _maskers() -> list[Masker]:
    return [Masker([name]) for name in CATALOGUE]
