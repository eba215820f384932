"""What has changed in some texts against a baseline: one finding for each watch that needs no labels of the traffic.

docs/reference/watches.md has every watch. P-values are those of each test alone:
:func:`falsetrue.monitor.correction.corrected` makes one family of all tests of a look.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
import numpy as np

from falsetrue.monitor.findings import Estimate, Finding, Kind, Remedy, Severity, State, Subject
from falsetrue.monitor.performance import (
    calibration_of,
    estimate_performance,
    estimate_prevalence,
    expect_decided,
    expect_forced,
)
from falsetrue.monitor.profile import GRIDS, NOBODY_LOOKED, Profile, middles
from falsetrue.monitor.reference import LEAST, Reference, Usual
from falsetrue.monitor.two_samples import (
    Compared,
    compare_distributions,
    compare_means,
    compare_shares,
    compare_spread,
    interval_of_share,
)

#: Style numbers that are watched: those that no other watch tells.
WATCHED_STYLES: Final = tuple(name for name in GRIDS if name not in {"words", "characters", "oov", "debris"})
#: Values whose median is told; of the others the mean, as most of their texts have none.
_BY_MEDIAN: Final = frozenset({"words", "sentence_words", "word_characters"})
#: Share of the texts from which a language is compared on its own; the rest are one.
_COMMON_LANGUAGE: Final = 0.01
_REST: Final = "other"
#: Standard errors to either side of a 95 % interval.
_WIDE: Final = 1.959963984540054


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What a watch is, whatever it finds."""

    name: str
    kind: Kind
    statistic: str
    effect: str
    least: float  #: changes up to this do not matter; in units of the statistic
    remedies: tuple[Remedy, ...]
    smallest: float = 0.0  #: changes seen of less than this are not told of, however sure
    rises_only: bool = False  #: less of it is no drift


_BY_INPUT = (Remedy.LABEL, Remedy.RE_BASE, Remedy.RETRAIN)
_BY_FEED = (Remedy.FIX_FEED, Remedy.RE_BASE)

_SHARES: Final = {
    problem: Watch(
        name=problem,
        kind=Kind.DATA_QUALITY,
        statistic="difference of shares",
        effect="share of texts",
        least=0.01,
        remedies=_BY_FEED,
        rises_only=True,
    )
    for problem in ("empty", "too_short", "debris")
}
_DISTRIBUTIONS: Final = {
    "words": Watch(
        name="words", kind=Kind.COVARIATE, statistic="KS", effect="median words", least=0.1, remedies=_BY_INPUT
    ),
    "oov": Watch(
        name="oov",
        kind=Kind.COVARIATE,
        statistic="KS",
        effect="mean share of words",
        least=0.1,
        remedies=(Remedy.LABEL, Remedy.RETRAIN, Remedy.RE_BASE),
    ),
    **{
        name: Watch(
            name=f"style.{name}",
            kind=Kind.COVARIATE,
            statistic="KS",
            effect=f"median {name}" if name in _BY_MEDIAN else f"mean {name}",
            least=0.1,
            remedies=_BY_INPUT,
        )
        for name in WATCHED_STYLES
    },
    "score": Watch(
        name="score",
        kind=Kind.SCORE,
        statistic="Kuiper",
        effect="mean p_real",
        least=0.05,
        remedies=(Remedy.LABEL, Remedy.REFIT_CALIBRATOR, Remedy.RE_BASE),
    ),
}
_LANGUAGE_MIX: Final = Watch(
    name="language_mix",
    kind=Kind.COVARIATE,
    statistic="difference of shares",
    effect="share of texts",
    least=0.02,
    remedies=(Remedy.LABEL, Remedy.RETRAIN, Remedy.FIX_FEED),
)
_CALLED_FALSE: Final = Watch(
    name="called_false",
    kind=Kind.PRIOR,
    statistic="difference of shares",
    effect="share of texts",
    least=0.001,
    smallest=0.02,
    remedies=(Remedy.LABEL, Remedy.RE_THRESHOLD, Remedy.RE_BASE),
)
_UNDECIDED: Final = Watch(
    name="undecided",
    kind=Kind.PRIOR,
    statistic="difference of shares",
    effect="share of texts",
    least=0.001,
    smallest=0.02,
    remedies=(Remedy.LABEL, Remedy.RE_THRESHOLD, Remedy.RETRAIN),
)
_EXPECTED_ERROR: Final = Watch(
    name="expected_error",
    kind=Kind.PERFORMANCE,
    statistic="difference of errors",
    effect="share of verdicts",
    least=0.02,
    remedies=(Remedy.LABEL, Remedy.RE_THRESHOLD, Remedy.RETRAIN),
)
_SAID: Final = {watch.name: watch for watch in (_CALLED_FALSE, _UNDECIDED)}
#: Every watch of this module, by name.
WATCHES: Final = {
    watch.name: watch
    for watch in (*_SHARES.values(), *_DISTRIBUTIONS.values(), _LANGUAGE_MIX, *_SAID.values(), _EXPECTED_ERROR)
}


