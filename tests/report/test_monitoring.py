import html
import re

import pytest
from tests.report.reports import WATCHES, drifted, estimate, finding, report
from tests.report.test_page import elements

from falsetrue.features.sketches import STYLES
from falsetrue.monitor.findings import Audit, Report, State, Subject, Term
from falsetrue.report.monitoring import estimate_as_text, monitoring_page, sparks
from falsetrue.report.watch_words import explain, note_in_words


def words(page: str) -> str:
    """What a page says, as one line."""
    body = re.sub(r"<(style)\b.*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def rows(page: str, caption: str) -> list[list[str]]:
    """The cells of the table with a caption."""
    found = re.search(rf"<caption>{re.escape(caption)}</caption>(.*?)</table>", page, flags=re.DOTALL)
    assert found, caption
    return [
        [words(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, flags=re.DOTALL)]
        for row in re.findall(r"<tr>(.*?)</tr>", found[1], flags=re.DOTALL)
    ]


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_page_is_in_its_language_and_neither_fetches_runs_nor_styles_in_place(language: str) -> None:
    page = monitoring_page(drifted(), language)
    assert ("html", {"lang": language}) in elements(page)
    assert not {tag for tag, _ in elements(page)} & {"script", "link", "img", "iframe", "object"}
    assert not any(name.startswith("on") or name == "style" for _, held in elements(page) for name in held)
    assert ("Nothing to do" in page, "No hay nada que hacer" in page) == (False, False)
    assert "{" not in words(page)


def test_a_report_in_spanish_has_no_english_around_its_figures() -> None:
    said = words(monitoring_page(drifted(), "es"))
    for english in ("Baseline", "texts", "labels", "Skip to", "Critical", "watch", "does not"):
        assert english not in said


def test_the_headline_comes_first_with_the_one_thing_to_do() -> None:
    said = words(monitoring_page(drifted()))
    assert "Critical: Errors found by labels, all texts" in said
    assert said.index("First: Go back to the version before.") < said.index("What it means now")
    assert "falsetrue serve --model newsroom@VERSION" in said


def test_quiet_reports_say_that_there_is_nothing_to_do_and_explain_nothing() -> None:
    said = words(monitoring_page(report()))
    assert "Nothing to do" in said
    assert "What changed" not in said


def test_budgets_are_shown_as_spent() -> None:
    said = words(monitoring_page(report()))
    assert "0.8 % of 5 % this year" in said
    assert "0.7 of 1 this month" in said


def test_every_watch_is_in_the_table_those_that_changed_first() -> None:
    caption = "Every watch, those that found a change first"
    told = [explain(finding(watch), "en") for watch in WATCHES]
    assert {row[0] for row in rows(monitoring_page(report()), caption)[1:]} == {f"{e.name} {e.unit}" for e in told}
    changed = rows(monitoring_page(drifted()), caption)
    assert [row[1] for row in changed[1:]] == ["changed"] * 2 + ["not enough data", "quiet"]
    assert changed[2][3:5] == ["36.0 % [33.0 %, 39.0 %]", "+6.0 points"]
    assert [row[1] for row in rows(monitoring_page(drifted()), "texts in Spanish")[1:]] == ["changed"]


def many() -> Report:
    """A report in which every watch but those by labels changed, all texts and Spanish ones."""
    return report(
        findings=tuple(
            finding(watch, State.DRIFT, subject=Subject(language=language), corrected=0.001)
            for language in (None, "es")
            for watch in ("words", "oov", "score", "topic", *(f"style.{name}" for name in STYLES))
        )
    )


def test_a_change_is_one_line_that_has_its_languages_with_it_and_all_of_style_is_one() -> None:
    page = monitoring_page(many())
    assert page.count('<details class="finding') == 5
    assert page.count(" open>") == 1
    assert len(rows(page, "Numbers of style that changed")) == 1 + 2 * len(STYLES)
    assert "16 of 16 numbers changed" in words(page)


@pytest.mark.parametrize("made", [many(), drifted(), report()], ids=["many", "some", "none"])
def test_a_remedy_is_told_once_and_every_jump_lands(made: Report) -> None:
    page = monitoring_page(made)
    assert page.count("Read 50 texts of the random sample") <= 2  # the headline may say it, too
    jumps = [held["href"] or "" for tag, held in elements(page) if tag == "a"]
    assert {jump.removeprefix("#") for jump in jumps} <= {held.get("id") for _, held in elements(page)}
    assert "Random sample (20 wait for a label)" in words(page)


def test_new_words_are_listed_with_their_texts() -> None:
    page = monitoring_page(report(terms=(Term(term="<b>", texts=30, of=600),)))
    assert rows(page, "New words")[1] == ["<b>", "30", "5.0 %"]
    assert "New words" not in words(monitoring_page(report(findings=())))


def test_days_of_a_watch_are_drawn_of_all_texts_alone() -> None:
    assert len(sparks(report(), finding("called_false"))) == 14
    assert sparks(report(), finding("words")) == [None] * 14
    assert sparks(report(), finding("called_false", subject=Subject(language="es"))) == []
    assert monitoring_page(report()).count('<svg class="spark"') == 2


def test_the_histogram_has_its_numbers_beside_it() -> None:
    table = rows(monitoring_page(report()), "Each bar")
    assert table[1] == ["0 to 0.1", "13.0 %", "20.0 %", "300"]
    assert len(table) == 11


def test_days_have_their_numbers_and_the_version_that_began() -> None:
    table = rows(monitoring_page(report()), "Each day")
    assert table[1] == ["2026-11-09", "100", "70", "20", "10", "0.600", ""]
    assert table[9][-1] == "20261101T000000Z-aaaa"
    assert len(table) == 15


def test_estimates_have_intervals_and_few_labels_are_no_figure() -> None:
    table = rows(monitoring_page(report()), "Estimates with their 95 % intervals")
    assert [row[2] for row in table[1:]] == [
        "91.0 % [86.0 %, 95.0 %]",
        "not enough labels: 40 of 100",
        "8.0 % [7.0 %, 10.0 %]",
    ]
    assert [row[4] for row in table[1:]] == ["240 labels", "40 labels", "9,000 texts, no labels"]


@pytest.mark.parametrize(("labels", "enough"), [(0, True), (1, False), (99, False), (100, True)])
def test_a_hundred_labels_are_enough_and_none_are_no_labels_at_all(labels: int, enough: bool) -> None:  # noqa: FBT001
    assert ("91.0" in estimate_as_text(estimate(labels=labels), "en")) is enough


def test_the_audit_slice_is_shown_with_the_share_of_refusals() -> None:
    said = words(monitoring_page(report()))
    assert "14 (5.0 % of the draws" in said
    assert "no data" not in said
    off = words(monitoring_page(report(audit=Audit(on=False, drawn=0, labelled=0, refused=0, waiting=0))))
    assert "Harm alarms have no data" in off


def test_notes_are_told_in_words() -> None:
    assert note_in_words("cbpe_is_blind_to_concept_drift", "en") in words(monitoring_page(report()))


def test_what_others_have_chosen_is_no_markup() -> None:
    hostile = "<script>alert(1)</script>"
    page = monitoring_page(
        report(
            model_version=hostile,
            baseline=hostile,
            notes=(hostile,),
            findings=(
                finding("later", State.DRIFT, subject=Subject(key=hostile), effect=hostile, details={hostile: hostile}),
            ),
        )
    )
    assert "<script" not in page


def test_a_report_of_nothing_is_a_page_too() -> None:
    nothing: dict[str, tuple[()]] = dict.fromkeys(
        (
            "findings",
            "estimates",
            "budgets",
            "days",
            "markers",
            "notes",
            "score_edges",
            "score_counts",
            "score_baseline",
        ),
        (),
    )
    page = monitoring_page(report(texts=0, audit=None, **nothing))
    assert "Nothing to do" in page
    assert "<svg" not in page
