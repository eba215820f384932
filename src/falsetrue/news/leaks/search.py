"""The audit of one corpus: gather what could give the label away, then see what does."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from falsetrue.news.article import Article
from falsetrue.news.duplicates import NumberedWords, groups_of_numbered, number_words
from falsetrue.news.leaks import testing
from falsetrue.news.leaks.facts import Fact, facts_of, in_file_order, labels_around, one_source_one_label
from falsetrue.news.leaks.findings import CorpusAudit, Duplicates, Finding, Remedy
from falsetrue.news.leaks.shape import MEASURES, measure
from falsetrue.news.leaks.testing import Counts, Sides, auc_and_p, count_sides, draw_sides, encode, exact_p_values
from falsetrue.news.leaks.words import Grams, Occurrences, at_edge, find_grams, flatten, occurrences
from falsetrue.news.masking import CATALOGUE, Masker

Integers = NDArray[np.int64]
Indices = NDArray[np.int32]
Floats = NDArray[np.float64]

#: With fewer articles of a class, chance looks like a leak and a leak like chance.
FEWEST_OF_CLASS = 30
#: Words from either end that make up its opening and its closing.
TEXT_EDGE = 10
TITLE_EDGE = 3
#: N-grams that fewer texts hold are left out whatever they tell.
FEWEST_TEXTS = 8
#: An n-gram belongs to an edge if this share of its occurrences stands there: in texts, which are long, and in titles.
TEXT_CONCENTRATION = 0.5
TITLE_CONCENTRATION = 0.8
#: An n-gram anywhere in the text is wording, not content, if it tells this much by itself ...
DOMINANT_AUC = 0.7
#: ... or belongs to so many words that are repeated alike in article after article.
REPEATED_WORDS = 8
#: An n-gram is no finding of its own if this share of its articles hold one that tells more.
SAME_ARTICLES = 0.85
#: N-grams of one kind and place that are looked at closely, the worst first.
MOST_CANDIDATES = 300
#: Wordings told of a corpus, at most; the worst.
MOST_WORDINGS = 40
#: A mask is a remedy of a wording that it blanks in this share of the articles looked at.
REMEDIED = 0.8
_LOOKED_AT = 25


@dataclass(frozen=True, kw_only=True)
class Present:
    """Features that an article has or has not."""

    kind: str
    where: str
    document: Indices  #: pairs, each once: this article ...
    feature: Indices  #: ... has this feature
    size: int  #: how many features there are
    names: Callable[[int], str]
    allowed: NDArray[np.bool_] | None = None  #: features that may be a leak, if nearly always right; ``None``: all
    grams: Grams | None = None  #: of wordings: where they stand
    is_closing: bool = False


def _is_single(part: Present) -> bool:
    return part.grams is not None and part.grams.length == 1 and part.where == "text"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All features of the articles of one corpus; no label has been looked at."""

    corpus: str
    articles: Sequence[Article]
    duplicates: Integers  #: near-duplicate group of each article
    present: Sequence[Present]
    measures: Mapping[str, Floats]  #: by ``title`` or ``text``: (n, len(MEASURES))
    facts: Sequence[Fact]
    ordered: bool  #: whether the order of the articles is that of a file

    @property
    def size(self) -> int:
        """How many features are tested."""
        facts = len(self.facts) + self.ordered
        return sum(part.size for part in self.present) + len(self.measures) * len(MEASURES) + facts

    def without_wording_of_several_words(self) -> "Evidence":
        """Much smaller: what the comparison of corpora needs."""
        return replace(self, present=[part for part in self.present if part.grams is None or _is_single(part)])


@dataclass(frozen=True, kw_only=True)
class Numbered:
    """Some articles, their words numbered and their copies found."""

    articles: Sequence[Article]
    text: NumberedWords
    title: NumberedWords
    duplicates: Integers  #: near-duplicate group of each article

    def part(self, begin: int, end: int) -> "Numbered":
        """The articles from ``begin`` up to ``end``."""
        return Numbered(
            articles=self.articles[begin:end],
            text=_part(self.text, begin, end),
            title=_part(self.title, begin, end),
            duplicates=np.unique(self.duplicates[begin:end], return_inverse=True)[1].astype(np.int64),
        )


