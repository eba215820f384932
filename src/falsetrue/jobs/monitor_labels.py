"""What people's labels of the audit slice say of all the texts that it was drawn from."""

from collections.abc import Mapping
from datetime import date

import msgspec
import numpy as np

from falsetrue.jobs.monitor_subjects import Watched
from falsetrue.journal.audit_items import AuditLabel
from falsetrue.model.prevalence import adjust
from falsetrue.monitor.estimation import Audited, estimate_labelled
from falsetrue.monitor.findings import Estimate, Subject
from falsetrue.monitor.observations import FALSE, REAL, UNSURE
from falsetrue.monitor.profile import Profile, score_middles
from falsetrue.monitor.reference import Outcomes
from falsetrue.monitor.store import MonitorStore

_SAID = {"false": FALSE, "real": REAL}


def as_scored(label: AuditLabel, trained_prevalence: float) -> AuditLabel:
    """A label with the ``p_real`` that the model itself gave: a caller may have had it re-derived for a prevalence."""
    if label.prevalence is None:
        return label
    p_real = adjust(label.p_real, prevalence=trained_prevalence, trained_prevalence=label.prevalence)
    return msgspec.structs.replace(label, p_real=p_real)


def by_audit(
    store: MonitorStore, watched: Watched, profiles: Mapping[Subject, Profile], since: date, until: date
) -> list[Estimate]:
    """Errors, precision and the share of false news, of all texts and of each language, between two days.

    ``profiles`` are of the texts of these days. Raises :class:`DatabaseError`.
    """
    labels = [
        as_scored(label, watched.trained_prevalence) for label in store.labels_between(watched.version, since, until)
    ]
    found = []
    for subject in (Subject(), *(Subject(language=language) for language in watched.languages)):
        own = [label for label in labels if subject.language in (None, label.language)]
        if own and subject in profiles:
            found += _estimates(own, profiles[subject], watched, subject)
    return found


def _estimates(labels: list[AuditLabel], profile: Profile, watched: Watched, subject: Subject) -> list[Estimate]:
    audited = Audited(
        truth=np.array([_SAID[label.label] for label in labels], dtype=np.int8),
        said=np.array([_SAID.get(label.said, UNSURE) for label in labels], dtype=np.int8),
        p_real=np.array([label.p_real for label in labels]),
    )
    usual = watched.reference.usual(subject.language) or watched.reference.all
    before = _before(usual.outcomes)
    return [
        msgspec.structs.replace(each, baseline=before.get(each.name))
        for each in estimate_labelled(audited, score_middles(), profile.scores, subject=subject)
    ]


def _before(outcomes: Outcomes) -> dict[str, float]:
    """The same figures of the baseline, where it has labels."""
    said = {"precision_false": outcomes.precision(0), "precision_real": outcomes.precision(1)}
    found = {name: 1 - rate.value for name, rate in said.items() if rate.texts}
    return found | ({"error": outcomes.decided.value} if outcomes.decided.texts else {})
