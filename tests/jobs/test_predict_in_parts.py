"""Shares of a file, runs that are stopped and go on, and the ways in which a disk or a file lets one down."""

import gzip
import json
import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import listen_to_sigint

from falsetrue.errors import InputError
from falsetrue.jobs.classify import Classification, Classifier, Item
from falsetrue.jobs.predict import Prediction, Summary, predict
from falsetrue.jobs.progress import Quiet
from falsetrue.model.decision import Policy, Thresholds
from falsetrue.settings import Settings
from falsetrue.wiring import load_classifier

INPUTS = ["in.csv", "in.jsonl", "in.parquet", "in.csv.gz", "in.jsonl.zst"]
OUTPUTS = ["out.csv", "out.jsonl", "out.parquet", "out.csv.gz", "out.jsonl.zst"]
SAID = "the minister said on tuesday that the government would vote on the budget next week an official added wake up"


@cache
def shipped() -> Classifier:
    return load_classifier(Settings())


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return shipped()


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("falsetrue.jobs.predict.BATCH_ROWS", 4)
    monkeypatch.setattr("falsetrue.news.reading.PARQUET_ROWS", 4)
    monkeypatch.setattr("falsetrue.jobs.predict.PART_BATCHES", 2)


def made(count: int) -> list[dict[str, Any]]:
    """Rows of which some have nothing to classify."""
    generator = random.Random(count)  # noqa: S311 - not for secrets
    words = SAID.split()
    texts = [" ".join(generator.choices(words, k=generator.choice([0, 5, 40]))) for _ in range(count)]
    return [{"id": str(n), "title": f"T {n}", "text": text} for n, text in enumerate(texts)]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    table = pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in ("id", "title", "text")]))
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=10)
        return path
    if ".csv" in path.name:
        content = "id,title,text\n" + "".join(f"{row['id']},{row['title']},{row['text']}\n" for row in rows)
    else:
        content = "".join(json.dumps(row) + "\n" for row in rows)
    if path.suffix == ".zst":
        with pa.CompressedOutputStream(str(path), "zstd") as packed:
            packed.write(content.encode())
    else:
        path.write_bytes(gzip.compress(content.encode()) if path.suffix == ".gz" else content.encode())
    return path


def run(classifier: Classifier, source: Path, destination: Path, progress: Any = None, **options: Any) -> Summary:
    return predict(
        Prediction(source=str(source), destination=str(destination), **options),
        classifier,
        classifier.policies.default,
        progress=progress or Quiet(),
        report=lambda _line, _problem: None,
    )


class StopAfter(Quiet):
    """Interrupts after so many batches, as Ctrl+C does."""

    def __init__(self, batches: int) -> None:
        self._left = batches

    def at(self, done: int) -> None:
        """One batch more."""
        del done
        if self._left == 0:
            raise KeyboardInterrupt
        self._left -= 1


def read_rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()  # type: ignore[no-any-return]
    return [json.loads(line) for line in path.read_text().splitlines()]


# --- the verdicts --------------------------------------------------------------------------------------

POLICIES = [
    Policy(name="a", version=1, false_below=0.3, real_above=0.6),
    Policy(name="b", version=1, false_below=0.5, real_above=0.5, languages=("es",), minimum_words=10),
    Policy(
        name="c",
        version=1,
        false_below=0.1,
        real_above=0.9,
        by_language={"en": Thresholds(false_below=0.45, real_above=0.55)},
        languages=("en", "es"),
        minimum_known_share=0.7,
        minimum_news_log_odds=1.0,
        minimum_words_for_halves=30,
    ),
]
FOREIGN = "政府は火曜日に、大臣が来週の予算について議会で演説すると発表した "


