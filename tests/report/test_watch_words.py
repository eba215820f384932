import math
import re
from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.report.reports import WATCHES, drifted, estimate, finding, report

from falsetrue.features.sketches import STYLES
from falsetrue.jobs.monitor_detectors import STREAMS
from falsetrue.monitor import drift
from falsetrue.monitor.findings import Budget, Kind, Remedy, Severity, Source, State, Subject
from falsetrue.report.watch_words import (
    COMMANDS,
    LANGUAGES,
    MATTERS,
    Explained,
    advise,
    baseline_in_words,
    budget_in_words,
    estimate_in_words,
    explain,
    format_number,
    format_p,
    format_share,
    gravest_first,
    headline,
    model_of,
    note_in_words,
    notes_in_words,
    period_in_words,
    remedies,
    seen_by_test,
    severity_in_words,
    states_in_words,
    subject_in_words,
    watch_in_words,
)

STYLED = [f"style.{name}" for name in STYLES]
NOTES = (
    "cbpe_is_blind_to_concept_drift",
    "harm_alarms_have_no_data",
    "baseline_has_no_profile",
    "baseline_is_own_first_texts",
    "bbse_assumes_label_shift",
    "file_has_no_audit",
    "no_labels_in_file",
    "no_topics",
)
language = pytest.mark.parametrize("language", LANGUAGES)


def all_words(words: Explained) -> list[str]:
    return [words.name, words.subject, words.state, words.severity, words.measures, words.now, words.not_so]


# --- everything has words ----------------------------------------------------------------------------


@language
@pytest.mark.parametrize("watch", [*WATCHES, *STYLED])
@pytest.mark.parametrize("state", State)
def test_every_watch_has_words_in_every_state(watch: str, state: State, language: str) -> None:
    words = all_words(explain(finding(watch, state), language))
    assert all(words)
    assert not any(re.search(r"[{}]", each) for each in words)


@language
def test_every_kind_severity_and_remedy_has_words(language: str) -> None:
    assert all(watch_in_words("later", language, kind) not in ("", "later") for kind in Kind)
    assert all(severity_in_words(severity, language) for severity in Severity)
    advice = [advise(remedy, language) for remedy in Remedy]
    assert all(each.name and each.how for each in advice)


@language
def test_every_watch_that_looks_at_texts_and_labels_has_words(language: str) -> None:
    for watch in [*drift.WATCHES, *STREAMS, "campaigns", "new_words", "topic"]:
        assert watch_in_words(watch, language) != watch


@pytest.mark.parametrize("watch", drift.WATCHES.values(), ids=lambda watch: watch.name)
def test_units_of_every_watch_are_told_in_spanish(watch: drift.Watch) -> None:
    told = explain(finding(watch.name, effect=watch.effect), "es").unit
    assert told != watch.effect
    assert not told.startswith(("mean ", "median ", "share "))


@pytest.mark.parametrize("stream", STREAMS.values())
def test_units_of_every_detector_are_told_in_spanish(stream: object) -> None:
    effect = stream.effect  # type: ignore[attr-defined]
    assert explain(finding("harm", effect=effect), "es").unit != effect


def test_a_watch_of_days_counts_days() -> None:
    assert explain(finding("broken", texts=12), "en").by == "12 days"


@pytest.mark.parametrize("note", NOTES)
def test_every_note_has_words_and_others_for_each_language(note: str) -> None:
    said = {note_in_words(note, language) for language in LANGUAGES}
    assert len(said) == len(LANGUAGES)
    assert note not in said


@pytest.mark.parametrize("watch", [*WATCHES, *STYLED])
def test_no_sentence_of_a_watch_is_left_in_english(watch: str) -> None:
    english, spanish = (explain(finding(watch, State.DRIFT), language) for language in ("en", "es"))
    for one, other in zip(all_words(english), all_words(spanish), strict=True):
        assert one != other


@language
def test_what_has_no_words_yet_is_shown_by_what_it_is(language: str) -> None:
    words = explain(finding("later", State.DRIFT, kind=Kind.TOPIC), language)
    assert "later" in words.name
    assert all((words.measures, words.now))
    assert watch_in_words("later", language) == "later"
    assert note_in_words("later", language) == "later"
    assert estimate_in_words(estimate("later_figure", method="new"), language) == ("later figure", "new")
    assert baseline_in_words("own.parquet", language) == "own.parquet"


