from dataclasses import replace
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.monitor.observed import make_observations

from falsetrue.errors import InputError
from falsetrue.features.sketches import STYLES
from falsetrue.monitor.campaigns import Campaigns
from falsetrue.monitor.observations import Observations, no_features, no_sketches
from falsetrue.monitor.packing import Header, pack
from falsetrue.monitor.profile import FORMAT, GRIDS, NOBODY_LOOKED, PROBLEMS, Profile, Sample, all_merged, middles

#: So small that the cut of a sample shows.
_FEW = 25

_observations = st.builds(
    lambda texts, seed: make_observations(texts, seed, languages=("en", None)),
    st.integers(0, 40),
    st.integers(0, 2**32),
)


def _campaigns(observations: Observations) -> Campaigns:
    return Campaigns.of(observations.minhash, observations.seconds)


def _profile(observations: Observations) -> Profile:
    return Profile.of(observations, sample=_FEW, campaigns=_campaigns(observations))


@given(st.tuples(*[st.integers(0, 40)] * 3), st.integers(0, 2**32))
@settings(max_examples=40)
def test_profiles_are_put_together_in_any_order(sizes: tuple[int, ...], seed: int) -> None:
    one, two, three = (_profile(make_observations(texts, seed + place)) for place, texts in enumerate(sizes))
    assert one.merged(two).to_bytes() == two.merged(one).to_bytes()
    assert one.merged(two).merged(three).to_bytes() == one.merged(two.merged(three)).to_bytes()


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 2**32))
@settings(max_examples=40)
def test_a_profile_of_parts_is_that_of_the_whole(cut: int, texts: int, seed: int) -> None:
    whole = make_observations(texts, seed)
    is_first = np.arange(texts) < cut
    parts = [Profile.of(whole.where(is_first), sample=_FEW), Profile.of(whole.where(~is_first), sample=_FEW)]
    assert all_merged(parts, sample=_FEW).to_bytes() == Profile.of(whole, sample=_FEW).to_bytes()


@given(_observations)
@settings(max_examples=40)
def test_what_is_written_is_read_again(observations: Observations) -> None:
    profile = _profile(observations)
    read = Profile.from_bytes(profile.to_bytes())
    assert read.to_bytes() == profile.to_bytes()
    assert read.languages == profile.languages
    assert read.sample is not None
    assert profile.sample is not None
    assert np.array_equal(read.sample.features.buckets, profile.sample.features.buckets)
    assert np.array_equal(read.sample.features.times, profile.sample.features.times)
    assert read.campaigns == profile.campaigns


@given(st.data())
@settings(max_examples=150)
def test_damage_is_an_error_and_never_another_profile(data: st.DataObject) -> None:
    content = bytearray(_CONTENT)
    match data.draw(st.sampled_from(["flip", "cut", "grow"])):
        case "flip":
            at = data.draw(st.integers(0, len(content) - 1))
            content[at] ^= 1 << data.draw(st.integers(0, 7))
        case "cut":
            del content[data.draw(st.integers(0, len(content) - 1)) :]
        case _:
            content += data.draw(st.binary(min_size=1, max_size=8))
    with pytest.raises(InputError, match="profile"):
        Profile.from_bytes(bytes(content))


_CONTENT = _profile(make_observations(60)).to_bytes()


def test_a_newer_format_is_refused_by_its_number() -> None:
    with pytest.raises(InputError, match=f"format {FORMAT + 1}"):
        Profile.from_bytes(pack(Header(kind="profile", format=FORMAT + 1), {}))


def test_another_kind_of_file_is_refused() -> None:
    with pytest.raises(InputError, match="profile"):
        Profile.from_bytes(pack(Header(kind="reference", format=1), {}))


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 2**32))
def test_what_was_refused_is_empty_and_nothing_else(first: int, second: int, seed: int) -> None:
    some, none = _profile(make_observations(20, seed)), Profile.empty()
    whole = some.refusing(first).merged(none.refusing(second))
    for other in (none.refusing(second).merged(some.refusing(first)), some.refusing(first + second)):
        assert other.to_bytes() == whole.to_bytes() == Profile.from_bytes(whole.to_bytes()).to_bytes()
    assert (whole.texts, whole.received) == (20, 20 + first + second)
    changed = {name: whole.problem(name) - some.problem(name) for name in PROBLEMS}
    assert changed == {"empty": first + second, "too_short": 0, "debris": 0, "broken": first + second}


def test_counts_that_contradict_each_other_are_refused() -> None:
    profile = Profile.of(make_observations(30), sample=0)
    with pytest.raises(InputError, match="contradict"):
        Profile.from_bytes(replace(profile, texts=31).to_bytes())


def test_a_day_without_a_sample_takes_little_room() -> None:
    profile = Profile.of(make_observations(10_000), sample=0)
    assert len(profile.to_bytes()) <= 30_000


