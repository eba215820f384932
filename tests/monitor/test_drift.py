from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.monitor.observed import make_observations

from falsetrue.features.sketches import STYLES
from falsetrue.monitor.correction import corrected
from falsetrue.monitor.drift import WATCHED_STYLES, WATCHES, estimates, examine
from falsetrue.monitor.findings import Finding, Remedy, Severity, State, Subject
from falsetrue.monitor.observations import Observations, no_sketches
from falsetrue.monitor.profile import Profile
from falsetrue.monitor.reference import Reference, make_reference

_ALL = Subject()
#: What one look may find where there is nothing.
_ALPHA = 1 / 31


def _reference(*batches: Observations) -> Reference:
    return make_reference(batches, name="made up", model_name="m", model_version="1", salt=None)


_BASELINE = make_observations(2000, 1)
_REFERENCE = _reference(_BASELINE)


def _look(now: Observations, subject: Subject = _ALL, reference: Reference = _REFERENCE) -> dict[str, Finding]:
    findings = corrected(examine(Profile.of(now, sample=0), reference, subject), _ALPHA)
    assert len({finding.watch for finding in findings}) == len(findings)
    return {finding.watch: finding for finding in findings}


def _drifting(findings: dict[str, Finding]) -> set[str]:
    return {name for name, finding in findings.items() if finding.state is State.DRIFT}


def _with_style(observations: Observations, name: str, values: Any) -> Observations:
    styles = observations.styles.copy()
    styles[:, list(STYLES).index(name)] = values
    return replace(observations, styles=styles)


def test_looks_without_drift_find_something_as_seldom_as_they_may() -> None:
    """Rather less often: what does not matter is left room for."""
    looks = [_look(make_observations(250, 100 + seed)) for seed in range(60)]
    assert sum(bool(_drifting(findings)) for findings in looks) <= 5
    assert all(finding.p is not None for findings in looks for finding in findings.values())


@pytest.mark.parametrize("name", list(WATCHES))
def test_every_watch_finds_the_drift_that_it_is_for(name: str) -> None:
    now = make_observations(600, 7)
    half = np.arange(600) % 2 == 0
    noise = np.random.default_rng(7).random(600)
    changed = {
        "empty": lambda: replace(now, words=np.where(noise < 0.06, 0, now.words)),
        "too_short": lambda: replace(now, words=np.where(noise < 0.1, 8, now.words)),
        "debris": lambda: _with_style(now, "debris", np.where(noise < 0.06, 0.02, 0)),
        "words": lambda: replace(now, words=now.words * 2),
        "oov": lambda: replace(now, known_words=(now.known_words * 0.93).astype(np.int64)),
        "score": lambda: replace(now, p_real=np.where(half, 0.5 + (now.p_real - 0.5) / 2, now.p_real)),
        "language_mix": lambda: replace(now, languages=np.where(half & (noise < 0.3), "pt", now.languages)),
        "called_false": lambda: replace(now, labels=np.where(noise < 0.3, 0, now.labels).astype(np.int8)),
        "undecided": lambda: replace(now, labels=np.where(noise < 0.3, -1, now.labels).astype(np.int8)),
        "expected_error": lambda: replace(now, p_real=0.5 + (now.p_real - 0.5) / 3),
    } | {
        f"style.{style}": lambda style=style: _with_style(
            now, style, now.styles[:, list(STYLES).index(style)] * 1.5 + (2 if style == "links" else 0.001)
        )
        for style in WATCHED_STYLES
    }
    findings = _look(changed[name]())
    assert name in _drifting(findings)
    found = findings[name]
    assert found.corrected is not None
    assert found.p is not None
    assert found.p <= found.corrected <= _ALPHA
    assert found.severity is Severity.WARNING
    assert found.remedies
    if name.startswith("style."):
        assert _drifting(findings) == {name}


def test_findings_say_what_was_and_what_is_in_units_that_people_know() -> None:
    now = make_observations(600, 7)
    findings = _look(replace(now, words=now.words * 2))
    words = findings["words"]
    assert words.baseline == pytest.approx(np.median(_BASELINE.words), rel=0.03)
    assert words.current == pytest.approx(2 * np.median(now.words), rel=0.03)
    assert words.size == pytest.approx((words.current or 0) - (words.baseline or 0))
    assert (words.low or 0) < (words.current or 0) < (words.high or 0)
    called = findings["called_false"]
    assert called.current == pytest.approx(np.mean(now.labels == 0))
    assert called.baseline == pytest.approx(np.mean(_BASELINE.labels == 0))
    assert findings["empty"].remedies[0] is Remedy.FIX_FEED
    assert findings["language_mix"].details["languages"] == 3


@pytest.mark.parametrize("name", ["empty", "too_short", "debris"])
def test_fewer_broken_texts_are_no_drift(name: str) -> None:
    usual, clean = make_observations(2000, 1), make_observations(1000, 7)
    is_broken = np.arange(2000) % 3 == 0
    broken = {
        "empty": lambda: replace(usual, words=np.where(is_broken, 0, usual.words)),
        "too_short": lambda: replace(usual, words=np.where(is_broken, 8, usual.words)),
        "debris": lambda: _with_style(usual, "debris", np.where(is_broken, 0.02, 0)),
    }
    found = _look(clean, reference=_reference(broken[name]()))[name]
    assert found.size is not None
    assert found.size < -0.3
    assert (found.state, found.p) == (State.QUIET, 1)


