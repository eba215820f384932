"""New words: those of texts that may be read which the model does not know, by how many of the texts have them.

Sketches tell how many words are new, and not which; so this is asked of texts alone, of a file or of the audit slice,
and what is found stands in reports on the spot, never in what is kept of looks.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain, islice
from typing import Final

from falsetrue.bundle.scorer import CompiledScorer, Scorer
from falsetrue.features.words import words
from falsetrue.jobs.monitor_subjects import Journalled
from falsetrue.jobs.rebase import Judge
from falsetrue.jobs.recording import Hearing
from falsetrue.monitor.findings import Term

#: Texts that have a word before it is told of: of fewer, it may be the name of somebody whom nobody knows.
LEAST_TEXTS: Final = 3
#: Words that are told of.
MOST_TERMS: Final = 20
#: Words that are counted at a time; of more, the more frequent half is kept.
MOST_COUNTED: Final = 100_000
#: Characters of a word that is counted.
_LONGEST: Final = 40
#: Texts of the audit slice that are read together.
_BATCH: Final = 500


class NewTerms:
    """Counts the words that a model does not know; of a model that is not compiled, or hashes its words, none.

    In memory that does not grow with the texts: once there are more than :data:`MOST_COUNTED` words, the rarer half
    is forgotten and counts from then on anew (after Manku and Motwani, 2002, "Approximate frequency counts over data
    streams"). So a count is never too high, and of a word that comes late it may be too low.
    """

    def __init__(self, scorer: Scorer | None) -> None:
        self._scorer = scorer if isinstance(scorer, CompiledScorer) else None
        self._seen: set[int] = set()  #: hashes of texts, so that a story counts once however often it is sent
        self._known: set[str] = set()  #: as far as they were met, as is what a mask hides
        self._counts: Counter[str] = Counter()  #: texts, by word that is not known
        self._read = 0

    def add(self, texts: Sequence[str]) -> None:
        """Read some more; a text that was read lately is passed over."""
        if self._scorer is None:
            return
        fresh = [text for text in dict.fromkeys(texts) if hash(text) not in self._seen]
        self._seen = self._seen if len(self._seen) < MOST_COUNTED else set()
        self._seen.update(map(hash, fresh))
        self._read += len(fresh)
        mask, lowercase = self._scorer.masker.mask, self._scorer.header.lowercase
        met = Counter(chain.from_iterable(set(words(mask(text), lowercase=lowercase)) for text in fresh))
        new = {word: count for word, count in met.items() if word not in self._known and _may_be_told(word)}
        self._learn([word for word in new if word not in self._counts])
        self._counts.update({word: count for word, count in new.items() if word not in self._known})
        if len(self._counts) > MOST_COUNTED:
            self._counts = Counter(dict(self._counts.most_common(MOST_COUNTED // 2)))

    def _learn(self, new: Sequence[str]) -> None:
        """Ask which of these words the model knows, or looks past."""
        assert self._scorer is not None  # noqa: S101 - the caller looked
        found = self._scorer.score(new)
        counted = zip(new, found.words, found.known_words, strict=True)
        self._known.update(word for word, is_word, is_known in counted if is_known or not is_word)

    def terms(self) -> tuple[Term, ...]:
        """The most frequent ones that enough texts have, the most frequent first."""
        found = sorted(self._counts.items(), key=lambda each: (-each[1], each[0]))
        told = ((word, texts) for word, texts in found[:MOST_TERMS] if texts >= LEAST_TEXTS)
        return tuple(Term(term=word, texts=texts, of=self._read) for word, texts in told)


def _may_be_told(word: str) -> bool:
    return len(word) <= _LONGEST and not word.isdecimal()


def listening(judge: Judge) -> tuple[Judge, NewTerms]:
    """The same judge, and the new words of what it judges from now on."""
    terms = NewTerms(judge.classifier.scorer)
    scorer = Hearing(judge.classifier.scorer, terms.add)
    return replace(judge, classifier=replace(judge.classifier, scorer=scorer)), terms


def terms_of_slice(
    journal: Journalled,
    model_version: str,
    scorer: Callable[[], CompiledScorer | None],
    since: datetime,
    until: datetime,
    *,
    now: datetime,
) -> tuple[Term, ...]:
    """The new words of the audit slices' texts, as far as these are kept, from ``since`` on and before ``until``.

    A slice is that of a day that has ended. The scorer is asked for only where there are texts. Raises
    :class:`DatabaseError`.
    """
    texts = journal.audit.contents(now, model_version, since, until)
    terms = None
    while batch := list(islice(texts, _BATCH)):
        terms = NewTerms(scorer()) if terms is None else terms
        terms.add(batch)
    return () if terms is None else terms.terms()
