"""What was refused as empty, beside what was judged: so that a feed that loses its texts is seen."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from falsetrue.jobs.classify import Refusal
from falsetrue.jobs.monitor_subjects import ALL, MOST_KEYS, Journalled, Profiles
from falsetrue.journal.refused_items import RefusedCount, count_refused
from falsetrue.monitor.findings import Subject
from falsetrue.monitor.profile import Profile


def refused_as_empty(journal: Journalled, model_version: str, since: datetime, until: datetime) -> list[RefusedCount]:
    """Items without a text, from ``since`` on and before ``until``. Raises :class:`DatabaseError`."""
    counts = count_refused(journal.engine, model_version, since, until)
    return [each for each in counts if each.code == Refusal.EMPTY.value]


def with_refused(profiles: Profiles, refused: Sequence[RefusedCount]) -> dict[Subject, Profile]:
    """The same with what was refused; of callers without a profile, those with the most, as long as there is room.

    Nobody knows in which language an empty text is: languages stay as they are.
    """
    by_subject = Counter[Subject]()
    for each in refused:
        by_subject[ALL] += each.items
        if each.key is not None:
            by_subject[Subject(key=each.key)] += each.items
    found, room = dict(profiles), MOST_KEYS - sum(subject.key is not None for subject in profiles)
    for subject, items in by_subject.most_common():
        if subject not in found and subject != ALL:
            if room <= 0:
                continue
            room -= 1
        before = found.get(subject) or (Profile.empty() if subject == ALL else Profile.empty(sample=0))
        found[subject] = before.refusing(items)
    return found