def test_a_language_without_words_is_answered_in_english() -> None:
    assert explain(finding(), "fr") == explain(finding(), "en")


# --- figures in sentences ----------------------------------------------------------------------------


def test_a_change_is_told_with_its_figures_and_what_to_do() -> None:
    words = explain(finding("called_false", State.DRIFT, low=0.33, high=0.39), "en", model="newsroom@2")
    assert words.now.endswith("Baseline 30.0\xa0%, now 36.0\xa0% [33.0\xa0%, 39.0\xa0%] (+6.0 points).")
    assert words.by == "1,234 texts"
    assert words.strength == "p = 0.02"
    assert [each.command for each in words.advice] == [
        "falsetrue monitor audit next",
        "falsetrue train --output models/newsroom labelled.csv",
    ]


def test_the_figures_of_spanish_are_written_as_in_spanish() -> None:
    words = explain(finding("called_false", State.DRIFT, low=0.33, high=0.39), "es")
    assert words.now.endswith("Referencia 30,0\xa0%, ahora 36,0\xa0% [33,0\xa0%; 39,0\xa0%] (+6,0 puntos).")
    assert words.by == "1.234 textos"


def test_what_is_no_share_is_no_percentage() -> None:
    words = explain(finding("words", State.DRIFT, effect="words", baseline=412.0, current=96.5, size=-315.5), "en")
    assert words.now.endswith("Baseline 412, now 96.5 (\N{MINUS SIGN}316).")
    assert words.unit == "words"


@pytest.mark.parametrize("watch", ["empty", "oov", "words", "called_false", "expected_error"])
def test_a_rise_and_a_fall_mean_something_else(watch: str) -> None:
    rise, fall, neither = (explain(finding(watch, State.DRIFT, size=size), "en").now for size in (0.1, -0.1, 0.0))
    assert len({rise.partition(".")[0], fall.partition(".")[0], neither.partition(".")[0]}) == 3


def test_numbers_of_style_are_told_in_their_units() -> None:
    capitals = finding("style.capitals", State.DRIFT, effect="mean capitals", baseline=0.04, current=0.09, size=0.05)
    links = finding("style.links", State.DRIFT, effect="mean links", baseline=1.0, current=2.5, size=1.5)
    assert explain(capitals, "en").current == "9.0\xa0%"
    assert explain(capitals, "es").unit == "media, proporción de mayúsculas"
    assert explain(links, "en").change == "+1.5"


def test_details_are_told_by_their_names() -> None:
    told = explain(finding(details={"language": "es", "group_2_texts": 1200, "of_late": "x"}), "es").details
    assert told == (("Idioma que más cambió", "español"), ("Grupo 2: textos", "1.200"), ("of late", "x"))


def test_too_little_data_says_how_much_there_is_and_how_much_it_takes() -> None:
    words = explain(finding("harm", State.INSUFFICIENT, texts=30, least=100), "en")
    assert "30 labels, and it takes 100 labels" in words.now
    assert "Baseline" not in words.now
    assert words.advice == ()


def test_a_watch_without_data_says_how_to_give_it_some() -> None:
    assert 'audit = "on"' in explain(finding("harm", State.OFF, current=None), "en").now


def test_evidence_is_told_as_a_part_of_what_an_alarm_takes() -> None:
    words = explain(finding("harm", corrected=None, evidence=0.42), "en")
    assert words.strength == "evidence 42\xa0%"


def test_texts_are_named_by_language_and_key() -> None:
    assert subject_in_words(Subject(), "en") == "all texts"
    assert subject_in_words(Subject(language="es", key="key_1"), "en") == "texts in Spanish, texts of the key key_1"
    assert subject_in_words(Subject(language="nah"), "es") == "textos en nah"


@pytest.mark.parametrize(
    ("budget", "english", "spanish"),
    [
        (
            Budget(severity=Severity.CRITICAL, allowed=0.05, spent=0.008),
            "0.8 % of 5 % this year",
            "0,8 % de 5 % este año",
        ),
        (
            Budget(severity=Severity.WARNING, allowed=1, spent=0.71),
            "0.7 of 1 this month",
            "0,7 de 1 este mes",
        ),
    ],
    ids=str,
)
def test_budgets_are_told_as_spent(budget: Budget, english: str, spanish: str) -> None:
    assert budget_in_words(budget, "en")[1] == english
    assert budget_in_words(budget, "es")[1] == spanish