def examine(profile: Profile, reference: Reference, subject: Subject = Subject()) -> list[Finding]:  # noqa: B008 - frozen
    """Every watch of this module on the texts of a subject, with p-values as yet uncorrected.

    A language is compared with the baseline's texts in it, a key with all of them. Fewer than 200 texts say nothing
    (*insufficient data*, without a p-value); a watch without anything to compare with is *off*, as all are for a
    language of which the baseline has too few texts.
    """
    return list(_examine(profile, reference, subject))


def estimates(profile: Profile, reference: Reference, subject: Subject = Subject()) -> list[Estimate]:  # noqa: B008 - frozen
    """What is estimated of the same texts: errors and precision by CBPE, the share of false news by BBSE."""
    if profile.texts < LEAST:
        return []
    prevalence = estimate_prevalence(profile, reference, subject)
    return [*estimate_performance(profile, reference, subject), *([] if prevalence is None else [prevalence])]


def _examine(profile: Profile, reference: Reference, subject: Subject) -> Iterator[Finding]:
    usual = reference.usual(subject.language)
    watches = [watch for watch in WATCHES.values() if subject.language is None or watch is not _LANGUAGE_MIX]
    for watch in watches:
        texts = profile.received if watch.name == "empty" else profile.texts
        blank = _blank(watch, texts, subject)
        if usual is None:
            yield msgspec.structs.replace(blank, state=State.OFF)
        elif texts < LEAST:
            yield blank
        else:
            yield _look(watch, blank, profile, reference, usual)


def _blank(watch: Watch, texts: int, subject: Subject) -> Finding:
    return Finding(
        watch=watch.name,
        kind=watch.kind,
        severity=Severity.WARNING,
        subject=subject,
        state=State.INSUFFICIENT,
        texts=texts,
        least=LEAST,
        statistic=watch.statistic,
        value=None,
        effect=watch.effect,
        size=None,
        baseline=None,
        current=None,
        remedies=watch.remedies,
    )


def _look(watch: Watch, blank: Finding, profile: Profile, reference: Reference, usual: Usual) -> Finding:
    if watch is _LANGUAGE_MIX:
        return _look_at_languages(watch, blank, profile, usual.profile)
    if watch is _EXPECTED_ERROR:
        return _look_at_errors(watch, blank, profile, reference, usual)
    if watch.name in _SHARES or watch.name in _SAID:
        return _look_at_share(watch, blank, profile, usual.profile)
    return _look_at_values(watch, blank, profile, usual.profile)


def _look_at_share(watch: Watch, blank: Finding, profile: Profile, usual: Profile) -> Finding:
    now, before = _part(watch, profile), _part(watch, usual)
    is_older = watch is _UNDECIDED and not usual.sketched and not usual.unsure  # made when verdicts were not kept
    if before[1] < LEAST or is_older:
        return msgspec.structs.replace(blank, state=State.OFF)
    if now[1] < LEAST:
        return msgspec.structs.replace(blank, texts=now[1])
    return _share(watch, blank, now, before)


def _part(watch: Watch, profile: Profile) -> tuple[int, int]:
    """Of how many texts it is true, and of how many it is known: debris where there is a sketch; all may be empty."""
    if watch is _CALLED_FALSE:
        return profile.false, profile.texts
    if watch is _UNDECIDED:
        return profile.unsure - profile.forced_unsure, profile.texts - profile.forced
    known = {"debris": profile.sketched, "empty": profile.received}
    return profile.problem(watch.name), known.get(watch.name, profile.texts)


def _share(watch: Watch, blank: Finding, now: tuple[int, int], before: tuple[int, int]) -> Finding:
    compared = compare_shares(*now, *before, least=watch.least, rises_only=watch.rises_only)
    if abs(compared.value) < watch.smallest:
        compared = replace(compared, p=1.0)
    low, high = interval_of_share(*now)
    shares = {"current": now[0] / now[1], "baseline": before[0] / before[1]}
    return _found(msgspec.structs.replace(blank, texts=now[1]), compared, low=low, high=high, **shares)


def _found(blank: Finding, compared: Compared, *, baseline: float, current: float, **changes: Any) -> Finding:
    return msgspec.structs.replace(
        blank,
        state=State.QUIET,
        value=compared.value,
        p=compared.p,
        size=current - baseline,
        baseline=baseline,
        current=current,
        **changes,
    )


