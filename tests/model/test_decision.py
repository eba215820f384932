import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.errors import PolicyError
from falsetrue.model.decision import DEFAULT_ACTIONS, Outcome, Policy, Reason, decide

POLICY = Policy(name="p", version=1, false_below=0.3, real_above=0.8, minimum_words=10, minimum_known_share=0.5)


@pytest.mark.parametrize(
    ("p_real", "outcome", "action"),
    [
        (0.0, Outcome.FALSE, "flag"),
        (0.29, Outcome.FALSE, "flag"),
        (0.3, Outcome.UNSURE, "review"),
        (0.8, Outcome.UNSURE, "review"),
        (0.81, Outcome.REAL, "pass"),
        (1.0, Outcome.REAL, "pass"),
    ],
)
def test_thresholds_and_actions(p_real: float, outcome: Outcome, action: str) -> None:
    verdict = decide(POLICY, p_real=p_real, words=20, known_words=20)
    assert (verdict.outcome, verdict.action) == (outcome, action)
    assert verdict.reasons == ((Reason.NEAR_THRESHOLD,) if outcome is Outcome.UNSURE else ())


@pytest.mark.parametrize(
    ("words", "known", "reasons"),
    [
        (9, 9, (Reason.TOO_SHORT,)),
        (10, 4, (Reason.OUT_OF_SCOPE,)),
        (10, 5, ()),
        (4, 1, (Reason.TOO_SHORT, Reason.OUT_OF_SCOPE)),
        (0, 0, (Reason.TOO_SHORT, Reason.OUT_OF_SCOPE)),
    ],
)
def test_a_text_that_is_too_short_or_out_of_scope_is_not_decided(
    words: int, known: int, reasons: tuple[Reason, ...]
) -> None:
    verdict = decide(POLICY, p_real=0.99, words=words, known_words=known)
    assert verdict.reasons == reasons
    assert (verdict.outcome is Outcome.UNSURE) == bool(reasons)


@given(st.floats(0, 1), st.integers(0, 1000), st.integers(0, 1000))
def test_there_is_a_reason_exactly_where_there_is_no_decision(p_real: float, words: int, known: int) -> None:
    verdict = decide(POLICY, p_real=p_real, words=words, known_words=min(words, known))
    assert (verdict.outcome is Outcome.UNSURE) == bool(verdict.reasons)


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_higher_probability_never_gets_a_worse_verdict(one: float, other: float) -> None:
    order = [Outcome.FALSE, Outcome.UNSURE, Outcome.REAL]
    low, high = (decide(POLICY, p_real=p, words=20, known_words=20).outcome for p in sorted((one, other)))
    assert order.index(low) <= order.index(high)


@pytest.mark.parametrize(
    "wrong",
    [
        {"false_below": -0.1},
        {"real_above": 1.1},
        {"false_below": 0.9},
        {"false_below": math.nan},
        {"minimum_words": -1},
        {"minimum_known_share": 2.0},
        {"version": 0},
        {"actions": {Outcome.FALSE: "flag"}},
        {"actions": DEFAULT_ACTIONS | {Outcome.REAL: ""}},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_by_name(wrong: dict[str, object]) -> None:
    fields: dict[str, object] = {"name": "mine", "version": 1, "false_below": 0.3, "real_above": 0.8}
    with pytest.raises(PolicyError, match="policy mine@"):
        Policy(**(fields | wrong))  # type: ignore[arg-type]


def test_a_text_without_a_known_word_is_never_decided_whatever_the_policy() -> None:
    eager = Policy(name="eager", version=1, false_below=0.5, real_above=0.5)
    for words in (0, 50):
        assert decide(eager, p_real=0.01, words=words, known_words=0).reasons == (Reason.OUT_OF_SCOPE,)


def test_not_a_number_is_no_decision() -> None:
    assert decide(POLICY, p_real=math.nan, words=20, known_words=20).reasons == (Reason.NEAR_THRESHOLD,)
