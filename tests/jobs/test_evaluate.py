import csv
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.conftest import make_news

from falsetrue.errors import InputError
from falsetrue.jobs.evaluate import Evaluation, evaluate_model, evaluate_recipe
from falsetrue.jobs.progress import Quiet
from falsetrue.model.baselines import BASELINES
from falsetrue.model.evaluation import EvaluationReport
from falsetrue.model.figures import FIGURES
from falsetrue.model.fitting import RECIPES
from falsetrue.news.article import Article, Label
from falsetrue.news.labelled import Columns
from falsetrue.news.overlap import sketch
from falsetrue.settings import Settings
from falsetrue.wiring import load_classifier

TODAY = date(2026, 1, 2)


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """What intervals are worth is tested where they are made."""
    monkeypatch.setattr("falsetrue.model.resampling.resample.__kwdefaults__", {"resamples": 20})


def write(path: Path, rows: Sequence[Sequence[Any]], header: str = "title,text,label") -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header.split(","))
        writer.writerows(rows)
    return str(path)


def run(*files: str, recipe: str = "default", other: str | None = None, **options: Any) -> EvaluationReport:
    compared = RECIPES[other] if other else None
    evaluation = Evaluation(files=files, **options)
    return evaluate_recipe(evaluation, RECIPES[recipe], compared, today=TODAY, progress=Quiet())


@pytest.fixture
def three(tmp_path: Path) -> list[str]:
    """Three corpora: one with sources and days, one with days of its own form, one with neither."""
    dated = [
        (*row, f"outlet {row[2]}{number % 14 // 2}", f"2020-0{1 + number // 60}-15", "en")
        for number, row in enumerate(make_news(240, seed=1))
    ]
    header = "title,text,label,source,date,lang"
    spoken = [
        (*row, "", f"{1 + number // 30} de mayo de 2021", "es") for number, row in enumerate(make_news(150, seed=2))
    ]
    return [
        write(tmp_path / "dated.csv", dated, header),
        write(tmp_path / "spoken.csv", spoken, header),
        write(tmp_path / "plain.csv", make_news(120, seed=3)),
    ]


def test_a_recipe_is_judged_by_every_protocol_beside_every_reference_row(three: list[str]) -> None:
    report = run(*three)
    grouped, later, left_out = report.protocols
    assert (grouped.name, later.name, left_out.name) == ("grouped", "later_in_time", "leave_one_corpus_out")
    assert report.not_run == {}
    for protocol in report.protocols:
        assert list(protocol.pooled.references) == list(BASELINES)
        assert protocol.pooled.model.texts == sum(side.judged for side in protocol.corpora.values())
        assert set(protocol.macro_mean) == {"model", *BASELINES}
        aucs = [row.model.auc.value for row in protocol.by_corpus if row.model.auc]
        assert aucs == sorted(aucs)
    assert {row.name for row in left_out.by_corpus} == {"dated", "spoken", "plain"}
    assert {row.name for row in left_out.by_language} == {"en", "es", "unknown"}
    assert later.skipped == {"plain": "0 % of its false articles have a usable date; 80 % are needed"}
    assert {name: side.first_day for name, side in later.corpora.items()} == {
        "dated": "2020-04-15",
        "spoken": "2021-05-05",
    }
    assert grouped.pooled.model.auc
    assert grouped.pooled.model.auc.value > 0.9
    assert [facts.sources_apart for facts in report.files] == [True, False, False]


def test_the_report_is_json_of_its_schema_without_a_number_that_is_none(three: list[str]) -> None:
    report = run(three[0], three[2])
    encoded = msgspec.json.encode(report)
    assert b"NaN" not in encoded
    assert msgspec.json.decode(encoded, type=EvaluationReport) == report


def test_the_same_files_and_seed_give_the_same_report(three: list[str]) -> None:
    assert run(three[2]) == run(three[2])
    assert run(three[2]) != run(three[2], seed=1)


def test_two_recipes_are_compared_on_the_same_texts(three: list[str]) -> None:
    report = run(three[0], three[2], other="deployed")
    for protocol in report.protocols:
        for row in (*protocol.by_corpus, protocol.pooled):
            assert row.other
            assert row.model.auc
            assert row.other.auc
            gain = row.difference["auc"]
            assert gain
            assert gain.value == pytest.approx(row.model.auc.value - row.other.auc.value)
            assert gain.low <= gain.value <= gain.high
        assert protocol.macro_mean["difference"]["auc"]