@pytest.mark.parametrize("undecided", [-1, 1])
def test_more_and_fewer_texts_without_a_decision_are_drift(undecided: int) -> None:
    usual, now = make_observations(2000, 1), make_observations(600, 7)
    some = np.where(np.arange(2000) % 4 == 0, -1, 1).astype(np.int8)
    found = _look(
        replace(now, labels=np.full(600, undecided, np.int8)), reference=_reference(replace(usual, labels=some))
    )
    assert found["undecided"].state is State.DRIFT
    assert found["undecided"].baseline == 0.25
    assert found["undecided"].current == (undecided < 0)


def test_where_a_baseline_of_before_does_not_know_what_was_decided_the_undecided_are_not_watched() -> None:
    styles, minhash = no_sketches(2000)
    forced = np.where(_BASELINE.p_real > 0.5, 1, 0).astype(np.int8)
    older = _reference(replace(_BASELINE, labels=forced, styles=styles, minhash=minhash))
    assert _look(make_observations(600, 7), reference=older)["undecided"].state is State.OFF


def test_the_language_that_has_changed_most_is_named() -> None:
    now = make_observations(600, 3)
    is_new = np.arange(600) % 6 == 0
    found = _look(replace(now, languages=np.where(is_new, "pt", now.languages)))["language_mix"]
    assert found.details["language"] == "pt"
    assert found.baseline == 0
    assert found.current == pytest.approx(1 / 6)


def test_a_hair_of_a_difference_is_not_told_of_however_many_texts_there_are() -> None:
    """A million texts: one in seventy is called false that was not."""
    profile = Profile.of(make_observations(1000, 5), sample=0)
    many = replace(profile, scores=profile.scores * 1000, grids=profile.grids * 1000, texts=1_000_000)
    usual = _reference(make_observations(20_000, 6))
    moved = many.scores.copy()
    moved[1, 900:] -= many.scores[1, 900:] // 20
    moved[0, 900:] += many.scores[1, 900:] // 20
    base = replace(usual, all=replace(usual.all, profile=replace(many, scores=moved)))
    found = {finding.watch: finding for finding in corrected(examine(many, base), _ALPHA)}
    assert found["called_false"].size
    assert found["called_false"].state is State.QUIET
    assert found["score"].state is State.QUIET
    assert found["words"].state is State.QUIET


@pytest.mark.parametrize("texts", [0, 1, 199])
def test_fewer_than_two_hundred_texts_say_nothing(texts: int) -> None:
    findings = _look(make_observations(texts, 2))
    assert {finding.state for finding in findings.values()} == {State.INSUFFICIENT}
    assert all(finding.p is None and finding.texts == texts for finding in findings.values())
    assert estimates(Profile.of(make_observations(texts, 2)), _REFERENCE) == []


def test_two_hundred_texts_say_something() -> None:
    assert all(finding.p is not None for finding in _look(make_observations(200, 2)).values())


def test_a_language_is_compared_with_itself() -> None:
    long, short = (
        make_observations(1000, 1, languages=("en",), words=600),
        make_observations(1000, 2, languages=("es",)),
    )
    reference = _reference(long, replace(short, priority=short.priority ^ np.uint64(1)))
    now = make_observations(400, 3, languages=("es",))
    assert "words" not in _drifting(_look(now, Subject(language="es"), reference))
    assert "words" in _drifting(_look(now, Subject(language="en"), reference))
    assert "language_mix" not in _look(now, Subject(language="es"), reference)


def test_a_language_that_the_baseline_hardly_knows_is_not_watched() -> None:
    findings = _look(make_observations(400, 3), Subject(language="pt"))
    assert {finding.state for finding in findings.values()} == {State.OFF}
    assert all(finding.subject == Subject(language="pt") for finding in findings.values())


def test_what_the_traffic_or_the_baseline_does_not_have_is_not_watched() -> None:
    styles, minhash = no_sketches(400)
    bare = replace(make_observations(400, 3, languages=(None,)), styles=styles, minhash=minhash)
    names = {"debris", "language_mix", *(f"style.{style}" for style in WATCHED_STYLES)}
    now = _look(bare)
    assert {name for name, finding in now.items() if finding.state is State.INSUFFICIENT} == names
    styles, minhash = no_sketches(2000)
    usual = make_observations(2000, 1, languages=(None,))
    poor = _reference(replace(usual, styles=styles, minhash=minhash, truth=None))
    now = _look(make_observations(400, 3), reference=poor)
    off = {name for name, finding in now.items() if finding.state is State.OFF}
    assert off == names | {"expected_error", "undecided"}


def test_errors_and_the_share_of_false_news_are_estimated_beside_the_baseline() -> None:
    found = {each.name: each for each in estimates(Profile.of(make_observations(800, 4)), _REFERENCE)}
    assert set(found) == {"error", "error_forced", "precision_false", "precision_real", "prevalence_false"}
    assert _BASELINE.truth is not None
    assert found["prevalence_false"].baseline == pytest.approx(np.mean(_BASELINE.truth == 0))
    for each in found.values():
        assert each.low < each.value < each.high
        assert each.baseline is not None
        assert each.low - 0.05 < each.baseline < each.high + 0.05
        assert each.labels == 0


def test_scores_that_move_from_the_ends_to_the_middle_are_seen() -> None:
    """Beta(.2, .2) to Beta(.4, .4), 200 texts, at 1 %."""
    alarms = 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        before, now = generator.beta(0.2, 0.2, 2000), generator.beta(0.4, 0.4, 200)
        baseline = Profile.of(replace(_BASELINE, p_real=before), sample=0)
        profile = Profile.of(replace(make_observations(200, seed), p_real=now), sample=0)
        reference = replace(_REFERENCE, all=replace(_REFERENCE.all, profile=baseline))
        found = next(each for each in examine(profile, reference) if each.watch == "score")
        alarms += found.p is not None and found.p <= 0.01
    assert alarms >= 0.95 * 60