def _part(words: NumberedWords, begin: int, end: int) -> NumberedWords:
    starts = words.starts[begin : end + 1]
    return NumberedWords(
        numbers=words.numbers[starts[0] : starts[-1]], starts=starts - starts[0], vocabulary=words.vocabulary
    )


def number(articles: Sequence[Article]) -> Numbered:
    """Number the words of all articles, whatever their corpus, and find their near duplicates.

    Articles are near duplicates if their texts are; those without a text, if their titles are.
    """
    text = number_words(article.text for article in articles)
    title = number_words(article.title or "" for article in articles)
    groups = groups_of_numbered(text)
    empty = np.diff(text.starts) == 0
    if empty.any():
        by_title = groups_of_numbered(number_words(articles[int(at)].title or "" for at in np.flatnonzero(empty)))
        groups[empty] = groups.max(initial=-1) + 1 + by_title
    return Numbered(articles=articles, text=text, title=title, duplicates=groups)


def gather(corpus: str, numbered: Numbered) -> Evidence:
    """Every feature of the articles of one corpus."""
    articles, duplicates = numbered.articles, numbered.duplicates
    fewest = _fewest(articles)
    fields = {
        "text": ([article.text for article in articles], numbered.text),
        "title": ([article.title or "" for article in articles], numbered.title),
    }
    first = np.zeros(len(articles), dtype=bool)
    first[np.unique(duplicates, return_index=True)[1]] = True
    present: list[Present] = []
    measures = {}
    for where, (values, words) in fields.items():
        if any(value.strip() for value in values):
            measures[where] = measure(values)
            present += _wordings(where, words, fewest, first)
            present += [_families(where, values), _repeated(where, values, fewest), _marks(where, measures[where])]
    return Evidence(
        corpus=corpus,
        articles=articles,
        duplicates=duplicates,
        present=present,
        measures=measures,
        facts=facts_of(articles),
        ordered=in_file_order(articles),
    )


def _fewest(articles: Sequence[Article]) -> int:
    """Fewer articles than this cannot be the share of a class that makes a sign, whichever class it is."""
    real = sum(int(article.label) for article in articles)
    return max(FEWEST_TEXTS, int(testing.SHARE * min(real, len(articles) - real)))


def _wordings(where: str, words: NumberedWords, fewest: int, first: NDArray[np.bool_]) -> Iterator[Present]:
    """N-grams anywhere and at both ends, counted in one article of each near-duplicate group."""
    edge, concentration = (TITLE_EDGE, TITLE_CONCENTRATION) if where == "title" else (TEXT_EDGE, TEXT_CONCENTRATION)
    for grams, held in find_grams(flatten(words), fewest, first):
        yield Present(
            kind="wording",
            where=where,
            document=held.document,
            feature=held.feature,
            size=grams.size,
            names=grams.name,
            grams=grams,
        )
        for closing in (False, True):
            found = at_edge(grams, edge, closing=closing)
            keep = first[found.document]
            yield Present(
                kind="wording",
                where=f"{where} {'closing' if closing else 'opening'}",
                document=found.document[keep],
                feature=found.feature[keep],
                size=grams.size,
                names=grams.name,
                allowed=found.concentration >= concentration,
                grams=grams,
                is_closing=closing,
            )


def _families(where: str, values: Sequence[str]) -> Present:
    """Which masks of the catalogue find something."""
    masker = Masker(list(CATALOGUE))
    names = list(CATALOGUE)
    numbers = {name: number for number, name in enumerate(names)}
    pairs = [(at, numbers[name]) for at, value in enumerate(values) for name in sorted(masker.found(value))]
    document, feature = np.array(pairs, dtype=np.int32).reshape(-1, 2).T
    return Present(
        kind="family", where=where, document=document, feature=feature, size=len(names), names=lambda at: names[at]
    )


def _repeated(where: str, values: Sequence[str], fewest: int) -> Present:
    """Whole texts, or titles, that stand in many articles word for word."""
    articles: dict[str, list[int]] = {}
    for at, value in enumerate(values):
        key = " ".join(value.lower().split())
        if key:
            articles.setdefault(key, []).append(at)
    often = {key: at for key, at in articles.items() if len(at) >= fewest}
    names = [" ".join(key.split()[:8]) for key in often]
    return Present(
        kind="repeated",
        where=where,
        document=np.array([at for group in often.values() for at in group], dtype=np.int32),
        feature=np.repeat(np.arange(len(often), dtype=np.int32), [len(group) for group in often.values()]),
        size=len(often),
        names=lambda at: names[at],
    )


