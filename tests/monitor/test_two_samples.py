import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, chi2_contingency, ks_2samp

from falsetrue.monitor.drift import WATCHES
from falsetrue.monitor.two_samples import (
    compare_distributions,
    compare_means,
    compare_shares,
    compare_spread,
    interval_of_share,
)

#: Bins so fine that no two values share one.
_BINS = 100_000


def _counts(values: np.ndarray) -> np.ndarray:
    return np.bincount((values * _BINS).astype(int), minlength=_BINS)


@given(st.integers(0, 2**32), st.integers(20, 400), st.integers(20, 400), st.floats(0.5, 2))
@settings(max_examples=40)
def test_distributions_are_compared_as_scipy_compares_them(seed: int, n: int, m: int, shape: float) -> None:
    generator = np.random.default_rng(seed)
    # Multiples of the bins' width: with ties within a sample and between them.
    one, other = (np.floor(generator.beta(a, 1, size) * 500) / 500 for a, size in ((1, n), (shape, m)))
    found = compare_distributions(_counts(one), _counts(other))
    expected = ks_2samp(one, other, method="asymp")
    assert found.value == pytest.approx(expected.statistic)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9)


@given(st.integers(60, 140), st.integers(600, 1400))
def test_shares_of_many_are_compared_as_pearson_compares_them(current: int, baseline: int) -> None:
    found = compare_shares(current, 200, baseline, 2000)
    expected = chi2_contingency([[current, 200 - current], [baseline, 2000 - baseline]], correction=False)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.value == pytest.approx(current / 200 - baseline / 2000)


def _chance(
    texts: int,
    share: float,
    usual: float,
    *,
    alpha: float,
    least: float,
    rises_only: bool = False,
    baseline_texts: int = 2000,
) -> float:
    """Exact probability of a p-value of at most alpha, over all outcomes that are at all likely."""
    middle, spread = baseline_texts * usual, 5 * np.sqrt(baseline_texts * usual)
    before = np.unique(np.linspace(max(0, middle - spread), min(baseline_texts, middle + spread + 3), 50).astype(int))
    weights = binom.pmf(before, baseline_texts, usual)
    chances = binom.pmf(np.arange(texts + 1), texts, share)
    likely = np.flatnonzero(chances > 1e-7).tolist()
    total = 0.0
    for count, weight in zip(before.tolist(), (weights / weights.sum()).tolist(), strict=True):
        if weight > 1e-5:
            p = [
                compare_shares(now, texts, count, baseline_texts, least=least, rises_only=rises_only).p
                for now in likely
            ]
            total += weight * float(chances[likely] @ (np.array(p) <= alpha))
    return total


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.001])
@pytest.mark.parametrize("share", [0.0005, 0.01, 0.1, 0.3])
def test_a_share_that_has_not_changed_is_seldom_called_changed(share: float, alpha: float) -> None:
    """At the least number of texts, and with a baseline of 2,000."""
    assert _chance(200, share, share, alpha=alpha, least=0.001) <= alpha * 1.05


@pytest.mark.parametrize("share", [0.0005, 0.05, 0.3])
def test_a_change_that_does_not_matter_is_seldom_called_one(share: float) -> None:
    assert _chance(400, share + 0.05, share, alpha=0.01, least=0.05) <= 0.011


@pytest.mark.parametrize(("texts", "power"), [(200, 0.6), (500, 0.95)])
def test_a_third_more_is_seen(texts: int, power: float) -> None:
    """From 30 to 40 %, at 1 %, by the watch of what is called false."""
    assert _chance(texts, 0.4, 0.3, alpha=0.01, least=WATCHES["called_false"].least) >= power


def test_a_change_that_does_not_matter_is_quiet_among_a_million() -> None:
    assert compare_shares(304_000, 1_000_000, 300_000, 1_000_000).p < 1e-6
    assert compare_shares(304_000, 1_000_000, 300_000, 1_000_000, least=0.005).p > 0.05
    values = np.arange(1, 1001)
    moved = np.roll(values, 10)
    assert compare_distributions(values * 1000, moved * 1000).p < 1e-6
    assert compare_distributions(values * 1000, moved * 1000, least=0.05).p == 1


@given(st.integers(0, 300), st.integers(0, 2000), st.floats(0, 0.2), st.floats(0, 0.2))
def test_a_p_value_rises_with_what_does_not_matter(current: int, baseline: int, one: float, other: float) -> None:
    low, high = sorted((one, other))
    p = [compare_shares(current, 300, baseline, 2000, least=least).p for least in (low, high)]
    # The error of a normal approximation is that of shares so far apart, which may be a little less than of equal ones.
    assert 0 <= p[0] <= p[1] * 1.1 + 1e-9
    assert max(p) <= 1


@given(st.integers(0, 300), st.integers(0, 2000))
@example(0, 230)  # of 300, just thirty are expected
def test_a_share_and_its_complement_are_alike(current: int, baseline: int) -> None:
    one = compare_shares(current, 300, baseline, 2000, least=0.01)
    other = compare_shares(300 - current, 300, 2000 - baseline, 2000, least=0.01)
    assert one.p == pytest.approx(other.p, rel=1e-6)
    assert one.value == pytest.approx(-other.value)


