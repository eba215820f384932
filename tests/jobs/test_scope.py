"""Texts written for this test that the shipped model must not decide, and news that it must not take for them.

``second_half.jsonl`` was written before the rules were made and was not looked at while they were.
"""

from pathlib import Path

import msgspec
import pytest

from falsetrue.jobs.classify import Classification, Classifier, Item, Refusal
from falsetrue.model.decision import Outcome, Reason
from falsetrue.settings import Settings
from falsetrue.wiring import load_classifier

FOLDER = Path(__file__).parents[1] / "model" / "inputs_beyond_news"


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier(Settings())


def read(name: str) -> list[dict[str, str]]:
    return [msgspec.json.decode(line) for line in (FOLDER / f"{name}.jsonl").read_bytes().splitlines()]


def classified(classifier: Classifier, rows: list[dict[str, str]]) -> list[Classification | Refusal]:
    return classifier.classify([Item(text=row["text"]) for row in rows], classifier.policies.default)


def is_right(found: Classification | Refusal, reason: str) -> bool:
    if isinstance(found, Refusal):
        return found is Refusal.EMPTY and reason == Reason.TOO_SHORT
    return found.label is Outcome.UNSURE and reason in found.reasons


@pytest.mark.parametrize("half", ["first_half", "second_half"])
def test_of_texts_that_are_no_news_at_least_95_in_100_are_not_decided_for_the_right_reason(
    classifier: Classifier, half: str
) -> None:
    rows = read(half)
    found = classified(classifier, rows)
    wrong = [
        (row["kind"], row["language"], str(getattr(each, "reasons", each)))
        for row, each in zip(rows, found, strict=True)
        if not is_right(each, row["reason"])
    ]
    assert len(rows) >= 100
    assert len(wrong) <= 0.05 * len(rows), wrong


def test_short_news_reports_are_not_taken_for_something_else(classifier: Classifier) -> None:
    found = classified(classifier, read("news_like"))
    elsewhere = [
        each
        for each in found
        if isinstance(each, Refusal) or {Reason.OUT_OF_SCOPE, Reason.UNSUPPORTED_LANGUAGE} & set(each.reasons)
    ]
    assert len(elsewhere) <= 0.1 * len(found)


def test_hardly_any_news_kept_aside_is_called_out_of_scope_and_half_of_it_is_decided(classifier: Classifier) -> None:
    evaluation = classifier.manifest.evaluation
    assert evaluation is not None
    assert evaluation.called_elsewhere <= 0.05
    assert evaluation.policy.coverage.value >= 0.5