@pytest.mark.parametrize("recipe", ["shipped", "plain"])
@pytest.mark.parametrize("prevalence", [None, 0.1])
def test_a_file_gets_the_verdicts_that_its_texts_get_one_by_one(
    tmp_path: Path, classifier: Classifier, trained: Callable[[str], Path], recipe: str, prevalence: float | None
) -> None:
    if recipe != "shipped":
        classifier = load_classifier(Settings(), str(trained(recipe)))
    rows = [*made(30), *({"id": "x", "title": t, "text": FOREIGN * 3} for t in (None, " ", "Título"))]
    rows += [
        {"id": "y", "title": None, "text": text} for text in (None, "", " \n\t", "\u2003", "ΑΣ ΟΔΥΣΣΕΎΣ İstanbul " * 9)
    ]
    write_rows(tmp_path / "in.parquet", rows)
    for policy in POLICIES:
        prediction = Prediction(
            source=str(tmp_path / "in.parquet"),
            destination=str(tmp_path / f"{policy.name}.jsonl"),
            prevalence=prevalence,
        )
        predict(prediction, classifier, policy, progress=Quiet(), report=lambda _line, _problem: None)
        for row, scored in zip(rows, read_rows(tmp_path / f"{policy.name}.jsonl"), strict=True):
            item = Item(text=row["text"] or "", title=row["title"])
            (alone,) = classifier.classify([item], policy, prevalence=prevalence)
            if not isinstance(alone, Classification):
                assert scored["error"] == "the text is empty"
                assert scored["label"] is scored["p_real"] is scored["action"] is None
                continue
            assert scored["p_real"] == pytest.approx(alone.p_real, abs=1e-9)
            said = (scored["label"], scored["is_falsetrue"], scored["action"], scored["reasons"])
            assert said == (alone.label, alone.is_falsetrue, alone.action, list(alone.reasons))


@pytest.mark.parametrize("recipe", ["shipped", "plain"])
def test_a_row_of_parquet_that_is_not_utf8_is_refused_and_the_others_are_not(
    tmp_path: Path, classifier: Classifier, trained: Callable[[str], Path], recipe: str
) -> None:
    if recipe != "shipped":
        classifier = load_classifier(Settings(), str(trained(recipe)))
    texts = pa.array([SAID.encode(), b"caf\xe9 " * 9, SAID.encode()]).view(pa.string())
    pq.write_table(pa.table({"id": ["a", "b", "c"], "text": texts}), tmp_path / "in.parquet")
    summary = run(classifier, tmp_path / "in.parquet", tmp_path / "out.jsonl", keep_text=True)
    rows = read_rows(tmp_path / "out.jsonl")
    assert summary.bad_rows == 1
    assert [row["error"] for row in rows] == [None, "byte 0xE9 is not UTF-8", None]
    assert [row["id"] for row in rows] == ["a", None, "c"]
    assert rows[0]["p_real"] == rows[2]["p_real"] is not None


def test_a_share_of_false_news_is_estimated_from_columns_as_from_texts(tmp_path: Path, classifier: Classifier) -> None:
    from falsetrue.jobs.predict import estimate_prevalence

    rows = made(60)
    found = []
    for name in ("in.parquet", "in.jsonl"):
        prediction = Prediction(source=str(write_rows(tmp_path / name, rows)), destination="-")
        found.append(estimate_prevalence(prediction, classifier, classifier.policies.default, progress=Quiet()))
    assert found[0] == found[1]


# --- shares --------------------------------------------------------------------------------------------


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source=st.sampled_from(INPUTS), count=st.integers(1, 45), shards=st.integers(1, 6))
def test_the_shares_of_a_file_together_are_the_whole(
    tmp_path_factory: pytest.TempPathFactory, source: str, count: int, shards: int
) -> None:
    classifier = shipped()  # its description, which an example that fails would print, is long
    folder = tmp_path_factory.mktemp("shares")
    write_rows(folder / source, made(count))
    whole = run(classifier, folder / source, folder / "whole.jsonl")
    rows: list[dict[str, Any]] = []
    scored = 0
    for shard in range(1, shards + 1):
        scored += run(classifier, folder / source, folder / f"{shard}.jsonl", shard=(shard, shards)).rows
        rows += read_rows(folder / f"{shard}.jsonl")
    assert scored == whole.rows == count
    assert sorted(rows, key=lambda row: row["line"]) == read_rows(folder / "whole.jsonl")
    if source.endswith(".parquet"):
        assert [row["line"] for row in rows] == list(range(1, count + 1))


