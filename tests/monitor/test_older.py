from pathlib import Path

import numpy as np
import pytest

from falsetrue.bundle.folder import open_bundle
from falsetrue.monitor.drift import examine
from falsetrue.monitor.findings import State
from falsetrue.monitor.older import reference_of_baseline
from falsetrue.monitor.reference import Reference
from falsetrue.registry.folder import shipped_folder

_BUNDLES = Path(__file__).parents[1] / "bundle"


@pytest.fixture(params=[shipped_folder(), _BUNDLES / "format_1", _BUNDLES / "format_2"], ids=["3", "1", "2"])
def bundle(request: pytest.FixtureRequest) -> Path:
    """A bundle of each format."""
    folder: Path = request.param
    return folder


def _reference(folder: Path) -> Reference:
    opened = open_bundle(folder)
    return reference_of_baseline(opened.baseline(), opened.manifest)


def test_it_has_as_many_texts_and_the_quantiles_that_were_written(bundle: Path) -> None:
    baseline, profile = open_bundle(bundle).baseline(), _reference(bundle).all.profile
    assert profile.texts == baseline.texts
    for percent in (5, 25, 50, 75, 95):
        step = max(2 / baseline.texts, 0.001)
        low, high = (
            np.interp(share, np.linspace(0, 1, 101), baseline.p_real_quantiles)
            for share in (percent / 100 - step, percent / 100 + step)
        )
        assert low - 0.001 <= (profile.quantile("score", percent / 100) or 0) <= high + 0.001
        words = profile.quantile("words", percent / 100)
        assert words == pytest.approx(baseline.words_quantiles[percent], rel=0.05, abs=1)


def test_errors_and_verdicts_are_those_that_were_written(bundle: Path) -> None:
    manifest, outcomes = open_bundle(bundle).manifest, _reference(bundle).all.outcomes
    assert outcomes.texts == open_bundle(bundle).baseline().texts
    accuracy = manifest.metrics.accuracy.value
    assert 1 - outcomes.forced.value == pytest.approx(accuracy, abs=0.01 + 2 / outcomes.texts)
    if manifest.evaluation is None:
        assert outcomes.decided.texts == outcomes.texts
        return
    said = manifest.evaluation.policy
    assert outcomes.counts.sum(axis=(1, 2)).tolist() == [said.verdicts[name] for name in ("false", "real", "unsure")]
    assert said.precision_false is not None
    assert 1 - outcomes.precision(0).value == pytest.approx(said.precision_false.value)


def test_those_that_were_decided_on_are_those_it_was_surest_of(bundle: Path) -> None:
    counts = _reference(bundle).all.outcomes.counts
    bins = np.arange(counts.shape[-1])
    for truth in (0, 1):
        false, real, unsure = (bins[counts[said, truth] > 0] for said in (0, 1, 2))
        between = [*unsure.tolist(), 500]
        assert false.max(initial=0) <= min(between)
        assert real.min(initial=1000) >= max(between)


def test_what_it_does_not_know_is_not_watched() -> None:
    reference = _reference(shipped_folder())
    findings = {finding.watch: finding.state for finding in examine(reference.all.profile, reference)}
    watched = {name for name, state in findings.items() if state is State.QUIET}
    assert watched == {"empty", "too_short", "words", "oov", "score", "called_false", "undecided", "expected_error"}
    assert {state for name, state in findings.items() if name not in watched} == {State.OFF}


def test_it_can_be_written_and_read() -> None:
    reference = _reference(shipped_folder())
    assert Reference.from_bytes(reference.to_bytes()).to_bytes() == reference.to_bytes()
