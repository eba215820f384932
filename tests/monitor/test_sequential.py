"""E-detectors are quiet as they promise, and find what they are for."""

from itertools import product
from math import prod

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import beta, binom

from falsetrue.errors import InputError
from falsetrue.monitor.sequential import (
    CALIBRATION_WAGERS,
    HARM_ODDS,
    LEAST_QUALITY_LIMIT,
    QUALITY_ODDS,
    CalibrationLimits,
    Detector,
    advanced,
    calibration_growth,
    calibration_limits,
    error_limit,
    harm_growth,
    observe,
    quality_growth,
    quality_limit,
    share_growth,
    start,
)

Floats = NDArray[np.float64]

PROBABILITIES = st.floats(0, 1)
LIMITS = st.floats(1e-4, 1)
ERRORS = st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=40)


def growth_of(errors: list[float], limit: float = 0.1) -> Floats:
    return harm_growth(np.array(errors), limit)


def sure(bins: int = 1) -> CalibrationLimits:
    """Limits of a baseline that is calibrated, and so large that nothing is uncertain."""
    return CalibrationLimits(edges=tuple(np.linspace(0, 1, bins + 1).tolist()), low=(0.0,) * bins, high=(0.0,) * bins)


# --- wagers ----------------------------------------------------------------------------------------------


@given(PROBABILITIES, LIMITS, st.sampled_from([HARM_ODDS, QUALITY_ODDS]))
def test_growth_of_a_share_is_above_zero_and_at_the_limit_one(
    value: float, limit: float, odds: tuple[float, ...]
) -> None:
    assert (share_growth(np.array([value]), limit, odds) > 0).all()
    at_limit = share_growth(np.array([0.0, 1.0]), limit, odds).T @ [1 - limit, limit]
    assert (at_limit <= 1 + 1e-6).all()


@given(LIMITS, st.integers(1, 5))
def test_a_limit_for_each_value_is_the_same_as_one_for_all(limit: float, count: int) -> None:
    values = np.linspace(0, 1, count)
    one = harm_growth(values, limit)
    assert np.array_equal(one, harm_growth(values, np.full(count, limit)))
    assert one.shape == (count, len(HARM_ODDS))