# --- stopped and resumed -------------------------------------------------------------------------------


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    source=st.sampled_from(INPUTS),
    output=st.sampled_from(OUTPUTS),
    stops=st.lists(st.integers(0, 9), min_size=1, max_size=3),
    options=st.fixed_dictionaries({"shard": st.sampled_from([(1, 1), (2, 3)]), "keep_text": st.booleans()}),
)
def test_a_run_that_was_stopped_ends_with_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, source: str, output: str, stops: list[int], options: dict[str, Any]
) -> None:
    classifier = shipped()
    folder = tmp_path_factory.mktemp("stopped")
    write_rows(folder / source, made(45))
    (folder / "whole").mkdir()
    whole = run(classifier, folder / source, folder / "whole" / output, **options)
    for batches in stops:
        if (folder / output).exists():
            break
        try:
            run(classifier, folder / source, folder / output, StopAfter(batches), resume=True, **options)
        except KeyboardInterrupt:
            assert not (folder / output).exists()
    summary = None
    if not (folder / output).exists():
        summary = run(classifier, folder / source, folder / output, resume=True, **options)
    assert (folder / output).read_bytes() == (folder / "whole" / output).read_bytes()
    assert summary is None or (summary.rows, summary.labels, summary.bad_rows, summary.bytes) == (
        *(whole.rows, whole.labels, whole.bad_rows, whole.bytes),
    )
    assert not list(folder.glob("*.partial"))


