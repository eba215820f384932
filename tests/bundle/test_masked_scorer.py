"""What is masked is masked alike by the pipeline that was fitted and by the scorer that serves it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from falsetrue.bundle.compiling import compile_pipeline
from falsetrue.bundle.scorer import CompiledScorer, from_bytes
from falsetrue.model.fitting import MaskingTransformer
from falsetrue.news.masking import CATALOGUE, EDGE, Masker

ALL = tuple(CATALOGUE)
#: Lines of which each mask blanks a part, wherever the line stands near either end of a text.
LINES = {
    "dateline@1": ("LONDON (Reuters) - the vote", "RIO DE JANEIRO (AFP) — o voto", "(AP) the vote"),
    "place@1": ("WASHINGTON — the vote", "PARIS, France — the vote"),
    "outlet@1": ("the bank told Reuters so", "disse a Folha de S.Paulo", "as seen on BBC"),
    "byline@1": ("By Ann Other", "by María de Otra", "Additional reporting by a writer"),
    "credit@1": ("Featured image via a painter", "A Painter/Getty Images", "Foto de um amigo"),
    "label@1": ("Source: another site", "leia também: outra coisa", "Fuente: otro sitio"),
    "url@1": ("see https://example.com/a?b=c now", "http://budget.example/vote"),
    "domain@1": ("see pic.twitter.com/vote now", "from budget.example.org today"),
    "handle@1": ("write to desk@example.com now", "— a writer (@awriter) May 3, 2017", "@budget said"),
    "wall@1": ("Page not found", "Please enable JavaScript to vote", "We use cookies for the vote"),
    "share@1": ("Click to share the vote", "READ MORE about the vote", "Subscribe to our newsletter today"),
    "player@1": ("Replay Video", "MUST WATCH the vote", "Your browser does not support the vote"),
    "verdict@1": ("Fact Check the vote", "HOAX about the vote", "Snopes said so"),
    "mojibake@1": ("it donâ€™t vote", "votaciÃ³n"),
    "markup@1": ("the <strong>vote</strong> said", "so&nbsp;now", "{budget: the vote; said}"),
    "placeholder@1": ("llame al *PHONE* antes", "the *NUMBER* vote"),
}
#: In small letters and without marks no mask finds anything in them, so that a model knows the words they hold.
PLAIN = [
    " ".join("".join(each if each.isalnum() else " " for each in line.lower()).split())
    for lines in LINES.values()
    for line in lines
]
LABELS = [number % 2 for number in range(len(PLAIN))]


def fitted(*masks: str) -> Pipeline:
    steps = [("vectorizer", TfidfVectorizer(ngram_range=(1, 2))), ("classifier", LogisticRegression(C=100))]
    return Pipeline([("masks", MaskingTransformer(masks)), *steps] if masks else steps).fit(PLAIN, LABELS)


def compiled(pipeline: Pipeline) -> CompiledScorer:
    return from_bytes(compile_pipeline(pipeline))


EACH = {mask: fitted(mask) for mask in ALL}
EVERY = fitted(*ALL)
SCORERS = {mask: compiled(pipeline) for mask, pipeline in EACH.items()}
SCORER = compiled(EVERY)
#: Other lines, some of which other masks find something in, and debris that may begin a match or end one.
OTHER = st.one_of(
    st.text(max_size=15).map(lambda text: text.replace("\n", " ")),
    st.sampled_from([line for lines in LINES.values() for line in lines]),
    st.sampled_from(["(", "@", ".com", "https://", "— ", " , ", "ñ", "😀", "İ", "ΟΔΟΣ", "e\u0301", "\x85"]),
)
LONG = "the bank said the vote and the budget so\n" * (2 * EDGE // 40)


def text_with(mask: str) -> st.SearchStrategy[str]:
    """Texts of several lines with one that the mask finds something in, within reach of an end."""
    around = st.lists(OTHER, max_size=3)
    lines = st.builds(lambda before, line, after: [*before, line, *after], around, st.sampled_from(LINES[mask]), around)
    ends = st.sampled_from([("", ""), (LONG, ""), ("", LONG)])
    return st.builds(lambda ends, lines: "\n".join([ends[0], *lines, ends[1]]), ends, lines)


def check_same(pipeline: Pipeline, scorer: CompiledScorer, texts: list[str]) -> None:
    ours, theirs = scorer.score(texts).p_real, pipeline.predict_proba(texts)[:, 1]
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


def test_every_mask_of_the_catalogue_has_lines_here() -> None:
    assert set(LINES) == set(CATALOGUE)
    assert not any(Masker(ALL).spans(line) for line in PLAIN)


@pytest.mark.parametrize("mask", ALL)
@settings(max_examples=30)
@given(st.data())
def test_a_compiled_scorer_masks_as_the_pipeline_does(mask: str, data: st.DataObject) -> None:
    text = data.draw(text_with(mask))
    assert mask in Masker([mask]).found(text)
    check_same(EACH[mask], SCORERS[mask], [text])
    check_same(EVERY, SCORER, [text])


@settings(max_examples=30)
@given(st.tuples(*map(text_with, ALL)).flatmap(st.permutations))
def test_so_it_does_in_one_batch_in_which_every_mask_finds_something(texts: list[str]) -> None:
    check_same(EVERY, SCORER, texts)


@pytest.mark.parametrize(("mask", "line"), [(mask, line) for mask, lines in LINES.items() for line in lines])
def test_what_a_mask_blanks_would_have_changed_the_answer(mask: str, line: str) -> None:
    text = f"the vote\n{line}"
    masked, bare = SCORERS[mask].score([text]).p_real[0], compiled(fitted()).score([text]).p_real[0]
    assert abs(masked - bare) > 1e-6
