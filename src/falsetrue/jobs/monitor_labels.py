"""What people's labels of the audit slice say of all the texts that it was drawn from."""

from collections import Counter
from collections.abc import Mapping
from datetime import date

import msgspec
import numpy as np

from falsetrue.jobs.monitor_subjects import Watched
from falsetrue.journal.audit_items import AuditLabel
from falsetrue.model.prevalence import adjust
from falsetrue.monitor.estimation import Audited, estimate_labelled
from falsetrue.monitor.findings import Estimate, Subject
from falsetrue.monitor.observations import SAID, UNSURE
from falsetrue.monitor.profile import Profile, score_middles
from falsetrue.monitor.store import MonitorStore


def as_scored(label: AuditLabel, watched: Watched) -> AuditLabel:
    """A label with the ``p_real`` that the model itself gave, and the verdict that the baseline's policy has of it.

    A caller may have asked for a prevalence or another policy; the first API knows no doubt.
    """
    p_real, said = label.p_real, label.said
    if label.prevalence is not None:
        p_real = adjust(p_real, prevalence=watched.trained_prevalence, trained_prevalence=label.prevalence)
    if watched.policy is not None and SAID.get(said, UNSURE) != UNSURE:
        said = watched.policy.thresholds(label.language).outcome(p_real).value
    return msgspec.structs.replace(label, p_real=p_real, said=said)


def by_audit(
    store: MonitorStore,
    watched: Watched,
    profiles: Mapping[Subject, Profile],
    texts: Mapping[date, int],
    *,
    since: date,
    until: date,
) -> list[Estimate]:
    """Errors, precision and the share of false news, of all texts and of each language, between two days.

    ``profiles`` are of the texts of these days, and ``texts`` how many each day had: on a quiet day a text is more
    likely to be drawn, and counts for less. Raises :class:`DatabaseError`.
    """
    labels = [as_scored(label, watched) for label in store.labels_between(watched.version, since, until)]
    weights = _weights(labels, texts)
    found = []
    for subject in (Subject(), *(Subject(language=language) for language in watched.languages)):
        own = [label for label in labels if subject.language in (None, label.language)]
        if own and subject in profiles:
            found += _estimates(own, weights, profiles[subject], watched, subject)
    return found


def _weights(labels: list[AuditLabel], texts: Mapping[date, int]) -> dict[date, float]:
    """By day, texts that each of its labels stands for."""
    counts = Counter(label.day for label in labels)
    return {day: max(1.0, texts.get(day, 0) / count) for day, count in counts.items()}


def _estimates(
    labels: list[AuditLabel], weights: Mapping[date, float], profile: Profile, watched: Watched, subject: Subject
) -> list[Estimate]:
    audited = Audited(
        truth=np.array([SAID[label.label] for label in labels], dtype=np.int8),
        said=np.array([SAID.get(label.said, UNSURE) for label in labels], dtype=np.int8),
        p_real=np.array([label.p_real for label in labels]),
        weights=np.array([weights[label.day] for label in labels]),
    )
    usual = watched.reference.usual(subject.language) or watched.reference.all
    before = usual.outcomes.shares()
    return [
        msgspec.structs.replace(each, baseline=before.get(each.name))
        for each in estimate_labelled(audited, score_middles(), profile.scores, subject=subject)
    ]
