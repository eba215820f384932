"""Reports on the spot, of a journal or of a file: they test what is asked for, spend no budget and raise no alarm."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

import msgspec
import numpy as np
from scipy.stats import binom

from falsetrue.bundle.folder import Bundle
from falsetrue.bundle.manifest import REFERENCE
from falsetrue.bundle.scorer import CompiledScorer
from falsetrue.errors import InputError
from falsetrue.jobs.monitor_detectors import findings_of, restarted, streams_of
from falsetrue.jobs.monitor_labels import by_audit
from falsetrue.jobs.monitor_refused import refused_as_empty, with_refused
from falsetrue.jobs.monitor_reports import OF_ESTIMATES, audit_of, begin_of, dated, notes_of, report_of
from falsetrue.jobs.monitor_standing import ONE_DAY, budgets, read_standing
from falsetrue.jobs.monitor_subjects import (
    ALL,
    MOST_KEYS,
    Journalled,
    Watched,
    count,
    examine_all,
    observed,
    without_features,
)
from falsetrue.jobs.monitor_terms import listening, terms_of_slice
from falsetrue.jobs.rebase import Judge, TextFile, read_observations, read_seconds, reference_of_bundle, timed
from falsetrue.journal.columns import count_callers, first_days, largest_keys
from falsetrue.journal.records import Filters
from falsetrue.journal.refused_items import RefusedCount
from falsetrue.model.decision import EVEN, Policy
from falsetrue.model.metrics import proportion
from falsetrue.monitor.alarms import ALPHA_LOOK
from falsetrue.monitor.findings import (
    Estimate,
    Finding,
    Kind,
    Marker,
    Remedy,
    Report,
    Severity,
    Source,
    State,
    Subject,
)
from falsetrue.monitor.observations import Observations
from falsetrue.monitor.performance import cautions
from falsetrue.monitor.profile import Profile
from falsetrue.monitor.reference import LEAST, PRECISIONS, Outcomes, Reference
from falsetrue.monitor.store import MonitorStore

#: Fewer labels say nothing of harm.
LEAST_LABELS: Final = 50
#: Texts of the journal before those of a report that these are compared with, where nothing better is there.
BEFORE: Final = 2000
#: Told how many texts are read.
Progress = Callable[[int], object]


def watched_model(bundle: Bundle, store: MonitorStore | None = None, policy: Policy | None = None) -> Watched:
    """A model and its baseline: the team's own where there is one, else the one that came with it.

    ``policy`` is what the team's own was made by; nothing: the model's. ``bundle`` was opened with its baselines
    kept. Raises :class:`InputError` or :class:`BundleError` where a baseline cannot be read.
    """
    manifest = bundle.manifest
    own = None if store is None else store.reference(manifest.version)
    reference = reference_of_bundle(bundle) if own is None else Reference.from_bytes(own)
    notes = ["baseline_has_no_profile"] if own is None and REFERENCE not in manifest.files else []
    if own is None and store is not None:
        notes.append("baseline_is_own_first_texts")
    if own is not None and policy is not None:
        notes += _of_policy(reference.policy, policy)
    return Watched(
        name=manifest.name,
        version=manifest.version,
        languages=tuple(manifest.languages),
        trained_prevalence=manifest.trained_prevalence,
        reference=reference,
        comparable=None if own is None or reference.salt is not None else reference.all.profile,
        policy=manifest.policy.policy() if own is None or policy is None else policy,
        notes=tuple(notes),
    )


def watched_by(watched: Watched, reference: Reference) -> Watched:
    """The same model, held against a baseline of a file. Raises :class:`InputError` where another one scored that."""
    _check_scorer(reference, watched.name, watched.version)
    return replace(watched, reference=reference, policy=None, notes=())


def watched_scores(reference: Reference, scorer: str) -> Watched:
    """Another model's scores, called ``scorer``, and the baseline that was made of them.

    Raises :class:`InputError` where it was made of others.
    """
    _check_scorer(reference, scorer, "")
    return Watched(
        name=scorer,
        version="",
        languages=tuple(reference.languages),
        trained_prevalence=EVEN,
        reference=reference,
        comparable=None,
    )


def _check_scorer(reference: Reference, name: str, version: str) -> None:
    """Scores of one model say nothing of another's. Baselines of before they said whose they are may be anybody's."""
    scorer = reference.model_name, reference.model_version
    if not reference.model_name or scorer == (name, version):
        return
    same = "" if reference.model_version or version else f"; if it is the same model, say --name {reference.model_name}"
    raise InputError(
        f"the baseline, made of {reference.name}, is of {_scorer(*scorer)}, and this report of "
        f"{_scorer(name, version)}: make one of that with `falsetrue monitor baseline`{same}"
    )


def _scorer(name: str, version: str) -> str:
    return f"the model {name}@{version}" if version else f"the scores called {name!r}"


def _of_policy(made_by: str, policy: Policy) -> list[str]:
    """What a reader must know of a baseline where its verdicts are by another policy, ``NAME@VERSION``."""
    return ["baseline_has_other_policy"] if made_by not in ("", policy.reference) else []


@dataclass(kw_only=True)
class _Counted:
    """Batches as they go by."""

    progress: Progress | None
    texts: int = 0
    days: dict[date, Profile]  #: of those texts that have one
    outcomes: dict[Subject, Outcomes]
    languages: Sequence[str]

    def through(self, batches: Iterable[Observations]) -> Iterator[Observations]:
        """The same batches, counted by day, and what labels say of them."""
        for batch in batches:
            self.texts += len(batch)
            bare, days = without_features(batch), batch.seconds // 86_400
            for day in np.unique(days[~np.isnan(days)]).tolist():
                self._add(day, bare.where(days == day))
            if batch.truth is not None:
                self._judge(ALL, bare)
                for language in self.languages:
                    self._judge(Subject(language=language), bare.where(bare.languages == language))
            if self.progress is not None:
                self.progress(self.texts)
            yield batch

    def add_refused(self, refused: Iterable[RefusedCount]) -> None:
        """What was refused as empty on their days."""
        for each in refused:
            self.days[each.day] = self.days.get(each.day, Profile.empty(sample=0)).refusing(each.items)

    def _add(self, number: float, batch: Observations) -> None:
        day = date(1970, 1, 1) + timedelta(days=int(number))
        profile = Profile.of(batch, sample=0)
        self.days[day] = self.days[day].merged(profile) if day in self.days else profile

    def _judge(self, subject: Subject, batch: Observations) -> None:
        found = Outcomes.of(batch)
        self.outcomes[subject] = self.outcomes[subject].merged(found) if subject in self.outcomes else found


def _counted(progress: Progress | None, watched: Watched) -> _Counted:
    return _Counted(progress=progress, days={}, outcomes={}, languages=watched.languages)


# --- of a journal ----------------------------------------------------------------------------------------


def report_journal(
    journal: Journalled,
    watched: Watched,
    since: datetime,
    until: datetime,
    *,
    now: datetime,
    scorer: Callable[[], CompiledScorer | None] | None = None,
    progress: Progress | None = None,
) -> Report:
    """What the journal has of one version of a model, from ``since`` on and before ``until``.

    Labels are told of as the looks have them; new words are those that ``scorer``, which is the model's and is asked
    for when it is needed, does not know. Raises :class:`DatabaseError`.
    """
    every = Filters(since=since, until=until)
    filters = replace(every, model_version=watched.version)
    counted = _counted(progress, watched)
    callers = count_callers(journal.engine, every)
    keys = largest_keys(callers, watched.version, MOST_KEYS)
    refused = refused_as_empty(journal, watched.version, since, until)
    profiles = with_refused(
        count(counted.through(observed(journal.engine, filters, watched)), watched.languages, keys), refused
    )
    counted.add_refused(refused)
    comparable = watched.comparable or _comparable(journal, watched, since)
    seed = since.date().toordinal()
    tested, estimates = examine_all(profiles, replace(watched, comparable=comparable), seed=seed, alpha=ALPHA_LOOK)
    _, standing = read_standing(journal.store, watched.version)
    open_alarms = {(each.alarm.watch, each.alarm.subject) for each in journal.store.open_alarms()}
    wanted = streams_of(watched.languages, watched.reference)
    is_rebased = standing.reference not in ("", watched.reference.digest)
    streams = restarted(standing.streams, wanted, open_alarms, daily=journal.audit_daily, is_rebased=is_rebased)
    detected = findings_of(streams, wanted, watched.reference, audited=journal.audited)
    notes = (*notes_of(journal, watched), *cautions(tested, estimates))
    return msgspec.structs.replace(
        report_of(watched, profiles.get(ALL, Profile.empty()), counted.days, now=now, since=since, until=until),
        findings=(*dated(tested, counted.days), *detected),
        estimates=(*_by_audit(journal, watched, profiles, counted, since), *estimates),
        budgets=budgets(standing, now.date()),
        markers=tuple(Marker(day=day, version=version) for version, day in first_days(callers).items()),
        audit=audit_of(journal, now),
        terms=terms_of_slice(journal, watched.version, scorer, since, until, now=now) if scorer else (),
        notes=notes if comparable is not None else (*notes, "no_topics"),
    )


def _by_audit(
    journal: Journalled, watched: Watched, profiles: Mapping[Subject, Profile], counted: _Counted, since: datetime
) -> list[Estimate]:
    """What labels say of all these texts: those of days that are there as a whole."""
    texts = {day: profile.texts for day, profile in counted.days.items()}
    first, last = since.date() + timedelta(days=begin_of(since.date()) < since), max(texts, default=since.date())
    return by_audit(journal.store, watched, profiles, texts, since=first, until=last + timedelta(days=1))


def _comparable(journal: Journalled, watched: Watched, since: datetime) -> Profile | None:
    """The first texts that were answered here, as the looks keep them; else the first before the report's."""
    kept = journal.store.first_texts(watched.version)
    if kept is not None:
        return Profile.from_bytes(kept)
    profile = Profile.empty()
    for batch in observed(journal.engine, Filters(until=since, model_version=watched.version), watched):
        profile = profile.merged(count([batch], (), ())[ALL])
        if profile.sketched >= BEFORE:
            break
    return profile if profile.sketched >= LEAST else None


