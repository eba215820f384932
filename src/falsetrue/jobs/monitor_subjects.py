"""Texts to profiles by subject, and profiles to findings: what a look and a report on the spot have in common."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine

from falsetrue.features.sketches import Features, read_sketches
from falsetrue.journal.audit_items import AuditItems
from falsetrue.journal.columns import Columns, read_columns
from falsetrue.journal.records import Filters
from falsetrue.model.deciding import OUTCOMES, decide_all
from falsetrue.model.decision import Policy
from falsetrue.model.prevalence import adjust
from falsetrue.monitor.campaigns import Campaigns, find_campaigns
from falsetrue.monitor.correction import corrected
from falsetrue.monitor.drift import estimates, examine
from falsetrue.monitor.findings import Estimate, Finding, Subject
from falsetrue.monitor.observations import SAID, UNSURE, Observations, no_sketches, priorities_of_ids
from falsetrue.monitor.profile import Profile
from falsetrue.monitor.reference import Reference
from falsetrue.monitor.store import MonitorStore
from falsetrue.monitor.topics import find_new_words, find_topic

#: Whose texts are looked at on their own: so many callers, those with the most texts.
MOST_KEYS: Final = 20
#: All texts.
ALL: Final = Subject()


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A model, and what its traffic is held against."""

    name: str
    version: str
    languages: tuple[str, ...]  #: BCP 47, looked at on their own
    trained_prevalence: float  #: share of false news that ``p_real`` supposes
    reference: Reference
    #: Texts whose sketches were made under the same salt as those that are looked at: what topics and new words are
    #: held against; ``None`` where there are none yet.
    comparable: Profile | None
    #: What the baseline's verdicts are by: callers may ask for another one, and those of the first API for none.
    policy: Policy | None = None
    notes: tuple[str, ...] = ()  #: names of what a reader must know of it


@dataclass(frozen=True, kw_only=True)
class Journalled:
    """A journal that is watched."""

    engine: Engine
    store: MonitorStore
    audit: AuditItems
    audited: bool  #: whether an audit slice is drawn
    audit_daily: int


Profiles = Mapping[Subject, Profile]


def order_of(subject: Subject) -> tuple[str, str]:
    """All texts first, then keys, then languages."""
    return subject.language or "", subject.key or ""


def observed(engine: Engine, filters: Filters, watched: Watched) -> Iterator[Observations]:
    """Rows of the journal; raises :class:`DatabaseError`."""
    for columns in read_columns(engine, filters):
        yield observe(columns, watched)


def observe(columns: Columns, watched: Watched) -> Observations:
    """Rows of the journal, with the probabilities that the model gave and the verdicts that the baseline would have."""
    trained_prevalence = watched.trained_prevalence
    again = np.flatnonzero(~np.isnan(columns.prevalence))
    p_real = columns.p_real.copy()
    p_real[again] = adjust(
        p_real[again],
        prevalence=trained_prevalence,
        trained_prevalence=columns.prevalence[again],  # type: ignore[arg-type]
    )
    kept = np.array([content is not None for content in columns.sketches])
    read = read_sketches([content for content in columns.sketches if content is not None])
    styles, minhash = no_sketches(len(columns))
    styles[kept], minhash[kept] = read.styles, read.minhash
    assert read.features is not None  # noqa: S101 - asked for
    sizes = np.zeros(len(columns), np.int64)
    sizes[kept] = np.diff(read.features.begins)
    begins = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    return Observations(
        seconds=columns.seconds,
        p_real=p_real,
        labels=_verdicts(columns, p_real, watched.policy),
        languages=columns.languages,
        keys=columns.keys,
        characters=columns.characters,
        words=columns.words,
        known_words=columns.known_words,
        styles=styles,
        minhash=minhash,
        features=Features(begins=begins, buckets=read.features.buckets, times=read.features.times),
        priority=priorities_of_ids(columns.ids),
        forced=columns.forced,
    )


