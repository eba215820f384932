"""Texts to verdicts: the one way that the API, the page, the command line and files all take."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from falsetrue.bundle.baseline import Baseline, ReliabilityBin
from falsetrue.bundle.manifest import Manifest
from falsetrue.bundle.scorer import Scorer
from falsetrue.model.decision import EVEN, Outcome, Policy, Reason, TextScore, Verdict, decide
from falsetrue.model.prevalence import adjust
from falsetrue.news.article import join_title_and_text
from falsetrue.news.filtering import Filters
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
    language: str | None = None  #: BCP 47, where the caller knows it; ``None``: found out


@dataclass(frozen=True, kw_only=True, slots=True)
class Classification:
    """What is said of one text."""

    label: Outcome
    is_falsetrue: int | None  #: 0 false, 1 real, ``None`` no decision
    p_real: float  #: probability, in [0, 1], that it is real, by the held-out news of the model
    p_real_unadjusted: float  #: the same before it was re-derived for the caller's ``prevalence``
    action: str | None  #: what the policy says is to be done; ``None`` where none was asked
    reasons: tuple[Reason, ...]  #: why there is no decision
    words: int
    known_words: int  #: how many of them the model's vocabulary holds
    language: str | None  #: BCP 47, ``und`` for none that is recognised; ``None`` where nobody looked


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """A loaded model with the policies that may be applied to it."""

    manifest: Manifest
    baseline: Baseline
    scorer: Scorer
    policies: Policies

    @cached_property
    def _filters(self) -> Filters:
        return Filters(self.manifest.filters)

    def labels(self, texts: Sequence[str]) -> list[int]:
        """0 or 1 for each text as it comes, as ``POST /falsetrue`` answers; it cannot abstain."""
        return [int(p_real > EVEN) for p_real in self.scorer.p_real(texts).tolist()]

    def label(self, texts: Sequence[str]) -> list[Classification]:
        """What :meth:`labels` says of each text, with all else that is known of it."""
        return [_labelled(score) for score in self.scorer.score(texts).each()]

    def classify(
        self, items: Sequence[Item], policy: Policy, *, longest: int | None = None, prevalence: float | None = None
    ) -> list[Classification | Refusal]:
        """A verdict, or why there is none, for each item in order.

        A text is refused where it is empty or, title and text joined, longer than ``longest`` UTF-8 bytes.
        ``prevalence`` is the share, in (0, 1), of false news where the texts come from, or else what the policy
        was fitted at; the probabilities are re-derived for it before the policy is applied.
        """
        prevalence = self.policies.prevalence(policy, prevalence)
        contents = [join_title_and_text(item.title, item.text) for item in items]
        refusals = [refusal(item.text, content, longest) for item, content in zip(items, contents, strict=True)]
        accepted = [content for content, refused in zip(contents, refusals, strict=True) if refused is None]
        scores = iter(self.scorer.score(accepted).each())
        return [
            refused or self._judge(policy, content, item.language, next(scores), prevalence)
            for item, content, refused in zip(items, contents, refusals, strict=True)
        ]

    def _judge(
        self, policy: Policy, content: str, language: str | None, found: TextScore, prevalence: float | None
    ) -> Classification:
        """``language`` is the caller's, if any, and wins over the one that was found."""
        score = found if language is None else replace(found, language=language)
        if prevalence is not None:
            score = replace(score, **self._adjusted(found, prevalence))
        verdict = decide(policy, score)
        if self._filters.first(content):
            verdict = _no_article(policy, verdict)
        return Classification(
            label=verdict.outcome,
            is_falsetrue=_IS_FALSETRUE[verdict.outcome],
            p_real=score.p_real,
            p_real_unadjusted=found.p_real,
            action=verdict.action,
            reasons=verdict.reasons,
            words=score.words,
            known_words=score.known_words,
            language=score.language,
        )

    def _adjusted(self, found: TextScore, prevalence: float) -> dict[str, Any]:
        trained = self.manifest.trained_prevalence
        halves = found.halves and tuple(
            adjust(half, prevalence=prevalence, trained_prevalence=trained) for half in found.halves
        )
        p_real = adjust(found.p_real, prevalence=prevalence, trained_prevalence=trained)
        return {"p_real": p_real, "halves": halves}

    def similar(self, found: Classification) -> ReliabilityBin | None:
        """The held-out texts that scored like this one; ``None`` where they are few, or unlike it in another way."""
        if set(found.reasons) - {Reason.NEAR_THRESHOLD, Reason.CONFLICTING_PARTS}:
            return None
        similar = self.baseline.similar(found.p_real_unadjusted)
        return similar if similar.texts >= ENOUGH_SIMILAR else None


def _labelled(score: TextScore) -> Classification:
    """The likelier class, whatever there is to be said against it."""
    outcome = Outcome.REAL if score.p_real > EVEN else Outcome.FALSE
    return Classification(
        label=outcome,
        is_falsetrue=_IS_FALSETRUE[outcome],
        p_real=score.p_real,
        p_real_unadjusted=score.p_real,
        action=None,
        reasons=(),
        words=score.words,
        known_words=score.known_words,
        language=score.language,
    )


def _no_article(policy: Policy, verdict: Verdict) -> Verdict:
    """No decision on what a filter of the model matches, as nothing like it was learnt from."""
    others = (reason for reason in verdict.reasons if reason is not Reason.OUT_OF_SCOPE)
    return Verdict(
        outcome=Outcome.UNSURE, action=policy.actions[Outcome.UNSURE], reasons=(Reason.OUT_OF_SCOPE, *others)
    )


def refusal(text: str, content: str, longest: int | None) -> Refusal | None:
    """Why a text cannot be classified, if it cannot."""
    if not text.strip():
        return Refusal.EMPTY
    if longest is not None and len(content) * 4 > longest and len(content.encode("utf-8", "replace")) > longest:
        return Refusal.TOO_LONG
    return None
