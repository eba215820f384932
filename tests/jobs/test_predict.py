import csv
import datetime
import errno
import json
import os
import tracemalloc
import uuid
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from falsetrue.errors import InputError
from falsetrue.jobs.classify import Classifier
from falsetrue.jobs.predict import UNADJUSTED, VERDICT, Prediction, Summary, estimate_prevalence, predict
from falsetrue.jobs.progress import Quiet
from falsetrue.model.decision import Policy
from falsetrue.model.prevalence import adjust
from falsetrue.news.writing import CsvStyle
from falsetrue.registry.policies import Policies
from falsetrue.settings import Settings
from falsetrue.wiring import load_classifier

TEXT = "the minister said on tuesday that the government would vote on the budget next week, an official added "


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier(Settings())


def run(
    classifier: Classifier, source: Path, destination: Path, **options: Any
) -> tuple[Summary, list[tuple[int, str]]]:
    reported: list[tuple[int, str]] = []
    summary = predict(
        Prediction(source=str(source), destination=str(destination), **options),
        classifier,
        classifier.policies.default,
        progress=Quiet(),
        report=lambda line, problem: reported.append((line, problem)),
    )
    return summary, reported


def write_input(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    return path


def read_output(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()  # type: ignore[no-any-return]
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("output", [".csv", ".jsonl", ".parquet"])
def test_every_format_becomes_every_format(tmp_path: Path, classifier: Classifier, ending: str, output: str) -> None:
    rows = [{"id": n, "title": f"t{n}", "text": TEXT * 2, "label": n % 2} for n in range(1300)]
    source = write_input(tmp_path / f"in{ending}", rows)
    summary, reported = run(classifier, source, tmp_path / f"out{output}")
    scored = read_output(tmp_path / f"out{output}")
    assert (summary.rows, summary.bad_rows, reported) == (1300, 0, [])
    assert list(scored[0]) == ["line", "id", "input_label", *VERDICT]
    assert [int(row["id"]) for row in scored] == list(range(1300))
    assert {row["label"] for row in scored} <= {"false", "real", "unsure"}
    assert all(0 <= float(row["p_real"]) <= 1 for row in scored)
    assert sum(summary.labels.values()) == 1300


def test_parquet_columns_keep_their_types(tmp_path: Path, classifier: Classifier) -> None:
    write_input(tmp_path / "in.parquet", [{"id": 7, "when": 1.5, "tags": ["a"], "text": TEXT}])
    run(classifier, tmp_path / "in.parquet", tmp_path / "out.parquet")
    schema = pq.read_schema(tmp_path / "out.parquet")
    assert [str(schema.field(name).type) for name in ("line", "id", "when", "tags", "is_falsetrue", "p_real")] == [
        "int64",
        "int64",
        "double",
        "list<element: string>",
        "int8",
        "double",
    ]


@pytest.mark.parametrize("output", ["out.csv", "out.jsonl", "out.parquet"])
def test_columns_that_python_has_no_values_for_come_through(
    tmp_path: Path, classifier: Classifier, output: str
) -> None:
    table = pa.table(
        {
            "text": [TEXT],
            "nanoseconds": pa.array([1_700_000_000_123_456_789], pa.timestamp("ns")),
            "far": pa.array([10**15], pa.timestamp("s")),
            "nowhere": pa.array([1], pa.timestamp("s", tz="No/Where")),
            "day": pa.array([datetime.date(2020, 1, 1)]),
            "price": pa.array([Decimal("1.50")]),
            "kind": pa.array(["a"]).dictionary_encode(),
            "blob": pa.array([b"x"]),
            "nested": pa.array([[{"a": 1}]]),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    summary, _ = run(classifier, tmp_path / "in.parquet", tmp_path / output)
    (row,) = read_output(tmp_path / output) if output != "out.parquet" else [{}]
    assert (summary.rows, summary.bad_rows) == (1, 0)
    if row:
        assert (row["day"], row["price"], row["kind"]) == ("2020-01-01", "1.50", "a")


def test_cells_that_a_spreadsheet_would_run_are_guarded_where_that_is_asked_for(
    tmp_path: Path, classifier: Classifier
) -> None:
    source = write_input(tmp_path / "in.jsonl", [{"note": "=1+1", "n": -1, "text": TEXT}])
    run(classifier, source, tmp_path / "plain.csv")
    run(classifier, source, tmp_path / "guarded.csv", style=CsvStyle(guard_formulas=True))
    assert read_output(tmp_path / "plain.csv")[0]["note"] == "=1+1"
    guarded = read_output(tmp_path / "guarded.csv")[0]
    assert (guarded["note"], guarded["n"]) == ("'=1+1", "-1")


def test_bad_rows_stand_in_the_output_with_their_error_and_line(tmp_path: Path, classifier: Classifier) -> None:
    (tmp_path / "in.csv").write_bytes(f"id,text\n1,{TEXT.replace(',', ';')}\n2,\n3,a,b\n4,\xe9\n".encode("latin-1"))
    summary, reported = run(classifier, tmp_path / "in.csv", tmp_path / "out.csv")
    scored = read_output(tmp_path / "out.csv")
    assert [row["line"] for row in scored] == ["2", "3", "4", "5"]
    assert (summary.rows, summary.bad_rows) == (4, 3)
    assert [line for line, _ in reported] == [3, 4, 5]
    assert reported[0][1] == "the text is empty"
    assert [bool(row["error"]) for row in scored] == [False, True, True, True]
    assert all(not row["label"] for row in scored[1:])


def test_the_text_is_given_back_only_where_it_is_asked_for(tmp_path: Path, classifier: Classifier) -> None:
    source = write_input(tmp_path / "in.csv", [{"title": "t", "text": TEXT}])
    run(classifier, source, tmp_path / "without.csv")
    run(classifier, source, tmp_path / "with.csv", keep_text=True)
    assert "minister" not in (tmp_path / "without.csv").read_text()
    assert read_output(tmp_path / "with.csv")[0]["text"] == TEXT


def test_a_score_is_that_of_the_api(tmp_path: Path, classifier: Classifier) -> None:
    source = write_input(tmp_path / "in.jsonl", [{"title": "t", "text": TEXT}])
    run(classifier, source, tmp_path / "out.jsonl")
    scored = read_output(tmp_path / "out.jsonl")[0]
    assert scored["p_real"] == classifier.scorer.score([f"t , {TEXT}"]).p_real[0]
    assert scored["reasons"] == [] or scored["label"] == "unsure"


def test_an_existing_output_is_not_overwritten(tmp_path: Path, classifier: Classifier) -> None:
    source = write_input(tmp_path / "in.csv", [{"text": TEXT}])
    (tmp_path / "out.csv").write_text("precious")
    with pytest.raises(InputError, match="exists already"):
        run(classifier, source, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "precious"
    run(classifier, source, tmp_path / "out.csv", replace=True)
    assert "p_real" in (tmp_path / "out.csv").read_text()


def test_the_input_itself_is_never_the_output(tmp_path: Path, classifier: Classifier) -> None:
    source = write_input(tmp_path / "in.csv", [{"text": TEXT}])
    (tmp_path / "link.csv").symlink_to(source)
    for destination in (source, tmp_path / "link.csv"):
        with pytest.raises(InputError, match="is the file to be classified"):
            run(classifier, source, destination, replace=True)
    assert TEXT in source.read_text()


@pytest.mark.parametrize("output", ["out.csv", "out.jsonl", "out.parquet"])
def test_work_that_ends_badly_leaves_no_output(
    tmp_path: Path, classifier: Classifier, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    source = write_input(tmp_path / "in.csv", [{"text": TEXT}])

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        run(classifier, source, tmp_path / output)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_device_or_folder_is_never_replaced(tmp_path: Path, classifier: Classifier) -> None:
    source = write_input(tmp_path / "in.csv", [{"text": TEXT}])
    (tmp_path / "folder.csv").mkdir()
    for target in (tmp_path / "folder.csv", Path(os.devnull)):
        with pytest.raises(InputError, match="is not a file; name one, or - for standard output"):
            run(classifier, source, target, replace=True, destination_format="csv")


def test_a_missing_text_column_names_those_that_are_there(tmp_path: Path, classifier: Classifier) -> None:
    source = write_input(tmp_path / "in.csv", [{"body": TEXT}])
    with pytest.raises(InputError, match="no column 'text'; the columns are 'body'"):
        run(classifier, source, tmp_path / "out.csv")
    with pytest.raises(InputError, match="no column 'headline'"):
        run(classifier, source, tmp_path / "out.csv", text="body", title="headline")


def test_memory_does_not_grow_with_the_file(
    tmp_path: Path, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falsetrue.jobs.predict.BATCH_ROWS", 64)  # so that even the small file fills every queue

    def peak(rows: int) -> int:
        source = write_input(tmp_path / f"{rows}.jsonl", [{"id": n, "text": TEXT * 4} for n in range(rows)])
        tracemalloc.start()
        run(classifier, source, tmp_path / f"{uuid.uuid4()}.jsonl")
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    small = max(peak(600) for _ in range(3))  # how full the queues are when, nobody knows
    assert peak(4800) < 1.5 * small


def test_a_ten_megabyte_article_is_classified(tmp_path: Path, classifier: Classifier) -> None:
    source = write_input(tmp_path / "in.jsonl", [{"text": TEXT * 100_000}])
    summary, _ = run(classifier, source, tmp_path / "out.jsonl")
    assert (summary.rows, summary.bad_rows) == (1, 0)


# --- prevalence --------------------------------------------------------------------------------------

RANT = "You won't BELIEVE what these corrupt liberal hacks just did, share this hilarious video before they delete it! "


@pytest.mark.parametrize("output", ["out.csv", "out.jsonl", "out.parquet"])
def test_a_prevalence_adjusts_every_probability_and_keeps_the_old_one(
    tmp_path: Path, classifier: Classifier, output: str
) -> None:
    source = write_input(tmp_path / "in.jsonl", [{"text": TEXT * 2}, {"text": ""}, {"text": RANT * 3}])
    summary, _ = run(classifier, source, tmp_path / output, prevalence=0.05)
    run(classifier, source, tmp_path / "plain.jsonl")
    plain = read_output(tmp_path / "plain.jsonl")
    scored = read_output(tmp_path / output)
    trained = classifier.manifest.trained_prevalence
    assert list(scored[0]) == ["line", *VERDICT, UNADJUSTED]
    assert UNADJUSTED not in plain[0]
    assert summary.prevalence == 0.05
    assert scored[1][UNADJUSTED] in (None, "")
    for row, before in ((scored[0], plain[0]), (scored[2], plain[2])):
        expected = adjust(before["p_real"], prevalence=0.05, trained_prevalence=trained)
        assert float(row[UNADJUSTED]) == before["p_real"]
        assert float(row["p_real"]) == pytest.approx(expected)
        assert expected > before["p_real"]


def test_a_column_that_has_the_name_of_ours_is_renamed_only_where_ours_is_there(
    tmp_path: Path, classifier: Classifier
) -> None:
    source = write_input(tmp_path / "in.parquet", [{UNADJUSTED: "mine", "text": TEXT}])
    run(classifier, source, tmp_path / "without.parquet")
    run(classifier, source, tmp_path / "with.parquet", prevalence=0.5)
    assert read_output(tmp_path / "without.parquet")[0][UNADJUSTED] == "mine"
    assert read_output(tmp_path / "with.parquet")[0][f"input_{UNADJUSTED}"] == "mine"


def test_a_policy_is_applied_at_the_prevalence_it_was_fitted_at(tmp_path: Path, classifier: Classifier) -> None:
    class Fitted(Policies):
        def prevalence(self, _policy: Policy, asked: float | None) -> float | None:
            return 0.2 if asked is None else asked

    fitted = replace(classifier, policies=Fitted(classifier.policies.default, tmp_path / "none"))
    source = write_input(tmp_path / "in.csv", [{"text": TEXT}])
    assert run(fitted, source, tmp_path / "a.csv")[0].prevalence == 0.2
    assert run(fitted, source, tmp_path / "b.csv", prevalence=0.4)[0].prevalence == 0.4


def test_the_share_of_false_news_follows_what_the_model_says(tmp_path: Path, classifier: Classifier) -> None:
    def share(false: int) -> float:
        rows = [{"text": TEXT * 2 + str(n)} for n in range(200 - false)] + [{"text": RANT * 3}] * false
        source = write_input(tmp_path / f"{false}.csv", [*rows, {"text": "hm"}])
        found = estimate_prevalence(
            Prediction(source=str(source), destination="-"), classifier, classifier.policies.default, progress=Quiet()
        )
        assert found.texts == 200
        assert 0 < found.value < 1
        assert found.by_scores.low <= found.by_scores.value <= found.by_scores.high
        return found.by_scores.value

    assert share(0) < 0.1 < share(60) < 0.5 < share(150)


def test_what_cannot_be_estimated_says_so(tmp_path: Path, classifier: Classifier) -> None:
    def estimate(source: str, **options: Any) -> None:
        prediction = Prediction(source=source, destination="-", **options)
        estimate_prevalence(prediction, classifier, classifier.policies.default, progress=Quiet())

    with pytest.raises(InputError, match="standard input does not allow"):
        estimate("-", source_format="csv")
    with pytest.raises(InputError, match="no text that the model can judge"):
        estimate(str(write_input(tmp_path / "in.csv", [{"text": "too short"}])))
    with pytest.raises(InputError, match="no column 'body'"):
        estimate(str(tmp_path / "in.csv"), text="body")
