"""Texts to verdicts: the one way that the API, the page, the command line and files all take."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from falsetrue.bundle.baseline import Baseline, ReliabilityBin
from falsetrue.bundle.manifest import Manifest
from falsetrue.bundle.scorer import Scorer
from falsetrue.model.decision import EVEN, Outcome, Policy, Reason, decide
from falsetrue.news.article import join_title_and_text
from falsetrue.registry.policies import Policies

#: Held-out texts in a bin below which "of 100 texts like this one" would say more than we know.
ENOUGH_SIMILAR = 50
_IS_FALSETRUE = {Outcome.FALSE: 0, Outcome.REAL: 1, Outcome.UNSURE: None}


class Refusal(StrEnum):
    """Why a text is not classified at all."""

    EMPTY = "empty"
    TOO_LONG = "too_long"


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A text to classify."""

    text: str
    title: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Classification:
    """What is said of one text."""

    label: Outcome
    is_falsetrue: int | None  #: 0 false, 1 real, ``None`` no decision
    p_real: float  #: probability, in [0, 1], that it is real, by the held-out news of the model
    action: str  #: what the policy says is to be done
    reasons: tuple[Reason, ...]  #: why there is no decision
    words: int
    known_words: int  #: how many of them the model's vocabulary holds


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """A loaded model with the policies that may be applied to it."""

    manifest: Manifest
    baseline: Baseline
    scorer: Scorer
    policies: Policies

    def labels(self, texts: Sequence[str]) -> list[int]:
        """0 or 1 for each text as it comes, as ``POST /falsetrue`` answers; it cannot abstain."""
        return [int(p_real > EVEN) for p_real in self.scorer.score(texts).p_real.tolist()]

    def classify(
        self, items: Sequence[Item], policy: Policy, *, longest: int | None = None
    ) -> list[Classification | Refusal]:
        """A verdict, or why there is none, for each item in order.

        A text is refused where it is empty or, title and text joined, longer than ``longest`` UTF-8 bytes.
        """
        contents = [join_title_and_text(item.title, item.text) for item in items]
        refusals = [refusal(item.text, content, longest) for item, content in zip(items, contents, strict=True)]
        accepted = [content for content, refused in zip(contents, refusals, strict=True) if refused is None]
        scores = self.scorer.score(accepted)
        scored = zip(scores.p_real.tolist(), scores.words, scores.known_words, strict=True)
        return [refused or _classification(policy, *next(scored)) for refused in refusals]

    def similar(self, found: Classification) -> ReliabilityBin | None:
        """The held-out texts that scored like this one; ``None`` where they are few, or unlike it in another way."""
        if set(found.reasons) - {Reason.NEAR_THRESHOLD}:
            return None
        similar = self.baseline.similar(found.p_real)
        return similar if similar.texts >= ENOUGH_SIMILAR else None


def refusal(text: str, content: str, longest: int | None) -> Refusal | None:
    """Why a text cannot be classified, if it cannot."""
    if not text.strip():
        return Refusal.EMPTY
    if longest is not None and len(content) * 4 > longest and len(content.encode("utf-8", "replace")) > longest:
        return Refusal.TOO_LONG
    return None


def _classification(policy: Policy, p_real: float, words: int, known_words: int) -> Classification:
    verdict = decide(policy, p_real=p_real, words=words, known_words=known_words)
    return Classification(
        label=verdict.outcome,
        is_falsetrue=_IS_FALSETRUE[verdict.outcome],
        p_real=p_real,
        action=verdict.action,
        reasons=verdict.reasons,
        words=words,
        known_words=known_words,
    )
