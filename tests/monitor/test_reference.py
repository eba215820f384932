from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from tests.monitor.observed import make_observations

from falsetrue.errors import InputError
from falsetrue.monitor.observations import Observations
from falsetrue.monitor.packing import Header, pack
from falsetrue.monitor.reference import (
    FORMAT,
    PUBLIC_SALT,
    SAMPLE,
    SCORE_EDGES,
    Outcomes,
    Reference,
    make_reference,
    score_counts,
)


def _reference(*batches: Observations) -> Reference:
    return make_reference(batches, name="made up", model_name="m", model_version="1", salt=PUBLIC_SALT)


_MADE = make_observations(900, 1, languages=("en", "en", "es", None))
_REFERENCE = _reference(_MADE)
_CONTENT = _REFERENCE.to_bytes()


def test_what_is_written_is_read_again() -> None:
    read = Reference.from_bytes(_CONTENT)
    assert read.to_bytes() == _CONTENT
    assert (read.name, read.model_name, read.model_version, read.salt) == ("made up", "m", "1", PUBLIC_SALT)
    assert set(read.languages) == {"en", "es"}
    for language in (None, "en", "es"):
        usual, before = read.usual(language), _REFERENCE.usual(language)
        assert usual is not None
        assert before is not None
        assert np.array_equal(usual.outcomes.counts, before.outcomes.counts)
        assert usual.profile.to_bytes() == before.profile.to_bytes()


@given(st.data())
@settings(max_examples=150)
def test_damage_is_an_error_and_never_another_reference(data: st.DataObject) -> None:
    content = bytearray(_CONTENT)
    if data.draw(st.booleans()):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    with pytest.raises(InputError, match="reference"):
        Reference.from_bytes(bytes(content))


def test_the_policy_of_its_verdicts_is_kept_and_where_nobody_said_it_is_as_it_was_before() -> None:
    said = replace(_REFERENCE, policy="mine@2")
    assert Reference.from_bytes(said.to_bytes()).policy == "mine@2"
    assert said.digest != _REFERENCE.digest
    assert Reference.from_bytes(_CONTENT).policy == ""
    assert b'"policy"' not in _CONTENT


def test_a_newer_format_is_refused_by_its_number() -> None:
    with pytest.raises(InputError, match=f"format {FORMAT + 1}"):
        Reference.from_bytes(pack(Header(kind="reference", format=FORMAT + 1), {}))


def test_how_the_texts_are_cut_does_not_matter() -> None:
    is_first = np.arange(len(_MADE)) < 300
    cut = _reference(_MADE.where(is_first), _MADE.where(~is_first))
    for language in (None, "en", "es"):
        parts, whole = cut.usual(language), _REFERENCE.usual(language)
        assert parts is not None
        assert whole is not None
        bare = [replace(usual.profile, campaigns=None).to_bytes() for usual in (parts, whole)]
        assert bare[0] == bare[1]
        assert np.array_equal(parts.outcomes.counts, whole.outcomes.counts)


def test_it_holds_no_more_than_it_needs() -> None:
    reference = _reference(make_observations(2500, 2))
    profile = reference.all.profile
    assert profile.sample is not None
    assert len(profile.sample) == SAMPLE
    assert all(usual.profile.sample is None for usual in reference.languages.values())


def test_near_copies_are_known_and_whose_they_are_is_not() -> None:
    minhash = _MADE.minhash.copy()
    minhash[100:103] = minhash[100]
    keys = np.full(900, "k", dtype=object)
    campaigns = _reference(replace(_MADE, minhash=minhash, keys=keys)).all.profile.campaigns
    assert campaigns is not None
    assert [(group.texts, group.keys) for group in campaigns.groups] == [(3, ())]


def test_too_few_texts_are_no_baseline() -> None:
    with pytest.raises(InputError, match="made up: 199 texts are too few"):
        _reference(make_observations(199))


def test_a_language_of_few_texts_has_no_baseline_of_its_own() -> None:
    few = make_observations(150, 3, languages=("pt",))
    reference = _reference(_MADE, few)
    assert reference.usual("pt") is None
    assert reference.all.profile.languages["pt"] == 150


def _counted(observations: Observations, **wanted: int) -> int:
    flags = np.ones(len(observations), bool)
    for name, value in wanted.items():
        flags &= getattr(observations, name) == value
    return int(flags.sum())


def test_errors_are_those_of_the_labels() -> None:
    labels = np.where(np.abs(_MADE.p_real - 0.5) < 0.2, -1, _MADE.labels).astype(np.int8)
    assert _MADE.truth is not None
    truth = np.where(np.arange(900) % 5 == 0, -1, _MADE.truth).astype(np.int8)
    made = replace(_MADE, labels=labels, truth=truth)
    outcomes = Outcomes.of(made)
    wrong = _counted(made, labels=0, truth=1) + _counted(made, labels=1, truth=0)
    right = _counted(made, labels=0, truth=0) + _counted(made, labels=1, truth=1)
    assert (outcomes.decided.errors, outcomes.decided.texts) == (wrong, wrong + right)
    assert outcomes.texts == 720
    known = truth >= 0
    assert outcomes.forced.errors == int(np.sum((made.p_real > 0.5)[known] != (truth == 1)[known]))
    assert outcomes.precision(0).errors == _counted(made, labels=0, truth=1)
    assert sum(outcomes.confusion().values()) == 720
    table = outcomes.reliability()
    assert sum(texts for texts, _, _ in table) == 720
    assert sum(real for _, real, _ in table) == _counted(made, truth=1)
    assert all(mean is None or at / 10 <= mean <= (at + 1) / 10 for at, (_, _, mean) in enumerate(table))


def test_texts_without_any_label_tell_nothing_of_errors() -> None:
    reference = _reference(replace(_MADE, truth=None))
    assert reference.all.outcomes.texts == 0
    assert reference.all.outcomes.judged.texts == 0
    assert reference.all.outcomes.shares() == {}


def test_the_limit_of_the_error_is_the_exact_bound() -> None:
    rate = _REFERENCE.all.outcomes.decided
    expected = binomtest(rate.errors, rate.texts, alternative="less").proportion_ci(0.95, method="exact").high
    assert _REFERENCE.all.outcomes.judged.limit == pytest.approx(expected)
    undecided = Outcomes.of(replace(_MADE, labels=np.full(900, -1, np.int8)))
    assert undecided.judged.limit == pytest.approx(undecided.forced.limit)


def test_shares_are_those_of_the_estimates_that_have_labels() -> None:
    outcomes = _REFERENCE.all.outcomes
    precision = {f"precision_{name}": 1 - outcomes.precision(said).value for said, name in enumerate(("false", "real"))}
    assert outcomes.shares() == {"error": outcomes.decided.value, "error_forced": outcomes.forced.value} | precision
    undecided = Outcomes.of(replace(_MADE, labels=np.full(900, -1, np.int8)))
    assert undecided.shares() == {"error_forced": undecided.forced.value}


def test_shares_of_scores_are_those_of_the_texts() -> None:
    expected = np.histogram(_MADE.p_real, SCORE_EDGES)[0]
    assert score_counts(_REFERENCE.all.profile) == tuple(expected.tolist())
    assert _REFERENCE.score_shares == pytest.approx((expected / 900).tolist())