# --- of a file ------------------------------------------------------------------------------------------


def report_file(
    file: TextFile,
    judge: Judge | None,
    watched: Watched,
    *,
    salt: bytes,
    now: datetime,
    progress: Progress | None = None,
) -> Report:
    """What a file of texts has, scored by a model or by a column of its own; its labels count where it has some.

    A text without a usable date is in no day, and counts all the same, unless texts of some days are asked for.
    ``salt`` is that of the baseline's sketches. Raises :class:`InputError` where the file cannot be used, or has no
    texts.
    """
    counted, seconds = _counted(progress, watched), read_seconds(file, now)
    judge, terms = (None, None) if judge is None else listening(judge)
    batches = counted.through(read_observations(file, judge, seconds, salt=salt))
    profiles = count(timed(batches, now), watched.languages, ())
    if not counted.texts:
        raise InputError(f"{file.path}: there are no texts in it")
    watched = replace(watched, comparable=watched.reference.all.profile)
    harmed = [harm_of(outcomes, watched.reference, subject) for subject, outcomes in counted.outcomes.items()]
    tested, estimates = examine_all(
        profiles, watched, seed=0, alpha=ALPHA_LOOK, others=[each for each in harmed if each is not None]
    )
    found, days = dated(tested, counted.days), sorted(counted.days)
    since, until = (begin_of(days[0]), begin_of(days[-1] + ONE_DAY)) if days else (now, now)
    undated = counted.texts if seconds is None else int(np.isnan(seconds).sum())
    return msgspec.structs.replace(
        report_of(watched, profiles[ALL], counted.days, now=now, since=since, until=until),
        findings=tuple(map(_without_times, found)) if undated and not file.has_period else found,
        estimates=(
            *(each for subject, own in counted.outcomes.items() for each in by_labels(own, watched, subject)),
            *estimates,
        ),
        source=Source.FILE if judge else Source.SCORES,
        undated=undated,
        terms=() if terms is None else terms.terms(),
        notes=(*_notes_of_file(file, judge, watched, counted, undated=undated), *cautions(tested, estimates)),
    )