@given(PROBABILITIES, st.floats(-1, 0), st.floats(0, 1), PROBABILITIES)
def test_growth_of_calibration_is_at_most_one_in_the_mean_wherever_the_truth_is_within_limits(
    p_real: float, low: float, high: float, between: float
) -> None:
    limits = CalibrationLimits(edges=(0.0, 1.0), low=(low,), high=(high,))
    bottom, top = max(0.0, p_real + low), min(1.0, p_real + high)
    truth = bottom + between * (top - bottom)
    growth = calibration_growth(np.array([0.0, 1.0]), np.array([p_real, p_real]), limits)
    assert growth.shape == (2, CALIBRATION_WAGERS)
    assert (growth > 0).all()
    assert (growth.T @ [1 - truth, truth] <= 1 + 1e-9).all()


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_values_outside_zero_to_one_are_refused(value: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        quality_growth(np.array([value]), 0.1)
    with pytest.raises(InputError, match="between 0 and 1"):
        calibration_growth(np.array([1.0]), np.array([value]), sure())
    with pytest.raises(InputError, match="labels are 0 or 1"):
        calibration_growth(np.array([value]), np.array([0.5]), sure())


# --- detectors -------------------------------------------------------------------------------------------


@given(ERRORS)
def test_what_is_held_is_the_sum_over_all_starts_of_the_growth_since(errors: list[float]) -> None:
    growth = growth_of(errors)
    detector = observe(start(growth.shape[1], observations_a_year=1e30, allowed=0.01), growth)
    slow = [sum(prod(column[begin:]) for begin in range(len(column))) for column in growth.T.tolist()]
    assert detector.values == pytest.approx(slow)


def test_at_the_limit_it_holds_one_stake_for_each_observation_in_the_mean() -> None:
    """Over all sequences of 8 labels, exactly: ``E[M_t] = t``, on which the promise rests."""
    limit, length = 0.3, 8
    mean = 0.0
    for errors in product([0.0, 1.0], repeat=length):
        chance = limit ** sum(errors) * (1 - limit) ** (length - sum(errors))
        detector = observe(start(4, observations_a_year=1e9, allowed=0.5), growth_of(list(errors), limit))
        mean += chance * detector.evidence * detector.threshold
    assert mean == pytest.approx(length)


def test_a_false_alarm_within_the_year_is_as_rare_as_allowed() -> None:
    """At the limit itself, with a short year and a large allowance, so that alarms happen at all."""
    limit, labels, allowed, years = 0.1, 150, 0.25, 4000
    errors = (np.random.default_rng(5).random((years, labels)) < limit).astype(np.float64)
    growth, threshold = harm_growth(errors, limit), labels / allowed
    values, fired = np.zeros((years, growth.shape[2])), np.zeros(years, dtype=bool)
    for number in range(labels):
        values = advanced(values, growth[:, number], threshold)
        fired |= values.mean(axis=1) >= threshold
    assert 0 < fired.sum() <= binom.ppf(0.999, years, allowed)


@given(ERRORS, st.integers(0, 40))
def test_observing_in_parts_is_observing_at_once(errors: list[float], cut: int) -> None:
    begun = start(len(HARM_ODDS), observations_a_year=100, allowed=0.5)
    at_once = observe(begun, growth_of(errors))
    in_parts = observe(begun, growth_of(errors[:cut]))
    assert observe(in_parts, growth_of(errors[cut:])) == at_once


def test_it_fires_at_the_observation_that_reaches_the_threshold_and_stays_fired() -> None:
    wrong = growth_of([1.0] * 60)
    begun = start(len(HARM_ODDS), observations_a_year=7300, allowed=0.05 / 3)
    one_by_one, seen = begun, []
    for row in wrong:
        one_by_one = observe(one_by_one, row[None])
        seen.append(one_by_one.evidence >= 1)
    assert one_by_one.fired_at == seen.index(True) + 1
    later = observe(one_by_one, growth_of([0.0] * 1000))
    assert later.evidence < 1
    assert later.fired_at == one_by_one.fired_at


@pytest.mark.parametrize("error", [0.0, 1.0])
def test_numbers_stay_finite_and_above_zero_over_years(error: float) -> None:
    begun = start(len(HARM_ODDS), observations_a_year=7300, allowed=0.01)
    detector = observe(begun, growth_of([error] * 50_000))
    assert all(0 < value <= len(HARM_ODDS) * detector.threshold for value in detector.values)
    assert 0 < detector.evidence <= len(HARM_ODDS)


@given(ERRORS)
def test_a_detector_is_stored_in_constant_space_and_read_back_the_same(errors: list[float]) -> None:
    detector = observe(start(len(HARM_ODDS), observations_a_year=100, allowed=0.5), growth_of(errors))
    stored = msgspec.json.encode(detector)
    assert len(stored) < 250
    assert msgspec.json.decode(stored, type=Detector) == detector


def test_what_is_spent_is_the_share_of_the_year_times_what_is_allowed() -> None:
    detector = start(len(HARM_ODDS), observations_a_year=400, allowed=0.02)
    assert observe(detector, growth_of([0.0] * 100)).spent == pytest.approx(0.02 / 4)


@pytest.mark.parametrize(("a_year", "allowed"), [(0, 0.1), (100, 0), (100, 1), (float("nan"), 0.1)])
def test_a_detector_without_observations_or_allowance_is_refused(a_year: float, allowed: float) -> None:
    with pytest.raises(InputError, match="a chance between 0 and 1"):
        start(1, observations_a_year=a_year, allowed=allowed)


@pytest.mark.parametrize("growth", [np.ones(4), np.ones((1, 3)), np.zeros((1, 4)), np.full((1, 4), np.nan)])
def test_growth_that_is_none_of_this_detector_is_refused(growth: Floats) -> None:
    with pytest.raises(InputError, match="growth"):
        observe(start(4, observations_a_year=100, allowed=0.1), growth)


# --- limits ----------------------------------------------------------------------------------------------


@given(st.integers(0, 200), st.integers(1, 200))
def test_the_limit_of_the_error_is_the_share_under_which_so_few_are_one_in_twenty(errors: int, more: int) -> None:
    limit = error_limit(errors, errors + more)
    assert binom.cdf(errors, errors + more, limit) == pytest.approx(0.05)


def test_where_all_of_the_baseline_was_wrong_it_cannot_become_worse() -> None:
    assert error_limit(7, 7) == 1
    assert growth_of([1.0], 1.0) == pytest.approx(1)


@pytest.mark.parametrize(("errors", "labels"), [(0, 0), (3, 2), (-1, 5)])
def test_a_baseline_without_labels_is_refused(errors: int, labels: int) -> None:
    with pytest.raises(InputError, match="a baseline needs labels"):
        error_limit(errors, labels)


def test_a_feed_is_not_called_broken_for_less_than_two_in_a_hundred() -> None:
    assert quality_limit(0, 100_000) == LEAST_QUALITY_LIMIT
    assert quality_limit(100, 1000) == error_limit(100, 1000)


def table_of(generator: np.random.Generator, labels: int) -> tuple[list[int], list[int], list[float | None]]:
    """A reliability table in ten bins of a calibrated model."""
    p_real = generator.random(labels)
    real = generator.random(labels) < p_real
    at = np.minimum((p_real * 10).astype(int), 9)
    texts = np.bincount(at, minlength=10)
    means = [float(p_real[at == index].mean()) if texts[index] else None for index in range(10)]
    return texts.tolist(), np.bincount(at, real, minlength=10).astype(int).tolist(), means


EDGES = np.linspace(0, 1, 11).tolist()


def test_limits_hold_what_the_model_says_and_what_the_baseline_saw() -> None:
    """In a bin where 60 of 200 were real and 45 % were said to be, the limits are the exact interval, and 45 %."""
    texts, real, means = [0] * 10, [0] * 10, [None] * 10
    texts[4], real[4] = 200, 60
    limits = calibration_limits(EDGES, texts, real, [*means[:4], 0.45, *means[5:]])
    assert limits.edges == (0.0, 1.0)
    assert limits.low == pytest.approx([beta.ppf(0.025, 60, 141) - 0.45])
    assert limits.high == (0.0,)


@given(st.integers(1, 3000), st.integers(0, 100))
def test_bins_of_few_labels_are_joined(labels: int, seed: int) -> None:
    texts, real, means = table_of(np.random.default_rng(seed), labels)
    limits = calibration_limits(EDGES, texts, real, means)
    held = [
        sum(texts[round(low * 10) : round(high * 10)])
        for low, high in zip(limits.edges, limits.edges[1:], strict=False)
    ]
    assert sum(held) == labels
    assert len(held) == len(limits.low) == len(limits.high)
    assert len(held) == 1 or min(held) >= 100
    assert all(low <= 0 <= high for low, high in zip(limits.low, limits.high, strict=True))


def test_calibration_without_labels_is_refused() -> None:
    with pytest.raises(InputError, match="the baseline has no labels"):
        calibration_limits(EDGES, [0] * 10, [0] * 10, [None] * 10)


# --- what they find --------------------------------------------------------------------------------------


def scored(generator: np.random.Generator, labels: int) -> tuple[Floats, Floats]:
    """``p_real`` and its log-odds, of a model that is mostly sure."""
    p_real = np.clip(generator.beta(0.3, 0.3, labels), 1e-6, 1 - 1e-6)
    return p_real, np.log(p_real / (1 - p_real))


def watch_calibration(slope: float, shift: float) -> Detector:
    """After a year of 20 labels a day, with log-odds of the truth ``slope`` times what was said, and ``shift``."""
    generator = np.random.default_rng(3)
    p_real, log_odds = scored(generator, 7300)
    real = generator.random(7300) < 1 / (1 + np.exp(-slope * log_odds - shift))
    limits = calibration_limits(EDGES, *table_of(generator, 5000))
    begun = start(CALIBRATION_WAGERS, observations_a_year=7300, allowed=0.02)
    return observe(begun, calibration_growth(real.astype(np.float64), p_real, limits))


@pytest.mark.parametrize(("slope", "shift"), [(1, 1), (1, -1), (0.4, 0), (2.5, 0)])
def test_calibration_that_drifts_is_found_in_every_direction(slope: float, shift: float) -> None:
    assert watch_calibration(slope, shift).fired_at is not None


def test_calibration_that_stays_is_quiet_for_a_year() -> None:
    detector = watch_calibration(1, 0)
    assert detector.fired_at is None
    assert detector.evidence < 0.5


def test_one_broken_day_is_no_alarm_and_a_feed_that_stays_broken_is() -> None:
    begun = start(len(QUALITY_ODDS), observations_a_year=366, allowed=0.05 / 3)
    usual, broken = quality_growth(np.full(30, 0.005), 0.02), quality_growth(np.ones(3), 0.02)
    assert observe(begun, np.concatenate([usual, broken[:1], usual])).fired_at is None
    assert observe(begun, np.concatenate([usual, broken])).fired_at == 33
