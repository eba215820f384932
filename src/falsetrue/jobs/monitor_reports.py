"""What a report says beside its findings: days, scores, the audit slices, and what a reader must know."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import msgspec

from falsetrue.jobs.monitor_subjects import Journalled, Watched
from falsetrue.monitor.drift import examine
from falsetrue.monitor.findings import Audit, Day, Finding, Report
from falsetrue.monitor.profile import Profile
from falsetrue.monitor.reference import SCORE_EDGES, score_counts

#: Days over which the audit slices are counted.
AUDITED: Final = 30
#: What nobody may take an estimate for that was made without labels.
OF_ESTIMATES: Final = ("cbpe_is_blind_to_concept_drift", "bbse_assumes_label_shift")


def begin_of(day: date) -> datetime:
    """Midnight, UTC."""
    return datetime.combine(day, time(), UTC)


def report_of(
    watched: Watched, profile: Profile, days: Mapping[date, Profile], *, now: datetime, since: datetime, until: datetime
) -> Report:
    """A report without findings: of the texts of ``profile``, from ``since`` on and before ``until``.

    ``days`` are those that it shows.
    """
    return Report(
        made_at=now.astimezone(UTC),
        model_name=watched.name,
        model_version=watched.version,
        baseline=watched.reference.name,
        baseline_texts=watched.reference.texts,
        since=since,
        until=until,
        texts=profile.texts,
        findings=(),
        estimates=(),
        budgets=(),
        days=tuple(_day(day, each, watched) for day, each in sorted(days.items())),
        score_edges=SCORE_EDGES,
        score_counts=score_counts(profile),
        score_baseline=watched.reference.score_shares,
    )


def _day(day: date, profile: Profile, watched: Watched) -> Day:
    found = examine(profile, watched.reference)
    return Day(
        day=day,
        texts=profile.texts,
        false=profile.false,
        real=profile.real,
        unsure=profile.unsure,
        mean_p_real=profile.mean_p_real,
        sparks={each.watch: each.current for each in found if each.current is not None},
    )


def dated(findings: Iterable[Finding], days: Iterable[date]) -> tuple[Finding, ...]:
    """The findings, with the first and the last day of the texts that they all go by, where these have any."""
    known = sorted(days)
    since, until = (known[0], known[-1]) if known else (None, None)
    return tuple(msgspec.structs.replace(each, since=since, until=until) for each in findings)


def audit_of(journal: Journalled, now: datetime) -> Audit:
    """The audit slices of the last days. Raises :class:`DatabaseError`."""
    counts = journal.audit.counts(now, since=now.date() - timedelta(days=AUDITED))
    return Audit(
        on=journal.audited,
        drawn=counts.drawn,
        labelled=counts.labelled,
        refused=counts.refused,
        waiting=counts.waiting,
    )


def notes_of(journal: Journalled, watched: Watched) -> tuple[str, ...]:
    """What a reader of a report of a journal must know."""
    return (*OF_ESTIMATES, *watched.notes, *([] if journal.audited else ["harm_alarms_have_no_data"]))