def test_commands_name_the_model_that_is_watched() -> None:
    made = {remedy: advise(remedy, "en", model="newsroom@2").command or "" for remedy in COMMANDS}
    assert made[Remedy.RE_BASE] == "falsetrue monitor baseline newsroom@2 labelled.parquet"
    assert made[Remedy.ROLL_BACK].startswith("falsetrue serve --model newsroom@")
    assert not any("{" in each for each in made.values())
    assert advise(Remedy.FIX_FEED, "en").command is None


# --- the headline ------------------------------------------------------------------------------------


def test_the_gravest_change_makes_the_headline_with_the_one_thing_to_do_first() -> None:
    found = headline(drifted(), "en")
    assert found.severity is Severity.CRITICAL
    assert found.title == "Critical: Errors found by labels, all texts"
    assert found.advice
    assert found.advice.name == "Go back to the version before"
    assert found.text.endswith("3 watches found a change; the gravest comes first.")


def test_without_a_change_there_is_nothing_to_do() -> None:
    found = headline(report(), "en")
    assert (found.severity, found.title, found.advice) == (None, "Nothing to do", None)
    assert "nobody labels" not in found.text


@pytest.mark.parametrize("without", [(), (finding("harm", State.OFF),)], ids=["no watch", "off"])
def test_nothing_to_do_without_labels_says_what_cannot_be_told(without: tuple[()]) -> None:
    found = headline(report(findings=(finding("score"), *without)), "en")
    assert "cannot tell whether verdicts have become wrong" in found.text


@pytest.mark.parametrize(("quiet", "title"), [(1, "Not enough data: 2 of 3 watches"), (2, "Nothing to do")])
def test_nothing_to_do_is_only_said_where_most_watches_could_be_tested(quiet: int, title: str) -> None:
    untested = [finding(watch, State.INSUFFICIENT) for watch in ("words", "oov")]
    tested = [finding(f"style.{number}") for number in range(quiet)]
    found = headline(report(findings=(*untested, *tested, finding("harm", State.OFF))), "en")
    assert found.title.startswith(title)


def test_a_report_whose_watches_all_have_nothing_to_compare_with_is_not_called_quiet() -> None:
    assert headline(report(findings=(finding("harm", State.OFF),)), "en").title != "Nothing to do"


@pytest.mark.parametrize("source", Source)
def test_only_texts_of_a_journal_are_kept_for_the_next_look(source: Source) -> None:
    few = finding("words", State.INSUFFICIENT)
    told = [headline(report(findings=(few,), source=source), "en").text, explain(few, "en", source=source).now]
    assert ["kept and counted" in each for each in told] == [source is Source.JOURNAL] * 2


def test_changes_come_first_and_critical_ones_before_warnings() -> None:
    ordered = [each.watch for each in gravest_first(drifted().findings)]
    assert ordered == ["harm", "called_false", "topic", "oov", "score"]


@pytest.mark.parametrize("watch", ["empty", "debris", "too_short"])
def test_what_falls_and_harms_nobody_comes_last_and_is_no_feed_to_mend(watch: str) -> None:
    both = (Remedy.FIX_FEED, Remedy.RE_BASE)
    fall, rise = (
        finding(watch, State.DRIFT, severity=Severity.WARNING, size=size, remedies=both) for size in (-0.9, 0.9)
    )
    other = finding("called_false", State.DRIFT)
    assert gravest_first([fall, other]) == [other, fall]
    assert gravest_first([other, rise]) == [rise, other]
    assert [remedies(each) for each in (fall, rise)] == [(Remedy.RE_BASE,), both]


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=6, unique=True))
def test_of_warnings_the_further_beyond_what_matters_the_earlier(sizes: list[float]) -> None:
    changes = [finding(f"style.{number}", State.DRIFT, size=size) for number, size in enumerate(sizes)]
    assert [each.size for each in gravest_first(changes)] == sorted(sizes, reverse=True)


def test_what_a_language_repeats_stands_behind_all_texts() -> None:
    parts = [finding("oov", State.DRIFT, subject=Subject(language="es"), size=0.9), finding("oov", State.DRIFT)]
    others = [finding("words", State.DRIFT, size=0.5)]
    told = [(each.watch, each.subject.language) for each in gravest_first([*parts, *others])]
    assert told == [("words", None), ("oov", None), ("oov", "es")]


