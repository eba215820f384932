import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.news.article import Article, Label, join_title_and_text, parse_label


@pytest.mark.parametrize("written", ["0", "false", "FAKE", " Fake ", 0, 0.0, False, "0.0", "0,0", "Falsa", "falso"])
def test_words_for_false(written: object) -> None:
    assert parse_label(written) is Label.FALSE


@pytest.mark.parametrize("written", ["1", "true", "Real", "1 ", 1, 1.0, True, "1.0", "1,00", "VERDADERA", "verdadero"])
def test_words_for_real(written: object) -> None:
    assert parse_label(written) is Label.REAL


@pytest.mark.parametrize("written", [None, "", "  ", float("nan"), "null"])
def test_a_missing_label_is_none(written: object) -> None:
    assert parse_label(written) is None


@pytest.mark.parametrize("written", ["2", "maybe", 0.5, "flase", [], "10", "10.0", "1.5", "1.", ".0", "0.1"])
def test_any_other_label_is_refused_with_its_value(written: object) -> None:
    with pytest.raises(ValueError, match="is none of 0, 1, false, true, fake, real"):
        parse_label(written)


def test_a_refused_label_is_not_repeated_at_length() -> None:
    with pytest.raises(ValueError, match="none of") as caught:
        parse_label("x" * 10_000)
    assert len(str(caught.value)) < 120


def test_title_and_text_are_joined_as_the_deployment_document_did() -> None:
    assert join_title_and_text("Title", "Text") == "Title , Text"


@pytest.mark.parametrize("title", [None, "", "  "])
def test_without_a_title_the_text_is_taken_as_it_is(title: str | None) -> None:
    assert join_title_and_text(title, "Text") == "Text"


@given(st.text(), st.text())
def test_content_hash_is_blind_to_case_and_white_space(title: str, text: str) -> None:
    def article(text: str) -> Article:
        return Article(corpus="c", line=1, title=title, text=text, label=Label.REAL)

    assert article(text).content_hash == article(f"  {text}\n\n").content_hash


def test_content_hash_tells_texts_apart() -> None:
    one, other = (Article(corpus="c", line=1, title=None, text=text, label=Label.REAL) for text in ("one", "other"))
    assert one.content_hash != other.content_hash