@given(st.integers(0, 300), st.integers(0, 2000), st.floats(0, 0.2))
def test_where_rises_alone_count_a_fall_is_none_and_a_rise_is_half_as_likely(
    current: int, baseline: int, least: float
) -> None:
    both = compare_shares(current, 300, baseline, 2000, least=least)
    rise = compare_shares(current, 300, baseline, 2000, least=least, rises_only=True)
    assert rise.value == both.value
    if rise.value <= 0:
        assert rise.p >= 0.4  # binomials are not even about their means
    else:
        assert rise.p <= both.p


@pytest.mark.parametrize("share", [0.0005, 0.01, 0.1, 0.3])
def test_a_share_that_has_not_risen_is_seldom_called_risen(share: float) -> None:
    """Not by more than the one per cent that does not matter; where it has risen by just that, about as seldom."""
    assert _chance(400, share, share, alpha=0.01, least=0.01, rises_only=True) <= 0.01
    assert _chance(400, share + 0.01, share, alpha=0.01, least=0.01, rises_only=True) <= 0.01 * 1.2


@pytest.mark.parametrize("tied", [1000, 10])
def test_distributions_that_have_not_changed_are_seldom_called_changed(tied: int) -> None:
    """With values that are all different, and with ten values only."""
    generator, runs, alpha = np.random.default_rng(5), 1000, 0.05
    alarms = 0
    for _ in range(runs):
        now, before = (np.bincount(generator.integers(0, tied, n), minlength=tied) for n in (200, 2000))
        alarms += compare_distributions(now, before).p <= alpha
    assert alarms <= binom.ppf(0.9999, runs, alpha)
    if tied > 100:
        assert alarms >= binom.ppf(0.0001, runs, 0.6 * alpha)  # and it is not deaf


def test_distributions_as_far_apart_as_does_not_matter_are_seldom_called_drifted() -> None:
    """A fifth of the texts moved across one value, and a fifth is what does not matter."""
    generator, runs, alpha = np.random.default_rng(6), 1000, 0.05
    alarms = 0
    for _ in range(runs):
        now = np.bincount((generator.random(300) * 50).astype(int), minlength=50)
        moved = generator.random(2000)
        moved = np.where(generator.random(2000) < 0.4, moved / 2 + 0.5, moved)  # a fifth of them cross a half
        alarms += compare_distributions(now, np.bincount((moved * 50).astype(int), minlength=50), least=0.2).p <= alpha
    assert alarms <= binom.ppf(0.9999, runs, alpha)


@given(st.integers(0, 50), st.integers(50, 80))
def test_intervals_of_shares_are_exact(part: int, texts: int) -> None:
    expected = binomtest(part, texts).proportion_ci(0.95, method="exact")
    assert interval_of_share(part, texts) == pytest.approx((expected.low, expected.high))


def test_only_a_rise_of_a_mean_counts() -> None:
    assert compare_means(0.1, 0.02, least=0.02).p < 0.001
    assert compare_means(-0.1, 0.02).p > 0.99
    assert compare_means(0.0, 0.0).p == 1
    assert compare_means(0.1, 0.0, least=0.02).p == 0


def _largest_excesses(now: np.ndarray, before: np.ndarray) -> float:
    """Kuiper's statistic by its definition: from the values themselves."""
    at = np.concatenate([now, before])
    apart = np.array([np.mean(now <= value) - np.mean(before <= value) for value in at])
    return float(max(apart.max(), 0) - min(apart.min(), 0))


@given(st.integers(0, 2**32), st.integers(20, 60), st.integers(20, 60))
@settings(max_examples=20)
def test_the_spread_is_compared_by_kuipers_definition(seed: int, n: int, m: int) -> None:
    generator = np.random.default_rng(seed)
    now, before = (np.floor(generator.beta(2, 2, size) * 1000) / 1000 for size in (n, m))
    assert compare_spread(_counts(now), _counts(before)).value == pytest.approx(_largest_excesses(now, before))


def test_the_p_value_of_the_spread_is_about_that_of_permutations() -> None:
    generator = np.random.default_rng(8)
    now, before = generator.beta(1, 1, 200), generator.beta(0.75, 0.75, 2000)
    found = compare_spread(_counts(now), _counts(before))
    together, larger, draws = (np.concatenate([now, before]) * 5000).astype(int), 0, 2000
    for _ in range(draws):
        generator.shuffle(together)
        parts = (np.bincount(part, minlength=5001) for part in (together[:200], together[200:]))
        larger += compare_spread(*parts).value >= found.value - 1e-12
    low, high = binomtest(larger, draws).proportion_ci(0.999)
    assert low * 0.9 <= found.p <= high * 1.4 + 0.002  # bins, and the approximation, err on the safe side


def test_a_spread_that_has_not_changed_is_seldom_called_changed() -> None:
    generator, runs, alpha = np.random.default_rng(9), 1000, 0.05
    alarms = 0
    for _ in range(runs):
        now, before = (np.bincount(generator.integers(0, 500, n), minlength=500) for n in (200, 2000))
        alarms += compare_spread(now, before).p <= alpha
    assert binom.ppf(0.0001, runs, 0.5 * alpha) <= alarms <= binom.ppf(0.9999, runs, alpha)


def test_the_spread_of_the_same_counts_is_none() -> None:
    found = compare_spread(np.array([5, 5, 0]), np.array([50, 50, 0]))
    assert (found.value, found.p) == (0, 1)
