import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit, logit
from tests.monitor.observed import make_observations
from tests.monitor.test_alarms import finding

from falsetrue.monitor.findings import Estimate, State, Subject
from falsetrue.monitor.performance import (
    calibrate,
    calibration_of,
    cautions,
    estimate_performance,
    estimate_prevalence,
    expect_decided,
    expect_forced,
)
from falsetrue.monitor.profile import Profile, score_middles
from falsetrue.monitor.reference import Outcomes, Reference, make_reference

Floats = NDArray[np.float64]

#: Of scores whose error is 10 %.
_SHAPE = 0.2


def _scores(generator: np.random.Generator, texts: int) -> Floats:
    return generator.beta(_SHAPE, _SHAPE, texts)


def _reference(p_real: Floats, seed: int, languages: tuple[str, ...] = ("en",)) -> Reference:
    made = make_observations(len(p_real), seed, p_real=p_real, languages=languages)
    return make_reference([made], name="made up", model_name="m", model_version="1", salt=None)


def _error(p_real: Floats) -> float:
    return float(np.minimum(p_real, 1 - p_real).mean())


def _less_sure(generator: np.random.Generator, texts: int) -> Floats:
    """Texts of which it is not sure come three times as often."""
    p_real = _scores(generator, 6 * texts)
    weights = np.where(np.abs(p_real - 0.5) < 0.4, 3.0, 1.0)
    return generator.choice(p_real, texts, p=weights / weights.sum())


def test_the_expected_error_is_near_the_true_one_without_drift_and_under_covariate_shift() -> None:
    without: list[float] = []
    shifted: list[float] = []
    for seed in range(40):
        generator = np.random.default_rng([seed, 1])
        reference = _reference(_scores(generator, 2000), seed)
        for p_real, apart in ((_scores(generator, 20_000), without), (_less_sure(generator, 20_000), shifted)):
            profile = Profile.of(make_observations(len(p_real), seed, p_real=p_real), sample=0)
            calibration = calibration_of(reference)
            assert calibration is not None
            expected = expect_forced(profile, calibration)
            assert expected is not None
            apart.append(abs(expected.value - _error(p_real)))
    assert np.mean(without) <= 0.01
    assert np.mean(shifted) <= 0.02


def test_intervals_of_the_expected_error_cover_the_true_one() -> None:
    covered, runs = 0, 100
    for seed in range(runs):
        generator = np.random.default_rng([seed, 2])
        reference = _reference(_scores(generator, 1000), seed)
        profile = Profile.of(make_observations(500, seed, p_real=_scores(generator, 500)), sample=0)
        estimate = next(
            each for each in estimate_performance(profile, reference, Subject()) if each.name == "error_forced"
        )
        truth = float(np.minimum(x := np.random.default_rng(0).beta(_SHAPE, _SHAPE, 400_000), 1 - x).mean())
        covered += estimate.low <= truth <= estimate.high
    assert covered >= 88


def test_scores_that_are_not_calibrated_are_calibrated_by_the_baseline() -> None:
    """It says 0.9 or 0.1, and is wrong of 30 %."""
    generator = np.random.default_rng(3)
    said = np.where(generator.random(4000) < 0.5, 0.9, 0.1)
    made = make_observations(4000, 3, p_real=np.where(said > 0.5, 0.7, 0.3))  # as often as it truly is
    outcomes = Outcomes.of(made)
    moved = Outcomes(counts=np.zeros_like(outcomes.counts))
    moved.counts[:, :, 900], moved.counts[:, :, 100] = outcomes.counts[:, :, 700], outcomes.counts[:, :, 300]
    profile = Profile.of(make_observations(1000, 4, p_real=np.where(generator.random(1000) < 0.5, 0.9005, 0.1005)))
    expected = expect_forced(profile, calibrate(moved))
    assert expected is not None
    assert expected.value == pytest.approx(0.3, abs=0.03)