def _look_at_values(watch: Watch, blank: Finding, profile: Profile, usual: Profile) -> Finding:
    name = watch.name.removeprefix("style.")
    now, before = profile.counts(name), usual.counts(name)
    if before.sum() < LEAST:
        return msgspec.structs.replace(blank, state=State.OFF)
    if now.sum() < LEAST:
        return msgspec.structs.replace(blank, texts=int(now.sum()))
    compare = compare_spread if watch.kind is Kind.SCORE else compare_distributions
    compared = compare(now, before, least=watch.least)
    (current, low, high), (baseline, _, _) = (_typical(each, name) for each in (profile, usual))
    return _found(
        msgspec.structs.replace(blank, texts=int(now.sum())),
        compared,
        baseline=baseline,
        current=current,
        low=low,
        high=high,
        details={"differs_most_at": float(middles(name)[compared.at])},
    )


def _typical(profile: Profile, name: str) -> tuple[float, float, float]:
    """Median or mean, with its 95 % interval (of a median by order statistics); there are values."""
    counts = profile.counts(name)
    texts = int(counts.sum())
    if name in _BY_MEDIAN:
        wide = _WIDE / (2 * np.sqrt(texts))
        shares = (0.5, max(0.0, 0.5 - wide), min(1.0, 0.5 + wide))
        middle, low, high = (profile.quantile(name, share) or 0.0 for share in shares)
        return middle, low, high
    values = middles(name)
    mean = float(counts @ values / texts)
    wide = _WIDE * float(np.sqrt(counts @ (values - mean) ** 2 / texts / texts))
    return mean, max(0.0, mean - wide), mean + wide


def _look_at_languages(watch: Watch, blank: Finding, profile: Profile, usual: Profile) -> Finding:
    """Each language that is common in either, and the rest as one: the least p-value, times how many (Bonferroni).

    Told of is the one whose share has changed most.
    """
    texts, usual_texts = (each.texts - each.languages.get(NOBODY_LOOKED, 0) for each in (profile, usual))
    if usual_texts < LEAST:
        return msgspec.structs.replace(blank, state=State.OFF)
    if texts < LEAST:
        return msgspec.structs.replace(blank, texts=texts)
    tables = {
        language: ((now, texts), (before, usual_texts))
        for language, (now, before) in _common(profile.languages, texts, usual.languages, usual_texts).items()
    }
    tests = {language: compare_shares(*now, *before, least=watch.least) for language, (now, before) in tables.items()}
    most = max(tests, key=lambda language: abs(tests[language].value))
    p = min(1.0, min(test.p for test in tests.values()) * len(tests))
    found = _share(watch, blank, *tables[most])
    return msgspec.structs.replace(found, p=p, details={"language": most, "languages": len(tests)})


def _common(now: dict[str, int], texts: int, before: dict[str, int], usual_texts: int) -> dict[str, tuple[int, int]]:
    """Texts by language, now and before, of those that are common in either; and of all others together."""
    common = sorted(
        language
        for language in set(now | before) - {NOBODY_LOOKED}
        if now.get(language, 0) >= _COMMON_LANGUAGE * texts or before.get(language, 0) >= _COMMON_LANGUAGE * usual_texts
    )
    counts = {language: (now.get(language, 0), before.get(language, 0)) for language in common}
    rest = texts - sum(pair[0] for pair in counts.values()), usual_texts - sum(pair[1] for pair in counts.values())
    return counts | {_REST: rest}


def _look_at_errors(watch: Watch, blank: Finding, profile: Profile, reference: Reference, usual: Usual) -> Finding:
    """CBPE of both, by the same calibration: where that is wrong, it is wrong about both."""
    calibration = calibration_of(reference, blank.subject.language)
    if calibration is None:
        return msgspec.structs.replace(blank, state=State.OFF)
    expect = expect_decided if usual.profile.false + usual.profile.real >= LEAST else expect_forced
    now, before = expect(profile, calibration), expect(usual.profile, calibration)
    if now is None or now.texts < LEAST or before is None:
        return msgspec.structs.replace(blank, texts=0 if now is None else now.texts)
    slope = now.slope - before.slope
    variance = float(slope @ calibration.covariance @ slope) + now.spread / now.texts + before.spread / before.texts
    compared = compare_means(now.value - before.value, variance**0.5, least=watch.least)
    wide = _WIDE * now.error(calibration)
    return _found(
        msgspec.structs.replace(blank, texts=now.texts),
        compared,
        baseline=before.value,
        current=now.value,
        low=max(0.0, now.value - wide),
        high=min(1.0, now.value + wide),
    )
