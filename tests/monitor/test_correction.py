import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.errors import InputError
from falsetrue.monitor.correction import corrected, holm
from falsetrue.monitor.findings import Finding, Kind, Severity, State, Subject

_probabilities = st.lists(st.floats(0, 1), max_size=12)


def _holm_slowly(p: list[float]) -> list[float]:
    """Holm's own words: the i-th smallest is multiplied by how many are left, and none is below one before it."""
    answer = [0.0] * len(p)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p)), key=lambda at: p[at])):
        largest = max(largest, min(1.0, (len(p) - rank) * p[place]))
        answer[place] = largest
    return answer


@given(_probabilities)
def test_corrected_values_are_those_of_the_definition(p: list[float]) -> None:
    assert holm(p).tolist() == pytest.approx(_holm_slowly(p))


@given(_probabilities, st.floats(0.001, 0.5))
def test_what_is_rejected_is_what_stepping_down_rejects(p: list[float], alpha: float) -> None:
    rejected = set()
    for rank, place in enumerate(sorted(range(len(p)), key=lambda at: p[at])):
        if (len(p) - rank) * p[place] > alpha:
            break
        rejected.add(place)
    assert set(np.flatnonzero(holm(p) <= alpha).tolist()) == rejected


@given(_probabilities, st.randoms())
def test_the_order_of_tests_does_not_matter(p: list[float], random: object) -> None:
    order = list(range(len(p)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert holm([p[at] for at in order]).tolist() == pytest.approx(holm(p)[order].tolist())


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability_is_refused(wrong: float) -> None:
    with pytest.raises(InputError, match="p-value"):
        holm([0.5, wrong])


def _finding(p: float | None, state: State = State.QUIET, subject: Subject | None = None) -> Finding:
    return Finding(
        watch="words",
        kind=Kind.COVARIATE,
        severity=Severity.WARNING,
        subject=subject or Subject(),
        state=state,
        texts=500,
        least=200,
        statistic="KS",
        value=0.1,
        effect="median words",
        size=1,
        baseline=1,
        current=2,
        p=p,
    )


def test_drift_is_what_stays_significant_and_what_was_not_tested_is_left_alone() -> None:
    untested = _finding(None, State.INSUFFICIENT)
    findings = [_finding(0.04), untested, _finding(0.001), _finding(0.02)]
    answer = corrected(findings, alpha=0.04)
    assert [finding.state for finding in answer] == [State.DRIFT, State.INSUFFICIENT, State.DRIFT, State.DRIFT]
    assert [finding.corrected for finding in answer] == [
        pytest.approx(0.04),
        None,
        pytest.approx(0.003),
        pytest.approx(0.04),
    ]
    assert answer[1] == untested
    assert msgspec.structs.replace(answer[0], corrected=None, state=State.QUIET) == findings[0]


def test_one_test_more_can_silence_another() -> None:
    assert corrected([_finding(0.03)], alpha=0.05)[0].state is State.DRIFT
    assert corrected([_finding(0.03), _finding(0.9)], alpha=0.05)[0].state is State.QUIET


def test_keys_and_languages_share_one_half_and_all_texts_have_the_other() -> None:
    keys = [_finding(0.5, subject=Subject(key=str(number))) for number in range(300)]
    spanish = _finding(0.0001, subject=Subject(language="es"))
    first, second, *_ = corrected([_finding(0.001), _finding(0.4), spanish, *keys], alpha=0.01)
    assert first.corrected == pytest.approx(0.001 * 2 * 2)
    assert first.state is State.DRIFT
    assert second.corrected == pytest.approx(0.4 * 2)
    assert corrected([_finding(0.001), _finding(0.4), spanish, *keys], alpha=0.01)[2].corrected == pytest.approx(
        0.0001 * 301 * 2
    )


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=12), st.floats(0.01, 0.5))
def test_corrected_values_are_never_below_those_of_one_family_of_the_same_half(
    tests: list[tuple[bool, float]], alpha: float
) -> None:
    findings = [_finding(p, subject=Subject(key="k") if is_key else None) for is_key, p in tests]
    for is_key in (True, False):
        own = [finding for finding, (kind, _) in zip(corrected(findings, alpha), tests, strict=True) if kind is is_key]
        expected = _holm_slowly([p for kind, p in tests if kind is is_key])
        factor = len({kind for kind, _ in tests})
        assert [finding.corrected for finding in own] == pytest.approx([min(1.0, factor * value) for value in expected])