def test_families_leave_together(three: list[str]) -> None:
    left_out = run(*three, families=[("dated", "plain")]).protocols[-1]
    assert left_out.corpora["dated"].left_with == ["plain"]
    assert left_out.corpora["dated"].fitted == 150
    assert left_out.corpora["spoken"].fitted == 360


def test_an_unknown_family_is_refused(three: list[str]) -> None:
    with pytest.raises(InputError, match="a family names 'nowhere'; the corpora are plain"):
        run(three[2], families=[("nowhere",)])


def test_one_corpus_cannot_be_left_out_and_one_without_days_cannot_be_split_by_time(three: list[str]) -> None:
    report = run(three[2])
    assert [protocol.name for protocol in report.protocols] == ["grouped"]
    assert set(report.not_run) == {"later_in_time", "leave_one_corpus_out"}
    assert "two are needed" in report.not_run["leave_one_corpus_out"]


def test_at_most_so_many_rows_are_taken_half_of_each_class(three: list[str], tmp_path: Path) -> None:
    report = run(*three, rows=100)
    assert [(facts.real, facts.false) for facts in report.files] == [(50, 50)] * 3
    assert report.rows == 100
    lopsided = [row for number, row in enumerate(make_news(400)) if row[2] or number % 10 == 0]
    facts = run(write(tmp_path / "lopsided.csv", lopsided), rows=150).files[0]
    assert (facts.real, facts.false) == (110, 40)


# --- bad input ------------------------------------------------------------------------------------


def test_a_corpus_of_one_class_is_a_clear_line(tmp_path: Path) -> None:
    path = write(tmp_path / "one.csv", [row for row in make_news(100) if row[2]])
    with pytest.raises(InputError, match=r"one\.csv: all 50 articles are real; a recipe needs both classes"):
        run(path)


def test_three_rows_are_too_few_to_fit_on_and_say_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a class has only [01] articles to fit on after cleaning; at least 10"):
        run(write(tmp_path / "three.csv", make_news(3)))


def test_a_file_without_titles_is_judged_with_a_warning(tmp_path: Path) -> None:
    path = write(tmp_path / "bare.csv", [row[1:] for row in make_news(120)], "text,label")
    report = run(path)
    assert report.warnings == ["bare: no article has a title; 'title case only' stands on its texts"]
    assert report.files[0].titles == 0


@pytest.mark.parametrize(("column", "reason"), [("text", "20 empty_text"), ("label", "20 no_label")])
def test_a_column_of_nothing_leaves_nothing_to_judge(tmp_path: Path, column: str, reason: str) -> None:
    titles, texts, labels = (list(each) for each in zip(*make_news(20), strict=True))
    table = pa.table({"title": titles, "text": texts, "label": labels} | {column: pa.nulls(20)})
    pq.write_table(table, tmp_path / "nothing.parquet")
    with pytest.raises(InputError, match=rf"no article is left to judge \({reason}\)"):
        run(str(tmp_path / "nothing.parquet"))


def test_duplicated_rows_are_dropped_and_counted(tmp_path: Path) -> None:
    rows = make_news(100)
    facts = run(write(tmp_path / "twice.csv", rows + rows[:30])).files[0]
    assert facts.dropped["duplicate"] == 30
    assert facts.real + facts.false == 100


def test_absurd_and_ambiguous_dates_are_counted_and_unused(tmp_path: Path) -> None:
    dates = ["2100-01-01", "0201-09-03", "3/4/2020", "some day"] * 30
    rows = [(*row, day) for row, day in zip(make_news(120), dates, strict=True)]
    report = run(write(tmp_path / "absurd.csv", rows, "title,text,label,date"))
    assert report.files[0].dates.absurd == 60
    assert report.files[0].dates.ambiguous == 30
    assert report.files[0].dates.unreadable == 30
    assert "later_in_time" in report.not_run
    assert any("60 dates are no day of the calendar" in warning for warning in report.warnings)


def test_two_files_of_one_name_are_refused(three: list[str]) -> None:
    with pytest.raises(InputError, match="two of the files have the same name"):
        run(three[0], three[0])


def test_a_column_that_is_not_there_is_named(three: list[str]) -> None:
    with pytest.raises(InputError, match="there is no column 'outlet'"):
        run(three[0], columns=Columns(source="outlet"))


# --- a saved model --------------------------------------------------------------------------------