def _marks(where: str, measures: Floats) -> Present:
    """Which measures are above nothing at all: a mark that a text has, a title that is missing."""
    document, feature = np.nonzero(measures > 0)
    return Present(
        kind="shape",
        where=where,
        document=document.astype(np.int32),
        feature=feature.astype(np.int32),
        size=len(MEASURES),
        names=lambda at: MEASURES[at],
        allowed=np.ones(len(MEASURES), dtype=bool),  # what is merely frequent is told by the measure itself
    )


# --- judge -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What was found in one corpus."""

    findings: list[Finding]
    discovered: int


def judge(evidence: Evidence, labels: Integers, seed: int, *, explain: bool = True) -> Judged:
    """Which features give the labels away. Without ``explain``, findings have neither examples nor remedies."""
    sides = draw_sides(labels, evidence.duplicates, seed)
    if min(sides.sizes) < FEWEST_OF_CLASS // 2:
        return Judged(findings=[], discovered=0)
    threshold = testing.LEVEL / max(evidence.size, 1)
    signs = [_discover_signs(part, sides, threshold) for part in evidence.present]
    measures = _discover_measures(evidence, sides, threshold)
    facts = _scored_facts(evidence, sides)
    discovered = sum(len(found.at) for found in signs) + len(measures) + len(facts)
    again = testing.LEVEL / max(discovered, 1)
    findings: list[Finding] = []
    wordings: list[_Wording] = []
    for found in signs:
        told = _replicated_signs(evidence.corpus, found, again)
        if found.part.grams is None:
            findings += told.values()
        else:
            wordings += _wording_findings(found.part, told) if told else []
    once = _told_once(wordings, len(evidence.articles))
    findings += [_explained(evidence, wording, also) if explain else wording.finding for wording, also in once]
    findings += _replicated_measures(evidence, measures, sides, again)
    findings += _replicated_facts(evidence, facts, sides, again)
    findings = _without_weaker_marks(findings)
    corrected = [replace(each, p_value=min(each.p_value * discovered, 1.0)) for each in findings]
    return Judged(findings=worst_first(corrected), discovered=discovered)


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """The highest AUC first; of equal ones what stands in the articles before what is said about them."""
    return sorted(findings, key=lambda each: (-each.auc, each.kind == "fact"))


def _without_weaker_marks(findings: Sequence[Finding]) -> list[Finding]:
    """A mark that is there or not is no news where its share is told already."""
    best: dict[tuple[str, str], Finding] = {}
    for each in findings:
        key = (each.where, each.name)
        if each.kind == "shape" and (key not in best or each.auc > best[key].auc):
            best[key] = each
    return [each for each in findings if each.kind != "shape"] + list(best.values())


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


# --- wordings ----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Wording:
    """An n-gram that gives the label away, and where it stands."""

    part: Present
    finding: Finding
    found: Occurrences
    articles: Integers


def _wording_findings(part: Present, told: dict[int, Finding]) -> list[_Wording]:
    """Of n-grams that give the label away: those that are not the news itself."""
    assert part.grams is not None  # noqa: S101 - asked by the caller
    found = occurrences(part.grams, list(told), last=part.is_closing)
    chosen = [feature for feature in told if _is_wording(part, told[feature], found[feature])]
    holders = _holders(part, chosen)
    return [
        _Wording(part=part, finding=told[feature], found=found[feature], articles=holders[feature])
        for feature in chosen
    ]


def _holders(part: Present, features: Sequence[int]) -> dict[int, Integers]:
    """The articles that hold each of some n-grams."""
    wanted = np.zeros(part.size, dtype=bool)
    wanted[list(features)] = True
    at = wanted[part.feature]
    document, feature = part.document[at].astype(np.int64), part.feature[at]
    return {each: document[feature == each] for each in features}


