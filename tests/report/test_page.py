import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from markupsafe import Markup

from falsetrue.report.page import note, render, table


def page(title: str = "A title", body: Markup | None = None) -> str:
    return render(title=title, subtitle="What it is", body=body or Markup("<p>Body</p>"), generated="Made today.")


class Elements(HTMLParser):
    """Every start tag with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember one."""
        self.found.append((tag, dict(attrs)))


def elements(source: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Elements()
    parser.feed(source)
    return parser.found


def test_a_page_fetches_and_runs_nothing() -> None:
    source = page()
    assert not {tag for tag, _ in elements(source)} & {"script", "link", "img", "iframe", "object", "base"}
    for _, attributes in elements(source):
        assert not {name for name in attributes if name.startswith("on") or name == "style"}
    assert "url(" not in source
    assert "@import" not in source
    assert "http://" not in source.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in source


def test_the_policy_allows_the_style_of_the_page_by_its_digest_and_nothing_else() -> None:
    source = page()
    (policy,) = [
        attributes["content"] or ""
        for tag, attributes in elements(source)
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    style = re.search("<style>(.*?)</style>", source, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_texts_are_escaped_and_the_body_is_not() -> None:
    source = page(title="<script>alert(1)</script>", body=Markup("<p>kept</p>"))
    assert "<script>" not in source
    assert "&lt;script&gt;" in source
    assert "<p>kept</p>" in source


def test_a_page_says_its_language_title_and_maker() -> None:
    source = page()
    assert ("html", {"lang": "en"}) in elements(source)
    assert "<title>A title · falsetrue</title>" in source
    assert "Made today." in source


def test_a_table_heads_its_columns_and_rows_and_escapes_its_cells() -> None:
    made = table("Figures <all>", ["corpus", "AUC"], [["<b>", "0.9"], ["two", Markup("<b>0.8</b>")]], first=True)
    tags = elements(made)
    assert [attributes["scope"] for tag, attributes in tags if tag == "th"] == ["col", "col", "row", "row"]
    assert [attributes.get("class") for tag, attributes in tags if tag == "td"] == ["number", "number"]
    assert [attributes.get("class") for tag, attributes in tags if tag == "tr"] == [None, "first", None]
    assert "&lt;b&gt;" in made
    assert "<b>0.8</b>" in made
    assert "<caption>Figures &lt;all&gt;</caption>" in made


def test_columns_of_text_are_not_set_as_numbers() -> None:
    made = table("c", ["a", "b", "c"], [["x", "words", "1"]], text_columns=(0, 1))
    assert [attributes.get("class") for tag, attributes in elements(made) if tag == "td"] == [None, "number"]


@pytest.mark.parametrize("text", ["plain", "<i>"])
def test_a_note_is_one_for_screen_readers_too_and_escapes(text: str) -> None:
    made = note(text, "second")
    assert ("div", {"class": "note", "role": "note"}) in elements(made)
    assert "<i>" not in made
    assert made.count("<p>") == 2