def test_what_matters_is_what_the_tests_go_by() -> None:
    for name, watch in drift.WATCHES.items():
        assert MATTERS.get(name, 0.1) == max(watch.least, watch.smallest)


# --- by source ---------------------------------------------------------------------------------------


def test_a_file_has_no_slice_to_label_and_scores_have_no_model_to_command() -> None:
    made = {
        source: [advise(each, "en", model="m@1", source=source).command or "" for each in Remedy] for source in Source
    }
    assert any("monitor audit" in each for each in made[Source.JOURNAL])
    assert not any("monitor audit" in each for each in made[Source.FILE])
    assert [each for each in made[Source.SCORES] if each] == [
        "falsetrue monitor baseline labelled.parquet --score COLUMN -o new.baseline"
    ]


def test_scores_have_no_version_to_name() -> None:
    assert model_of(report(model_name="p_real", model_version="", source=Source.SCORES)) == "p_real"
    assert model_of(report(model_name="newsroom", model_version="2")) == "newsroom@2"


# --- what the test saw -------------------------------------------------------------------------------


@language
def test_how_many_texts_moved_and_across_what_is_told(language: str) -> None:
    change = finding(
        "style.word_characters",
        State.DRIFT,
        statistic="KS",
        value=0.26,
        effect="median word_characters",
        details={"differs_most_at": 4.7},
    )
    told = explain(change, language)
    assert re.search(r"\b26 (of|de cada) 100 \w+ .*4[.,]7", told.now)
    assert told.details == ()
    assert seen_by_test(finding("style.links", statistic="KS", value=0.01), language) == ""


def test_what_a_classifier_told_apart_is_told_in_pairs() -> None:
    assert "98 times of 100" in seen_by_test(finding("topic", State.DRIFT, statistic="AUC", value=0.984), "en")


@given(st.floats(1e-5, 1), st.floats(1e-5, 1))
def test_figures_of_a_change_that_differ_are_not_shown_as_the_same(before: float, now: float) -> None:
    assume(abs(now - before) > 0.001 * max(now, before))
    words = explain(finding("called_false", State.DRIFT, baseline=before, current=now, size=now - before), "en")
    assert words.baseline != words.current
    assert re.search("[1-9]", words.baseline)
    assert re.search("[1-9]", words.current)


def test_days_of_the_texts_are_told_where_they_are_known() -> None:
    first, last = date(2026, 10, 1), date(2026, 10, 3)
    assert explain(finding(since=first, until=last), "en").period == "texts of 2026-10-01 to 2026-10-03, UTC"
    assert explain(finding(until=last), "es").period == "textos del 2026-10-03, UTC"
    assert explain(finding(), "en").period == ""


def test_a_file_without_dates_has_no_period_and_its_undated_texts_are_told() -> None:
    undated = report(source=Source.FILE, days=(), undated=1543, notes=())
    assert period_in_words(undated, "en") == "without dates"
    assert notes_in_words(undated, "en")[0].startswith("1,543 texts have no date")
    assert notes_in_words(report(notes=()), "en") == ()
    assert period_in_words(report(), "es") == "del 2026-11-09 al 2026-11-23 (UTC)"


def test_states_are_counted_in_words() -> None:
    counted = states_in_words([finding(), finding("oov", State.DRIFT), finding("score")], "es")
    assert counted == "sin novedad: 2, cambió: 1"


# --- numbers -----------------------------------------------------------------------------------------


@given(st.floats(-1e9, 1e9))
def test_a_number_is_read_back_as_about_what_it_was(value: float) -> None:
    read = float(format_number(value, "en").replace(",", ""))
    assert math.isclose(read, value, rel_tol=0.051, abs_tol=1e-300)


@given(st.floats(-1e9, 1e9))
def test_spanish_numbers_are_the_english_ones_with_comma_and_point_exchanged(value: float) -> None:
    exchanged = format_number(value, "es").translate(str.maketrans(",.", ".,"))
    assert exchanged == format_number(value, "en")


def test_shares_are_percentages_and_tiny_probabilities_are_not_told_apart() -> None:
    assert format_share(0.1234, "es") == "12,3\xa0%"
    assert format_p(1e-9, "es") == "p < 0,0001"
    assert format_p(0.0123, "en") == "p = 0.012"
