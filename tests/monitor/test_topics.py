from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from falsetrue.features.sketches import BUCKETS, MOST_BUCKETS, Features
from falsetrue.features.sketching import Sketcher, read_sketches
from falsetrue.model.metrics import Estimate
from falsetrue.monitor import topics
from falsetrue.monitor.findings import Finding, State
from falsetrue.monitor.observations import joined_features, no_features, rows_of_features
from falsetrue.monitor.topics import LEAST, Stories, Vectors, find_new_words, find_topic, permutation_test

Floats = NDArray[np.float64]


def hashed(texts: Sequence[str]) -> Features:
    features = read_sketches(Sketcher(b"a salt that nobody guesses").sketch(texts)).features
    assert features is not None
    return features


def made_up(count: int, generator: np.random.Generator, *, words: int = 60, topic: int = 0) -> list[str]:
    """Texts half of common words, half of those of a topic."""
    common = np.minimum(generator.zipf(1.4, (count, words // 2)), 3_000)
    own = 10_000 * (topic + 1) + generator.integers(0, 300, (count, words - words // 2))
    return [" ".join(f"w{word}" for word in row) for row in np.hstack([common, own]).tolist()]


def rows(features: Features, wanted: NDArray[np.int64]) -> Features:
    return rows_of_features(features, wanted)


def p_of(finding: Finding) -> float:
    assert finding.p is not None
    return finding.p


@pytest.fixture(scope="module")
def usual() -> Features:
    return hashed(made_up(4_000, np.random.default_rng(1)))


@pytest.fixture(scope="module")
def unusual() -> Features:
    return hashed(made_up(1_000, np.random.default_rng(2), topic=1))


# --- permutation ------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 3), min_size=1, max_size=700), st.integers(0, 3), st.integers(1, 30))
def test_the_sequential_p_is_that_of_trying_one_permutation_after_another(
    permuted: list[int], observed: int, enough: int
) -> None:
    larger = drawn = 0
    while drawn < len(permuted) and larger < enough:
        larger += permuted[drawn] >= observed
        drawn += 1
    expected = enough / drawn if larger == enough else (larger + 1) / (drawn + 1)
    left = iter(permuted)
    tested = permutation_test(
        observed, lambda count: np.array([next(left) for _ in range(count)]), permutations=len(permuted), enough=enough
    )
    assert (tested.p, tested.permutations) == (expected, drawn)


def test_the_sequential_p_is_valid_at_every_level() -> None:
    """Of values that are as random as the permuted ones, no more than a share a has a p of at most a."""
    generator = np.random.default_rng(3)
    found = np.array(
        [permutation_test(generator.random(), generator.random, permutations=99, enough=5).p for _ in range(4_000)]
    )
    for level in (0.01, 0.03, 0.05, 0.2, 0.5, 0.9):
        assert np.mean(found <= level) <= level + 3.5 * np.sqrt(level * (1 - level) / len(found))


# --- vectors ----------------------------------------------------------------------------------------


def slow_vectors(stories: Stories) -> Floats:
    """By the definitions, dense: NaN is what is not known."""
    counts = stories.counts.toarray().astype(np.float64)
    counts[np.arange(BUCKETS) > stories.last[:, None]] = np.nan
    known = np.sum(~np.isnan(counts), axis=0)
    rarity = np.log((known + 1) / (np.nansum(counts > 0, axis=0) + 1))
    weighed = np.where(counts > 0, 1 + np.log(np.where(counts > 0, counts, 1)), counts) * rarity
    lengths = np.sqrt(np.nansum(weighed**2, axis=1) * BUCKETS / (stories.last + 1))
    weighed /= np.where(lengths > 0, lengths, 1)[:, None]
    return np.asarray(np.nan_to_num(weighed - np.nansum(weighed, axis=0) / np.maximum(known, 1), nan=0.0))


@given(st.integers(0, 1 << 30))
@settings(max_examples=20)
def test_scores_are_those_of_the_definitions(seed: int) -> None:
    generator = np.random.default_rng(seed)
    texts = [*made_up(6, generator), *made_up(6, generator, words=1_500), *made_up(3, generator, words=4)]
    stories = Stories.of(hashed(texts[::2]), hashed(texts[1::2]), generator)
    vectors, slow = Vectors.of(stories), slow_vectors(stories)
    current = stories.is_current
    gram = slow @ slow.T
    assert np.any(stories.last < BUCKETS - 1)
    assert np.allclose(vectors.squares, np.diag(gram), atol=1e-4)
    expected = []
    for one in range(len(stories)):
        others = np.arange(len(stories)) != one
        expected.append(gram[one, others & current].mean() - gram[one, others & ~current].mean())
    scores = np.array(expected)
    assert np.allclose(vectors.left_out_scores(current), scores, atol=1e-4)
    difference = scores[current].mean() - scores[~current].mean()
    assert np.allclose(vectors.differences(np.column_stack([current, current])), difference, atol=1e-4)


def test_of_a_text_with_more_words_than_are_kept_nothing_is_known_above_the_last() -> None:
    generator = np.random.default_rng(4)
    features = hashed([*made_up(3, generator), *made_up(2, generator, words=5_000)])
    stories = Stories.of(features, no_features(0), generator)
    assert np.diff(stories.counts.indptr).max() == MOST_BUCKETS
    cut = sorted(int(features.buckets[end - 1]) for end in features.begins[-2:])
    assert sorted(stories.last.tolist()) == [*cut, *[BUCKETS - 1] * 3]
    assert stories.known()[[0, cut[0], cut[0] + 1, cut[1] + 1]].tolist() == [5, 5, 4, 3]


# --- stories ----------------------------------------------------------------------------------------


def test_one_of_each_group_of_near_copies_is_drawn_and_none_without_words(usual: Features) -> None:
    texts = made_up(5, np.random.default_rng(5))
    near = texts[0].replace(texts[0].split()[7], "another", 1)
    features = hashed([*texts, near, texts[1], "", "."])
    stories = Stories.of(features, hashed(texts[:2]), np.random.default_rng(0))
    assert len(stories) == 5
    drawn = [Stories.of(features, hashed(texts[:2]), np.random.default_rng(seed)).current for seed in range(60)]
    assert min(drawn) == 0
    assert max(drawn) == 2
    apart = Stories.of(rows(usual, np.arange(500)), rows(usual, np.arange(500, 600)), np.random.default_rng(0))
    assert (len(apart), apart.current) == (600, 100)


@pytest.mark.parametrize("find", [find_topic, find_new_words])
def test_p_is_valid_where_stories_are_printed_many_times(find: Callable[..., Finding], usual: Features) -> None:
    """Every tenth story stands up to thirty times on the one side it is of."""
    generator, found = np.random.default_rng(6), []
    for seed in range(120):
        stories = generator.permutation(len(usual.begins) - 1)[: 3 * LEAST + 20]
        times = np.where(generator.random(len(stories)) < 0.1, generator.integers(2, 30, len(stories)), 1)
        split = 2 * LEAST + 10
        sides = [np.repeat(stories[part], times[part]) for part in (slice(split), slice(split, None))]
        found.append(p_of(find(rows(usual, sides[0]), rows(usual, sides[1]), seed=seed, permutations=99)))
    for level in (0.05, 0.2):
        assert np.mean(np.array(found) <= level) <= level + 3 * np.sqrt(level * (1 - level) / len(found))


@pytest.mark.parametrize("find", [find_topic, find_new_words])
@pytest.mark.parametrize(("reference", "current"), [(2 * LEAST - 2, LEAST - 1), (LEAST - 1, LEAST), (0, 0)])
def test_too_few_stories_say_nothing_however_often_they_are_printed(
    find: Callable[..., Finding],
    reference: int,
    current: int,
    usual: Features,
) -> None:
    parts = (
        rows(usual, np.repeat(np.arange(reference), 3)),
        rows(usual, np.repeat(np.arange(1_000, 1_000 + current), 3)),
    )
    found = find(*parts, seed=0)
    assert found.state is State.INSUFFICIENT
    assert (found.p, found.value, found.current) == (None, None, None)
    assert found.texts == current


# --- topic ------------------------------------------------------------------------------------------


def test_a_tenth_of_texts_about_something_new_is_found(usual: Features, unusual: Features) -> None:
    current = joined_features([rows(usual, np.arange(2_000, 2_450)), rows(unusual, np.arange(50))])
    found = find_topic(rows(usual, np.arange(2_000)), current, seed=0, permutations=999)
    assert found.p == 1 / 1_000
    assert found.value is not None
    assert found.value > 0.52
    assert found.current == pytest.approx(0.1, abs=0.03)
    assert found.low is not None
    assert found.low > 0


@pytest.mark.parametrize("left", [0.3, 0.7])
def test_where_a_part_of_the_baseline_is_missing_no_more_is_said_to_have_changed_than_that(
    left: float, usual: Features, unusual: Features
) -> None:
    """A baseline of two kinds, and a week of one of them alone: nothing in it is new."""
    old, new = round(1_000 * (1 - left)), round(1_000 * left)
    baseline = joined_features([rows(unusual, np.arange(old)), rows(usual, np.arange(new))])
    found = find_topic(baseline, rows(usual, np.arange(2_000, 2_500)), seed=0, permutations=999)
    assert found.p == 1 / 1_000
    assert found.current == pytest.approx(1 - left, abs=0.03)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 1 - left <= found.high + 0.02


@pytest.mark.parametrize("added", [0, 0.2, 0.5, 1])
def test_where_something_is_added_that_much_is_said_to_have_changed(
    added: float, usual: Features, unusual: Features
) -> None:
    new = round(500 * added)
    week = joined_features([rows(usual, np.arange(2_000, 2_500 - new)), rows(unusual, np.arange(new))])
    found = find_topic(rows(usual, np.arange(2_000)), week, seed=0, permutations=99)
    assert found.current == pytest.approx(added, abs=0.03)
    assert found.low is not None
    assert found.low <= added


def test_a_change_of_which_no_size_can_be_told_is_not_told(
    usual: Features, unusual: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = joined_features([rows(usual, np.arange(2_000, 2_900)), rows(unusual, np.arange(100))])
    assert p_of(find_topic(rows(usual, np.arange(2_000)), now, seed=1)) < 0.01
    monkeypatch.setattr(topics, "share_changed", lambda *_: Estimate(value=0.03, low=0.0, high=0.09))
    assert p_of(find_topic(rows(usual, np.arange(2_000)), now, seed=1)) == 1.0


def test_the_share_by_which_the_mixture_differs_is_seldom_said_to_be_larger_than_it_is(
    usual: Features, unusual: Features
) -> None:
    generator, lows, shares = np.random.default_rng(7), [], []
    for seed in range(60):
        order, new = generator.permutation(4_000), generator.permutation(1_000)[:20]
        current = joined_features([rows(usual, order[600:880]), rows(unusual, new)])
        found = find_topic(rows(usual, order[:600]), current, seed=seed, permutations=1)
        assert found.low is not None
        assert found.current is not None
        lows.append(found.low)
        shares.append(found.current)
    assert np.mean(np.array(lows) > 20 / 300) <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / 60)
    assert np.mean(shares) <= 20 / 300 + 0.01


def test_the_auc_is_that_of_the_scores_by_which_texts_are_judged(usual: Features, unusual: Features) -> None:
    parts = (
        rows(usual, np.arange(300)),
        joined_features([rows(usual, np.arange(300, 500)), rows(unusual, np.arange(99))]),
    )
    found = find_topic(*parts, seed=5, permutations=1)
    stories = Stories.of(*parts, np.random.default_rng(5))
    scores = Vectors.of(stories).left_out_scores(stories.is_current)
    statistic = mannwhitneyu(scores[stories.is_current], scores[~stories.is_current]).statistic
    assert found.value == pytest.approx(statistic / (stories.current * (len(stories) - stories.current)))


@pytest.mark.parametrize("find", [find_topic, find_new_words])
def test_the_same_seed_gives_the_same_finding(find: Callable[..., Finding], usual: Features) -> None:
    parts = rows(usual, np.arange(500)), rows(usual, np.arange(500, 800))
    assert find(*parts, seed=3) == find(*parts, seed=3)


# --- new words --------------------------------------------------------------------------------------


def test_words_that_the_baseline_hardly_has_are_found(usual: Features, unusual: Features) -> None:
    current = joined_features([rows(usual, np.arange(2_000, 2_800)), rows(unusual, np.arange(200))])
    found = find_new_words(rows(usual, np.arange(2_000)), current, seed=0, permutations=999)
    assert found.p == 1 / 1_000
    assert found.baseline is not None
    assert found.current is not None
    assert found.baseline == pytest.approx(0.05, abs=0.02)
    assert found.size == found.value == found.current - found.baseline
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.current < found.high


def test_one_text_full_of_new_words_is_no_change(usual: Features) -> None:
    generator = np.random.default_rng(8)
    odd = hashed([" ".join(f"odd{number}" for number in range(300))])
    found = []
    for seed in range(20):
        order = generator.permutation(4_000)
        current = joined_features([rows(usual, order[1_000:1_300]), odd])
        found.append(p_of(find_new_words(rows(usual, order[:1_000]), current, seed=seed, permutations=199)))
    assert np.mean(np.array(found) <= 0.01) <= 0.1


# --- real articles ----------------------------------------------------------------------------------


@pytest.mark.corpora
def test_a_tenth_of_claims_about_a_disease_is_found_among_politics(corpora: Path) -> None:
    def read(name: str, least: int) -> Features:
        columns = pq.read_table(corpora / f"{name}.parquet", columns=["title", "text"]).to_pydict()
        texts = [f"{title or ''}\n{text or ''}" for title, text in zip(columns["title"], columns["text"], strict=True)]
        return hashed([text for text in texts if len(text.split()) >= least])

    politics, disease = read("cs216_outlets2017", 60), read("covid19_fnir", 15)
    generator, found, usual_p = np.random.default_rng(9), [], []
    for seed in range(10):
        order = generator.permutation(len(politics.begins) - 1)
        new = rows(disease, generator.permutation(len(disease.begins) - 1)[:100])
        reference, same = rows(politics, order[:2_000]), rows(politics, order[3_000:4_000])
        current = joined_features([rows(politics, order[2_000:2_900]), new])
        found.append(p_of(find_topic(reference, current, seed=seed, permutations=199)))
        usual_p.append(p_of(find_topic(reference, same, seed=seed, permutations=199)))
    assert np.mean(np.array(found) <= 0.01) >= 0.9
    assert np.mean(np.array(usual_p) <= 0.01) <= 0.2
