"""The critical watches: an e-detector of each language for harm and for calibration, and one for broken texts.

All of them share the yearly budget of false critical alarms equally, whichever have data. A text that is broken has no
language, so that these are watched all together. A language of which the baseline knows nothing has no detectors of
its own, as nobody knows how good the model ever was in it; its labels count among all.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from falsetrue.journal.audit_items import AuditLabel
from falsetrue.monitor.alarms import ALPHA_YEAR
from falsetrue.monitor.findings import Finding, Kind, Remedy, Severity, State, Subject
from falsetrue.monitor.profile import Profile
from falsetrue.monitor.reference import Reference, Usual
from falsetrue.monitor.sequential import (
    CALIBRATION_WAGERS,
    HARM_ODDS,
    QUALITY_ODDS,
    YEAR,
    Detector,
    calibration_growth,
    calibration_limits,
    harm_growth,
    observe,
    quality_growth,
    quality_limit,
    start,
)

Floats = NDArray[np.float64]

#: Bins of the baseline's reliability.
_BINS: Final = 10


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """A detector, and what it was given."""

    detector: Detector
    total: float = 0.0  #: of what was observed since it began: errors, real texts less ``p_real``, shares of a day
    year: int = 0  #: UTC
    this_year: float = 0.0  #: false alarms to be expected at most of what was observed since that year began


class _Kind(msgspec.Struct, frozen=True, kw_only=True):
    kind: Kind
    wagers: int
    effect: str
    remedies: tuple[Remedy, ...]
    by_labels: bool


#: The watches, by name.
STREAMS: Final = {
    "harm": _Kind(
        kind=Kind.HARM,
        wagers=len(HARM_ODDS),
        effect="share of verdicts",
        remedies=(Remedy.ROLL_BACK, Remedy.RE_THRESHOLD, Remedy.RETRAIN),
        by_labels=True,
    ),
    "calibration": _Kind(
        kind=Kind.CALIBRATION,
        wagers=CALIBRATION_WAGERS,
        effect="share of real texts less p_real",
        remedies=(Remedy.REFIT_CALIBRATOR, Remedy.RE_THRESHOLD),
        by_labels=True,
    ),
    "broken": _Kind(
        kind=Kind.DATA_QUALITY,
        wagers=len(QUALITY_ODDS),
        effect="share of texts",
        remedies=(Remedy.FIX_FEED,),
        by_labels=False,
    ),
}


def name_of(watch: str, subject: Subject) -> str:
    """What the stream of a watch and a language is kept under."""
    return f"{watch}:{subject.language or ''}"


def streams_of(languages: Sequence[str], reference: Reference) -> list[tuple[str, Subject]]:
    """Every watch with whose texts it goes by: all; by labels, each of several languages of the baseline as well."""
    known = [Subject(language=language) for language in languages if reference.usual(language) is not None]
    subjects = [Subject(), *(known if len(known) > 1 else ())]
    by_labels = [(watch, subject) for subject in subjects for watch in ("harm", "calibration")]
    return [*by_labels, ("broken", Subject())]


def restarted(
    streams: Mapping[str, Stream],
    wanted: Sequence[tuple[str, Subject]],
    open_alarms: set[tuple[str, Subject]],
    *,
    daily: int,
    is_rebased: bool = False,
) -> dict[str, Stream]:
    """The streams of ``wanted``: those that are new begin, and those begin anew whose alarm somebody acknowledged.

    ``daily`` is how many labels a day may bring at most. What a detector has seen counts for nothing once there is
    another baseline (``is_rebased``), as teams make one where the old one no longer fits; what is spent stays spent.
    Where there are more streams than before, each has less of the budget from now on.
    """
    allowed = ALPHA_YEAR / len(wanted)
    found: dict[str, Stream] = {}
    for watch, subject in wanted:
        kind, held = STREAMS[watch], streams.get(name_of(watch, subject))
        fresh = start(kind.wagers, observations_a_year=YEAR * (daily if kind.by_labels else 1), allowed=allowed)
        if held is None:
            held = Stream(detector=fresh)
        elif held.detector.fired_at is None:
            stricter = max(held.detector.threshold, fresh.threshold)
            detector = msgspec.structs.replace(fresh if is_rebased else held.detector, threshold=stricter)
            held = msgspec.structs.replace(held, detector=detector, total=0.0 if is_rebased else held.total)
        elif (watch, subject) not in open_alarms:
            held = msgspec.structs.replace(held, detector=fresh, total=0.0)
        found[name_of(watch, subject)] = held
    return found


def advance(
    streams: Mapping[str, Stream],
    wanted: Sequence[tuple[str, Subject]],
    reference: Reference,
    labels: Sequence[AuditLabel],
    profiles: Mapping[Subject, Profile],
    *,
    year: int,
) -> dict[str, Stream]:
    """The streams after the labels that are new and the texts of one day, of ``year``."""
    found = dict(streams)
    for watch, subject in wanted:
        own = [label for label in labels if subject.language in (None, label.language)]
        usual = reference.usual(subject.language) or reference.all
        if watch == "broken":
            growth, values = _broken(usual, profiles.get(subject))
        else:
            growth, values = (_harm if watch == "harm" else _calibration)(usual, own)
        name = name_of(watch, subject)
        found[name] = _advance(found[name], growth, values, year)
    return found


def _advance(stream: Stream, growth: Floats, values: Floats, year: int) -> Stream:
    before = stream.this_year if stream.year == year else 0.0
    return Stream(
        detector=observe(stream.detector, growth) if len(values) else stream.detector,
        total=stream.total + float(values.sum()),
        year=year,
        this_year=before + len(values) / stream.detector.threshold,
    )


_NOTHING: Final = (np.empty((0, 0)), np.empty(0))


def _harm(usual: Usual, labels: Sequence[AuditLabel]) -> tuple[Floats, Floats]:
    """Errors of verdicts, or of what would be said at a half where the baseline knows of no verdict."""
    rate = usual.outcomes.judged
    if not rate.texts:
        return _NOTHING
    if usual.outcomes.decided.texts:
        errors = [label.said != label.label for label in labels if label.said != "unsure"]
    else:
        errors = [(label.p_real > 0.5) != (label.label == "real") for label in labels]  # noqa: PLR2004 - even odds
    values = np.array(errors, dtype=np.float64)
    return harm_growth(values, rate.limit), values


def _calibration(usual: Usual, labels: Sequence[AuditLabel]) -> tuple[Floats, Floats]:
    if not usual.outcomes.texts or not labels:
        return _NOTHING
    texts, real, means = zip(*usual.outcomes.reliability(_BINS), strict=True)
    limits = calibration_limits(np.linspace(0, 1, _BINS + 1).tolist(), texts, real, [mean or 0.0 for mean in means])
    is_real = np.array([label.label == "real" for label in labels], dtype=np.float64)
    p_real = np.array([label.p_real for label in labels])
    return calibration_growth(is_real, p_real, limits), is_real - p_real


def _broken(usual: Usual, profile: Profile | None) -> tuple[Floats, Floats]:
    if profile is None or not profile.received or not usual.profile.received:
        return _NOTHING
    broken = _count_broken(usual.profile)
    values = np.array([_count_broken(profile) / profile.received])
    return quality_growth(values, quality_limit(broken, usual.profile.received)), values


def _count_broken(profile: Profile) -> int:
    """Empty, or full of debris; a short text is not broken."""
    return profile.problem("broken")


# --- what they say ----------------------------------------------------------------------------------


def findings_of(
    streams: Mapping[str, Stream], wanted: Sequence[tuple[str, Subject]], reference: Reference, *, audited: bool
) -> list[Finding]:
    """One for each stream. Those by labels are off where no labels are asked for, and none was ever given."""
    return [
        _finding(watch, subject, streams[name_of(watch, subject)], reference, audited=audited)
        for watch, subject in wanted
    ]


def _finding(watch: str, subject: Subject, stream: Stream, reference: Reference, *, audited: bool) -> Finding:
    kind, detector = STREAMS[watch], stream.detector
    usual = reference.usual(subject.language) or reference.all
    current = stream.total / detector.observations if detector.observations else None
    baseline = _baseline(watch, usual)
    fired = detector.fired_at is not None
    return Finding(
        watch=watch,
        kind=kind.kind,
        severity=Severity.CRITICAL,
        subject=subject,
        state=_state(detector, has_baseline=baseline is not None, audited=audited or not kind.by_labels),
        texts=detector.observations,
        least=1,
        statistic="e-detector",
        value=detector.evidence * detector.threshold,
        effect=kind.effect,
        size=None if current is None or baseline is None else current - baseline,
        baseline=baseline,
        current=current,
        evidence=max(1.0, detector.evidence) if fired else detector.evidence,
        remedies=kind.remedies,
        details={"fired_at": detector.fired_at} if detector.fired_at is not None else {},
    )


def _state(detector: Detector, *, has_baseline: bool, audited: bool) -> State:
    if detector.fired_at is not None:
        return State.DRIFT
    if detector.observations:
        return State.QUIET
    return State.INSUFFICIENT if has_baseline and audited else State.OFF


def _baseline(watch: str, usual: Usual) -> float | None:
    """What the baseline has of the same; ``None`` where it has none."""
    if watch == "broken":
        return _count_broken(usual.profile) / usual.profile.received if usual.profile.received else None
    if watch == "calibration":
        return 0.0 if usual.outcomes.texts else None
    rate = usual.outcomes.judged
    return rate.value if rate.texts else None


def spent(streams: Mapping[str, Stream], year: int) -> float:
    """Of the yearly budget: the share that went by since the year began, of each detector's part."""
    return sum(stream.this_year for stream in streams.values() if stream.year == year)
