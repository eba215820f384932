"""What :func:`falsetrue.model.decision.decide` says, of many texts at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from falsetrue.features.languages import UNDETERMINED
from falsetrue.model.decision import MOSTLY_KNOWN, Outcome, Policy, Reason

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]

#: What the numbers of :attr:`Decisions.outcomes` stand for.
OUTCOMES = (Outcome.FALSE, Outcome.REAL, Outcome.UNSURE)
_FALSE, _REAL, _UNSURE = range(len(OUTCOMES))
#: What the bits of :attr:`Decisions.reasons` stand for, from the lowest, in the order in which reasons are given.
REASONS = (
    Reason.TOO_SHORT,
    Reason.UNSUPPORTED_LANGUAGE,
    Reason.OUT_OF_SCOPE,
    Reason.NEAR_THRESHOLD,
    Reason.CONFLICTING_PARTS,
)


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """What a policy makes of the scores of n texts."""

    outcomes: NDArray[np.int8]  #: shape (n,), places in :data:`OUTCOMES`
    reasons: NDArray[np.uint8]  #: shape (n,), bits by :data:`REASONS`; 0 unless the outcome is *unsure*


def asks_for_language(policy: Policy) -> bool:
    """Whether any verdict of a policy depends on the language of the text."""
    return bool(policy.languages or policy.by_language)


def decide_all(
    policy: Policy,
    *,
    p_real: Floats,
    words: Counts,
    known_words: Counts,
    languages: Sequence[str | None] | None = None,
    news_log_odds: Floats | None = None,
    halves: Floats | None = None,
) -> Decisions:
    """Apply ``policy`` to the scores of n texts, each an array of shape (n,) but ``halves``, which is (n, 2).

    They mean what the fields of the same names of :class:`falsetrue.model.decision.TextScore` mean, and the
    answers are those of :func:`falsetrue.model.decision.decide`, text by text.
    """
    low, high = _thresholds(policy, languages)
    decided = _outcomes(p_real, low, high)
    has_no_language, foreign = _judge_languages(policy, words, known_words, languages)
    unlike = (known_words == 0) | (known_words < policy.minimum_known_share * words) | (has_no_language & ~foreign)
    if policy.minimum_news_log_odds is not None and news_log_odds is not None:
        unlike |= ~(news_log_odds >= policy.minimum_news_log_odds)
    torn = np.zeros(len(words), dtype=np.bool_)
    if policy.minimum_words_for_halves is not None and halves is not None:
        either = np.column_stack([_outcomes(halves[:, half], low, high) for half in (0, 1)])
        opposite = (either == _FALSE).any(axis=1) & (either == _REAL).any(axis=1)
        torn = opposite & (words >= policy.minimum_words_for_halves) & (decided != _UNSURE)
    against = (words < policy.minimum_words, foreign, unlike, decided == _UNSURE, torn)
    reasons = sum((flags.astype(np.uint8) << bit for bit, flags in enumerate(against)), np.zeros(len(words), np.uint8))
    return Decisions(outcomes=np.where(reasons, _UNSURE, decided).astype(np.int8), reasons=reasons.astype(np.uint8))


def _thresholds(policy: Policy, languages: Sequence[str | None] | None) -> tuple[Floats, Floats]:
    """Those of each text, or, where the language does not matter, one pair for all."""
    if languages is None or not policy.by_language:
        general = policy.thresholds()
        return np.array(general.false_below), np.array(general.real_above)
    of = {language: policy.thresholds(language) for language in set(languages)}
    pairs = {language: (each.false_below, each.real_above) for language, each in of.items()}
    each = np.array([pairs[language] for language in languages], dtype=np.float64).reshape(len(languages), 2)
    return each[:, 0], each[:, 1]


def _outcomes(p_real: Floats, low: Floats, high: Floats) -> NDArray[np.int8]:
    return np.where(p_real > high, _REAL, np.where(p_real < low, _FALSE, _UNSURE)).astype(np.int8)


def _judge_languages(
    policy: Policy, words: Counts, known_words: Counts, languages: Sequence[str | None] | None
) -> tuple[Flags, Flags]:
    """Which texts show no language although they are long enough for it, and which are in a foreign one."""
    nowhere = np.zeros(len(words), dtype=np.bool_)
    if languages is None or not policy.languages:
        return nowhere, nowhere
    known = {None, UNDETERMINED, *policy.languages}
    undetermined = np.array([language == UNDETERMINED for language in languages], dtype=np.bool_)
    elsewhere = np.array([language not in known for language in languages], dtype=np.bool_)
    has_no_language = undetermined & (words >= max(1, policy.minimum_words))
    return has_no_language, np.where(has_no_language, known_words < MOSTLY_KNOWN * words, elsewhere)
