import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.errors import PolicyError
from falsetrue.model.decision import DEFAULT_ACTIONS, Outcome, Policy, Reason, TextScore, Thresholds, decide

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
    verdict = decide(POLICY, TextScore(p_real=p_real, words=20, known_words=20))
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
    verdict = decide(POLICY, TextScore(p_real=0.99, words=words, known_words=known))
    assert verdict.reasons == reasons
    assert (verdict.outcome is Outcome.UNSURE) == bool(reasons)


@given(st.floats(0, 1), st.integers(0, 1000), st.integers(0, 1000))
def test_there_is_a_reason_exactly_where_there_is_no_decision(p_real: float, words: int, known: int) -> None:
    verdict = decide(POLICY, TextScore(p_real=p_real, words=words, known_words=min(words, known)))
    assert (verdict.outcome is Outcome.UNSURE) == bool(verdict.reasons)


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_higher_probability_never_gets_a_worse_verdict(one: float, other: float) -> None:
    order = [Outcome.FALSE, Outcome.UNSURE, Outcome.REAL]
    low, high = (decide(POLICY, TextScore(p_real=p, words=20, known_words=20)).outcome for p in sorted((one, other)))
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
        assert decide(eager, TextScore(p_real=0.01, words=words, known_words=0)).reasons == (Reason.OUT_OF_SCOPE,)


def test_not_a_number_is_no_decision() -> None:
    assert decide(POLICY, TextScore(p_real=math.nan, words=20, known_words=20)).reasons == (Reason.NEAR_THRESHOLD,)


# --- kinds of text --------------------------------------------------------------------------------

NEWSROOM = Policy(
    name="newsroom",
    version=1,
    false_below=0.3,
    real_above=0.8,
    by_language={"es": Thresholds(false_below=0.1, real_above=0.9)},
    languages=("en", "es"),
    minimum_words=10,
    minimum_news_log_odds=0.0,
    minimum_words_for_halves=120,
)


def score(**given: Any) -> TextScore:
    news = TextScore(p_real=0.99, words=200, known_words=190, language="en", news_log_odds=1.0)
    return replace(news, **given)


def test_a_language_can_have_thresholds_of_its_own() -> None:
    assert decide(NEWSROOM, score(p_real=0.85)).outcome is Outcome.REAL
    assert decide(NEWSROOM, score(p_real=0.85, language="es")).reasons == (Reason.NEAR_THRESHOLD,)


def test_another_language_is_not_decided() -> None:
    assert decide(NEWSROOM, score(language="de")).reasons == (Reason.UNSUPPORTED_LANGUAGE,)


def test_a_language_that_nobody_looked_for_is_no_reason() -> None:
    assert decide(NEWSROOM, score(language=None)).outcome is Outcome.REAL


@pytest.mark.parametrize(("known_words", "reason"), [(190, Reason.OUT_OF_SCOPE), (40, Reason.UNSUPPORTED_LANGUAGE)])
def test_a_text_of_no_recognised_language_is_foreign_or_no_prose_by_whether_its_words_are_known(
    known_words: int, reason: Reason
) -> None:
    assert decide(NEWSROOM, score(language="und", known_words=known_words)).reasons == (reason,)


def test_a_few_words_of_no_recognised_language_are_too_short_and_nothing_else() -> None:
    assert decide(NEWSROOM, score(language="und", words=3, known_words=3)).reasons == (Reason.TOO_SHORT,)


@pytest.mark.parametrize("news_log_odds", [-0.1, math.nan])
def test_what_is_unlike_news_is_out_of_scope(news_log_odds: float) -> None:
    assert decide(NEWSROOM, score(news_log_odds=news_log_odds)).reasons == (Reason.OUT_OF_SCOPE,)


def test_halves_with_opposite_verdicts_are_not_decided_as_one() -> None:
    assert decide(NEWSROOM, score(halves=(0.95, 0.1))).reasons == (Reason.CONFLICTING_PARTS,)
    assert decide(NEWSROOM, score(halves=(0.95, 0.5))).outcome is Outcome.REAL
    assert decide(NEWSROOM, score(halves=(0.95, 0.1), words=60, known_words=60)).outcome is Outcome.REAL


def test_a_policy_that_does_not_ask_for_halves_decides_whatever_they_say() -> None:
    older = replace(NEWSROOM, minimum_words_for_halves=None)
    assert decide(older, score(halves=(0.95, 0.1))).outcome is Outcome.REAL


def test_thresholds_of_a_language_are_checked_too() -> None:
    with pytest.raises(PolicyError, match="es: false_below"):
        replace(NEWSROOM, by_language={"es": Thresholds(false_below=0.9, real_above=0.1)})