def test_a_part_ends_where_its_texts_are_long(
    tmp_path: Path, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falsetrue.jobs.predict.PART_BATCHES", 1000)
    monkeypatch.setattr("falsetrue.jobs.predict.PART_BYTES", 1000)
    source = write_rows(tmp_path / "in.parquet", made(45))
    run(classifier, source, tmp_path / "whole.parquet", keep_text=True)
    assert pq.ParquetFile(tmp_path / "whole.parquet").num_row_groups > 1
    with pytest.raises(KeyboardInterrupt):
        run(classifier, source, tmp_path / "out.parquet", StopAfter(9), keep_text=True)
    assert run(classifier, source, tmp_path / "out.parquet", keep_text=True, resume=True).resumed_rows > 0
    assert (tmp_path / "out.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


@pytest.mark.parametrize("output", OUTPUTS)
def test_what_was_half_written_when_the_power_went_does_not_count(
    tmp_path: Path, classifier: Classifier, output: str
) -> None:
    source = write_rows(tmp_path / "in.csv", made(45))
    run(classifier, source, tmp_path / f"whole-{output}")
    with pytest.raises(KeyboardInterrupt):
        run(classifier, source, tmp_path / output, StopAfter(5))
    begun = tmp_path / f"{output}.partial"
    for name in ("data", "part-000003.parquet", "state.json.new"):
        with (begun / name).open("ab") as file:
            file.write(b"half a line")
    run(classifier, source, tmp_path / output, resume=True)
    assert (tmp_path / output).read_bytes() == (tmp_path / f"whole-{output}").read_bytes()


def stopped(classifier: Classifier, folder: Path) -> tuple[Path, Path]:
    """An input, and an output that is not complete."""
    source = write_rows(folder / "in.jsonl", made(45))
    with pytest.raises(KeyboardInterrupt):
        run(classifier, source, folder / "out.jsonl", StopAfter(5))
    return source, folder / "out.jsonl"


def test_what_there_is_of_a_run_is_neither_overwritten_nor_taken_for_granted(
    tmp_path: Path, classifier: Classifier
) -> None:
    source, output = stopped(classifier, tmp_path)
    with pytest.raises(InputError, match=r"out\.jsonl\.partial: holds what there is .* --resume goes on"):
        run(classifier, source, output)
    run(classifier, source, output, replace=True)
    assert len(read_rows(output)) == 45


@pytest.mark.parametrize(
    ("options", "said"),
    [({"keep_text": True}, "options"), ({"shard": (1, 2)}, "options"), ({"prevalence": 0.3}, "options")],
)
def test_another_run_does_not_go_on(tmp_path: Path, classifier: Classifier, options: dict[str, Any], said: str) -> None:
    source, output = stopped(classifier, tmp_path)
    with pytest.raises(InputError, match=f"was begun with another {said}; --replace"):
        run(classifier, source, output, resume=True, **options)
    assert run(classifier, source, output, resume=True).resumed_rows == 24


def test_another_input_model_or_policy_does_not_go_on(
    tmp_path: Path, classifier: Classifier, trained: Callable[[str], Path]
) -> None:
    source, output = stopped(classifier, tmp_path)
    other = load_classifier(Settings(), str(trained("plain")))
    with pytest.raises(InputError, match="was begun with another model and policy; --replace"):
        run(other, source, output, resume=True)
    with source.open("a") as file:
        file.write('{"text": "more"}\n')
    with pytest.raises(InputError, match="was begun with another input; --replace"):
        run(classifier, source, output, resume=True)


def test_two_runs_do_not_write_one_output(tmp_path: Path, classifier: Classifier) -> None:
    source = write_rows(tmp_path / "in.jsonl", made(45))

    class Meddler(Quiet):
        def at(self, done: int) -> None:
            """Try to get between."""
            del done
            for options in ({}, {"resume": True}, {"replace": True}):
                with pytest.raises(InputError, match="another run is writing there"):
                    run(classifier, source, tmp_path / "out.jsonl", **options)

    run(classifier, source, tmp_path / "out.jsonl", Meddler())
    assert len(read_rows(tmp_path / "out.jsonl")) == 45


def test_standard_input_cannot_be_resumed(tmp_path: Path, classifier: Classifier) -> None:
    with pytest.raises(InputError, match="standard input cannot be read again"):
        run(classifier, Path("-"), tmp_path / "out.csv", source_format="csv", resume=True)


# --- files that are not what they should be --------------------------------------------------------------


@pytest.mark.parametrize("name", ["in.csv.gz", "in.jsonl.zst", "in.jsonl.gz"])
def test_compressed_data_that_is_damaged_or_cut_off_is_one_line_and_loses_nothing(
    tmp_path: Path, classifier: Classifier, name: str
) -> None:
    source = write_rows(tmp_path / name, made(3000))
    sound = source.read_bytes()
    source.write_bytes(sound[: len(sound) // 2])
    with pytest.raises(InputError, match=r"the compressed data is damaged or ends too early") as caught:
        run(classifier, source, tmp_path / "out.jsonl")
    assert "\n" not in str(caught.value)
    if (tmp_path / "out.jsonl.partial").exists():
        assert "rows are kept in" in str(caught.value)
    assert not (tmp_path / "out.jsonl").exists()
    source.write_bytes(b"no such thing" + sound)
    with pytest.raises(InputError, match="the compressed data is damaged or ends too early"):
        run(classifier, source, tmp_path / "other.jsonl")


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_file_without_rows_becomes_one_without_rows(tmp_path: Path, classifier: Classifier, output: str) -> None:
    write_rows(tmp_path / "in.parquet", [])
    assert run(classifier, tmp_path / "in.parquet", tmp_path / output).rows == 0
    if output == "out.parquet":
        assert pq.read_table(tmp_path / output).num_rows == 0
    elif output == "out.csv":
        assert (tmp_path / output).read_text().startswith("line,id,label,")
    for name, content in (("empty.csv", b""), ("empty.csv.gz", gzip.compress(b"")), ("empty.jsonl.gz", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="the file is empty"):
            run(classifier, tmp_path / name, tmp_path / f"of-{name}.csv")


def test_gzip_files_joined_one_behind_another_are_read_whole(tmp_path: Path, classifier: Classifier) -> None:
    pieces = [gzip.compress(f'{{"id": {n}, "text": "{SAID}"}}\n'.encode()) for n in range(3)]
    (tmp_path / "in.jsonl.gz").write_bytes(b"".join(pieces))
    assert run(classifier, tmp_path / "in.jsonl.gz", tmp_path / "out.jsonl").rows == 3


def test_parquet_that_is_compressed_once_more_is_refused(tmp_path: Path, classifier: Classifier) -> None:
    with pytest.raises(InputError, match="Parquet is compressed in itself"):
        run(classifier, tmp_path / "in.parquet.gz", tmp_path / "out.csv")


# --- real processes --------------------------------------------------------------------------------------


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "falsetrue", "predict", *map(str, arguments)]


def wait_for(process: "subprocess.Popen[str]", path: Path) -> None:
    """Until a file is there, or the process has ended."""
    while not path.exists():
        try:
            process.wait(0.01)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError("it ended before anything was kept")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that takes a few seconds."""
    rows = [{"text": f"{SAID} {n}"} for n in range(60_000)]
    path = tmp_path_factory.mktemp("many") / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("output", ["out.csv.gz", "out.parquet"])
def test_a_killed_process_goes_on_to_the_same_bytes(tmp_path: Path, many: Path, output: str) -> None:
    with subprocess.Popen(command(many, "-o", output), cwd=tmp_path, text=True) as process:
        wait_for(process, tmp_path / f"{output}.partial" / "state.json")
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / output).exists()
    answered = subprocess.run(
        command(many, "-o", output, "--resume", "--json"), cwd=tmp_path, capture_output=True, text=True, check=True
    )
    said = json.loads(answered.stdout)
    assert said["rows"] == 60_000 > said["resumed_rows"] > 0
    subprocess.run(command(many, "-o", f"whole-{output}"), cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / output).read_bytes() == (tmp_path / f"whole-{output}").read_bytes()


def test_an_interrupt_says_in_one_line_what_stays_and_how_to_go_on(tmp_path: Path, many: Path) -> None:
    with subprocess.Popen(
        command(many, "-o", "out.csv"),
        cwd=tmp_path,
        text=True,
        stderr=subprocess.PIPE,
        preexec_fn=listen_to_sigint,  # noqa: PLW1509 - this process has no threads
    ) as process:
        assert process.stderr
        wait_for(process, tmp_path / "out.csv.partial" / "state.json")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == (
            "falsetrue: stopped; what was classified so far is kept in out.csv.partial: "
            "say --resume to go on from there\n"
        )


def test_a_disk_that_fills_up_late_keeps_what_is_safe(tmp_path: Path, many: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    first = subprocess.run(
        command(many, "-o", "out.csv"), cwd=tmp_path, capture_output=True, text=True, check=False, preexec_fn=limit
    )
    assert first.returncode == 2
    assert first.stderr.startswith("falsetrue: out.csv: cannot be written (File too large); ")
    assert first.stderr.endswith(" rows are kept in out.csv.partial; --resume goes on from there\n")
    assert first.stderr.count("\n") == 1
    again = subprocess.run(
        command(many, "-o", "out.csv", "--resume"), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "out.csv").read_text().count("\n") == 60_001


# --- several files ---------------------------------------------------------------------------------------


def test_several_files_become_a_folder_of_as_many(tmp_path: Path) -> None:
    for name in ("a.csv", "b.jsonl"):
        write_rows(tmp_path / name, made(10))
    for arguments in (("a.csv", "b.jsonl", "-o", "both"), ("[ab].*", "-o", "same")):
        answered = subprocess.run(command(*arguments), cwd=tmp_path, capture_output=True, text=True, check=False)
        assert answered.returncode == 3, answered.stderr
        assert ": 20 rows; " in answered.stdout
    for name in ("a.csv", "b.jsonl"):
        assert (tmp_path / "both" / name).read_bytes() == (tmp_path / "same" / name).read_bytes()
    assert sorted(os.listdir(tmp_path / "both")) == ["a.csv", "b.jsonl"]  # noqa: PTH208 - names are what matters
    again = subprocess.run(command("a.csv", "-o", "both/"), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "both: exists already; several files are classified into a folder that is new" in again.stderr


def test_several_files_go_on_with_those_that_are_not_done(tmp_path: Path, classifier: Classifier) -> None:
    from falsetrue.jobs.predict_files import predict_files

    files = [str(write_rows(tmp_path / name, made(45))) for name in ("a.jsonl", "b.jsonl", "c.jsonl")]

    def go(progress: Quiet, output: str, **options: Any) -> Summary:
        prediction = Prediction(source="", destination=str(tmp_path / output), **options)
        policy = classifier.policies.default
        return predict_files(prediction, files, classifier, policy, progress=progress, report=lambda *_: None)

    whole = go(Quiet(), "whole")
    with pytest.raises(KeyboardInterrupt):
        go(StopAfter(17), "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="--resume goes on from there"):
        go(Quiet(), "out")
    with pytest.raises(InputError, match="was begun with another options"):
        go(Quiet(), "out", resume=True, keep_text=True)
    resumed = go(Quiet(), "out", resume=True)
    assert (resumed.rows, resumed.labels) == (whole.rows, whole.labels)
    assert resumed.resumed_rows == 45 + 24
    for name in ("a.jsonl", "b.jsonl", "c.jsonl"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_files_that_would_have_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.csv", "a.jsonl"):
        write_rows(tmp_path / name, made(3))
    for arguments, said in (
        (("a.csv", "a.jsonl", "--output-format", "csv"), "two of the files would become a.csv"),
        (("z*.csv", "a.csv"), "z*.csv: there is no such file"),
        (("a.csv", "-", "--input-format", "csv"), "standard input is classified alone"),
        (("a.csv", "--shard", "3/2"), "--shard '3/2' is not of the form I/N"),
    ):
        answered = subprocess.run(
            command(*arguments, "-o", "out"), cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (answered.returncode, answered.stderr.count("\n")) == (2, 1)
        assert said in answered.stderr
        assert not list(tmp_path.glob("out*"))


# --- processes -------------------------------------------------------------------------------------------


def test_processes_say_what_threads_say(
    tmp_path: Path, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falsetrue.jobs.predict.LARGE_FILE", 0)
    monkeypatch.setattr("falsetrue.jobs.predict._cores", lambda: 3)
    source = write_rows(tmp_path / "in.parquet", made(45))
    run(classifier, source, tmp_path / "threads.parquet")
    prediction = Prediction(source=str(source), destination=str(tmp_path / "processes.parquet"))
    loaded: list[Path] = []
    predict(
        prediction,
        classifier,
        classifier.policies.default,
        progress=Quiet(),
        report=lambda _line, _problem: None,
        load=Loader(tmp_path / "loaded"),
    )
    loaded += (tmp_path / "loaded").iterdir()
    assert 1 <= len(loaded) <= 3  # the others may find nothing left to do
    assert (tmp_path / "threads.parquet").read_bytes() == (tmp_path / "processes.parquet").read_bytes()


class Loader:
    """Loads the shipped model, and leaves a mark for each process that did."""

    def __init__(self, marks: Path) -> None:
        marks.mkdir()
        self._marks = marks

    def __call__(self) -> Classifier:
        """Load it."""
        (self._marks / str(os.getpid())).touch()
        return load_classifier(Settings())
