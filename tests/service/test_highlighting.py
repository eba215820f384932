import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.model.explanation import Contribution, Explanation, Field, Piece, sentence_spans
from falsetrue.service.highlighting import QUOTED_CHARACTERS, SHOWN_CHARACTERS, Run, highlight


def explanation(
    text: str, spans: dict[tuple[int, int], float], masked: tuple[tuple[int, int], ...] = (), title: str = ""
) -> Explanation:
    """An explanation whose spans, all of the text, added so much each."""
    fields = {Field.TITLE: title, Field.TEXT: text}
    return Explanation(
        log_odds=sum(spans.values()),
        base=0.0,
        spans=tuple(
            Contribution(field=Field.TEXT, start=start, end=end, contribution=value)
            for (start, end), value in spans.items()
        ),
        sentences=tuple(
            Contribution(
                field=field,
                start=start,
                end=end,
                contribution=sum(
                    value for (at, _), value in spans.items() if field is Field.TEXT and start <= at < end
                ),
            )
            for field, said in fields.items()
            for start, end in sentence_spans(said)
        ),
        masked=tuple(Piece(field=Field.TEXT, start=start, end=end) for start, end in masked),
    )


def test_words_are_highlighted_by_direction_and_by_strength_within_the_text() -> None:
    text = "strong weak none middling against"
    spans = {(0, 6): 0.02, (7, 11): 0.0024, (12, 16): 0.0002, (17, 25): 0.006, (26, 33): -0.018}
    assert highlight(explanation(text, spans), text=text, title="").text == [
        Run(text="strong", kind="to-real step-3"),
        Run(text=" ", kind=""),
        Run(text="weak", kind="to-real step-1"),
        Run(text=" none ", kind=""),
        Run(text="middling", kind="to-real step-2"),
        Run(text=" ", kind=""),
        Run(text="against", kind="to-false step-3"),
    ]


def test_neighbours_that_look_the_same_are_one_run_but_not_across_a_comma() -> None:
    text = "one two, three"
    shown = highlight(explanation(text, {(0, 3): 1, (4, 7): 1, (9, 14): 1}), text=text, title="")
    assert [run.text for run in shown.text] == ["one two", ", ", "three"]


def test_what_was_masked_is_marked_and_said() -> None:
    text = "OSLO (Reuters) - Rates"
    shown = highlight(explanation(text, {(17, 22): 1}, masked=((0, 16),)), text=text, title="")
    assert shown.masked
    assert shown.text[0] == Run(text="OSLO (Reuters) -", kind="masked")


@given(st.data())
def test_nothing_of_a_text_is_lost_or_shown_twice(data: st.DataObject) -> None:
    long = st.sampled_from(["word " * 400, "Sentence one. " * 150, "x" * 2000, "\n" * 1600])
    text = data.draw(st.lists(st.text(max_size=30) | long, max_size=3).map("".join))
    places = st.lists(st.integers(0, len(text)), unique=True, max_size=8).map(sorted)
    edges = data.draw(places)
    spans = {(start, end): data.draw(st.floats(-2, 2)) for start, end in zip(edges[::2], edges[1::2], strict=False)}
    title = data.draw(st.text(max_size=5))
    shown = highlight(explanation(text, spans, title=title), text=text, title=title)
    assert "".join(run.text for run in (*shown.text, *shown.rest)) == text
    assert "".join(run.text for run in shown.title) in (title, "")
    assert all(run.text for run in (*shown.title, *shown.text, *shown.rest))
    assert sum(len(run.text) for run in shown.text) <= SHOWN_CHARACTERS


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("Short.", 6),
        ("A sentence. " * 200, 1500),
        ("word " * 200 + "end. " + "Word " * 300, 1005),
        ("Word. " + "word " * 400, 1496),
        ("abc " * 500, 1500),
        ("x" * 5000, 1500),
    ],
    ids=[
        "short",
        "between sentences",
        "behind the last sentence that fits",
        "not behind the first word",
        "between words",
        "anywhere",
    ],
)
def test_a_long_text_is_folded_where_it_can_be(text: str, cut: int) -> None:
    shown = highlight(explanation(text, {}), text=text, title="")
    assert "".join(run.text for run in shown.text) == text[:cut]
    assert "".join(run.text for run in shown.rest) == text[cut:]


def test_what_pulled_each_way_is_listed_with_its_size_and_share() -> None:
    text = "Up up down. Low."
    shown = highlight(explanation(text, {(0, 2): 1, (3, 5): 1, (6, 10): -0.5, (12, 15): -0.5}), text=text, title="")
    toward_false, toward_real = shown.sides
    assert (toward_false.label, toward_real.label) == ("false", "real")
    assert (toward_false.share, toward_real.share) == pytest.approx((1 / 3, 2 / 3))
    assert [(pull.word, size) for pull, size in toward_false.words] == [("down", 0.25), ("low", 0.25)]
    assert [(pull.word, pull.count, size) for pull, size in toward_real.words] == [("up", 2, 1)]
    assert (toward_false.sentence, toward_real.sentence) == ("Low.", "Up up down.")


def test_a_long_sentence_is_quoted_in_part() -> None:
    text = "word " * 100
    quoted = highlight(explanation(text, {(0, 4): 1}), text=text, title="").sides[1].sentence
    assert quoted.endswith("word …")
    assert len(quoted) <= QUOTED_CHARACTERS + 2


def test_a_text_in_which_no_word_pulled_has_no_sides() -> None:
    assert highlight(explanation("zorgle", {}), text="zorgle", title="").sides == ()
