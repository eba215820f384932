"""What the page about the model shows, and in which order."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.service.evaluations import decided, evaluation, figures, leak

from falsetrue.bundle.manifest import LeftOutRecord, Manifest, decode
from falsetrue.model.probing import Kind, ProbeRecord
from falsetrue.service.model_page import MOST_LEAKS, ModelPage, model_page

FORMAT_1 = decode((Path(__file__).parents[1] / "bundle" / "format_1" / "manifest.json").read_bytes())


def shown(**changed: object) -> ModelPage:
    manifest: Manifest = msgspec.structs.replace(FORMAT_1, **changed)
    return model_page(manifest)


@given(st.lists(st.none() | st.floats(0, 1), min_size=1, max_size=6))
def test_corpora_left_out_stand_the_worst_first_and_those_without_an_auc_last(aucs: list[float | None]) -> None:
    record = LeftOutRecord(
        family="kin",
        corpora=[str(at) for at in range(len(aucs))],
        fitted=9,
        figures={str(at): figures(auc) for at, auc in enumerate(aucs)},
        policies={str(at): decided(0.4) for at in range(len(aucs))},
    )
    page = shown(evaluation=evaluation(left_out=[record]))
    found = [row.auc.value if row.auc else 2.0 for row in page.elsewhere]
    assert found == sorted(found)
    assert len(found) == len(aucs)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_every_interval_lies_on_the_axis(aucs: list[float]) -> None:
    every = {str(at): figures(auc) for at, auc in enumerate(aucs)}
    page = shown(evaluation=evaluation(by_language=every, references=every))
    assert page.axis_start <= 0.4
    assert all(page.axis_start <= row.auc.low for row in page.languages if row.auc)


def test_of_each_corpus_the_strongest_leaks_are_told_and_all_are_counted() -> None:
    leaks = [leak(str(auc), auc=auc, seen=auc > 0.6) for auc in (0.55, 0.9, 0.2, 0.7, 0.6)]
    (found,) = shown(leaks=leaks).leaks
    assert (found.corpus, found.found, found.seen) == ("news", 5, 2)
    assert [each.name for each in found.strongest] == ["0.9", "0.2", "0.7"][:MOST_LEAKS]


def test_signs_that_flip_belong_to_no_corpus() -> None:
    page = shown(leaks=[leak("he", corpus="a, b", kind="sign_flip"), leak("she")])
    assert [each.corpus for each in page.leaks] == ["news"]
    assert [each.name for each in page.flips] == ["he"]


def test_the_most_frequent_failure_comes_first() -> None:
    estimate = figures(0.5).accuracy
    assert estimate
    probes = [
        ProbeRecord(
            kind=kind,
            probes=10,
            verdicts={},
            decided=0,
            as_expected=0,
            share_as_expected=None,
            as_expected_if_forced=right,
            share_as_expected_if_forced=estimate,
            mean_change=None,
            largest_change=None,
        )
        for kind, right in ((Kind.TYPOS, 10), (Kind.NEGATION, 0), (Kind.PARAPHRASE, 5))
    ]
    found = shown(probes=probes).failures
    assert [record.kind for record, _ in found] == [Kind.NEGATION, Kind.PARAPHRASE, Kind.TYPOS]
    assert "in 10 of all 10 pairs" in found[0][1]


def test_corpora_of_the_same_makers_are_cited_once() -> None:
    corpora = [msgspec.structs.replace(FORMAT_1.corpora[0], name=name, cite=cite) for name, cite in CITED]
    assert shown(corpora=corpora).citations == (("a, c", "Shu"), ("b", "Cui"))


CITED = (("a", "Shu"), ("b", "Cui"), ("c", "Shu"), ("d", None))


@pytest.mark.parametrize(("mask", "said"), [("url@1", "web addresses"), ("gone@7", "gone@7")])
def test_a_mask_is_said_in_words_if_they_are_known(mask: str, said: str) -> None:
    assert shown(masks=[mask]).masks == (said,)


def test_a_model_of_format_1_has_its_corpora_and_nothing_else_measured() -> None:
    page = model_page(FORMAT_1)
    assert [row.name for row in page.corpora] == list(FORMAT_1.metrics.by_corpus)
    assert page.elsewhere == page.references == page.languages == ()