@given(st.floats(0.4, 2), st.floats(0.4, 2), st.floats(-1, 1), st.integers(0, 2**32))
@settings(max_examples=15)
def test_a_calibration_that_beta_scores_need_is_found(a: float, b: float, c: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    middles = score_middles()
    truth = expit(a * np.log(middles) - b * np.log(1 - middles) + c)
    texts = generator.poisson(60, 1000)
    real = generator.binomial(texts, truth)
    counts = np.zeros((3, 2, 1000), np.int64)
    counts[0, 0], counts[0, 1] = texts - real, real
    found = calibrate(Outcomes(counts=counts))
    assert np.max(np.abs(found.p_real - truth)) < 0.05
    inside = (truth > 0.05) & (truth < 0.95)
    errors = np.sqrt(np.einsum("ij,jk,ik->i", found.slopes, found.covariance, found.slopes))
    assert np.mean(np.abs(found.p_real - truth)[inside] < 4 * errors[inside] + 1e-3) > 0.9


def test_without_labels_probabilities_are_taken_as_said() -> None:
    found = calibrate(Outcomes(counts=np.zeros((3, 2, 1000), np.int64)))
    assert logit(found.p_real) == pytest.approx(logit(score_middles()))
    unlabelled = make_observations(500, 1, p_real=_scores(np.random.default_rng(1), 500))
    unlabelled.truth[:] = -1  # type: ignore[index]
    reference = make_reference([unlabelled], name="x", model_name="m", model_version="1", salt=None)
    assert calibration_of(reference) is None
    assert estimate_performance(Profile.of(unlabelled), reference, Subject()) == []
    assert estimate_prevalence(Profile.of(unlabelled), reference, Subject()) is None


def test_slopes_are_the_derivatives() -> None:
    reference = _reference(_scores(np.random.default_rng(1), 2000), 1)
    calibration = calibration_of(reference)
    assert calibration is not None
    profile = Profile.of(make_observations(500, 9, p_real=_scores(np.random.default_rng(2), 500)))
    for expect in (expect_forced, expect_decided):
        found = expect(profile, calibration)
        assert found is not None
        for place in range(3):
            step = np.zeros(3)
            step[place] = 1e-5
            moved = type(calibration)(parameters=calibration.parameters + step, covariance=calibration.covariance)
            changed = expect(profile, moved)
            assert changed is not None
            assert (changed.value - found.value) / 1e-5 == pytest.approx(found.slope[place], abs=1e-4)


def test_the_share_of_false_news_is_estimated_with_the_uncertainty_of_the_confusion_matrix() -> None:
    """Prior shift: 70 % false, where a half of the baseline is."""
    covered, wide = 0, []
    for seed in range(60):
        generator = np.random.default_rng([seed, 3])
        by_class = {label: generator.beta(*((4, 2) if label else (2, 4)), 20_000) for label in (0, 1)}
        for texts in (300, 3000):
            truth = generator.random(texts) < 0.5
            before = np.where(truth, by_class[1][:texts], by_class[0][:texts])
            made = make_observations(texts, seed, p_real=before, languages=("en",))
            made.truth[:] = truth  # type: ignore[index]
            reference = make_reference([made], name="x", model_name="m", model_version="1", salt=None)
            is_false = generator.random(5000) < 0.7
            now = np.where(is_false, by_class[0][-5000:], by_class[1][-5000:])
            found = estimate_prevalence(
                Profile.of(make_observations(5000, 1, p_real=now), sample=0), reference, Subject()
            )
            assert found is not None
            covered += found.low <= 0.7 <= found.high
            wide.append(found.high - found.low)
    assert covered >= 0.88 * 120
    assert np.mean(wide[::2]) > 2 * np.mean(wide[1::2])  # labels, not texts, are what is few


def test_a_language_with_labels_of_its_own_goes_by_those() -> None:
    generator = np.random.default_rng(4)
    made = make_observations(2000, 4, p_real=_scores(generator, 2000))
    wrong = made.languages == "es"
    made.truth[wrong] = 1 - made.truth[wrong]  # type: ignore[index]
    reference = make_reference([made], name="x", model_name="m", model_version="1", salt=None)
    profile = Profile.of(make_observations(500, 5, p_real=_scores(generator, 500)))
    errors = {
        language: next(
            each.value
            for each in estimate_performance(profile, reference, Subject(language=language))
            if each.name == "error"
        )
        for language in ("en", "es", "pt")
    }
    assert errors["en"] < 0.2
    assert errors["es"] > 0.8
    assert errors["en"] < errors["pt"] < errors["es"]  # by all labels, as there are none in Portuguese


@pytest.mark.parametrize("watch", ["language_mix", "oov", "topic"])
def test_where_texts_are_of_another_kind_estimates_without_labels_carry_a_caution(watch: str) -> None:
    def made(method: str) -> Estimate:
        return Estimate(name="error", method=method, value=0.1, low=0.0, high=0.2, labels=0, texts=500)

    shifted = [finding(watch, subject=Subject(key="k"))]
    assert cautions(shifted, [made("CBPE"), made("BBSE"), made("PPI")]) == ("cbpe_shifted", "bbse_shifted")
    assert cautions(shifted, [made("CBPE")]) == ("cbpe_shifted",)
    assert cautions(shifted, [made("PPI")]) == ()
    assert cautions([finding(watch, State.QUIET), finding("words")], [made("CBPE")]) == ()
