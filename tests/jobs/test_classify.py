from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falsetrue.jobs.classify import Classification, Classifier, Item, Refusal
from falsetrue.model.decision import Outcome, Policy, Reason
from falsetrue.settings import Settings
from falsetrue.wiring import load_classifier

DISPATCH = (
    "GENEVA (Reuters) - The World Health Organization said on Wednesday that member states had agreed on a draft "
    "treaty to share data during outbreaks. The text will be put to a vote in May, a spokesman said, after two years "
    "of negotiations in which the United States and the European Union had disagreed over funding."
)
RANT = (
    "Folks, you are NOT going to believe what Hillary and her corrupt friends in the lamestream media pulled this "
    "time!!! This is insane. The liberal snowflakes are losing their minds because Trump just destroyed them, and "
    "of course they want to hide it from you. Watch the video below and share it everywhere."
    " Featured image via YouTube."
)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier(Settings())


def classify_one(classifier: Classifier, text: str, title: str | None = None) -> Classification:
    found = classifier.classify([Item(text=text, title=title)], classifier.policies.default)[0]
    assert isinstance(found, Classification)
    return found


def test_a_dispatch_is_real_and_a_rant_is_false(classifier: Classifier) -> None:
    assert classifier.labels([DISPATCH, RANT]) == [1, 0]
    assert classify_one(classifier, DISPATCH).label is Outcome.REAL
    assert classify_one(classifier, RANT).label is not Outcome.REAL


def test_a_headline_is_too_short_to_decide(classifier: Classifier) -> None:
    found = classify_one(classifier, "Parliament approves budget")
    assert (found.label, found.is_falsetrue) == (Outcome.UNSURE, None)
    assert Reason.TOO_SHORT in found.reasons


def test_a_text_in_a_script_it_never_saw_is_out_of_scope(classifier: Classifier) -> None:
    found = classify_one(classifier, "правительство сообщило что новый закон вступит в силу на следующей неделе " * 4)
    assert Reason.OUT_OF_SCOPE in found.reasons


WALL = (
    "Please verify you are a human. The minister said on Tuesday that the parliament had agreed on the budget, "
    "according to an official statement of the committee."
)


def with_filters(classifier: Classifier, *filters: str) -> Classifier:
    return replace(classifier, manifest=msgspec.structs.replace(classifier.manifest, filters=list(filters)))


def test_what_a_filter_of_the_model_matches_is_out_of_scope_under_every_policy(classifier: Classifier) -> None:
    """Whatever the words say; the other reasons stay, and so does the probability."""
    always = Policy(name="always", version=1, false_below=0.5, real_above=0.5)
    items = [Item(text=WALL), Item(title="Minister: budget agreed", text=WALL), Item(text=DISPATCH)]
    before = with_filters(classifier).classify(items, always)
    found = with_filters(classifier, "bot_wall@1").classify(items, always)
    for one, other in zip(before[:2], found[:2], strict=True):
        assert isinstance(one, Classification)
        assert one.label is not Outcome.UNSURE
        assert other == replace(
            one, label=Outcome.UNSURE, is_falsetrue=None, action="review", reasons=(Reason.OUT_OF_SCOPE,)
        )
    assert found[2] == before[2]


def test_the_other_reasons_against_a_decision_are_told_beside_a_filter(classifier: Classifier) -> None:
    found = classify_one(with_filters(classifier, "login_wall@1"), "You must log in to continue.")
    assert found.reasons[0] is Reason.OUT_OF_SCOPE
    assert found.reasons.count(Reason.OUT_OF_SCOPE) == 1
    assert Reason.TOO_SHORT in found.reasons


def test_the_legacy_answer_knows_no_filter(classifier: Classifier) -> None:
    texts = [WALL, DISPATCH]
    assert with_filters(classifier, "bot_wall@1").labels(texts) == with_filters(classifier).labels(texts)


def test_empty_and_too_long_texts_are_refused_and_the_others_answered(classifier: Classifier) -> None:
    items = [Item(text=""), Item(text=DISPATCH), Item(text="é" * 300), Item(text=" \n", title="only a title")]
    found = classifier.classify(items, classifier.policies.default, longest=599)
    assert [each for each in found if isinstance(each, Refusal)] == [Refusal.EMPTY, Refusal.TOO_LONG, Refusal.EMPTY]
    assert isinstance(found[1], Classification)
    assert isinstance(
        classifier.classify([Item(text="é" * 300)], classifier.policies.default, longest=600)[0], Classification
    )


def test_title_and_text_are_scored_joined(classifier: Classifier) -> None:
    joined = classify_one(classifier, f"A title , {DISPATCH}")
    assert classify_one(classifier, DISPATCH, title="A title").p_real == joined.p_real


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=200), max_size=6))
def test_an_answer_for_every_text_in_order(classifier: Classifier, texts: list[str]) -> None:
    together = classifier.classify([Item(text=text) for text in texts], classifier.policies.default)
    alone = [classifier.classify([Item(text=text)], classifier.policies.default)[0] for text in texts]
    assert together == alone
    assert len(classifier.labels(texts)) == len(texts)


def test_the_policy_that_is_asked_for_is_applied(classifier: Classifier) -> None:
    never = Policy(name="never", version=1, false_below=0, real_above=1)
    found = classifier.classify([Item(text=DISPATCH)], never)[0]
    assert isinstance(found, Classification)
    assert found.reasons == (Reason.NEAR_THRESHOLD,)


def test_similar_texts_come_from_the_baseline(classifier: Classifier) -> None:
    found = classify_one(classifier, DISPATCH)
    similar = classifier.similar(found)
    assert similar is not None
    assert similar.low <= found.p_real <= similar.high
    assert 0 < similar.real <= similar.texts


def test_no_text_is_similar_to_one_that_is_too_short_or_out_of_scope(classifier: Classifier) -> None:
    assert classifier.similar(classify_one(classifier, "Parliament approves budget")) is None


def test_the_model_of_the_settings_is_loaded(tmp_path: Path) -> None:
    assert load_classifier(Settings(models_folder=tmp_path)).manifest.name == "news-en-es"
