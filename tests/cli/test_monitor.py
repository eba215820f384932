"""``falsetrue monitor``, as a person runs it."""

import json
import random
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.conftest import make_news
from tests.journal.entries import Maker

from falsetrue.bundle.folder import open_bundle
from falsetrue.database.engine import open_database
from falsetrue.database.schema import migrate
from falsetrue.journal.records import Entry, Writing
from falsetrue.journal.store import Journal
from falsetrue.monitor.store import MonitorStore

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The database that the command line uses."""
    url = f"sqlite:///{tmp_path}/falsetrue.db"
    monkeypatch.setenv("FALSETRUE_DATABASE_URL", url)
    opened = open_database(url)
    migrate(opened)
    yield opened
    opened.dispose()


def write_texts(path: Path, count: int, *, false: float, seed: int = 1, wrong: float = 0.1) -> Path:
    """Labelled texts with the scores of some model."""
    generator = random.Random(seed)  # noqa: S311 - not for secrets
    news = make_news(100)
    with path.open("w") as file:
        for _ in range(count):
            is_false = generator.random() < false
            row = {
                "text": generator.choice(news)[1],
                "score": generator.uniform(0, 0.4) if is_false else generator.uniform(0.6, 1),
                "label": int(is_false == (generator.random() < wrong)),
            }
            file.write(json.dumps(row) + "\n")
    return path


@pytest.fixture
def scores(falsetrue: Run, tmp_path: Path) -> Path:
    """A baseline of another model's scores."""
    write_texts(tmp_path / "labelled.jsonl", 500, false=0.3)
    made = falsetrue("monitor", "baseline", "labelled.jsonl", "--score", "score", "-o", "scores.baseline")
    assert made.returncode == 0, made.stderr
    assert made.stdout == "scores.baseline: a baseline of 500 texts, 500 of them with a label\n"
    return tmp_path / "scores.baseline"


def test_a_file_that_is_as_usual_ends_with_0_and_one_that_is_not_with_10_or_20(
    falsetrue: Run, scores: Path, tmp_path: Path
) -> None:
    for name, false, wrong, code in (("same", 0.3, 0.1, 0), ("shifted", 0.7, 0.1, 10), ("wrong", 0.3, 0.4, 20)):
        file = write_texts(tmp_path / f"{name}.jsonl", 500, false=false, wrong=wrong, seed=5)
        done = falsetrue("monitor", "report", "--data", file, "--score", "score", "--baseline", scores, "--json")
        assert done.returncode == code, done.stderr
        assert done.stderr == ""
        assert json.loads(done.stdout)["texts"] == 500


def test_a_report_is_for_people_too_in_their_language_and_as_a_page(
    falsetrue: Run, scores: Path, tmp_path: Path
) -> None:
    file = write_texts(tmp_path / "week.jsonl", 500, false=0.7)
    given = ("monitor", "report", "--data", file, "--score", "score", "--baseline", scores)
    done = falsetrue(*given, "--html", "report.html", "--language", "es")
    assert done.returncode == 10
    assert "Aviso" in done.stdout
    page = (tmp_path / "report.html").read_text()
    assert 'lang="es"' in page
    assert falsetrue(*given, "--html", "report.html").stderr.endswith("--replace puts the report in its place\n")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["report"], "there is no journal yet"),
        (["report", "--score", "p"], "name it with --data"),
        (["report", "--data", "none.csv", "--score", "p"], "--score needs the --baseline"),
        (["report", "--data", "none.csv", "--since", "yesterday"], "--since 'yesterday' is neither a time"),
        (["report", "--data", "none.csv", "--since", "2026-02-01", "--until", "2026-01-01"], "is not before --until"),
        (["report", "--data", "none.csv", "--name", "bert"], "--name is what the model is called whose scores"),
        (["report", "--data", "none.csv", "--html", "none/week.html"], "there is no folder none"),
        (["baseline", "x.csv", "-o", "none/x.baseline"], "there is no folder none"),
        (["baseline", "x.csv", "-o", "/dev/null", "--replace"], "/dev/null: is not a file"),
        (["baseline", "x.csv"], "or say with -o which file to write the baseline to"),
        (["report", "--data", "x.csv", "--score", "p", "--baseline", "none"], "none: cannot be read"),
        (["report", "--language", "fr"], "neither en nor es"),
        (["baseline", "x.csv", "--score", "p"], "say with -o where to write it"),
        (["baseline", "a", "b", "c"], "a model and one file"),
        (["watch", "--every", "1s"], "more often than once a minute"),
        (["alarms"], "there is no journal yet"),
    ],
)
def test_what_cannot_be_used_is_one_line(falsetrue: Run, given: list[str], says: str) -> None:
    done = falsetrue("monitor", *given)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


