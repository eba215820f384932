import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.model.deciding import OUTCOMES, REASONS, asks_for_language, decide_all
from falsetrue.model.decision import Policy, Reason, TextScore, Thresholds, decide

# Few values each, so that scores meet thresholds and each other.
SHARES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0])
LANGUAGES = st.sampled_from(["en", "es", "und", "xx", ""])
PAIRS = st.tuples(SHARES, SHARES).map(sorted)
WORDS = st.integers(0, 12)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    low, high = draw(PAIRS)
    by_language = draw(st.dictionaries(LANGUAGES, PAIRS, max_size=3))
    return Policy(
        name="p",
        version=1,
        false_below=low,
        real_above=high,
        by_language={name: Thresholds(false_below=a, real_above=b) for name, (a, b) in by_language.items()},
        languages=tuple(draw(st.lists(LANGUAGES, max_size=2))),
        minimum_words=draw(st.integers(0, 8)),
        minimum_known_share=draw(SHARES),
        minimum_news_log_odds=draw(st.none() | st.sampled_from([-1.0, 0.0, 1.0])),
        minimum_words_for_halves=draw(st.none() | st.integers(0, 8)),
    )


@st.composite
def columns(draw: st.DrawFn) -> list[TextScore]:
    """Texts that have the same measures, as those of one model have."""
    probability = SHARES | st.floats(0, 1) | st.just(math.nan)
    texts = st.builds(
        TextScore,
        p_real=probability,
        words=WORDS,
        known_words=WORDS,
        language=draw(st.sampled_from([st.none(), st.none() | LANGUAGES])),
        news_log_odds=draw(st.sampled_from([st.none(), st.sampled_from([-1.0, 0.0, 1.0, math.nan])])),
        halves=draw(st.sampled_from([st.none(), st.tuples(probability, probability)])),
    )
    return draw(st.lists(texts, max_size=8))


def arrays(scores: list[TextScore], name: str) -> np.ndarray:
    return np.array([getattr(score, name) for score in scores])


@given(policies(), columns())
def test_many_texts_are_decided_as_each_alone_is(policy: Policy, scores: list[TextScore]) -> None:
    news = [score.news_log_odds for score in scores]
    halves = [score.halves for score in scores]
    found = decide_all(
        policy,
        p_real=arrays(scores, "p_real").astype(float),
        words=arrays(scores, "words").astype(np.int64),
        known_words=arrays(scores, "known_words").astype(np.int64),
        languages=[score.language for score in scores],
        news_log_odds=None if None in news else np.array(news, dtype=float),
        halves=None if None in halves else np.array(halves, dtype=float).reshape(len(scores), 2),
    )
    verdicts = [decide(policy, score) for score in scores]
    assert [OUTCOMES[each] for each in found.outcomes] == [verdict.outcome for verdict in verdicts]
    said = [tuple(reason for bit, reason in enumerate(REASONS) if each >> bit & 1) for each in found.reasons]
    assert said == [verdict.reasons for verdict in verdicts]


@given(policies(), columns())
def test_a_policy_that_does_not_ask_for_the_language_decides_the_same_without_it(
    policy: Policy, scores: list[TextScore]
) -> None:
    if asks_for_language(policy) or not scores:
        return
    given: dict[str, Any] = {name: arrays(scores, name).astype(float) for name in ("p_real", "words", "known_words")}
    plain = decide_all(policy, **given)
    told = decide_all(policy, **given, languages=[score.language for score in scores])
    assert plain.outcomes.tolist() == told.outcomes.tolist()
    assert plain.reasons.tolist() == told.reasons.tolist()


def test_every_reason_has_its_bit() -> None:
    assert set(REASONS) == set(Reason)


@pytest.mark.parametrize("count", [0, 1])
def test_no_texts_and_one_text_are_decided(count: int) -> None:
    policy = Policy(name="p", version=1, false_below=0.2, real_above=0.8)
    ones = np.ones(count, dtype=np.int64)
    found = decide_all(policy, p_real=np.full(count, 0.9), words=ones, known_words=ones)
    assert [OUTCOMES[each] for each in found.outcomes] == ["real"] * count