def judge(model: Path, *files: str, other: Path | None = None, **options: Any) -> EvaluationReport:
    classifier = load_classifier(Settings(), str(model))
    compared = load_classifier(Settings(), str(other)) if other else None
    evaluation = Evaluation(files=files, **options)
    return evaluate_model(evaluation, classifier, classifier.policies.default, compared, today=TODAY, progress=Quiet())


def test_a_saved_model_is_judged_as_it_is_with_its_policy(trained: Callable[[str], Path], three: list[str]) -> None:
    report = judge(trained("default"), three[0], three[2])
    (protocol,) = report.protocols
    assert protocol.name == "as_saved"
    policy = protocol.pooled.policy
    assert policy
    assert sum(policy.verdicts.values()) == protocol.pooled.model.texts == 360
    assert list(protocol.pooled.references) == list(BASELINES)
    assert report.warnings == []


def test_a_file_that_the_model_learnt_from_is_pointed_out(trained: Callable[[str], Path]) -> None:
    folder = trained("default")
    learnt = folder.parent / "news.csv"
    report = judge(folder, str(learnt))
    assert report.files[0].sha256 == hashlib.sha256(learnt.read_bytes()).hexdigest()
    assert any("learnt from" in warning and "flatter" in warning for warning in report.warnings)


def test_articles_that_the_model_learnt_from_are_pointed_out_in_whatever_file_they_stand(
    trained: Callable[[str], Path], three: list[str]
) -> None:
    classifier = load_classifier(Settings(), str(trained("default")))
    learnt = [
        Article(corpus="learnt", line=1, title=title, text=text, label=Label(label))
        for title, text, label in make_news(120, seed=3)
    ]
    sketched = msgspec.structs.replace(classifier.manifest, content_sketches={"learnt": sketch(learnt[:60])})
    report = evaluate_model(
        Evaluation(files=three[1:]),
        replace(classifier, manifest=sketched),
        classifier.policies.default,
        today=TODAY,
        progress=Quiet(),
    )
    (warning,) = [each for each in report.warnings if "learnt from" in each]
    assert warning.endswith(
        f"learnt from articles of {three[2]}: about 50% are in learnt (60 of 120 looked for); its figures there flatter"
    )


def test_two_models_are_compared_on_the_same_texts(trained: Callable[[str], Path], three: list[str]) -> None:
    report = judge(trained("default"), three[2], other=trained("deployed"))
    pooled = report.protocols[0].pooled
    assert pooled.other
    assert pooled.other_policy
    assert pooled.model.brier
    assert pooled.other.brier
    assert pooled.difference["brier"]
    assert pooled.difference["brier"].value == pytest.approx(pooled.model.brier.value - pooled.other.brier.value)
    same = judge(trained("default"), three[2], other=trained("default")).protocols[0].pooled.difference
    assert all(each is None or each.low == each.high == 0 for each in same.values())


def test_a_few_rows_of_one_class_are_judged_by_what_is_defined(trained: Callable[[str], Path], tmp_path: Path) -> None:
    path = write(tmp_path / "few.csv", [row for row in make_news(6) if row[2]])
    (protocol,) = judge(trained("default"), path).protocols
    assert protocol.pooled.model.auc is None
    assert protocol.pooled.model.accuracy
    assert protocol.pooled.references == {}
    assert protocol.skipped == {"few": "reference rows need 20 articles of each class; one has 0"}
    assert set(protocol.macro_mean["model"]) == {figure.name for figure in FIGURES}


# --- on real news ---------------------------------------------------------------------------------


@pytest.mark.corpora
def test_the_reference_rows_show_the_leak_of_isot_and_dates_in_portuguese_are_read(corpora: Path) -> None:
    files = [str(corpora / f"{name}.parquet") for name in ("isot_partial_fulltext", "fake_br", "fakenewsamt")]
    report = run(*files, rows=300)
    later = next(protocol for protocol in report.protocols if protocol.name == "later_in_time")
    assert set(later.corpora) == {"isot_partial_fulltext", "fake_br"}
    isot = next(row for row in later.by_corpus if row.name == "isot_partial_fulltext")
    leak = isot.references["title case only"].auc
    assert leak
    assert leak.value > 0.95
    by_name = {facts.corpus: facts for facts in report.files}
    assert by_name["fake_br"].dates.dated > 0.99 * 300
    assert by_name["fakenewsamt"].dates.dated == 0
    left_out = report.protocols[-1]
    assert {row.name for row in left_out.by_corpus} == {Path(file).stem for file in files}