def test_of_a_file_with_dates_the_days_asked_for_are_reported(falsetrue: Run, scores: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in write_texts(tmp_path / "x.jsonl", 400, false=0.3).read_text().splitlines()]
    dates = ["2026-03-01", "2026-03-02", "2026-03-03", ""]
    dated = [json.dumps(row | {"day": dates[number % 4]}) for number, row in enumerate(rows)]
    (tmp_path / "x.jsonl").write_text("\n".join(dated))
    given = ("monitor", "report", "--data", "x.jsonl", "--score", "score", "--baseline", scores)
    period = ("--since", "2026-03-02", "--until", "2026-03-03")
    done = falsetrue(*given, "--date", "day", *period, "--json")
    found = json.loads(done.stdout)
    assert (found["texts"], found["undated"], [each["day"] for each in found["days"]]) == (100, 100, ["2026-03-02"])
    refused = falsetrue(*given, *period)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "name one with --date" in refused.stderr


def test_a_report_of_scores_is_called_by_their_model(falsetrue: Run, tmp_path: Path) -> None:
    write_texts(tmp_path / "x.jsonl", 400, false=0.3)
    given = ("x.jsonl", "--score", "score", "--name", "bert")
    assert falsetrue("monitor", "baseline", *given, "-o", "bert.baseline").returncode == 0
    done = falsetrue("monitor", "report", "--baseline", "bert.baseline", "--data", *given, "--json")
    made = json.loads(done.stdout)
    assert (made["model_name"], made["model_version"], made["source"]) == ("bert", "", "scores")
    other = falsetrue("monitor", "report", "--baseline", "bert.baseline", "--data", *given[:3])
    assert (other.returncode, other.stderr.count("\n")) == (2, 1)
    assert "if it is the same model, say --name bert" in other.stderr


def test_a_baseline_of_scores_is_none_of_a_model(falsetrue: Run, scores: Path, model: Path, tmp_path: Path) -> None:
    write_texts(tmp_path / "x.jsonl", 250, false=0.3)
    done = falsetrue("monitor", "report", "--model", model, "--data", "x.jsonl", "--baseline", scores)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "is of the scores called 'score', and this report of the model default@" in done.stderr


def test_a_baseline_by_another_policy_is_noted(falsetrue: Run, model: Path, tmp_path: Path) -> None:
    write_texts(tmp_path / "x.jsonl", 250, false=0.3)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "desk@1.toml").write_text("false_below = 0.4\nreal_above = 0.6\n")
    assert falsetrue("monitor", "baseline", model, "x.jsonl", "--policy", "desk", "-o", "x.baseline").returncode == 0
    for baseline, policy, noted in (
        (True, "desk", False),
        (True, None, True),
        (False, None, False),
        (False, "desk", True),
    ):
        given = [*(["--baseline", "x.baseline"] if baseline else []), *(["--policy", policy] if policy else [])]
        done = falsetrue("monitor", "report", "--model", model, "--data", "x.jsonl", "--json", *given)
        assert ("baseline_has_other_policy" in json.loads(done.stdout)["notes"]) is noted


def test_a_kept_baseline_by_another_policy_than_the_services_is_noted(
    falsetrue: Run, engine: Engine, model: Path, tmp_path: Path
) -> None:
    del engine
    write_texts(tmp_path / "x.jsonl", 250, false=0.3)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "desk@1.toml").write_text("false_below = 0.4\nreal_above = 0.6\n")
    assert falsetrue("monitor", "baseline", model, "x.jsonl", "--policy", "desk").returncode == 0
    for policy, noted in (("", True), ("desk", False)):
        done = falsetrue("monitor", "report", "--model", model, "--json", FALSETRUE_POLICY=policy)
        assert ("baseline_has_other_policy" in json.loads(done.stdout)["notes"]) is noted


