import json
import math
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
TEXT = "the minister said on tuesday that the government would vote on the budget next week and an official added more"


def test_check_answers_in_words(falsetrue: Run) -> None:
    answered = falsetrue("check", TEXT)
    assert answered.returncode == 0
    assert answered.stdout.startswith(("Likely real — pass", "Likely false — flag", "No decision — review"))
    assert "policy default@1, model news-en-es" in answered.stdout


def test_check_says_what_influenced_the_model(falsetrue: Run) -> None:
    said = falsetrue("check", TEXT, "--title", "A title", "--explain").stdout
    assert said.startswith(falsetrue("check", TEXT, "--title", "A title").stdout)
    assert "What influenced the model; not evidence:" in said
    assert re.search(r"words toward real: (\w+( \u00d7\d+)? \+\d\.\d\d(, )?)+\n", said)
    assert re.search(r"words toward false: (\w+( \u00d7\d+)? -\d\.\d\d(, )?)+\n", said)
    assert re.search(r"sentence most toward \w+ \([+-]\d\.\d\d\): the minister said", said)


def test_check_explains_to_machines_in_full(falsetrue: Run) -> None:
    answered = json.loads(falsetrue("check", TEXT, "--explain", "--json").stdout)
    found = answered["explanation"]
    log_odds = math.log(answered["p_real"] / (1 - answered["p_real"]))
    assert found["base"] + sum(span["contribution"] for span in found["spans"]) == pytest.approx(log_odds, abs=1e-6)


def test_check_explains_no_text_of_a_kind_that_the_model_does_not_know(falsetrue: Run) -> None:
    said = falsetrue("check", "Hello there", "--explain").stdout
    assert "Nothing is said of what influenced the model" in said
    assert "toward" not in said


def test_check_refuses_to_explain_a_model_that_is_not_linear(falsetrue: Run, trained: Callable[[str], Path]) -> None:
    answered = falsetrue("check", TEXT, "--explain", "--model", trained("deployed"))
    assert answered.returncode == 2
    assert answered.stdout == ""
    assert answered.stderr == (
        "falsetrue: this model cannot explain its answers: it is not linear; ask without --explain\n"
    )


def test_check_prints_no_control_characters_of_a_sentence(falsetrue: Run) -> None:
    said = falsetrue("check", "-", "--explain", stdin=f"\x1b[31m\x07 {TEXT}").stdout
    assert "sentence most toward" in said
    assert all(character.isprintable() or character == "\n" for character in said)