def _verdicts(columns: Columns, p_real: NDArray[np.float64], policy: Policy | None) -> NDArray[np.int8]:
    said = np.array([SAID.get(label, UNSURE) for label in columns.labels.tolist()], dtype=np.int8)
    if policy is None:
        return said
    made = decide_all(
        policy,
        p_real=p_real,
        words=columns.words,
        known_words=columns.known_words,
        languages=columns.languages.tolist(),
    )
    codes = np.array([SAID[outcome] for outcome in OUTCOMES], dtype=np.int8)
    return np.where(said == UNSURE, said, codes[made.outcomes])


def count(batches: Iterable[Observations], languages: Sequence[str], keys: Sequence[str]) -> dict[Subject, Profile]:
    """Profiles of all texts, of each language and of each key; of subjects without texts there is none.

    That of all alone has a sample, and campaigns.
    """
    found: dict[Subject, Profile] = {}
    for batch in batches:
        campaigns = Campaigns.of(
            batch.minhash, batch.seconds, keys=batch.keys.tolist(), languages=batch.languages.tolist()
        )
        _add(found, ALL, Profile.of(batch, campaigns=campaigns))
        bare = without_features(batch)
        for language in languages:
            _add_some(found, Subject(language=language), bare, bare.languages == language)
        for key in keys:
            _add_some(found, Subject(key=key), bare, bare.keys == key)
    return found


def without_features(batch: Observations) -> Observations:
    """The same, for profiles without a sample: parts of it take less time to make."""
    return Observations(**{**{name: getattr(batch, name) for name in batch.__dataclass_fields__}, "features": None})


def _add(found: dict[Subject, Profile], subject: Subject, profile: Profile) -> None:
    found[subject] = found[subject].merged(profile) if subject in found else profile


def _add_some(found: dict[Subject, Profile], subject: Subject, batch: Observations, wanted: NDArray[np.bool_]) -> None:
    if np.any(wanted):
        _add(found, subject, Profile.of(batch.where(wanted), sample=0))


def examine_all(
    profiles: Profiles,
    watched: Watched,
    *,
    seed: int,
    alpha: float,
    others: Sequence[Finding] = (),
    longer: Mapping[Subject, Mapping[str, Profile]] | None = None,
) -> tuple[list[Finding], list[Estimate]]:
    """Every watch that needs no labels, on every subject, and ``others``: one family of tests, of level ``alpha``.

    ``longer`` has other profiles for watches, by name, that had too little to go by until now.
    """
    longer = {} if longer is None else longer
    findings: list[Finding] = [*others]
    estimated: list[Estimate] = []
    for subject in sorted(profiles, key=order_of):
        if watched.reference.usual(subject.language) is None:
            continue  # what is usual of the language is not known
        profile = profiles[subject]
        examined = partial(examine, reference=watched.reference, subject=subject)
        findings += _each_by_its_own(examined, profile, longer.get(subject, {}))
        estimated += estimates(profile, watched.reference, subject)
    if ALL in profiles:
        compared = partial(_compare, watched=watched, seed=seed)
        findings += _each_by_its_own(compared, profiles[ALL], longer.get(ALL, {}))
    return corrected(findings, alpha), estimated


def _each_by_its_own(
    find: Callable[[Profile], list[Finding]], profile: Profile, longer: Mapping[str, Profile]
) -> list[Finding]:
    """The findings of a profile, but of some watches those of another."""
    found = {finding.watch: finding for finding in find(profile)}
    for other in {id(each): each for each in longer.values()}.values():
        own = (each for each in find(other) if longer.get(each.watch) is other)
        found |= {finding.watch: finding for finding in own}
    return list(found.values())


def _compare(profile: Profile, watched: Watched, seed: int) -> list[Finding]:
    """The watches that compare single texts, by their sketches."""
    findings = []
    own, now = watched.comparable, profile.sample
    if own is not None and own.sample is not None and now is not None:
        findings += [find(own.sample.features, now.features, seed=seed) for find in (find_topic, find_new_words)]
    usual = own or watched.reference.all.profile  # copies are sought within either, under whichever salt it was made
    if usual.campaigns is not None and profile.campaigns is not None:
        findings.append(find_campaigns(usual.campaigns, profile.campaigns, seed=seed))
    return findings
