"""Texts to verdicts, and what the journal is to keep of each text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from falsetrue.bundle.scorer import Floats, Scorer, Scores
from falsetrue.features.sketching import Sketcher
from falsetrue.jobs.classify import Classification, Classifier, Item, Refusal
from falsetrue.model.decision import Policy
from falsetrue.news.article import join_title_and_text

#: Bytes of a text's keyed hash.
HASH_BYTES = 32


class Traces(NamedTuple):
    """What is kept of a text in its stead; the text cannot be told from it without the operator's secret."""

    characters: int
    text_hash: bytes  #: keyed BLAKE2b (RFC 7693), :data:`HASH_BYTES` bytes: equal for equal texts
    sketch: bytes  #: see :mod:`falsetrue.features.sketching`


class Told(NamedTuple):
    """What is said of a text, and its traces where they are kept."""

    found: Classification
    traces: Traces | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tracing:
    """Makes the traces of texts."""

    hash_key: bytes  #: secret, at most 64 bytes
    sketcher: Sketcher

    def __call__(self, contents: Sequence[str]) -> list[Traces]:
        """The traces of each text, in order."""
        return [
            Traces(len(content), self._hash(content), sketch)
            for content, sketch in zip(contents, self.sketcher.sketch(contents), strict=True)
        ]

    def _hash(self, content: str) -> bytes:
        return blake2b(content.encode("utf-8", "surrogatepass"), digest_size=HASH_BYTES, key=self.hash_key).digest()


@dataclass(frozen=True, kw_only=True)
class Recorder:
    """Classifies, and makes the traces of what it classified."""

    classifier: Classifier
    trace: Callable[[Sequence[str]], list[Traces]] | None  #: ``None``: nothing is kept

    def classify(
        self, items: Sequence[Item], policy: Policy, *, longest: int | None = None, prevalence: float | None = None
    ) -> list[Told | Refusal]:
        """As :meth:`Classifier.classify`, with traces of what was not refused."""
        found = self.classifier.classify(items, policy, longest=longest, prevalence=prevalence)
        contents = [
            join_title_and_text(item.title, item.text)
            for item, each in zip(items, found, strict=True)
            if not isinstance(each, Refusal)
        ]
        traces = iter(self._traces(contents))
        return [each if isinstance(each, Refusal) else Told(each, next(traces)) for each in found]

    def label(self, texts: Sequence[str]) -> list[Told]:
        """As :meth:`Classifier.label`, with traces."""
        return list(map(Told, self.classifier.label(texts), self._traces(texts)))

    def _traces(self, contents: Sequence[str]) -> Sequence[Traces | None]:
        return [None] * len(contents) if self.trace is None else self.trace(contents)


class Hearing:
    """A scorer that tells somebody what it is asked, for what scores a whole file and says of its texts no more."""

    def __init__(self, scorer: Scorer, tell: Callable[[Sequence[str]], object]) -> None:
        self._scorer = scorer
        self._tell = tell

    def score(self, texts: Sequence[str]) -> Scores:
        """As the other scorer."""
        self._tell(texts)
        return self._scorer.score(texts)

    def p_real(self, texts: Sequence[str]) -> Floats:
        """As the other scorer."""
        self._tell(texts)
        return self._scorer.p_real(texts)