def _without_times(finding: Finding) -> Finding:
    """The same, but for when copies came first and last: some of them have no date."""
    details = {name: value for name, value in finding.details.items() if not name.endswith(("_first", "_last"))}
    return msgspec.structs.replace(finding, details=details)


def _notes_of_file(
    file: TextFile, judge: Judge | None, watched: Watched, counted: _Counted, *, undated: int
) -> Iterator[str]:
    """What a reader of a report of a file must know."""
    yield from ("file_has_no_audit", *OF_ESTIMATES, *watched.notes)
    if judge is not None:
        made_by = watched.reference.policy or ("" if watched.policy is None else watched.policy.reference)
        yield from _of_policy(made_by, judge.policy)
    if undated and file.has_period:
        yield "undated_left_out"
    if ALL not in counted.outcomes or not counted.outcomes[ALL].texts:
        yield "no_labels_in_file"


def harm_of(outcomes: Outcomes, reference: Reference, subject: Subject) -> Finding | None:
    """Whether labels of a file have more errors than the baseline's upper bound: a binomial test, one-sided.

    ``None`` where there are no labels on either side.
    """
    usual = reference.usual(subject.language)
    if usual is None or not outcomes.texts:
        return None
    before = usual.outcomes.judged
    now = outcomes.decided if usual.outcomes.decided.texts else outcomes.forced
    if not before.texts or not now.texts:
        return None
    enough = now.texts >= LEAST_LABELS
    interval = proportion(now.errors, now.texts)
    return Finding(
        watch="harm",
        kind=Kind.HARM,
        severity=Severity.CRITICAL,
        subject=subject,
        state=State.QUIET if enough else State.INSUFFICIENT,
        texts=now.texts,
        least=LEAST_LABELS,
        statistic="errors",
        value=float(now.errors),
        effect="share of verdicts",
        size=now.value - before.value,
        baseline=before.value,
        current=now.value,
        low=interval.low,
        high=interval.high,
        p=float(binom.sf(now.errors - 1, now.texts, before.limit)) if enough else None,
        remedies=(Remedy.RE_THRESHOLD, Remedy.RETRAIN, Remedy.ROLL_BACK),
    )


def by_labels(outcomes: Outcomes, watched: Watched, subject: Subject) -> Iterator[Estimate]:
    """Errors and precision as labels have them, with exact intervals."""
    usual = watched.reference.usual(subject.language)
    before = (usual or watched.reference.all).outcomes.shares()
    for name, rate in outcomes.rates().items():
        if rate.texts:
            share = proportion(rate.texts - rate.errors if name in PRECISIONS else rate.errors, rate.texts)
            yield Estimate(
                name=name,
                method="Clopper-Pearson",
                subject=subject,
                value=share.value,
                low=share.low,
                high=share.high,
                labels=rate.texts,
                texts=rate.texts,
                baseline=before.get(name),
            )
