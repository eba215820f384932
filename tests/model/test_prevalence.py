import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.errors import InputError
from falsetrue.model.prevalence import (
    Floats,
    ScoreCounts,
    adjust,
    check_prevalence,
    estimate_bbse,
    estimate_saerens,
)

PROBABILITIES = st.floats(0, 1)
SHARES = st.floats(1e-6, 1 - 1e-6)


@given(PROBABILITIES, SHARES, SHARES)
def test_an_adjusted_probability_is_one(p_real: float, prevalence: float, trained: float) -> None:
    assert 0 <= adjust(p_real, prevalence=prevalence, trained_prevalence=trained) <= 1


@given(st.sampled_from([0.0, 5e-324, 1e-300, 1 - 2**-53, 1.0]), st.sampled_from([5e-324, 1e-300, 1 - 2**-53]))
def test_extreme_values_stay_probabilities(p_real: float, prevalence: float) -> None:
    assert 0 <= adjust(p_real, prevalence=prevalence, trained_prevalence=0.5) <= 1


@given(PROBABILITIES, PROBABILITIES, SHARES, SHARES)
def test_adjusting_keeps_the_order(one: float, other: float, prevalence: float, trained: float) -> None:
    low, high = sorted([one, other])
    adjusted = adjust(np.array([low, high]), prevalence=prevalence, trained_prevalence=trained)
    assert adjusted[0] <= adjusted[1] + 1e-15


@given(PROBABILITIES, st.floats(0.01, 0.98))
def test_more_false_news_makes_each_text_less_likely_to_be_real(p_real: float, prevalence: float) -> None:
    fewer = adjust(p_real, prevalence=prevalence, trained_prevalence=0.5)
    assert adjust(p_real, prevalence=prevalence + 0.01, trained_prevalence=0.5) <= fewer


@given(PROBABILITIES, SHARES)
def test_at_the_trained_prevalence_nothing_changes(p_real: float, trained: float) -> None:
    assert adjust(p_real, prevalence=trained, trained_prevalence=trained) == pytest.approx(p_real, abs=1e-15)


@given(st.floats(1e-3, 1 - 1e-3), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_there_and_back_again(p_real: float, prevalence: float, trained: float) -> None:
    there = adjust(p_real, prevalence=prevalence, trained_prevalence=trained)
    assert adjust(there, prevalence=trained, trained_prevalence=prevalence) == pytest.approx(p_real, rel=1e-9)


def test_it_is_bayes_rule_by_hand() -> None:
    # Of 1,000 texts 50 are false; a finding four times as likely in false news as in real news.
    assert adjust(0.2, prevalence=0.05, trained_prevalence=0.5) == pytest.approx(950 * 1 / (950 * 1 + 50 * 4))


@pytest.mark.parametrize("value", [0.0, 1.0, -0.1, 1.5, float("nan"), float("inf")])
def test_a_prevalence_that_is_none_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="share of false news"):
        check_prevalence(value)


# --- how much of a feed is false ----------------------------------------------------------------------


def feed(size: int, share_false: float, seed: int) -> Floats:
    """``p_real``, calibrated at equal shares, of texts of which a share is false."""
    generator = np.random.default_rng(seed)
    real = generator.random(size) >= share_false
    finding = generator.normal(np.where(real, 1.0, -1.0), 1.0)
    return np.asarray(1 / (1 + np.exp(-2 * finding)), dtype=np.float64)  # its log-odds are twice the finding


@pytest.mark.parametrize("share", [0.03, 0.3, 0.8])
def test_the_interval_holds_the_share_about_as_often_as_it_says(share: float) -> None:
    held = 0
    for seed in range(20):
        found = estimate_saerens(feed(300, share, seed), trained_prevalence=0.5)
        held += found.low <= share <= found.high
    assert held >= 16  # 19 expected; fewer than 16 in 3 of a thousand runs


@given(st.integers(0, 1000), st.floats(0.05, 0.95))
def test_the_estimate_is_where_expectation_maximisation_stands_still(seed: int, trained: float) -> None:
    p_real = feed(60, 0.4, seed)
    share = estimate_saerens(p_real, trained_prevalence=trained).value
    step = float(np.mean(1 - adjust(p_real, prevalence=min(max(share, 1e-9), 1 - 1e-9), trained_prevalence=trained)))
    assert step == pytest.approx(share, abs=1e-6)


def test_counted_scores_give_the_estimate_of_the_scores_themselves() -> None:
    p_real = feed(5000, 0.2, 1)
    counts = ScoreCounts()
    for part in np.array_split(p_real, 7):
        counts.add(part)
    exact = estimate_saerens(p_real, trained_prevalence=0.4)
    distinct, times = counts.distinct()
    counted = estimate_saerens(distinct, trained_prevalence=0.4, counts=times)
    assert counts.texts == 5000
    assert counts.called_false == np.sum(p_real <= 0.5)
    assert len(distinct) < 1000
    assert counted.value == pytest.approx(exact.value, abs=1e-4)
    assert counted.high - counted.low == pytest.approx(exact.high - exact.low, rel=0.3)


def test_scores_of_nought_and_one_are_counted() -> None:
    counts = ScoreCounts()
    counts.add(np.array([0.0, 1.0, 0.5]))
    assert sorted(counts.distinct()[0].tolist()) == [0.0, 0.5, 1.0]


def test_a_feed_all_of_one_class_has_the_share_at_the_edge() -> None:
    assert estimate_saerens(np.full(50, 0.9), trained_prevalence=0.5).value == pytest.approx(0, abs=1e-9)
    assert estimate_saerens(np.full(50, 0.1), trained_prevalence=0.5).value == pytest.approx(1, abs=1e-9)


CONFUSION = {"false_called_false": 800, "false_called_real": 200, "real_called_false": 100, "real_called_real": 900}


def test_black_box_shift_inverts_the_confusion() -> None:
    # Of 1,000 texts with 30 % false: 0.3 * 0.8 + 0.7 * 0.1 = 31 % are called false.
    found = estimate_bbse(310, 1000, confusion=CONFUSION)
    assert found.value == pytest.approx(0.3)
    assert 0.2 < found.low < 0.3 < found.high < 0.4


@given(st.integers(0, 1000))
def test_a_share_is_never_beyond_its_edges(called_false: int) -> None:
    found = estimate_bbse(called_false, 1000, confusion=CONFUSION)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_no_texts_and_a_useless_model_are_refused() -> None:
    with pytest.raises(InputError, match="no text"):
        estimate_saerens(np.empty(0), trained_prevalence=0.5)
    with pytest.raises(InputError, match="no text"):
        estimate_bbse(0, 0, confusion=CONFUSION)
    with pytest.raises(InputError, match="does not tell false from real"):
        estimate_bbse(5, 10, confusion=dict.fromkeys(CONFUSION, 10))