def test_check_reads_standard_input_and_answers_machines(falsetrue: Run) -> None:
    answered = json.loads(falsetrue("check", "-", "--json", stdin=TEXT).stdout)
    assert answered == json.loads(falsetrue("check", TEXT, "--json").stdout)
    assert set(answered) == {"label", "is_falsetrue", "p_real", "action", "reasons", "policy", "model"}


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "said"),
    [
        (["check", "  "], "", 2, "the text is empty"),
        (["check", "-"], b"\xff", 2, "standard input is not UTF-8"),
        (["check", TEXT, "--policy", "nope"], "", 2, "there is no policy 'nope'; there are default@1"),
        (["check", TEXT, "--model", "nope"], "", 4, "there is no model 'nope'"),
        (["predict", "-", "-o", "out.csv"], "", 2, "say --input-format csv or jsonl"),
        (["predict", "in.txt", "-o", "out.csv"], "", 2, "in.txt: the name must end in one of .csv"),
        (["predict", "nowhere.csv", "-o", "out.csv"], "", 2, "nowhere.csv: cannot be opened"),
        (["predict", "-", "-o", "-", "--input-format", "xml"], "", 2, "--input-format 'xml' is none of"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    falsetrue: Run, arguments: list[str], stdin: str | bytes, code: int, said: str
) -> None:
    answered = falsetrue(*arguments, stdin=stdin)
    assert answered.returncode == code
    assert answered.stderr.startswith("falsetrue: ")
    assert said in answered.stderr
    assert answered.stderr.count("\n") == 1


def test_predict_reports_bad_rows_by_line_and_ends_with_3(falsetrue: Run, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(f"id,text\n1,{TEXT}\n2,\n3,a,b\n")
    answered = falsetrue("predict", "in.csv", "-o", "out.csv")
    assert answered.returncode == 3
    assert answered.stderr.splitlines() == [
        "falsetrue: in.csv, line 3: the text is empty",
        "falsetrue: in.csv, line 4: 3 fields where the header has 2",
    ]
    assert answered.stdout.startswith("out.csv: 3 rows; ")
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 4


def test_predict_counts_what_it_does_not_list(falsetrue: Run, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text\n" + '""\n' * 30)
    lines = falsetrue("predict", "in.csv", "-o", "out.csv").stderr.splitlines()
    assert len(lines) == 21
    assert lines[-1] == "falsetrue: in.csv: 10 more rows could not be classified"


def test_predict_reads_and_writes_standard_streams(falsetrue: Run) -> None:
    answered = falsetrue(
        "predict", "-", "-o", "-", "--input-format", "jsonl", stdin=json.dumps({"id": 1, "text": TEXT})
    )
    assert answered.returncode == 0
    assert json.loads(answered.stdout)["id"] == 1


def test_predict_says_how_many_and_how_fast_to_machines(falsetrue: Run, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(f"text\n{TEXT}\n")
    summary = json.loads(falsetrue("predict", "in.csv", "-o", "out.parquet", "--json").stdout)
    assert summary["rows"] == sum(summary["labels"].values()) == 1
    assert summary["text_bytes"] == len(TEXT)


def test_a_disk_that_fills_up_leaves_no_output_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text\n" + f"{TEXT}\n" * 3000)
    command = [sys.executable, "-m", "falsetrue", "predict", "in.csv", "-o", "out.csv"]
    answered = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )
    assert answered.returncode == 2
    assert answered.stderr == "falsetrue: out.csv: cannot be written (File too large)\n"
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_reader_that_has_had_enough_ends_it_quietly(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text\n" + f"{TEXT}\n" * 20_000)
    command = f"{sys.executable} -m falsetrue predict in.csv -o - | head -1"
    answered = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=tmp_path, check=True)  # noqa: S602 - a pipe of our own
    assert answered.stdout.count("\n") == 1
    assert answered.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="there is no /dev/full here")
@pytest.mark.parametrize("command", [["check", TEXT], ["check", TEXT, "--json"], ["models", "list"]])
def test_an_answer_that_cannot_be_written_is_one_line(command: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        answered = subprocess.run(
            [sys.executable, "-m", "falsetrue", *command], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert answered.returncode == 2
    assert answered.stderr == "falsetrue: standard output cannot be written (No space left on device)\n"


def test_a_policy_file_that_is_wrong_stops_only_those_who_ask_for_it(falsetrue: Run, tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "bad@1.toml").write_text("false_below = ")
    assert falsetrue("check", TEXT).returncode == 0
    refused = falsetrue("check", TEXT, "--policy", "bad")
    assert refused.returncode == 2
    assert "bad@1.toml" in refused.stderr


# --- prevalence --------------------------------------------------------------------------------------


def test_check_takes_the_share_of_false_news_into_account(falsetrue: Run) -> None:
    plain = json.loads(falsetrue("check", TEXT, "--json").stdout)
    adjusted = json.loads(falsetrue("check", TEXT, "--json", "--prevalence", "0.01").stdout)
    assert adjusted["p_real"] > plain["p_real"] == adjusted["p_real_unadjusted"]
    assert adjusted["prevalence"] == 0.01
    assert "where a share of 0.01 is false" in falsetrue("check", TEXT, "--prevalence", "0.01").stdout


def test_predict_estimates_the_share_of_false_news(falsetrue: Run, tmp_path: Path) -> None:
    rant = (
        "The corrupt elites just got caught and the lying mainstream media is covering it up of course because they "
        "are all in on it. Wake up people! This so-called tax relief is nothing but a disgusting scam to rob "
        "hardworking patriots. Not one of these crooked politicians has the guts to tell the truth."
    )
    (tmp_path / "few.csv").write_text("text\n" + f'"{TEXT}"\n' * 20)
    few = falsetrue("predict", "few.csv", "-o", "out.csv", "--prevalence", "estimate")
    assert few.returncode == 2
    assert "cannot be told from this file (only 20 texts can be judged" in few.stderr
    (tmp_path / "in.csv").write_text("text\n" + f'"{TEXT}"\n' * 100 + f"{rant}\n" * 40)
    answered = falsetrue("predict", "in.csv", "-o", "out.csv", "--prevalence", "estimate")
    assert answered.returncode == 0, answered.stderr
    assert answered.stdout.startswith("share of false news: ")
    said = json.loads(
        falsetrue("predict", "in.csv", "-o", "out.csv", "--replace", "--prevalence", "estimate", "--json").stdout
    )
    assert 0 < said["prevalence"] < 1
    assert said["estimated_prevalence"]["texts"] == 140


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", TEXT, "--prevalence", "1"], "prevalence 1: the share of false news lies between 0 and 1"),
        (["predict", "in.csv", "-o", "o.csv", "--prevalence", "0"], "prevalence 0: the share of false news"),
        (
            ["predict", "in.csv", "-o", "o.csv", "--prevalence", "x"],
            "--prevalence 'x' is neither a number nor estimate",
        ),
        (
            ["predict", "-", "-o", "o.csv", "--input-format", "csv", "--prevalence", "estimate"],
            "standard input does not allow",
        ),
    ],
)
def test_a_prevalence_that_cannot_be_used_is_one_line(falsetrue: Run, arguments: list[str], said: str) -> None:
    answered = falsetrue(*arguments)
    assert answered.returncode == 2
    assert said in answered.stderr
    assert answered.stderr.count("\n") == 1
