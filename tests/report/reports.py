"""Reports that are made up, for tests of what is seen of them."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from falsetrue.monitor.findings import (
    Audit,
    Budget,
    Day,
    Estimate,
    Finding,
    Kind,
    Marker,
    Remedy,
    Report,
    Severity,
    State,
    Subject,
)

MADE_AT = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
#: What each watch is of, and what a change of it would be.
WATCHES = {
    "empty": (Kind.DATA_QUALITY, Severity.CRITICAL),
    "debris": (Kind.DATA_QUALITY, Severity.CRITICAL),
    "too_short": (Kind.DATA_QUALITY, Severity.CRITICAL),
    "broken": (Kind.DATA_QUALITY, Severity.CRITICAL),
    "campaigns": (Kind.DUPLICATES, Severity.WARNING),
    "words": (Kind.COVARIATE, Severity.WARNING),
    "oov": (Kind.COVARIATE, Severity.WARNING),
    "language_mix": (Kind.COVARIATE, Severity.WARNING),
    "style.capitals": (Kind.COVARIATE, Severity.WARNING),
    "new_words": (Kind.TOPIC, Severity.WARNING),
    "topic": (Kind.TOPIC, Severity.WARNING),
    "score": (Kind.SCORE, Severity.WARNING),
    "called_false": (Kind.PRIOR, Severity.WARNING),
    "expected_error": (Kind.PERFORMANCE, Severity.WARNING),
    "harm": (Kind.HARM, Severity.CRITICAL),
    "calibration": (Kind.CALIBRATION, Severity.CRITICAL),
}


def finding(watch: str = "called_false", state: State = State.QUIET, **other: Any) -> Finding:
    """What a watch says; nothing of note unless it is told otherwise."""
    kind, severity = WATCHES.get(watch, (Kind.COVARIATE, Severity.WARNING))
    given: dict[str, Any] = {
        "kind": kind,
        "severity": severity,
        "texts": 1234,
        "least": 200,
        "statistic": "z",
        "value": 1.5,
        "effect": "share of texts",
        "size": 0.06,
        "baseline": 0.3,
        "current": 0.36,
        "corrected": 0.02,
        "remedies": (Remedy.LABEL, Remedy.RETRAIN),
    }
    return Finding(watch=watch, state=state, **{**given, **other})


def estimate(name: str = "precision_false", labels: int = 240, **other: Any) -> Estimate:
    """A figure with its interval."""
    given = {"method": "PPI", "value": 0.91, "low": 0.86, "high": 0.95, "texts": 9000, "baseline": 0.95}
    return Estimate(name=name, labels=labels, **{**given, **other})


def report(**other: Any) -> Report:
    """A report of a fortnight; nothing of note unless it is told otherwise."""
    days = tuple(
        Day(
            day=date(2026, 11, 9) + timedelta(days=number),
            texts=100 + 10 * number,
            false=20 + number,
            real=70 + 8 * number,
            unsure=10 + number,
            mean_p_real=0.6,
            sparks={"called_false": 0.2 + number / 100, "oov": 0.1},
        )
        for number in range(14)
    )
    given: dict[str, Any] = {
        "made_at": MADE_AT,
        "model_name": "newsroom",
        "model_version": "20261101T000000Z-aaaa",
        "baseline": "held-out news",
        "baseline_texts": 2000,
        "since": MADE_AT - timedelta(days=14),
        "until": MADE_AT,
        "texts": 2310,
        "findings": tuple(finding(watch) for watch in WATCHES),
        "estimates": (
            estimate(),
            estimate("precision_real", labels=40),
            estimate("error", labels=0, method="CBPE", value=0.08, low=0.07, high=0.1),
        ),
        "budgets": (
            Budget(severity=Severity.CRITICAL, allowed=0.05, spent=0.008),
            Budget(severity=Severity.WARNING, allowed=1, spent=0.71),
        ),
        "days": days,
        "markers": (Marker(day=days[8].day, version="20261101T000000Z-aaaa"),),
        "score_edges": tuple(each / 10 for each in range(11)),
        "score_counts": (300, 200, 150, 100, 80, 80, 100, 200, 400, 700),
        "score_baseline": (0.2, 0.1, 0.05, 0.04, 0.03, 0.03, 0.05, 0.1, 0.15, 0.25),
        "audit": Audit(on=True, drawn=280, labelled=240, refused=14, waiting=20),
        "notes": ("cbpe_is_blind_to_concept_drift",),
    }
    return Report(**{**given, **other})


def drifted() -> Report:
    """A report in which some watches found a change."""
    findings = [
        finding("called_false", State.DRIFT, low=0.33, high=0.39),
        finding("oov", State.INSUFFICIENT, texts=150, current=None, size=None, corrected=None),
        finding(
            "harm", State.DRIFT, texts=240, corrected=None, evidence=1.2, remedies=(Remedy.ROLL_BACK, Remedy.LABEL)
        ),
        finding("score"),
        finding(
            "topic", State.DRIFT, subject=Subject(language="es"), effect="AUC", baseline=0.5, current=0.71, size=0.21
        ),
    ]
    return report(findings=tuple(findings))