def test_a_sample_holds_the_texts_of_the_lowest_priorities() -> None:
    observations = make_observations(100)
    sample = Sample.of(observations, 10)
    assert sample.priority.tolist() == sorted(observations.priority.tolist())[:10]
    assert len(sample.languages) == len(sample) == len(sample.features.begins) - 1


def test_a_smaller_sample_is_the_beginning_of_a_larger_one() -> None:
    observations = make_observations(100)
    assert Sample.of(observations, 50).smaller(20).priority.tolist() == Sample.of(observations, 20).priority.tolist()


def test_a_sample_of_some_of_the_texts_is_none() -> None:
    with_one, without = Profile.of(make_observations(10)), Profile.of(make_observations(10, 1), sample=0)
    assert with_one.merged(without).sample is None
    assert without.merged(with_one).sample is None


def test_every_text_is_counted_once_on_every_grid() -> None:
    observations = make_observations(200)
    profile = Profile.of(observations)
    assert {name: int(profile.counts(name).sum()) for name in GRIDS if name != "oov"} == dict.fromkeys(
        [name for name in GRIDS if name != "oov"], 200
    )
    assert int(profile.counts("oov").sum()) == int(np.sum(observations.words > 0))
    assert (profile.false, profile.real, profile.unsure) == (
        int(np.sum(observations.labels == 0)),
        int(np.sum(observations.labels == 1)),
        0,
    )


def test_typical_values_are_right_to_a_bin() -> None:
    observations = make_observations(2001)
    profile = Profile.of(observations)
    assert profile.mean("words") == pytest.approx(observations.words.mean(), rel=0.02)
    assert profile.quantile("words", 0.5) == pytest.approx(np.median(observations.words), rel=0.02)
    assert profile.mean_p_real == pytest.approx(observations.p_real.mean(), abs=0.001)
    digits = observations.styles[:, list(STYLES).index("digits")]
    assert profile.mean("digits") == pytest.approx(digits.mean(), rel=0.02)


def test_of_no_text_nothing_is_typical() -> None:
    profile = Profile.empty()
    assert profile.mean("words") is None
    assert profile.quantile("score", 0.5) is None
    assert profile.mean_p_real is None


def test_values_of_bins_ascend() -> None:
    for name in [*GRIDS, "score"]:
        held = middles(name)[middles(name) > 0]
        assert np.all(np.diff(held) > 0)


def test_broken_texts_are_told_by_what_is_wrong() -> None:
    made = make_observations(5)
    styles = made.styles.copy()
    styles[3:, list(STYLES).index("debris")] = 0.01
    words = np.array([0, 5, 300, 300, 0])
    profile = Profile.of(replace(made, words=words, known_words=words, styles=styles))
    assert [profile.problem(name) for name in ("empty", "too_short", "debris", "broken")] == [2, 1, 2, 3]


def test_texts_without_a_sketch_or_known_words_or_language_are_counted_as_far_as_they_are_known() -> None:
    made = make_observations(20, languages=(None,))
    styles, minhash = no_sketches(20)
    bare = replace(
        made, styles=styles, minhash=minhash, features=no_features(20), known_words=np.full(20, -1, np.int64)
    )
    profile = Profile.of(bare)
    assert profile.sketched == 0
    assert profile.languages == {NOBODY_LOOKED: 20}
    assert not profile.counts("digits").any()
    assert not profile.counts("oov").any()
    assert int(profile.counts("words").sum()) == 20
    assert profile.sample is not None
    assert len(profile.sample) == 0


def test_the_order_of_merging_many_does_not_matter() -> None:
    parts = [_profile(make_observations(10, seed)) for seed in range(6)]
    forward = reduce(Profile.merged, parts)
    backward = reduce(Profile.merged, parts[::-1])
    assert forward.to_bytes() == backward.to_bytes()


@given(st.integers(0, 2**32), st.integers(1, 3000), st.floats(0, 1))
def test_quantiles_are_within_a_bin_of_those_of_the_values(seed: int, usual: int, share: float) -> None:
    observations = make_observations(200, seed, words=usual)
    found = Profile.of(observations, sample=0).quantile("words", share)
    exact = np.sort(observations.words)[max(0, int(np.ceil(share * 200)) - 1)]
    assert found == pytest.approx(exact, rel=0.025, abs=0.5)


def test_quantiles_inside_a_bin_differ() -> None:
    """Nobody is told of an interval without a width that is none but a bin's."""
    observations = replace(make_observations(900, 1), words=np.arange(600, 1500) % 8 + 1040)
    profile = Profile.of(observations, sample=0)
    low, middle, high = (profile.quantile("words", share) or 0 for share in (0.45, 0.5, 0.55))
    assert low < middle < high
    assert Profile.empty().quantile("words", 0.5) is None