def _told_once(wordings: Sequence[_Wording], size: int) -> Iterator[tuple[_Wording, tuple[str, ...]]]:
    """The worst first, each with the names of those whose articles nearly all hold it, too."""
    kept: list[tuple[_Wording, NDArray[np.bool_], list[str]]] = []
    for wording in sorted(wordings, key=lambda each: (-each.finding.auc, -len(each.finding.name))):
        for other, holds, also in kept:
            if wording.finding.direction == other.finding.direction and holds[wording.articles].mean() >= SAME_ARTICLES:
                if wording.finding.name not in (other.finding.name, *also):
                    also.append(wording.finding.name)
                break
        else:
            if len(kept) < MOST_WORDINGS:
                holds = np.zeros(size, dtype=bool)
                holds[wording.articles] = True
                kept.append((wording, holds, []))
    for wording, _, also in kept:
        yield wording, tuple(also[:5])


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


def _explained(evidence: Evidence, wording: _Wording, also: tuple[str, ...]) -> Finding:
    """With examples, and with a mask that blanks it if there is one."""
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
        also=also,
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


def _replicated_measures(evidence: Evidence, found: list[_Measured], sides: Sides, level: float) -> list[Finding]:
    half, labels = sides.half(1), sides.labels[sides.half(1)]
    findings = []
    for each in found:
        values = evidence.measures[each.where][half, each.column]
        auc, p_value = auc_and_p(values, labels)
        if p_value <= level and (auc - 0.5) * (each.auc - 0.5) > 0 and abs(auc - 0.5) >= testing.AUC - 0.5:
            above = values > each.threshold
            seen, says = _shape_remedy(MEASURES[each.column])
            findings.append(
                Finding(
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
            )
    return findings


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
) -> list[Finding]:
    half, labels = sides.half(1), sides.labels
    findings = []
    for name, values, fact in scored:
        auc, p_value = auc_and_p(values[half], labels[half])
        if auc < testing.AUC or p_value > level:
            continue
        above = values > testing.best_threshold(values[sides.half(0)], labels[sides.half(0)])
        findings.append(
            Finding(
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
        )
    return findings


def _categories(fact: Fact, labels: Integers) -> tuple[str, ...]:
    """The three categories that differ most between the classes."""
    size = len(fact.categories)
    real = np.bincount(fact.codes, weights=labels, minlength=size) / max(int(labels.sum()), 1)
    false = np.bincount(fact.codes, weights=1 - labels, minlength=size) / max(int((1 - labels).sum()), 1)
    worst = np.argsort(-abs(real - false), kind="stable")[:3]
    return tuple(f"{fact.categories[at][:40]}: {real[at]:.0%} of real, {false[at]:.0%} of false" for at in worst)


# --- counted, not tested -------------------------------------------------------------------------


def describe(evidence: Evidence, labels: Integers, judged: Judged) -> CorpusAudit:
    """What was looked at in the corpus, and its duplicates."""
    real = int(labels.sum())
    scarce = min(real, len(labels) - real) < FEWEST_OF_CLASS
    return CorpusAudit(
        corpus=evidence.corpus,
        real=real,
        false=len(labels) - real,
        candidates=evidence.size,
        discovered=judged.discovered,
        duplicates=count_duplicates(evidence, labels),
        one_source_one_label=one_source_one_label(evidence.articles),
        note=f"fewer than {FEWEST_OF_CLASS} articles of a class: only duplicates are counted" if scarce else None,
    )


def count_duplicates(evidence: Evidence, labels: Integers) -> Duplicates:
    """Copies inside one corpus."""
    groups = evidence.duplicates
    sizes = np.bincount(groups) if len(groups) else np.zeros(0, dtype=np.int64)
    real = np.bincount(groups, weights=labels, minlength=len(sizes))
    mixed = (real > 0) & (real < sizes)
    hashes = {article.content_hash for article in evidence.articles}
    return Duplicates(
        exact=len(labels) - len(hashes),
        near=len(labels) - len(sizes),
        conflicting_groups=int(mixed.sum()),
        conflicting_articles=int(sizes[mixed].sum()),
        largest_group=int(sizes.max(initial=0)),
    )


def count_across(groups: Integers, split: Sequence[str | None]) -> int:
    """Articles whose near-duplicate group stands in several parts of the split."""
    numbers: dict[str | None, int] = {}
    parts = [numbers.setdefault(part, len(numbers)) for part in split]
    pairs = np.unique(np.column_stack([groups, parts]), axis=0)
    several = np.bincount(pairs[:, 0]) > 1
    return int(several[groups].sum())