@pytest.mark.parametrize("command", ["baseline", "report"])
def test_a_disk_that_fills_up_leaves_nothing(falsetrue: Run, scores: Path, tmp_path: Path, command: str) -> None:
    del falsetrue
    write_texts(tmp_path / "x.jsonl", 400, false=0.3)
    given = {
        "baseline": ["x.jsonl", "--score", "score", "-o", "out"],
        "report": ["--data", "x.jsonl", "--score", "score", "--baseline", str(scores), "--html", "out"],
    }
    before = {path.name for path in tmp_path.iterdir()}
    done = subprocess.run(
        [sys.executable, "-m", "falsetrue", "monitor", command, *given[command]],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000)),
    )
    assert (done.returncode, done.stderr) == (2, "falsetrue: out: cannot be written (File too large)\n")
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_baseline_that_is_of_little_use_is_made_with_a_warning(falsetrue: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("text,label,p\n" + "some text,1,0.5\n" * 300)
    done = falsetrue("monitor", "baseline", "x.csv", "--score", "p", "-o", "x.baseline", "--json")
    assert done.returncode == 0
    warnings = json.loads(done.stdout)["warnings"]
    assert done.stderr.splitlines() == [f"falsetrue: x.csv: {warning}" for warning in warnings]
    assert len(warnings) == 2


def test_a_file_of_nothing_but_a_header_has_no_texts(falsetrue: Run, scores: Path, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("text,score\n")
    done = falsetrue("monitor", "report", "--data", "x.csv", "--score", "score", "--baseline", scores)
    assert (done.returncode, done.stderr) == (2, "falsetrue: x.csv: there are no texts in it\n")


def days_of(version: str, *, days: int, count: int, false: float) -> list[Entry]:
    """So many entries of each of the last days that ended."""
    generator = random.Random(2)  # noqa: S311
    found = []
    for back in range(days, 0, -1):
        day = (datetime.now(UTC) - timedelta(hours=1)).date() - timedelta(days=back)
        maker = Maker(datetime.combine(day, time(1), UTC))
        for _ in range(count):
            is_false = generator.random() < false
            p_real = generator.uniform(0, 0.2) if is_false else generator.uniform(0.8, 1)
            label = "false" if is_false else "real"
            found.append(
                maker.entry(model_version=version, p_real=p_real, label=label, sketch=None, words=40, known_words=38)
            )
    return found


@pytest.fixture
def model(trained: Callable[[str], Path]) -> Path:
    return trained("default")


def test_days_are_looked_at_once_and_alarms_can_be_seen_and_acknowledged(
    falsetrue: Run, engine: Engine, model: Path, tmp_path: Path
) -> None:
    write_texts(tmp_path / "labelled.jsonl", 500, false=0.5)
    assert falsetrue("monitor", "baseline", model, "labelled.jsonl").returncode == 0
    version = open_bundle(model, keep=()).manifest.version
    Journal(engine).write([Writing(entries=tuple(days_of(version, days=2, count=400, false=0.98)))])
    done = falsetrue("monitor", "watch", "--once", "--model", model)
    assert done.returncode == 10, done.stderr
    assert done.stdout.count("(UTC)  400") == 2
    again = falsetrue("monitor", "watch", "--once", "--model", model)
    assert (again.returncode, again.stdout) == (10, "")
    assert "no day has ended" in again.stderr
    listed = json.loads(falsetrue("monitor", "alarms", "list", "--json").stdout)
    (alarm,) = [each for each in listed if each["watch"] == "called_false"]
    (line,) = [each for each in falsetrue("monitor", "alarms").stdout.splitlines() if alarm["id"] in each]
    assert f"in the texts of {alarm['first_day']} to {alarm['last_day']}; open" in line
    seen = falsetrue("monitor", "alarms", "acknowledge", alarm["id"], "--by", "ana", "--note", "an election")
    assert seen.returncode == 0, seen.stderr
    shown = falsetrue("monitor", "alarms", "show", alarm["id"]).stdout
    assert "acknowledged by ana: an election" in shown
    in_spanish = falsetrue("monitor", "alarms", "show", alarm["id"], "--language", "es").stdout
    assert f"en los textos del {alarm['first_day']} al {alarm['last_day']}; abierta; vista por ana\n" in in_spanish
    assert "UTC: se confirmó (ana): an election\n" in in_spanish
    assert [each["id"] for each in json.loads(falsetrue("monitor", "alarms", "list", "--open", "--json").stdout)] == [
        each["id"] for each in listed
    ]
    report = falsetrue("monitor", "report", "--since", "7d", "--model", model, "--json")
    assert report.returncode == 10
    assert json.loads(report.stdout)["texts"] == 800


def test_a_baseline_of_ones_own_takes_the_place_of_the_models(
    falsetrue: Run, engine: Engine, model: Path, tmp_path: Path
) -> None:
    write_texts(tmp_path / "labelled.jsonl", 300, false=0.3)
    made = falsetrue("monitor", "baseline", model, "labelled.jsonl", "--json")
    assert made.returncode == 0, made.stderr
    version = json.loads(made.stdout)["model"]
    assert MonitorStore(engine).reference(version) is not None
    report = falsetrue("monitor", "report", "--model", model, "--json")
    assert json.loads(report.stdout)["baseline"] == "labelled.jsonl"


def test_while_another_process_looks_it_says_who(falsetrue: Run, engine: Engine, model: Path) -> None:
    with MonitorStore(engine).lock("process 1 on a", datetime.now(UTC)):
        done = falsetrue("monitor", "watch", "--once", "--model", model)
    assert done.returncode == 2
    assert done.stderr.startswith("falsetrue: process 1 on a has been looking since")
    assert done.stderr.count("\n") == 1


def test_watching_goes_on_until_it_is_told_to_end(engine: Engine, model: Path) -> None:
    del engine
    command = [sys.executable, "-m", "falsetrue", "monitor", "watch", "--model", str(model)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as watching:
        assert watching.stderr is not None
        assert "no day has ended" in watching.stderr.readline()
        assert watching.poll() is None
        watching.terminate()
        assert watching.wait(timeout=60) == 0


def test_a_file_is_scored_by_a_model(falsetrue: Run, model: Path, tmp_path: Path) -> None:
    write_texts(tmp_path / "week.jsonl", 250, false=0.5)
    done = falsetrue("monitor", "report", "--model", model, "--data", "week.jsonl", "--json")
    assert done.returncode in (0, 10, 20), done.stderr
    made = json.loads(done.stdout)
    assert made["texts"] == 250
    assert made["audit"] is None
