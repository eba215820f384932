"""From a probability to a verdict: what the thresholds that a team agreed on say."""

import math
from dataclasses import dataclass, field
from enum import StrEnum

from falsetrue.errors import PolicyError
from falsetrue.features.languages import UNDETERMINED


class Outcome(StrEnum):
    """What is said of a text."""

    FALSE = "false"
    REAL = "real"
    UNSURE = "unsure"


class Reason(StrEnum):
    """Why no decision was taken."""

    NEAR_THRESHOLD = "near_threshold"  #: ``p_real`` lies between the two thresholds
    TOO_SHORT = "too_short"  #: fewer words than the policy asks for
    OUT_OF_SCOPE = "out_of_scope"  #: unlike the news the model learnt from
    UNSUPPORTED_LANGUAGE = "unsupported_language"  #: in a language that the model did not learn
    CONFLICTING_PARTS = "conflicting_parts"  #: its two halves, alone, would get opposite verdicts


#: ``p_real`` above which a model that must choose says *real*.
EVEN = 0.5

#: Actions unless a policy names its own.
DEFAULT_ACTIONS = {Outcome.FALSE: "flag", Outcome.UNSURE: "review", Outcome.REAL: "pass"}


#: Share of its words that the model must know for a text of no recognised language to pass for a wrong kind of text
#: rather than for a foreign one.
MOSTLY_KNOWN = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class TextScore:
    """What a model finds in one text; all that a verdict may depend on."""

    p_real: float  #: in [0, 1]
    words: int
    known_words: int  #: how many of them the model's vocabulary holds
    language: str | None = None  #: BCP 47, or ``und``; ``None`` where nobody looked
    news_log_odds: float | None = None  #: that it is news rather than another kind of text; ``None``: no such measure
    halves: tuple[float, float] | None = None  #: ``p_real`` of its first and second half alone


@dataclass(frozen=True, kw_only=True, slots=True)
class Thresholds:
    """Between which there is no decision."""

    false_below: float  #: ``p_real`` in [0, 1] below which a text is called false
    real_above: float  #: ``p_real`` in [0, 1] above which a text is called real

    def outcome(self, p_real: float) -> Outcome:
        """The verdict on a probability; *unsure* for NaN."""
        if p_real > self.real_above:
            return Outcome.REAL
        return Outcome.FALSE if p_real < self.false_below else Outcome.UNSURE


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Named, versioned thresholds and the actions they lead to.

    Raises :class:`PolicyError` where the numbers make no sense.
    """

    name: str
    version: int
    false_below: float  #: ``p_real`` in [0, 1] below which a text is called false
    real_above: float  #: ``p_real`` in [0, 1] above which a text is called real
    by_language: dict[str, Thresholds] = field(default_factory=dict)  #: BCP 47 -> thresholds other than those
    languages: tuple[str, ...] = ()  #: BCP 47; a text in another one is not decided; empty: any
    minimum_words: int = 0
    minimum_known_share: float = 0.0  #: share of the words, in [0, 1], that the model must know
    minimum_news_log_odds: float | None = None  #: below which a text is no news; ``None``: not asked
    minimum_words_for_halves: int | None = None  #: from which halves must not contradict each other; ``None``: never
    actions: dict[Outcome, str] = field(default_factory=lambda: dict(DEFAULT_ACTIONS))

    def __post_init__(self) -> None:
        """Check every number."""
        self._check_thresholds("", Thresholds(false_below=self.false_below, real_above=self.real_above))
        for language, thresholds in self.by_language.items():
            self._check_thresholds(f"{language}: ", thresholds)
        if not _is_share(self.minimum_known_share):
            raise PolicyError(f"policy {self.reference}: minimum_known_share must lie between 0 and 1")
        if self.minimum_news_log_odds is not None and not math.isfinite(self.minimum_news_log_odds):
            raise PolicyError(f"policy {self.reference}: minimum_news_log_odds must be a finite number")
        if self.minimum_words < 0 or self.version < 1:
            raise PolicyError(f"policy {self.reference}: minimum_words must be 0 or more and version 1 or more")
        if set(self.actions) != set(Outcome) or not all(self.actions.values()):
            raise PolicyError(f"policy {self.reference}: actions must name one for each of false, unsure and real")

    def _check_thresholds(self, where: str, thresholds: Thresholds) -> None:
        low, high = thresholds.false_below, thresholds.real_above
        if not _is_share(low) or not _is_share(high):
            raise PolicyError(f"policy {self.reference}: {where}thresholds and shares must lie between 0 and 1")
        if low > high:
            raise PolicyError(f"policy {self.reference}: {where}false_below ({low}) is above real_above ({high})")

    @property
    def reference(self) -> str:
        """``NAME@VERSION``."""
        return f"{self.name}@{self.version}"

    def thresholds(self, language: str | None = None) -> Thresholds:
        """Those of a language, or the general ones."""
        general = Thresholds(false_below=self.false_below, real_above=self.real_above)
        return self.by_language.get(language or "", general)


def _is_share(value: float) -> bool:
    return math.isfinite(value) and 0 <= value <= 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a policy makes of one score."""

    outcome: Outcome
    action: str
    reasons: tuple[Reason, ...]  #: empty unless the outcome is *unsure*


def decide(policy: Policy, score: TextScore) -> Verdict:
    """Apply ``policy`` to what was found in one text; every reason against a decision is given.

    Whatever the policy, there is no decision on a text of which the model knows no word: what it
    says then has nothing to do with the text.
    """
    thresholds = policy.thresholds(score.language)
    decided = thresholds.outcome(score.p_real)
    holds = {
        Reason.TOO_SHORT: score.words < policy.minimum_words,
        Reason.UNSUPPORTED_LANGUAGE: _is_foreign(policy, score),
        Reason.OUT_OF_SCOPE: _is_unlike_news(policy, score),
        Reason.NEAR_THRESHOLD: decided is Outcome.UNSURE,
        Reason.CONFLICTING_PARTS: decided is not Outcome.UNSURE and _is_torn(policy, thresholds, score),
    }
    reasons = tuple(reason for reason, against in holds.items() if against)
    outcome = Outcome.UNSURE if reasons else decided
    return Verdict(outcome=outcome, action=policy.actions[outcome], reasons=reasons)


def _is_foreign(policy: Policy, score: TextScore) -> bool:
    if _has_no_language(policy, score):
        return score.known_words < MOSTLY_KNOWN * score.words
    return bool(policy.languages) and score.language not in (None, UNDETERMINED, *policy.languages)


def _has_no_language(policy: Policy, score: TextScore) -> bool:
    """Whether a text that is long enough for it shows no language: it is a foreign one, or words in no order."""
    return bool(policy.languages) and score.language == UNDETERMINED and score.words >= max(1, policy.minimum_words)


def _is_unlike_news(policy: Policy, score: TextScore) -> bool:
    if score.known_words == 0 or score.known_words < policy.minimum_known_share * score.words:
        return True
    if _has_no_language(policy, score) and not _is_foreign(policy, score):
        return True
    if policy.minimum_news_log_odds is None or score.news_log_odds is None:
        return False
    return not score.news_log_odds >= policy.minimum_news_log_odds  # so that NaN is unlike news


def _is_torn(policy: Policy, thresholds: Thresholds, score: TextScore) -> bool:
    """Whether the halves of a long text, each alone, would get opposite verdicts."""
    enough = policy.minimum_words_for_halves
    if enough is None or score.halves is None or score.words < enough:
        return False
    return {thresholds.outcome(half) for half in score.halves} >= {Outcome.FALSE, Outcome.REAL}
