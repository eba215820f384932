"""From a probability to a verdict: what the thresholds that a team agreed on say."""

import math
from dataclasses import dataclass, field
from enum import StrEnum

from falsetrue.errors import PolicyError


class Outcome(StrEnum):
    """What is said of a text."""

    FALSE = "false"
    REAL = "real"
    UNSURE = "unsure"


class Reason(StrEnum):
    """Why no decision was taken."""

    NEAR_THRESHOLD = "near_threshold"  #: ``p_real`` lies between the two thresholds
    TOO_SHORT = "too_short"  #: fewer words than the policy asks for
    OUT_OF_SCOPE = "out_of_scope"  #: too few of its words occur in the news the model learnt from


#: ``p_real`` above which a model that must choose says *real*.
EVEN = 0.5

#: Actions unless a policy names its own.
DEFAULT_ACTIONS = {Outcome.FALSE: "flag", Outcome.UNSURE: "review", Outcome.REAL: "pass"}


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Named, versioned thresholds and the actions they lead to.

    Raises :class:`PolicyError` where the numbers make no sense.
    """

    name: str
    version: int
    false_below: float  #: ``p_real`` in [0, 1] below which a text is called false
    real_above: float  #: ``p_real`` in [0, 1] above which a text is called real
    minimum_words: int = 0
    minimum_known_share: float = 0.0  #: share of the words, in [0, 1], that the model must know
    actions: dict[Outcome, str] = field(default_factory=lambda: dict(DEFAULT_ACTIONS))

    def __post_init__(self) -> None:
        """Check every number."""
        shares = (self.false_below, self.real_above, self.minimum_known_share)
        if not all(math.isfinite(share) and 0 <= share <= 1 for share in shares):
            raise PolicyError(f"policy {self.reference}: thresholds and shares must lie between 0 and 1")
        if self.false_below > self.real_above:
            raise PolicyError(
                f"policy {self.reference}: false_below ({self.false_below}) is above real_above ({self.real_above})"
            )
        if self.minimum_words < 0 or self.version < 1:
            raise PolicyError(f"policy {self.reference}: minimum_words must be 0 or more and version 1 or more")
        if set(self.actions) != set(Outcome) or not all(self.actions.values()):
            raise PolicyError(f"policy {self.reference}: actions must name one for each of false, unsure and real")

    @property
    def reference(self) -> str:
        """``NAME@VERSION``."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a policy makes of one score."""

    outcome: Outcome
    action: str
    reasons: tuple[Reason, ...]  #: empty unless the outcome is *unsure*


def decide(policy: Policy, *, p_real: float, words: int, known_words: int) -> Verdict:
    """Apply ``policy`` to one text's probability, word count and count of words the model knows.

    Whatever the policy, there is no decision on a text of which the model knows no word: what it
    says then has nothing to do with the text.
    """
    reasons = []
    if words < policy.minimum_words:
        reasons.append(Reason.TOO_SHORT)
    if known_words == 0 or known_words < policy.minimum_known_share * words:
        reasons.append(Reason.OUT_OF_SCOPE)
    if not (p_real < policy.false_below or p_real > policy.real_above):
        reasons.append(Reason.NEAR_THRESHOLD)
    decided = Outcome.REAL if p_real > policy.real_above else Outcome.FALSE
    outcome = Outcome.UNSURE if reasons else decided
    return Verdict(outcome=outcome, action=policy.actions[outcome], reasons=tuple(reasons))
